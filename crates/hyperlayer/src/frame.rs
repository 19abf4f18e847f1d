//! [`Frame`]: the 80 bytes that precede every piece of a stream.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The size of a frame, in bytes, without its content.
pub const FRAME_BYTES: usize = 80;

pub(crate) const HEADER: [u8; 4] = *b"HEAD";
pub(crate) const BASE: [u8; 4] = *b"BASE";
pub(crate) const ROOT: [u8; 4] = *b"ROOT";
pub(crate) const DATA: [u8; 4] = *b"DATA";
pub(crate) const ZERO: [u8; 4] = *b"ZERO";
pub(crate) const DISCARD: [u8; 4] = *b"DISC";
pub(crate) const GROUP: [u8; 4] = *b"GRUP";
pub(crate) const PART: [u8; 4] = *b"PART";
pub(crate) const TRAILER: [u8; 4] = *b"TAIL";

/// All kinds that every reader must know.
pub(crate) const KNOWN: [[u8; 4]; 9] =
    [HEADER, BASE, ROOT, PART, DATA, ZERO, DISCARD, GROUP, TRAILER];

/// An optional kind: a reader that goes front to back skips it.
pub(crate) const INDEX: [u8; 4] = *b"INDX";

/// Set if a reader that does not know the kind may skip the frame.
pub(crate) const OPTIONAL: u32 = 1;

/// The content is stored unchanged.
pub(crate) const CODEC_NONE: u32 = 0;
/// The content is stored as one zstd frame (RFC 8878).
pub(crate) const CODEC_ZSTD: u32 = 1;

/// A frame, as in the stream.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Frame {
    pub(crate) kind: [u8; 4],
    pub(crate) flags: U32,
    /// 0 for the header, which comes first, and one more for each later frame.
    pub(crate) sequence: U64,
    /// Records: where the range begins in the volume.
    pub(crate) offset: U64,
    /// Records: how much of the volume they cover. Data: also the content's length.
    pub(crate) length: U64,
    /// How many bytes follow the frame.
    pub(crate) stored: U32,
    pub(crate) codec: U32,
    /// BLAKE3 of the content, before it is compressed.
    pub(crate) digest: [u8; 32],
    /// The first 8 bytes of the BLAKE3 of the preceding 72 bytes.
    check: [u8; 8],
}
const _: () = assert!(size_of::<Frame>() == FRAME_BYTES);

/// A content in its stored form.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) is_compressed: bool,
}

/// How much of a frame its check covers.
const CHECKED_BYTES: usize = std::mem::offset_of!(Frame, check);

impl Frame {
    /// A frame for `stored` bytes of a content with this digest.
    pub(crate) fn new(
        kind: [u8; 4],
        sequence: u64,
        range: (u64, u64),
        stored: Stored<'_>,
        digest: [u8; 32],
    ) -> Self {
        let flags = if kind == INDEX { OPTIONAL } else { 0 };
        let length = u32::try_from(stored.bytes.len()).expect("no caller has more than MAX_RECORD");
        let mut frame = Self {
            kind,
            flags: flags.into(),
            sequence: sequence.into(),
            offset: range.0.into(),
            length: range.1.into(),
            stored: length.into(),
            codec: if stored.is_compressed { CODEC_ZSTD } else { CODEC_NONE }.into(),
            digest,
            check: [0; 8],
        };
        frame.check = frame.expected_check();
        frame
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.check == self.expected_check()
    }

    /// A part of the check, by which the frame is recognized.
    pub(crate) fn mark(&self) -> u32 {
        u32::from_le_bytes(*self.check.first_chunk().expect("a check has 8 bytes"))
    }

    /// Adds a frame to the stream's digest. Uncompressed content is already represented by its own digest,
    /// which is among the 80 bytes; compressed content is added in its stored form.
    pub(crate) fn digest_into(&self, stream_digest: &mut blake3::Hasher, stored: &[u8]) {
        stream_digest.update(self.as_bytes());
        if self.codec.get() != CODEC_NONE {
            stream_digest.update(stored);
        }
    }

    fn expected_check(&self) -> [u8; 8] {
        let hash = blake3::hash(&self.as_bytes()[..CHECKED_BYTES]);
        *hash.as_bytes().first_chunk().expect("a BLAKE3 has 32 bytes")
    }

    /// The kind, for messages: escaped, because a stream can contain anything there.
    pub(crate) fn kind_text(&self) -> String {
        self.kind.escape_ascii().to_string()
    }
}
