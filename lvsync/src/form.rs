//! [`Form`]: how a list is printed.

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One object.
    Json,
    /// For people.
    Table {
        /// With all columns.
        wide: bool,
    },
}
