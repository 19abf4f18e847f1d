//! [`RootFinder`]: the root digests of both volumes, found while what changed is read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use baseproof::LeafTree;
use blockio::{AlignedBuf, Device, OpenMode, Range, ReadAt, is_zero};
use flow::{Interruptible, Session};
use hyperlayer::{LEAF_BYTES, Roots, TreeHasher, Volume};
use source::Pair;
use tempfile::{NamedTempFile, TempPath};

use crate::jobs::{Job, Part};

/// The digests of all leaves of the target, as far as they are known.
pub(crate) struct RootFinder {
    tree: LeafTree,
    /// The root of the base, if there is one.
    base: Option<[u8; 32]>,
    /// The file that the tree becomes, if it is kept.
    kept: Option<(TempPath, PathBuf)>,
}

/// What a leaf of the target holds.
pub(crate) enum Leaf {
    /// Its number, and its digest if it does not hold zeros.
    Digest(u64, Option<[u8; 32]>),
    /// Leaves from the first number on, before the second, hold zeros.
    Zeros(u64, u64),
}

impl RootFinder {
    /// Finds the digests of the base's leaves: in the folder, where they are kept under the volume's
    /// UUID, or by reading the whole base.
    pub(crate) fn of_pair(
        pair: &Pair,
        folder: Option<&Path>,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let (size, base_size) = (pair.names.target.size, pair.base_size());
        let path = |volume: &Volume| {
            let folder = folder.filter(|_| !volume.uuid.is_empty() && !volume.uuid.contains('/'));
            folder.map(|folder| folder.join(format!("{}.tree", volume.uuid)))
        };
        let target = path(&pair.names.target);
        let (file, part) = new_file(target.as_deref())?;
        let kept = part.zip(target);
        let holding = || "holding the digests of the volume's leaves".to_owned();
        let Some(base) = &pair.base else {
            let tree = LeafTree::new(file, size).with_context(holding)?;
            return Ok(Self { tree, base: None, kept });
        };
        let source = Interruptible { source: base, interrupt: session.interrupt };
        let known = pair.names.base.as_ref().and_then(path).filter(|_| size == base_size);
        if let Some(path) = known
            && let Some((tree, root)) = known_tree(&path, &file, size, &source)
                .with_context(|| path.display().to_string())?
        {
            return Ok(Self { tree, base: Some(root), kept });
        }
        let mut tree = LeafTree::new(file, size).with_context(holding)?;
        let mut base_tree = TreeHasher::new(base_size);
        let (whole, cut) = (size.div_ceil(LEAF_BYTES as u64), size < base_size);
        let mapped = pair.changes.mapped();
        let go_on = || session.interrupt.check();
        baseproof::for_each_leaf(&source, base_size, mapped, &go_on, |number, digest| {
            base_tree.leaf(number, digest);
            if number < whole { tree.leaf(number, Some(digest)) } else { Ok(()) }
        })
        .context("reading the base")?;
        if cut && size % LEAF_BYTES as u64 > 0 {
            // The leaf in which the volume ends now held more before.
            tree.leaf(whole - 1, leaf_at(&pair.target, whole - 1, size)?).with_context(holding)?;
        }
        Ok(Self { tree, base: Some(base_tree.finish()), kept })
    }

    /// The root of the base.
    pub(crate) fn base(&self) -> Option<[u8; 32]> {
        self.base
    }

    /// Records the leaves found in the target, in ascending order.
    pub(crate) fn take(&mut self, leaves: Vec<Leaf>) -> io::Result<()> {
        for leaf in leaves {
            match leaf {
                Leaf::Digest(number, digest) => self.tree.leaf(number, digest)?,
                Leaf::Zeros(begin, end) => self.tree.zeros(begin, end)?,
            }
        }
        Ok(())
    }

    /// Returns both roots. Keeps the digests of the target's leaves, if requested.
    pub(crate) fn finish(mut self) -> anyhow::Result<Roots> {
        let target = self.tree.root().context("holding the digests of the volume's leaves")?;
        if let Some((part, path)) = self.kept {
            let name = || path.display().to_string();
            self.tree.seal().with_context(name)?;
            part.persist(&path).with_context(name)?;
        }
        Ok(Roots { base: self.base, target: Some(target) })
    }
}

/// An empty file: next to `path`, if it is to be kept.
fn new_file(path: Option<&Path>) -> anyhow::Result<(File, Option<TempPath>)> {
    let Some(folder) = path.and_then(Path::parent) else {
        return Ok((flow::scratch_file()?, None));
    };
    let file = NamedTempFile::with_prefix_in(".lvdiff-", folder);
    let (file, path) = file.with_context(|| folder.display().to_string())?.into_parts();
    Ok((file, Some(path)))
}

