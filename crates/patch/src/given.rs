//! [`Given`]: what every stage of applying gets.

use flow::{Interrupt, Session};
use streams::Sources;

use crate::request::{Cut, Request};
use crate::undo_files::UndoFiles;

/// What every stage of applying gets.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) request: &'a Request,
    pub(crate) session: &'a Session<'a>,
    /// The undo streams in the input.
    pub(crate) undo_files: &'a UndoFiles,
}

/// Reads the undo streams in the input, if they must be proved and it can be read twice.
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
