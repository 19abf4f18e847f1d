//! A writer of streams that shares no code with the crate: it follows docs/stream-format.md.

#![allow(dead_code)] // each test file uses a part of it

use hyperlayer::{BaseDigest, DigestKind, Encoder, Finished, Header, Record, Volume};

/// One frame, as the specification has it.
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

/// A stream of frames, numbered, with a trailer that is right whatever they are.
pub(crate) fn stream_of(frames: &[RawFrame]) -> Vec<u8> {
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
