//! [`Given`]: what every stage of applying is handed.

use flow::{Interrupt, Session};
use streams::Sources;

use crate::request::{Cut, Request};
use crate::undo_files::UndoFiles;

/// What every stage of applying is handed.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) request: &'a Request,
    pub(crate) session: &'a Session<'a>,
    /// What the input's undo streams bring back.
    pub(crate) undo_files: &'a UndoFiles,
}

/// Looks for undo streams in the input, as far as it can be read twice.
pub(crate) fn undo_files(
    request: &Request,
    sources: &Sources,
    interrupt: &Interrupt,
) -> anyhow::Result<UndoFiles> {
    match request.needs_proof() && sources.are_files()? {
        true => UndoFiles::read(sources.files_again()?, request.cut() == Cut::Applied, interrupt),
        false => Ok(UndoFiles::default()),
    }
}
