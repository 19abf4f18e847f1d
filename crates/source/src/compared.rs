//! [`Compared`]: two volumes' blocks one by one, shared ones included, for formats that need them.

use std::io;

use anyhow::Context;
use blockio::{Range, ReadAt};
use thinmeta::{ExtentKind, Metadata, Relation, Stretch, ThinId};

use crate::changes::{Extent, Side, in_volume};
use crate::series::{Item, Series};

/// How two volumes' blocks stand to each other, and what the metadata says of the pool.
pub struct Compared {
    /// None where the target is compared with nothing.
    pub base: Option<ThinId>,
    /// The new volume.
    pub target: ThinId,
    /// As far as something is mapped there, also after a volume's end; in blocks of the pool.
    pub stretches: Series<Stretch>,
    /// In bytes.
    pub chunk_size: u64,
    /// The pool's time.
    pub time: u32,
    /// The pool's transaction id.
    pub transaction_id: u64,
    /// How many data blocks the pool has; 0 in a metadata snapshot.
    pub data_blocks: u64,
    /// The block of the metadata snapshot that the pool holds, where this is not read from one.
    pub held_root: Option<u64>,
    /// Whether the stretches alone say what changed: not with an external origin, and not between volumes of
    /// two sizes.
    pub says_all: bool,
}

impl Compared {
    /// Reads all mappings of both; of a target alone, its runs as they lie in the pool's data.
    ///
    /// # Errors
    /// Where the metadata cannot be read, or is damaged.
    pub fn collect<R: ReadAt>(
        metadata: &Metadata<R>,
        base: Option<&Side>,
        target: &Side,
    ) -> anyhow::Result<Self> {
        let superblock = metadata.superblock();
        let mut stretches = Series::default();
        match base {
            Some(base) => {
                for stretch in metadata.compare(base.id, target.id)? {
                    stretches.push(stretch.context("the volumes' mappings")?)?;
                }
            }
            None => {
                for run in metadata.mappings(target.id)?.placed_runs() {
                    let run = run.context("the volume's mappings")?;
                    let relation = Relation::TargetOnly;
                    stretches.push(Stretch { begin: run.begin, length: run.length, relation })?;
                }
            }
        }
        Ok(Self {
            base: base.map(|base| base.id),
            target: target.id,
            stretches,
            chunk_size: superblock.data_block_size(),
            time: superblock.time(),
            transaction_id: superblock.transaction_id(),
            data_blocks: superblock.data_blocks(),
            says_all: !target.external_origin && base.is_none_or(|base| base.size == target.size),
            held_root: superblock.held_root().map(thinmeta::MetaBlock::get),
        })
    }

    /// What differs in a volume of this size, as far as the base has the same: an extent for each
    /// stretch. They are those of the delta, but not joined.
    ///
    /// # Errors
    /// Where the stretches or the extents are in a file, and that fails.
    pub fn extents(&self, size: u64) -> io::Result<Series<Extent>> {
        let extent = |stretch: &Stretch| {
            let kind = match stretch.relation {
                Relation::Same => return None,
                Relation::BaseOnly => ExtentKind::Unmapped,
                Relation::Different | Relation::TargetOnly => ExtentKind::Changed,
            };
            let range = in_volume(stretch.begin, stretch.length, self.chunk_size, size)?;
            Some(Extent::new(range, kind))
        };
        let mut extents = Series::default();
        for stretch in &self.stretches {
            if let Some(extent) = extent(&stretch?) {
                extents.push(extent)?;
            }
        }
        Ok(extents)
    }

    /// What of the base the original lvdiff takes the checksums of, in a volume of this size. For
    /// each run of chunks that are mapped in either volume: its first chunk; at level 3 its first
    /// two; at level 1 that of the first run only. Parts of chunks are left out, because the
    /// original lvpatch reads whole ones.
    ///
    /// # Errors
    /// Where the stretches are in a file, and that cannot be read.
    pub fn heads(&self, level: u8, size: u64) -> io::Result<Vec<Range>> {
        let most = match level {
            0 => return Ok(vec![]),
            3 => 2,
            _ => 1,
        };
        let mut heads: Vec<Range> = Vec::new();
        // Where the run that the last head is of ends, in chunks.
        let mut end = None;
        for stretch in &self.stretches {
            let stretch = stretch?;
            let joins = end == Some(stretch.begin);
            end = stretch.begin.checked_add(stretch.length);
            let Some(range) = in_volume(stretch.begin, stretch.length, self.chunk_size, size)
            else {
                break;
            };
            let whole = range.length / self.chunk_size;
            match heads.last_mut() {
                Some(head) if joins => {
                    let open = head.offset + head.length == range.offset;
                    let room = if open { most - head.length / self.chunk_size } else { 0 };
                    head.length += room.min(whole) * self.chunk_size;
                }
                Some(_) if level == 1 => break,
                _ if whole > 0 => heads.push(Range {
                    offset: range.offset,
                    length: most.min(whole) * self.chunk_size,
                }),
                _ => {}
            }
        }
        Ok(heads)
    }
}

/// What becomes of a stretch in a series, and back.
const RELATIONS: [Relation; 4] =
    [Relation::Same, Relation::Different, Relation::BaseOnly, Relation::TargetOnly];

impl Item for Stretch {
    fn parts(self) -> (u64, u64, u8) {
        let kind = RELATIONS.iter().position(|relation| *relation == self.relation).unwrap_or(0);
        (self.begin, self.length, kind as u8)
    }

    fn of(begin: u64, length: u64, kind: u8) -> Self {
        Self { begin, length, relation: RELATIONS[usize::from(kind) % RELATIONS.len()] }
    }
}
