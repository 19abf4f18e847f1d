//! [`progress`]: how far a run has come, on standard error.

use std::io::{self, IsTerminal};

use flow::{Progress, Quiet};

use crate::bar::Bars;
use crate::lines::Lines;
use crate::{Common, When};

/// What shows progress, if anything is to be said.
pub(crate) fn progress(program: &'static str, common: &Common) -> Box<dyn Progress> {
    match (common.progress, io::stderr().is_terminal()) {
        (When::Auto, true) if !common.quiet => Box::new(Bars { program }),
        (When::Auto | When::Never, _) => Box::new(Quiet),
        (When::Always, true) => Box::new(Bars { program }),
        (When::Always, false) => Box::new(Lines::text(program)),
        (When::Json, _) => Box::new(Lines::json(program)),
    }
}
