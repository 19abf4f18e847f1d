//! Streams whose digests and checks are right, whatever they say.
//!
//! What it knows of the format it has from `docs/stream-format.md` and not from our library, so that
//! an error in the library cannot hide itself here. Where the format has a rule, this has none.

/// A stream's first line.
pub const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";

/// A volume in a header.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name, which need not be UTF-8.
    pub name: Vec<u8>,
    /// Its UUID.
    pub uuid: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
}

/// A header's content, field by field.
#[derive(Clone, Debug)]
pub struct Header {
    /// What the stream leads to.
    pub target: Volume,
    /// What it starts from.
    pub base: Option<Volume>,
    /// In bytes.
    pub chunk_size: u64,
    /// Keys and values.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// 0 to 3.
    pub detect_level: u8,
    /// How many extents differ.
    pub extents: u64,
    /// What data and zero records cover.
    pub changed_bytes: u64,
    /// What discard records cover.
    pub unmapped_bytes: u64,
    /// The program that made it.
    pub tool: Vec<u8>,
    /// In seconds since 1970.
    pub created: u64,
    /// 1 for an undo stream.
    pub undo: u8,
    /// The UUID of what the base is a snapshot of.
    pub base_origin: Vec<u8>,
    /// What a disk without a UUID is known by.
    pub disk: Vec<u8>,
    /// The moment that the target is.
    pub checkpoint: Vec<u8>,
    /// The moment that the base is.
    pub base_checkpoint: Vec<u8>,
    /// The byte that says whether there is a digest, and the digest of the stream before.
    pub previous: Option<(u8, [u8; 32])>,
    /// 1 for the rest of a stream.
    pub rest: u8,
}

impl Header {
    /// A sound header of a volume of this many bytes, with a base of the same size.
    pub fn of_size(size: u64) -> Self {
        let volume = |name: &str| Volume { name: name.into(), uuid: name.into(), size };
        Self {
            target: volume("new"),
            base: Some(volume("base")),
            chunk_size: 65536,
            pairs: Vec::new(),
            detect_level: 0,
            extents: 1,
            changed_bytes: size,
            unmapped_bytes: 0,
            tool: b"forge".into(),
            created: 0,
            undo: 0,
            base_origin: Vec::new(),
            disk: Vec::new(),
            checkpoint: Vec::new(),
            base_checkpoint: Vec::new(),
            previous: None,
            rest: 0,
        }
    }

    /// The content of a header frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_volume(&mut bytes, &self.target);
        bytes.push(u8::from(self.base.is_some()));
        if let Some(base) = &self.base {
            put_volume(&mut bytes, base);
        }
        put(&mut bytes, self.chunk_size);
        put(&mut bytes, self.pairs.len() as u64);
        for (key, value) in &self.pairs {
            put_text(&mut bytes, key);
            put_text(&mut bytes, value);
        }
        bytes.push(self.detect_level);
        put(&mut bytes, self.extents);
        put(&mut bytes, self.changed_bytes);
        put(&mut bytes, self.unmapped_bytes);
        put_text(&mut bytes, &self.tool);
        put(&mut bytes, self.created);
        bytes.push(self.undo);
        put_text(&mut bytes, &self.base_origin);
        put_text(&mut bytes, &self.disk);
        put_text(&mut bytes, &self.checkpoint);
        put_text(&mut bytes, &self.base_checkpoint);
        match &self.previous {
            None => bytes.push(0),
            Some((is_there, digest)) => {
                bytes.push(*is_there);
                bytes.extend(digest);
            }
        }
        bytes.push(self.rest);
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend(number.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put(bytes, text.len() as u64);
    bytes.extend(text);
}

fn put_volume(bytes: &mut Vec<u8>, volume: &Volume) {
    put_text(bytes, &volume.name);
    put_text(bytes, &volume.uuid);
    put(bytes, volume.size);
}

/// A frame. Its number and its check are made right when it is put into a stream.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Such as `DATA`.
    pub kind: [u8; 4],
    /// Bit 0: optional.
    pub flags: u32,
    /// Of a record, in bytes.
    pub offset: u64,
    /// Of a record, in bytes.
    pub length: u64,
    /// 0, or 1 for zstd.
    pub codec: u32,
    /// What is stored after it.
    pub stored: Vec<u8>,
    /// What it says of how much is stored, where that is not true.
    pub stored_size: Option<u32>,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
}

impl Frame {
    /// A frame whose content is stored as it is.
    pub fn new(kind: &[u8; 4], offset: u64, length: u64, content: &[u8]) -> Self {
        Self {
            kind: *kind,
            flags: 0,
            offset,
            length,
            codec: 0,
            stored: content.to_vec(),
            stored_size: None,
            digest: *blake3::hash(content).as_bytes(),
        }
    }

    /// A data record.
    pub fn data(offset: u64, content: &[u8]) -> Self {
        Self::new(b"DATA", offset, content.len() as u64, content)
    }

