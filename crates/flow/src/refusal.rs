//! [`Refusal`]: why work is not begun, or not gone on with, and what would make it possible.

use crate::WayOut;

/// A refusal, told apart by who must act, with the way out of it if there is one. No library knows what that is
/// called on a command line: the programs say it.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    kind: Kind,
    why: String,
    way_out: Option<WayOut>,
}

/// Who must act. Each kind has an exit code of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for cannot be (exit code 2).
    Usage,
    /// The base is not the one that the diff was made from (exit code 3).
    BaseMismatch,
    /// The stream's format cannot promise what was asked for (exit code 4).
    Unverifiable,
    /// There is not enough space (exit code 7).
    NoSpace,
    /// What is there is not fit for it (exit code 1).
    Unfit,
}

impl Refusal {
    fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), way_out: None }
    }

    /// What was asked for cannot be.
    pub fn usage(why: impl Into<String>) -> Self {
        Self::new(Kind::Usage, why)
    }

    /// The base is not the one that the diff was made from.
    pub fn base_mismatch(why: impl Into<String>) -> Self {
        Self::new(Kind::BaseMismatch, why)
    }

    /// The stream's format cannot promise what was asked for.
    pub fn unverifiable(why: impl Into<String>) -> Self {
        Self::new(Kind::Unverifiable, why)
    }

    /// There is not enough space.
    pub fn no_space(why: impl Into<String>) -> Self {
        Self::new(Kind::NoSpace, why)
    }

    /// What is there is not fit for it.
    pub fn unfit(why: impl Into<String>) -> Self {
        Self::new(Kind::Unfit, why)
    }

    /// The same, and what would make it possible.
    #[must_use]
    pub fn but(self, way_out: WayOut) -> Self {
        Self { way_out: Some(way_out), ..self }
    }

    /// Who must act.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What would make it possible, if anything would.
    pub fn way_out(&self) -> Option<WayOut> {
        self.way_out
    }
}

/// A [`Refusal::usage`] as an error.
pub fn usage(why: impl Into<String>) -> anyhow::Error {
    Refusal::usage(why).into()
}
