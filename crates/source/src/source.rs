//! [`Source`]: any of the places where volumes can be.

use flow::Session;

use crate::classic::ClassicSource;
use crate::files::FilesSource;
use crate::label::Label;
use crate::pair::Pair;
use crate::pool::PoolSource;
use crate::wants::Wants;

/// Where one or two volumes are.
pub enum Source {
    /// In a pool of this machine.
    Pool(Box<PoolSource>),
    /// A classic snapshot and its origin.
    Classic(Box<ClassicSource>),
    /// In files.
    Files(FilesSource),
}

impl Source {
    /// Whether there is a base.
    pub fn has_base(&self) -> bool {
        match self {
            Self::Pool(source) => source.base.is_some(),
            Self::Classic(_) => true,
            Self::Files(source) => source.base.is_some(),
        }
    }

    /// The base and the target, as a list names them.
    pub fn labels(&self) -> (Option<Label>, Label) {
        match self {
            Self::Pool(source) => {
                (source.base.as_ref().map(Label::from), Label::from(&source.target))
            }
            Self::Classic(source) => {
                let (snapshot, origin) =
                    (Label::from(&source.snapshot), Label::from(&source.origin));
                match source.reverse {
                    true => (Some(origin), snapshot),
                    false => (Some(snapshot), origin),
                }
            }
            Self::Files(source) => (source.base.map(Label::from), Label::from(source.target)),
        }
    }

    /// Opens both volumes, and reads what changed.
    ///
    /// # Errors
    /// If they cannot be read, or the base is written to meanwhile.
    pub fn open(&self, wants: &Wants, session: &Session<'_>) -> anyhow::Result<Pair> {
        match self {
            Self::Pool(source) => source.open(wants, session),
            Self::Classic(source) => source.open(wants, session),
            Self::Files(source) => source.open(wants, session),
        }
    }
}
