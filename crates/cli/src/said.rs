//! [`Said`]: an exit code of its own, and nothing more to say.

/// The error of a run that has said all that there is to say, to another program for one, and ends with this exit code.
#[derive(Debug, thiserror::Error)]
#[error("it ends with exit code {code}, as it has said")]
pub struct Said {
    pub(crate) code: u8,
}

impl Said {
    /// Ends with this code.
    pub const fn new(code: u8) -> Self {
        Self { code }
    }
}
