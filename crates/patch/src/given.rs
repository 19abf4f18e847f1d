//! [`Given`]: what every stage of applying is handed.

use flow::Session;

use crate::request::Request;
use crate::undo_files::UndoFiles;

/// What every stage of applying is handed.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) request: &'a Request,
    pub(crate) session: &'a Session<'a>,
    /// What the input's undo streams bring back.
    pub(crate) undo_files: &'a UndoFiles,
}
