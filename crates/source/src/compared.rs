//! [`Compared`]: all blocks of two volumes compared, shared ones included, for formats that need that.

use std::io;

use anyhow::Context;
use blockio::{Range, ReadAt};
use thinmeta::{ExtentKind, Metadata, Relation, Stretch, ThinId};

use crate::changes::{Side, in_volume};
use crate::extent::Extent;
use crate::series::{Item, Series};

/// How the blocks of two volumes relate, and what the metadata says about the pool.
pub struct Compared {
    /// `None` if the target has no base.
    pub base: Option<ThinId>,
    /// The new volume.
    pub target: ThinId,
    /// Cover whatever is mapped in either volume, even after its end; in thin blocks.
    pub stretches: Series<Stretch>,
    /// The pool's chunk size in bytes.
    pub chunk_size: u64,
    /// The pool's time.
    pub time: u32,
    /// The pool's transaction id.
    pub transaction_id: u64,
    /// How many data blocks the pool has; 0 in a metadata snapshot.
    pub data_blocks: u64,
    /// The block of the metadata snapshot that the pool holds, if this is not read from one.
    pub held_root: Option<u64>,
    /// Whether the stretches alone say what changed: not with an external origin, nor if the volumes differ in
    /// size.
    pub says_all: bool,
}

impl Compared {
    /// Reads all mappings of both volumes. Without a base, reads the target's runs as they lie in the pool's
    /// data.
    ///
    /// # Errors
    /// If the metadata cannot be read or is damaged.
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

    /// What differs in a target of this size, if the base has the same size: one extent for each stretch that
    /// differs. They match the delta's extents, but are not joined.
    ///
    /// # Errors
    /// If a temporary file of stretches or extents cannot be read or written.
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

    /// The ranges of the base that the original lvdiff takes checksums of, in a volume of this size: the first
    /// chunk of each run of chunks mapped in either volume; at level 3 the first two; at level 1 only the first
    /// chunk of the first run. Partial chunks are left out, because the original lvpatch reads whole ones.
    ///
    /// # Errors
    /// If the stretches are in a file that cannot be read.
    pub fn heads(&self, level: u8, size: u64) -> io::Result<Vec<Range>> {
        let most = match level {
            0 => return Ok(vec![]),
            3 => 2,
            _ => 1,
        };
        let mut heads: Vec<Range> = Vec::new();
        // Where the last stretch ends, in chunks.
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

/// A series stores a stretch's relation as its index here.
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
