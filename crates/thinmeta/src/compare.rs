//! [`Comparison`]: how two thin devices stand to each other, all that they share included.

use std::cmp::Ordering;
use std::iter::Peekable;

use blockio::ReadAt;

use crate::mapping::{Iter, Run};
use crate::{DataBlock, Result, ThinBlock};

/// How a thin block of the target stands to that of the base. One of them at least is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Mapped in both, to one data block.
    Same,
    /// Mapped in both, to different data blocks.
    Different,
    /// Mapped in the base only.
    BaseOnly,
    /// Mapped in the target only.
    TargetOnly,
}

/// A contiguous run of thin blocks of one relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// The first thin block.
    pub begin: u64,
    /// How many there are. `begin + length` may be 2^64.
    pub length: u64,
    /// What they have in common.
    pub relation: Relation,
}

/// The stretches of two thin devices, ascending and disjoint; neighbours of one relation are joined.
/// Ends after an error.
pub struct Comparison<'m, R: ReadAt> {
    /// The mappings of both; None after an error or the end.
    sides: Option<[Peekable<Iter<'m, R>>; 2]>,
    /// The run that the next block may lengthen.
    open: Option<(Run, Relation)>,
}

impl<'m, R: ReadAt> Comparison<'m, R> {
    pub(crate) fn new(base: Iter<'m, R>, target: Iter<'m, R>) -> Self {
        Self { sides: Some([base.peekable(), target.peekable()]), open: None }
    }

    /// The lowest block that is mapped on either side, and skips it on both.
    fn next_block(&mut self) -> Result<Option<(u64, Relation)>> {
        let Some([base, target]) = &mut self.sides else { return Ok(None) };
        let order = match (known(base)?, known(target)?) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((base, _)), Some((target, _))) => base.cmp(&target),
        };
        let old = base.next_if(|_| order.is_le()).transpose()?;
        let new = target.next_if(|_| order.is_ge()).transpose()?;
        Ok(match (old, new) {
            (Some((block, old)), Some((_, new))) if old == new => {
                Some((block.get(), Relation::Same))
            }
            (Some((block, _)), Some(_)) => Some((block.get(), Relation::Different)),
            (Some((block, _)), None) => Some((block.get(), Relation::BaseOnly)),
            (None, Some((block, _))) => Some((block.get(), Relation::TargetOnly)),
            (None, None) => None,
        })
    }
}

/// A side's next mapping, which stays there.
fn known<R: ReadAt>(side: &mut Peekable<Iter<'_, R>>) -> Result<Option<(ThinBlock, DataBlock)>> {
    match side.next_if(Result::is_err) {
        Some(error) => error.map(Some),
        None => Ok(side.peek().and_then(|mapping| mapping.as_ref().ok().copied())),
    }
}

impl<R: ReadAt> Iterator for Comparison<'_, R> {
    type Item = Result<Stretch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_block() {
                Ok(Some((block, relation))) => {
                    if let Some((run, open)) = &mut self.open
                        && *open == relation
                        && run.extend(block)
                    {
                        continue;
                    }
                    if let Some(done) = self.open.replace((Run::one(block), relation)) {
                        return Some(Ok(stretch(done)));
                    }
                }
                Ok(None) => {
                    self.sides = None;
                    return self.open.take().map(|done| Ok(stretch(done)));
                }
                Err(error) => {
                    (self.sides, self.open) = (None, None);
                    return Some(Err(error));
                }
            }
        }
    }
}

fn stretch((Run { begin, length }, relation): (Run, Relation)) -> Stretch {
    Stretch { begin, length, relation }
}
