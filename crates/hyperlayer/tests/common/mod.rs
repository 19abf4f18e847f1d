//! A writer of streams that shares no code with the crate: it follows docs/stream-format.md.

#![allow(dead_code)] // each test file uses a part of it

use hyperlayer::{
    BaseDigest, DigestKind, Encoder, Finished, Header, Held, Identity, Record, Roots, TreeHasher,
    Volume,
};

/// One frame, as specified.
#[derive(Clone)]
pub(crate) struct RawFrame {
    pub(crate) kind: [u8; 4],
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) codec: u32,
    pub(crate) content: Vec<u8>,
}

impl RawFrame {
    pub(crate) fn new(kind: &[u8; 4], offset: u64, length: u64, content: &[u8]) -> Self {
        Self { kind: *kind, flags: 0, offset, length, codec: 0, content: content.into() }
    }

    pub(crate) fn to_bytes(&self, sequence: u64) -> Vec<u8> {
        let mut bytes = self.kind.to_vec();
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(sequence.to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend((self.content.len() as u32).to_le_bytes());
        bytes.extend(self.codec.to_le_bytes());
        bytes.extend(blake3::hash(&self.content).as_bytes());
        let check = blake3::hash(&bytes);
        bytes.extend(&check.as_bytes()[..8]);
        bytes.extend(&self.content);
        bytes
    }
}

/// A stream of these frames, numbered, with a valid trailer whatever they are. It has no index and no
/// roots.
pub(crate) fn stream_of(frames: &[RawFrame]) -> Vec<u8> {
    stream_with(frames, 0, [None, None])
}

/// An index frame of the records among these frames, which begin the stream, and the position of the index
/// frame itself.
pub(crate) fn index_of(frames: &[RawFrame]) -> (RawFrame, u64) {
    let (mut position, mut content) = (15, Vec::new());
    for frame in frames {
        if [b"DATA", b"ZERO", b"DISC"].contains(&&frame.kind) {
            for number in [frame.offset, frame.length, position] {
                content.extend(number.to_le_bytes());
            }
            content.extend(frame.kind);
            content.extend((frame.content.len() as u32).to_le_bytes());
        }
        position += 80 + frame.content.len() as u64;
    }
    (RawFrame { flags: 1, ..RawFrame::new(b"INDX", 0, 0, &content) }, position)
}

/// Like [`stream_of`], with these roots of the base and the target, and the top of the index at this
/// position.
pub(crate) fn stream_with(
    frames: &[RawFrame],
    index: u64,
    roots: [Option<[u8; 32]>; 2],
) -> Vec<u8> {
    let mut bytes = b"HYPERLAYER/2.0\n".to_vec();
    let mut digest = blake3::Hasher::new();
    digest.update(&bytes);
    for (sequence, frame) in frames.iter().enumerate() {
        let frame_bytes = frame.to_bytes(sequence as u64);
        digest.update(if frame.codec == 0 { &frame_bytes[..80] } else { &frame_bytes });
        bytes.extend(frame_bytes);
    }
    let mut content = Vec::new();
    for kind in [b"DATA", b"ZERO", b"DISC"] {
        let of_kind = || frames.iter().filter(|frame| &frame.kind == kind);
        content.extend((of_kind().count() as u64).to_le_bytes());
        let bytes = of_kind().fold(0_u64, |sum, frame| sum.wrapping_add(frame.length));
        content.extend(bytes.to_le_bytes());
    }
    content.extend((bytes.len() as u64).to_le_bytes());
    content.extend(index.to_le_bytes());
    let bits = u64::from(roots[0].is_some()) | u64::from(roots[1].is_some()) << 1;
    content.extend(bits.to_le_bytes());
    roots.iter().for_each(|root| content.extend(root.unwrap_or_default()));
    digest.update(&content);
    content.extend(digest.finalize().as_bytes());
    bytes.extend(RawFrame::new(b"TAIL", 0, 0, &content).to_bytes(frames.len() as u64));
    bytes
}

/// A header frame's content.
pub(crate) fn header_content(header: &Header) -> Vec<u8> {
    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    fn volume(bytes: &mut Vec<u8>, volume: &Volume) {
        text(bytes, &volume.name);
        text(bytes, &volume.uuid);
        bytes.extend(volume.size.to_le_bytes());
    }
    let mut bytes = Vec::new();
    volume(&mut bytes, &header.target);
    match &header.base {
        None => bytes.push(0),
        Some(base) => {
            bytes.push(1);
            volume(&mut bytes, base);
        }
    }
    bytes.extend(header.chunk_size.to_le_bytes());
    bytes.extend((header.pairs.len() as u64).to_le_bytes());
    for (key, value) in &header.pairs {
        text(&mut bytes, key);
        text(&mut bytes, value);
    }
    bytes.push(header.detect_level);
    bytes.extend(header.extents.to_le_bytes());
    bytes.extend(header.changed_bytes.to_le_bytes());
    bytes.extend(header.unmapped_bytes.to_le_bytes());
    text(&mut bytes, &header.tool);
    bytes.extend(header.created.to_le_bytes());
    bytes.push(header.undo.into());
    text(&mut bytes, &header.base_origin);
    text(&mut bytes, &header.identity.disk);
    text(&mut bytes, &header.identity.checkpoint);
    text(&mut bytes, &header.identity.base_checkpoint);
    match &header.identity.previous {
        None => bytes.push(0),
        Some(digest) => {
            bytes.push(1);
            bytes.extend(digest);
        }
    }
    bytes.push(header.rest.into());
    bytes
}

pub(crate) fn header_frame(header: &Header) -> RawFrame {
    RawFrame::new(b"HEAD", 0, 0, &header_content(header))
}

/// The specification's example.
pub(crate) fn example() -> (Header, Vec<BaseDigest>, Vec<Record<'static>>) {
    let volume =
        |name: &str, uuid: &str| Volume { name: name.into(), uuid: uuid.into(), size: 1 << 20 };
    let header = Header {
        target: volume("vol0", "uuid-2"),
        base: Some(volume("sp0", "uuid-1")),
        chunk_size: 65536,
        pairs: vec![("Author".into(), "Someone".into())],
        detect_level: 1,
        extents: 3,
        changed_bytes: 66048,
        unmapped_bytes: 131_072,
        tool: "example".into(),
        created: 1_795_219_200,
        undo: false,
        base_origin: "uuid-2".into(),
        identity: Identity::default(),
        rest: false,
    };
    let digest = *blake3::hash(&[0; 65536]).as_bytes();
    let digests = vec![BaseDigest { offset: 0, length: 65536, kind: DigestKind::Bytes, digest }];
    let records = vec![
        Record::Data { offset: 0, bytes: &[0xa5; 512] },
        Record::Zero { offset: 65536, length: 65536 },
        Record::Discard { offset: 262_144, length: 131_072 },
    ];
    (header, digests, records)
}

/// The specification's second example: a disk without UUIDs, and the rest of its stream, sent as a group.
/// Returns its header, what the target already holds, and the group's records.
pub(crate) fn example_of_rest() -> (Header, Vec<Held>, Vec<Record<'static>>) {
    let volume = || Volume { name: "vda".into(), uuid: String::new(), size: 1 << 20 };
    let header = Header {
        target: volume(),
        base: Some(volume()),
        chunk_size: 65536,
        pairs: vec![],
        detect_level: 0,
        extents: 2,
        changed_bytes: 66048,
        unmapped_bytes: 0,
        tool: "example".into(),
        created: 1_795_219_200,
        undo: false,
        base_origin: String::new(),
        identity: Identity {
            disk: "vm7/vda".into(),
            checkpoint: "c2".into(),
            base_checkpoint: "c1".into(),
            previous: Some([0x11; 32]),
        },
        rest: true,
    };
    let digest = *blake3::hash(&[0x5a; 65536]).as_bytes();
    let held = vec![Held { offset: 0, length: 65536, digest }];
    let records = vec![
        Record::Data { offset: 131_072, bytes: &[0xa5; 512] },
        Record::Zero { offset: 196_608, length: 65536 },
    ];
    (header, held, records)
}

/// The roots of the example: its base holds zeros, and its target differs from it in 512 bytes.
pub(crate) fn example_roots() -> Roots {
    let (base, mut target) = (TreeHasher::new(1 << 20), TreeHasher::new(1 << 20));
    target.leaf(0, TreeHasher::leaf_digest(&[0xa5; 512]));
    Roots { base: Some(base.finish()), target: Some(target.finish()) }
}

pub(crate) fn encode_with(
    header: &Header,
    digests: &[BaseDigest],
    records: &[Record<'_>],
    roots: Roots,
) -> Result<Vec<u8>, hyperlayer::Error> {
    let mut encoder = Encoder::new(Vec::new(), header, digests)?;
    for record in records {
        encoder.record(*record)?;
    }
    encoder.roots(roots);
    Ok(encoder.finish()?.0)
}

pub(crate) fn encode(
    header: &Header,
    digests: &[BaseDigest],
    records: &[Record<'_>],
) -> Result<(Vec<u8>, Finished), hyperlayer::Error> {
    let mut encoder = Encoder::new(Vec::new(), header, digests)?;
    for record in records {
        encoder.record(*record)?;
    }
    encoder.finish()
}