/// The base's tree, copied to `file`, if there is one at `path` and it is still the base's.
fn known_tree(
    path: &Path,
    file: &File,
    size: u64,
    base: &impl ReadAt,
) -> anyhow::Result<Option<(LeafTree, [u8; 32])>> {
    match Device::open(path, OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        known => copy(&known?, file)?,
    }
    let tree = LeafTree::sealed(file.try_clone()?, size)?;
    let agrees = match &tree {
        Some((tree, _)) => tree.agrees_with(base).context("reading the base")?,
        None => false,
    };
    if !agrees {
        log::warn!(
            "{} does not (or no longer) match what the base holds: it is removed, and all of the \
             base is read",
            path.display()
        );
        fs::remove_file(path)?;
        file.set_len(0)?;
        return Ok(None);
    }
    Ok(tree)
}

/// Copies a file to an empty one and skips its holes: there is one where nothing is mapped.
fn copy(from: &Device, to: &File) -> io::Result<()> {
    const PIECE: u64 = 64 << 10;
    let mut bytes = AlignedBuf::new(PIECE as usize)?;
    let mut at = from.behind_hole(0)?;
    to.set_len(from.size())?;
    while at < from.size() {
        let piece = &mut bytes[..(from.size() - at).min(PIECE) as usize];
        from.read_at(at, piece)?;
        if !is_zero(piece) {
            to.write_all_at(piece, at)?;
        }
        at = from.behind_hole(at + piece.len() as u64)?;
    }
    Ok(())
}

/// What the leaves hold in which the job's extents lie. `buf` is what was read for the job.
pub(crate) fn leaves(
    job: &Job,
    buf: &[u8],
    target: &impl ReadAt,
    size: u64,
) -> anyhow::Result<Vec<Leaf>> {
    let leaf_bytes = LEAF_BYTES as u64;
    let mut leaves = Vec::new();
    for part in &job.parts {
        let (range, place) = match *part {
            Part::Changed(range, place) => (range, Some(place)),
            Part::Discard(range) => (range, None),
        };
        let Range { offset, length } = range;
        let end = offset + length;
        let mut number = offset / leaf_bytes;
        while number * leaf_bytes < end {
            let (from, to) = (number * leaf_bytes, ((number + 1) * leaf_bytes).min(size));
            let is_whole = offset <= from && to <= end;
            leaves.push(match place {
                Some(place) if is_whole => {
                    let from = place + (from - offset) as usize;
                    let bytes = &buf[from..from + (to - number * leaf_bytes) as usize];
                    let digest = (!is_zero(bytes)).then(|| TreeHasher::leaf_digest(bytes));
                    Leaf::Digest(number, digest)
                }
                None if is_whole => {
                    // The volume's end also ends a leaf.
                    let last =
                        if end >= size { size.div_ceil(leaf_bytes) } else { end / leaf_bytes };
                    let first = number;
                    number = last - 1;
                    Leaf::Zeros(first, last)
                }
                _ => Leaf::Digest(number, leaf_at(target, number, size)?),
            });
            number += 1;
        }
    }
    Ok(leaves)
}

/// The digest of one leaf of a volume, if it does not hold zeros.
fn leaf_at(volume: &impl ReadAt, number: u64, size: u64) -> anyhow::Result<Option<[u8; 32]>> {
    let begin = number * LEAF_BYTES as u64;
    let mut bytes = AlignedBuf::new(LEAF_BYTES)?;
    let length = (size - begin).min(LEAF_BYTES as u64) as usize;
    volume
        .read_at(begin, &mut bytes[..length])
        .with_context(|| format!("reading {length} bytes of the volume at offset {begin}"))?;
    let bytes = &bytes[..length];
    Ok((!is_zero(bytes)).then(|| TreeHasher::leaf_digest(bytes)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_copy_has_the_holes_of_what_it_is_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree");
        let from = File::create(&path).unwrap();
        from.set_len((4 << 30) + 77).unwrap();
        let places = [0, 1 << 20, 3 << 30, 4 << 30];
        for place in places {
            from.write_all_at(&[7; 77], place).unwrap();
        }
        let to = tempfile::tempfile_in(folder.path()).unwrap();
        copy(&Device::open(&path, OpenMode::Read).unwrap(), &to).unwrap();
        assert_eq!(to.metadata().unwrap().len(), (4 << 30) + 77);
        assert!(to.metadata().unwrap().blocks() * 512 <= 5 * (64 << 10));
        for place in places {
            let mut found = [0; 77];
            to.read_exact_at(&mut found, place).unwrap();
            assert_eq!(found, [7; 77]);
        }
    }
}