    /// A zero record.
    pub fn zero(offset: u64, length: u64) -> Self {
        Self::new(b"ZERO", offset, length, &[])
    }

    /// A discard record.
    pub fn discard(offset: u64, length: u64) -> Self {
        Self::new(b"DISC", offset, length, &[])
    }

    /// A data record that is stored compressed, and says that its content has `length` bytes.
    pub fn packed(offset: u64, length: u64, stored: &[u8]) -> Self {
        Self { codec: 1, ..Self::new(b"DATA", offset, length, stored) }
    }

    /// A group of records, each with its kind, offset, length and bytes, stored as it is.
    pub fn group(records: &[(&[u8; 4], u64, u64, &[u8])]) -> Self {
        let mut content = (records.len() as u32).to_le_bytes().to_vec();
        content.extend([0; 4]);
        for (kind, offset, length, bytes) in records {
            content.extend(*kind);
            content.extend([0; 4]);
            put(&mut content, *offset);
            put(&mut content, *length);
            content.extend(blake3::hash(bytes).as_bytes());
        }
        let digest = *blake3::hash(&content).as_bytes();
        records.iter().for_each(|record| content.extend(record.3));
        let begin = records.first().map_or(0, |record| record.1);
        Self { digest, ..Self::new(b"GRUP", begin, content.len() as u64, &content) }
    }

    /// The kinds and lengths of its records, as far as its table says them: what a trailer counts.
    fn records(&self) -> Vec<([u8; 4], u64)> {
        if self.kind != *b"GRUP" {
            return vec![(self.kind, self.length)];
        }
        let count = self.stored.first_chunk().map_or(0, |count| u32::from_le_bytes(*count));
        let entries = self.stored.get(8..).unwrap_or(&[]).chunks_exact(56);
        let record = |entry: &[u8]| {
            let length = entry[16..24].try_into().expect("8 bytes");
            (entry[..4].try_into().expect("4 bytes"), u64::from_le_bytes(length))
        };
        entries.take(count as usize).map(record).collect()
    }

    /// Its 80 bytes.
    fn head(&self, sequence: u64) -> Vec<u8> {
        let mut bytes = self.kind.to_vec();
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(sequence.to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.stored_size.unwrap_or(self.stored.len() as u32).to_le_bytes());
        bytes.extend(self.codec.to_le_bytes());
        bytes.extend(self.digest);
        let check = blake3::hash(&bytes);
        bytes.extend(&check.as_bytes()[..8]);
        bytes
    }
}

/// What a trailer says beside its counts, where that need not be true.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// How many bytes come before it; none for the truth.
    pub length: Option<u64>,
    /// Where the top of the index stands.
    pub index: u64,
    /// Which roots are there.
    pub roots: u64,
    /// The base's and the target's.
    pub root: [[u8; 32]; 2],
}

/// A stream of these frames, with a trailer that counts them and has the right digest.
pub fn stream(header: &Header, frames: &[Frame]) -> Vec<u8> {
    stream_with(&header.to_bytes(), frames)
}

/// The same with any bytes for a header.
pub fn stream_with(header: &[u8], frames: &[Frame]) -> Vec<u8> {
    stream_that_ends(header, frames, &Tail::default())
}

/// The same with anything in its trailer.
pub fn stream_that_ends(header: &[u8], frames: &[Frame], tail: &Tail) -> Vec<u8> {
    let header = Frame::new(b"HEAD", 0, 0, header);
    let (mut stream, mut hasher) = (MAGIC.to_vec(), blake3::Hasher::new());
    hasher.update(MAGIC);
    let mut sequence = 0;
    for frame in std::iter::once(&header).chain(frames) {
        let head = frame.head(sequence);
        hasher.update(&head);
        if frame.codec != 0 {
            hasher.update(&frame.stored);
        }
        stream.extend(head);
        stream.extend(&frame.stored);
        sequence += 1;
    }
    let mut trailer = Vec::new();
    let records: Vec<_> = frames.iter().flat_map(Frame::records).collect();
    for kind in [b"DATA", b"ZERO", b"DISC"] {
        let of_kind = || records.iter().filter(|record| record.0 == *kind);
        put(&mut trailer, of_kind().count() as u64);
        put(&mut trailer, of_kind().fold(0, |sum, record| sum.wrapping_add(record.1)));
    }
    put(&mut trailer, tail.length.unwrap_or(stream.len() as u64));
    put(&mut trailer, tail.index);
    put(&mut trailer, tail.roots);
    trailer.extend(tail.root.as_flattened());
    hasher.update(&trailer);
    trailer.extend(hasher.finalize().as_bytes());
    let trailer = Frame::new(b"TAIL", 0, 0, &trailer);
    stream.extend(trailer.head(sequence));
    stream.extend(trailer.stored);
    stream
}
