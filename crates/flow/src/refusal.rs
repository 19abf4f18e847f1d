//! [`Refusal`]: why work is not started or not continued, and what would make it possible.

use crate::WayOut;

/// A refusal, classified by who must act, with a way out if there is one. Libraries do not know the command-line
/// option for it: the programs name it.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    kind: Kind,
    why: String,
    way_out: Option<WayOut>,
}

/// Who must act. Each kind has its own exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is impossible (exit code 2).
    Usage,
    /// The base is not the one the diff was made from (exit code 3).
    BaseMismatch,
    /// The stream's format cannot guarantee what was requested (exit code 4).
    Unverifiable,
    /// There is not enough space (exit code 7).
    NoSpace,
    /// The existing state does not allow it (exit code 1).
    Unfit,
    /// A part was done, and the rest failed (exit code 8).
    Partly,
    /// Another run is at it (exit code 9).
    Busy,
    /// There is nothing that an increment can start from (exit code 10).
    NoBase,
    /// A copy is not what it should be (exit code 11).
    Differs,
}

impl Refusal {
    fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), way_out: None }
    }

    /// The request is impossible.
    pub fn usage(why: impl Into<String>) -> Self {
        Self::new(Kind::Usage, why)
    }

    /// The base is not the one the diff was made from.
    pub fn base_mismatch(why: impl Into<String>) -> Self {
        Self::new(Kind::BaseMismatch, why)
    }

    /// The stream's format cannot guarantee what was requested.
    pub fn unverifiable(why: impl Into<String>) -> Self {
        Self::new(Kind::Unverifiable, why)
    }

    /// There is not enough space.
    pub fn no_space(why: impl Into<String>) -> Self {
        Self::new(Kind::NoSpace, why)
    }

    /// The existing state does not allow it.
    pub fn unfit(why: impl Into<String>) -> Self {
        Self::new(Kind::Unfit, why)
    }

    /// A part was done, and the rest failed.
    pub fn partly(why: impl Into<String>) -> Self {
        Self::new(Kind::Partly, why)
    }

    /// Another run is at it.
    pub fn busy(why: impl Into<String>) -> Self {
        Self::new(Kind::Busy, why)
    }

    /// There is nothing that an increment can start from.
    pub fn no_base(why: impl Into<String>) -> Self {
        Self::new(Kind::NoBase, why)
    }

    /// A copy is not what it should be.
    pub fn differs(why: impl Into<String>) -> Self {
        Self::new(Kind::Differs, why)
    }

    /// Adds what would make it possible.
    #[must_use]
    pub fn but(self, way_out: WayOut) -> Self {
        Self { way_out: Some(way_out), ..self }
    }

    /// Who must act.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What would make it possible, if anything.
    pub fn way_out(&self) -> Option<WayOut> {
        self.way_out
    }
}

/// A [`Refusal::usage`] as an error.
pub fn usage(why: impl Into<String>) -> anyhow::Error {
    Refusal::usage(why).into()
}
