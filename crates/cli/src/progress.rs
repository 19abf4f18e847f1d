//! [`progress`]: how far a run has come, on standard error.

use std::io::{self, IsTerminal};

use flow::{Progress, Quiet};

use crate::bar::Bars;
use crate::lines::{JSON_LINES, LINES};
use crate::{Common, When};

/// What shows progress, if anything is to be said.
pub(crate) fn progress(common: &Common) -> &'static dyn Progress {
    match (common.progress, io::stderr().is_terminal()) {
        (When::Auto, true) if !common.quiet => &Bars,
        (When::Auto | When::Never, _) => &Quiet,
        (When::Always, true) => &Bars,
        (When::Always, false) => &LINES,
        (When::Json, _) => &JSON_LINES,
    }
}
