//! [`Refusal`]: why work is not begun, or not gone on with.

/// A refusal, told apart by who must act. Each kind has an exit code of the programs.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was asked for cannot be (exit code 2).
    #[error("{0}")]
    Usage(String),
    /// The base is not the one that the diff was made from (exit code 3).
    #[error("{0}")]
    BaseMismatch(String),
    /// The stream's format cannot promise what was asked for (exit code 4).
    #[error("{0}")]
    Unverifiable(String),
    /// There is not enough space (exit code 7).
    #[error("{0}")]
    NoSpace(String),
}

/// A [`Refusal::Usage`] as an error.
pub fn usage(why: impl Into<String>) -> anyhow::Error {
    Refusal::Usage(why.into()).into()
}
