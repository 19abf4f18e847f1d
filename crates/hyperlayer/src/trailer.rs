//! [`Trailer`]: what a stream says about itself at its end.

use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Roots, Totals};

/// A trailer's content, 168 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Trailer {
    data_records: U64,
    data_bytes: U64,
    zero_records: U64,
    zero_bytes: U64,
    discard_records: U64,
    discard_bytes: U64,
    /// How many bytes of the stream precede the trailer's frame.
    pub(crate) length: U64,
    /// The position of the index's top frame, from the beginning of the stream; 0 if there is no index.
    pub(crate) index: U64,
    /// Which of the roots are present.
    roots: U64,
    base_root: [u8; 32],
    target_root: [u8; 32],
    /// BLAKE3 of the stream before the trailer's frame, in which uncompressed contents are represented by
    /// their own digests, and of the trailer's preceding fields.
    pub(crate) stream_digest: [u8; 32],
}
const _: () = assert!(size_of::<Trailer>() == 168);

/// How much of the trailer its stream digest covers.
const COVERED_BYTES: usize = std::mem::offset_of!(Trailer, stream_digest);

const BASE_ROOT: u64 = 1;
const TARGET_ROOT: u64 = 2;

impl Trailer {
    /// A trailer without its digest: `length` and `index` are positions in the stream, in bytes.
    pub(crate) fn new(totals: &Totals, length: u64, index: u64, roots: &Roots) -> Self {
        let bit = |root: Option<_>, bit| if root.is_some() { bit } else { 0 };
        Self {
            data_records: totals.data_records.into(),
            data_bytes: totals.data_bytes.into(),
            zero_records: totals.zero_records.into(),
            zero_bytes: totals.zero_bytes.into(),
            discard_records: totals.discard_records.into(),
            discard_bytes: totals.discard_bytes.into(),
            length: length.into(),
            index: index.into(),
            roots: (bit(roots.base, BASE_ROOT) | bit(roots.target, TARGET_ROOT)).into(),
            base_root: roots.base.unwrap_or_default(),
            target_root: roots.target.unwrap_or_default(),
            stream_digest: [0; 32],
        }
    }

    /// The stream's digest: `before` has hashed everything before the trailer's frame.
    pub(crate) fn digest(&self, mut before: blake3::Hasher) -> [u8; 32] {
        *before.update(&self.as_bytes()[..COVERED_BYTES]).finalize().as_bytes()
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            data_records: self.data_records.get(),
            data_bytes: self.data_bytes.get(),
            zero_records: self.zero_records.get(),
            zero_bytes: self.zero_bytes.get(),
            discard_records: self.discard_records.get(),
            discard_bytes: self.discard_bytes.get(),
        }
    }

    /// The roots that are present. An absent root must be all zeros.
    pub(crate) fn roots(&self) -> Result<Roots, String> {
        let bits = self.roots.get();
        let root = |bit, root: [u8; 32]| match (bits & bit != 0, root == [0; 32]) {
            (true, _) => Ok(Some(root)),
            (false, true) => Ok(None),
            (false, false) => Err("the trailer has a root that it marks as absent".to_owned()),
        };
        if bits & !(BASE_ROOT | TARGET_ROOT) != 0 {
            return Err(format!("the trailer has roots {bits:#x}: expected 0 to 3"));
        }
        Ok(Roots {
            base: root(BASE_ROOT, self.base_root)?,
            target: root(TARGET_ROOT, self.target_root)?,
        })
    }
}
