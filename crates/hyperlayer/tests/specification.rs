//! docs/stream-format.md: the encoder writes its golden bytes, and a writer that follows only its text
//! agrees with both.

mod common;

use common::{
    RawFrame, encode_with, example, example_of_rest, example_roots, header_frame, index_of,
    stream_with,
};
use hyperlayer::{
    BaseDigest, Decoder, DigestKind, Encoder, Header, Packer, Record, Records, Roots,
};

const TEXT: &str = include_str!("../../../docs/stream-format.md");

#[test]
fn the_golden_bytes_are_what_the_encoder_writes() {
    let (header, digests, records) = example();
    let stream = encode_with(&header, &digests, &records, example_roots()).unwrap();
    let golden = golden_bytes(TEXT, "<!-- golden bytes -->");
    if golden != stream {
        panic!("the document should have:\n{}", dump(&stream));
    }
}

#[test]
fn the_golden_bytes_decode_to_the_example() {
    let (header, digests, records) = example();
    let golden = golden_bytes(TEXT, "<!-- golden bytes -->");
    let mut decoder = Decoder::new(golden.as_slice()).unwrap();
    assert_eq!(decoder.header(), &header);
    assert_eq!(decoder.base_digests(), digests);
    for record in records {
        assert_eq!(decoder.next_record().unwrap(), Some(record));
    }
    decoder.finish().unwrap();
    assert_eq!(decoder.roots(), example_roots());
}

#[test]
fn a_writer_that_follows_the_text_writes_the_same() {
    let (header, digests, records) = example();
    let mut base = Vec::new();
    for digest in &digests {
        base.extend(digest.offset.to_le_bytes());
        base.extend(digest.length.to_le_bytes());
        base.extend(digest.digest);
    }
    let mut frames = vec![header_frame(&header), RawFrame::new(b"BASE", 0, 0, &base)];
    for record in &records {
        let (kind, content) = match record {
            Record::Data { bytes, .. } => (b"DATA", *bytes),
            Record::Zero { .. } => (b"ZERO", &[][..]),
            Record::Discard { .. } => (b"DISC", &[][..]),
        };
        frames.push(RawFrame::new(kind, record.offset(), record.length(), content));
    }
    let written = |frames: &[RawFrame], roots| {
        let (index, place) = index_of(frames);
        stream_with(&[frames, &[index]].concat(), place, roots)
    };
    let roots = example_roots();
    let stream = encode_with(&header, &digests, &records, roots).unwrap();
    assert!(written(&frames, [roots.base, roots.target]) == stream);

    // At detect level 3 the base's root takes the place of that frame.
    let whole = Header { detect_level: 3, ..header };
    let (kind, digest) = (DigestKind::Root, [0x3c; 32]);
    let root = BaseDigest { offset: 0, length: 1 << 20, kind, digest };
    frames[0] = header_frame(&whole);
    frames[1] = RawFrame::new(b"ROOT", 0, 0, &digest);
    let roots = Roots { base: Some(digest), target: None };
    let stream = encode_with(&whole, &[root], &records, roots).unwrap();
    assert!(written(&frames, [roots.base, None]) == stream);
    assert_eq!(Decoder::new(stream.as_slice()).unwrap().base_digests(), [root]);
}

#[test]
fn the_rest_of_a_stream_is_the_second_example() {
    let (header, held, records) = example_of_rest();
    let mut encoder = Encoder::rest(Vec::new(), &header, &[], &held).unwrap();
    encoder.group(&Packer::new(None).unwrap().pack_group(&records).unwrap()).unwrap();
    let (stream, _) = encoder.finish().unwrap();
    let golden = golden_bytes(TEXT, "<!-- golden bytes of a rest -->");
    if golden != stream {
        panic!("the document should have:\n{}", dump(&stream));
    }
    let mut decoder = Decoder::new(golden.as_slice()).unwrap();
    assert_eq!((decoder.header(), decoder.held()), (&header, held.as_slice()));
    for record in records {
        assert_eq!(decoder.next_record().unwrap(), Some(record));
    }
    decoder.finish().unwrap();
}

/// Reads the dump after a mark in the document: lines with an offset and up to 16 bytes in hexadecimal, a
/// `*` for lines that repeat the previous one, and on the last line only the offset of the end.
fn golden_bytes(document: &str, mark: &str) -> Vec<u8> {
    let dump = document.split(mark).nth(1).expect("the mark is there");
    let dump = dump.split("```").nth(1).expect("a block follows the mark");
    let mut bytes: Vec<u8> = Vec::new();
    let mut repeated = false;
    for line in dump.lines().filter(|line| !line.trim().is_empty()) {
        if line == "*" {
            repeated = true;
            continue;
        }
        let mut words = line.split('|').next().unwrap().split_whitespace();
        let offset = usize::from_str_radix(words.next().unwrap(), 16).unwrap();
        while repeated && bytes.len() < offset {
            bytes.extend_from_within(bytes.len() - 16..);
        }
        repeated = false;
        assert_eq!(bytes.len(), offset, "at {line:?}");
        bytes.extend(words.map(|word| u8::from_str_radix(word, 16).unwrap()));
    }
    bytes
}

fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut last: &[u8] = &[];
    let mut starred = false;
    for (number, line) in bytes.chunks(16).enumerate() {
        if line == last {
            text += if starred { "" } else { "*\n" };
            starred = true;
            continue;
        }
        (last, starred) = (line, false);
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'.' };
        let ascii: Vec<u8> = line.iter().map(shown).collect();
        let ascii = String::from_utf8(ascii).unwrap();
        text += &format!("{:08x}  {:<47}  |{ascii}|\n", number * 16, hex.join(" "));
    }
    text + &format!("{:08x}\n", bytes.len())
}
