//! Any damage to a stream is detected, and never after it has had an effect.

mod common;

use common::{RawFrame, encode, example, header_frame, stream_of};
use hyperlayer::{
    BaseDigest, Decoder, DigestKind, Encoder, Error, FRAME_BYTES, Header, Packer, Record, Records,
};
use proptest::prelude::*;

/// The size of a trailer's content.
const TRAILER: usize = 168;

/// Reads a whole stream; returns its records as they were applied, and how it ended.
fn read(stream: &[u8]) -> (Vec<(u64, u64)>, Result<(), Error>) {
    let mut applied = Vec::new();
    let mut decode = || {
        let mut decoder = Decoder::new(stream)?;
        while let Some(record) = decoder.next_record()? {
            applied.push((record.offset(), record.length()));
        }
        decoder.finish().map(|_| ())
    };
    let ended = decode();
    (applied, ended)
}

fn example_stream() -> Vec<u8> {
    let (header, digests, records) = example();
    encode(&header, &digests, &records).unwrap().0
}

fn plain_header(changed_bytes: u64, unmapped_bytes: u64) -> Header {
    Header { detect_level: 0, changed_bytes, unmapped_bytes, ..example().0 }
}

fn data(offset: u64, byte: u8) -> RawFrame {
    RawFrame::new(b"DATA", offset, 512, &[byte; 512])
}

/// A stream of these frames, after a header that announces what they cover.
fn with_header(frames: &[RawFrame]) -> Vec<u8> {
    let sum = |kinds: &[&[u8; 4]]| {
        let of_kind = frames.iter().filter(|frame| kinds.contains(&&frame.kind));
        of_kind.map(|frame| frame.length).fold(0, u64::wrapping_add).min(1 << 19)
    };
    let header = plain_header(sum(&[b"DATA", b"ZERO"]), sum(&[b"DISC"]));
    let mut all = vec![header_frame(&header)];
    all.extend_from_slice(frames);
    stream_of(&all)
}

fn assert_damaged(stream: &[u8], word: &str) {
    match read(stream).1 {
        Err(Error::Damaged { reason, .. }) => assert!(reason.contains(word), "{reason}"),
        other => panic!("expected damage ({word}), found {other:?}"),
    }
}

#[test]
fn a_sound_stream_is_read() {
    let (applied, ended) = read(&example_stream());
    ended.unwrap();
    assert_eq!(applied, [(0, 512), (65536, 65536), (262_144, 131_072)]);
    read(&with_header(&[data(0, 1), data(512, 2)])).1.unwrap();
}

#[test]
fn every_cut_is_noticed() {
    let stream = example_stream();
    for length in 0..stream.len() {
        let ended = read(&stream[..length]).1;
        assert!(matches!(ended, Err(Error::Cut { at, .. }) if at == length as u64), "at {length}");
    }
}

#[test]
fn every_flipped_bit_is_noticed_before_its_record_is_handed_out() {
    let stream = example_stream();
    let whole = read(&stream).0;
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (applied, ended) = read(&flipped);
        assert!(ended.is_err(), "bit {bit}");
        assert!(whole.starts_with(&applied), "bit {bit}");
    }
}

#[test]
fn swapped_doubled_and_lost_records_are_noticed() {
    let stream = example_stream();
    // The positions of the frames, found by their kinds.
    let begin = |kind: &[u8]| {
        stream.windows(4).position(|window| window == kind).expect("each occurs once")
    };
    let [first, second, third, tail] =
        [b"DATA", b"ZERO", b"DISC", b"TAIL"].map(|kind| begin(kind.as_slice()));
    let (head, data, zero) = (&stream[..first], &stream[first..second], &stream[second..third]);
    let (discard, tail) = (&stream[third..tail], &stream[tail..]);
    for pieces in [
        vec![head, zero, data, discard, tail],
        vec![head, data, discard, zero, tail],
        vec![head, data, data, zero, discard, tail],
        vec![head, data, zero, zero, discard, tail],
        vec![head, zero, discard, tail],
        vec![head, data, zero, tail],
        vec![head, data, zero, discard, tail, tail],
        vec![head, data, zero, discard, tail, head, data, zero, discard, tail],
        vec![head, head, data, zero, discard, tail],
    ] {
        let (applied, ended) = read(&pieces.concat());
        assert!(matches!(ended, Err(Error::Damaged { .. })), "{ended:?}");
        assert!(applied.len() <= 3);
    }
}

#[test]
fn a_record_of_another_stream_is_noticed() {
    let ours = with_header(&[data(0, 1), data(512, 2), data(1024, 3)]);
    let theirs = with_header(&[data(0, 1), data(512, 9), data(1024, 3)]);
    let frame = FRAME_BYTES + 512;
    let begin = ours.windows(4).position(|window| window == b"DATA").unwrap() + frame;
    let mut spliced = ours.clone();
    spliced[begin..begin + frame].copy_from_slice(&theirs[begin..begin + frame]);
    assert_damaged(&spliced, "digest");
}

#[test]
fn unknown_frames_are_refused_unless_they_are_optional() {
    let unknown = |flags| RawFrame { flags, ..RawFrame::new(b"NEW!", 7, 7, b"whatever") };
    read(&with_header(&[data(0, 1), unknown(1), data(512, 2)])).1.unwrap();
    // Its content and codec do not matter to a reader that skips it.
    let packed = RawFrame { codec: 7, ..unknown(1) };
    read(&with_header(&[data(0, 1), packed, data(512, 2)])).1.unwrap();
    let early = stream_of(&[unknown(1), header_frame(&plain_header(0, 0))]);
    assert_damaged(&early, "expected the header");
    for flags in [0, 2, 3, u32::MAX] {
        let ended = read(&with_header(&[data(0, 1), unknown(flags)])).1;
        assert!(matches!(ended, Err(Error::Unsupported { .. })), "{flags}: {ended:?}");
    }
    let flagged = RawFrame { flags: 1, ..data(0, 1) };
    assert!(matches!(read(&with_header(&[flagged])).1, Err(Error::Unsupported { .. })));
    let packed = RawFrame { codec: 2, ..data(0, 1) };
    assert!(matches!(read(&with_header(&[packed])).1, Err(Error::Unsupported { .. })));
    let packed = RawFrame { codec: 1, ..RawFrame::new(b"ZERO", 0, 512, &[]) };
    assert!(matches!(read(&with_header(&[packed])).1, Err(Error::Unsupported { .. })));
}

#[test]
fn a_frame_that_is_passed_over_is_covered_by_the_digests() {
    for codec in [0, 7] {
        let unknown = RawFrame::new(b"NEW!", 7, 7, b"whatever");
        let stream = with_header(&[data(0, 1), RawFrame { flags: 1, codec, ..unknown }]);
        let content = stream.windows(8).position(|window| window == b"whatever").unwrap();
        for byte in content..content + 8 {
            let mut flipped = stream.clone();
            flipped[byte] ^= 1;
            let ended = read(&flipped).1;
            assert!(matches!(ended, Err(Error::Damaged { .. })), "{codec} {byte}: {ended:?}");
        }
    }
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    let ended = read(b"HYPERLAYER/1.0\nName: vol0\n").1;
    assert!(matches!(ended, Err(Error::Unsupported { at: 0, .. })), "{ended:?}");
    assert_damaged(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "begins with");
    assert_damaged(b"text", "begins with");
}

#[test]
fn what_is_compressed_is_named_with_what_undoes_it() {
    for (first, expected, undo) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip", "zcat"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd", "zstdcat"),
        (b"\xfd7zXZ\0\0", "xz", "xzcat"),
        (b"BZh91AY", "bzip2", "bzcat"),
        (b"\x04\x22\x4d\x18\x64", "lz4", "lz4cat"),
    ] {
        let input = [first, &[7; 100]].concat();
        let ended = read(&input).1;
        let Err(Error::Compressed { name, command }) = ended else { panic!("{ended:?}") };
        assert_eq!((name, command), (expected, undo));
        // Not after a stream: there it is damage.
        assert_damaged(&[&with_header(&[])[..], &input].concat(), "bytes after the trailer");
    }
}

#[test]
fn ranges_outside_the_volume_or_the_order_are_refused() {
    let zero = |offset, length| RawFrame::new(b"ZERO", offset, length, &[]);
    assert_damaged(&with_header(&[data(512, 1), data(0, 2)]), "out of order");
    assert_damaged(&with_header(&[zero(0, 1024), data(512, 2)]), "out of order");
    for (offset, length) in [
        (0, 0),
        (0, 100),
        (100, 512),
        (0, (1 << 20) + 512),
        (1 << 20, 512),
        (1 << 63, 1 << 63),
        (u64::MAX - 511, 512),
        (512, u64::MAX - 511),
    ] {
        assert_damaged(&with_header(&[zero(offset, length)]), "expected multiples");
    }
}

#[test]
fn contents_that_are_not_a_kinds_own_are_refused() {
    assert_damaged(&with_header(&[RawFrame::new(b"DATA", 0, 1024, &[1; 512])]), "expected 1024");
    assert_damaged(&with_header(&[RawFrame::new(b"ZERO", 0, 512, &[0; 512])]), "expected 0");
    assert_damaged(&with_header(&[RawFrame::new(b"DATA", 0, 512, &[])]), "expected 512");
    assert_damaged(&with_header(&[RawFrame::new(b"BASE", 0, 0, &[])]), "among the records");
    let late_header = header_frame(&plain_header(0, 0));
    assert_damaged(&with_header(&[late_header]), "among the records");
    assert_damaged(&stream_of(&[data(0, 1)]), "expected the header");
    assert_damaged(&stream_of(&[header_frame(&example().0), data(0, 1)]), "base digests");
}

#[test]
fn a_content_of_4_gib_takes_no_memory() {
    let mut frame = data(0, 1).to_bytes(1);
    frame[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    let check = blake3::hash(&frame[..72]);
    frame[72..80].copy_from_slice(&check.as_bytes()[..8]);
    let mut stream = with_header(&[]);
    stream.truncate(stream.len() - FRAME_BYTES - TRAILER);
    stream.extend(frame);
    assert_damaged(&stream, "at most");
}

#[test]
fn more_than_the_header_announced_is_noticed() {
    let stream = |changed, unmapped| {
        let discard = RawFrame::new(b"DISC", 1024, 512, &[]);
        stream_of(&[header_frame(&plain_header(changed, unmapped)), data(0, 1), discard])
    };
    read(&stream(512, 512)).1.unwrap();
    read(&stream(1024, 512)).1.unwrap(); // only parts of what changed differ
    assert_damaged(&stream(0, 512), "announced");
    assert_damaged(&stream(512, 1024), "announced");
    assert_damaged(&stream(512, 0), "announced");
}

fn packed_stream(length: u64, content: &[u8], digest_of: &[u8]) -> Vec<u8> {
    let mut frame = RawFrame { codec: 1, ..RawFrame::new(b"DATA", 0, length, content) }.to_bytes(1);
    frame[40..72].copy_from_slice(blake3::hash(digest_of).as_bytes());
    let check = blake3::hash(&frame[..72]);
    frame[72..80].copy_from_slice(&check.as_bytes()[..8]);
    let mut stream = stream_of(&[header_frame(&plain_header(1 << 20, 0))]);
    stream.truncate(stream.len() - FRAME_BYTES - TRAILER);
    stream.extend(frame);
    stream
}

#[test]
fn compressed_content_is_what_its_record_says_or_refused() {
    let zeros = |length| zstd::bulk::compress(&vec![0; length], 3).unwrap();
    // Complete except for the trailer, so a sound record is followed by a cut.
    let sound = read(&packed_stream(4096, &zeros(4096), &[0; 4096]));
    assert!(sound.0 == [(0, 4096)] && matches!(sound.1, Err(Error::Cut { .. })), "{sound:?}");
    assert_damaged(&packed_stream(4096, &zeros(4608), &[0; 4608]), "compressed content");
    assert_damaged(&packed_stream(4096, &zeros(1 << 30), &[0; 4096]), "compressed content");
    assert_damaged(&packed_stream(4096, &zeros(512), &[0; 512]), "512 bytes: expected 4096");
    assert_damaged(&packed_stream(4096, &zeros(4096), &[1; 4096]), "BLAKE3");
    assert_damaged(&packed_stream(4096, b"no zstd frame", &[0; 4096]), "compressed content");
    assert_damaged(&packed_stream(0, &zeros(0), &[]), "at most");
    assert_damaged(&packed_stream(u64::MAX, &zeros(4096), &[0; 4096]), "at most");
    assert_damaged(&packed_stream(1 << 21, &zeros(1 << 21), &[0; 1 << 21]), "at most");
    let mut flipped = zeros(4096);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    assert!(read(&packed_stream(4096, &flipped, &[0; 4096])).1.is_err());
}

#[test]
fn packed_records_come_back_as_they_were() {
    let mut packer = Packer::new(Some(3)).unwrap();
    let random: Vec<u8> = {
        let mut random = vec![0; 4096];
        blake3::Hasher::new().finalize_xof().fill(&mut random);
        random
    };
    let text = b"again and again ".repeat(256);
    let mut encoder = Encoder::new(Vec::new(), &plain_header(8192, 0), &[]).unwrap();
    encoder.packed_data(0, &text, &packer.pack(&text).unwrap()).unwrap();
    encoder.packed_data(4096, &random, &packer.pack(&random).unwrap()).unwrap();
    let (stream, _) = encoder.finish().unwrap();
    assert!(stream.len() < 5500, "{}", stream.len()); // what gains nothing is stored as it is
    let mut decoder = Decoder::new(stream.as_slice()).unwrap();
    let record = decoder.next_record().unwrap();
    assert_eq!(record, Some(Record::Data { offset: 0, bytes: &text }));
    let record = decoder.next_record().unwrap();
    assert_eq!(record, Some(Record::Data { offset: 4096, bytes: &random }));
    decoder.finish().unwrap();
    assert!(Packer::new(Some(1000)).is_err());
}

#[test]
fn a_trailer_that_counts_something_else_is_noticed() {
    let honest = with_header(&[data(0, 1)]);
    let begin = honest.len() - TRAILER;
    let mut content = honest[begin..].to_vec();
    content[0] += 1;
    let mut stream = honest[..begin - FRAME_BYTES].to_vec();
    stream.extend(RawFrame::new(b"TAIL", 0, 0, &content).to_bytes(2));
    assert_damaged(&stream, "counts");
}

#[test]
fn base_digests_outside_the_base_are_refused() {
    let (header, digests, _) = example();
    for (offset, length) in [(1 << 20, 512), (0, 0), (0, 1 << 20), (u64::MAX, 2)] {
        let mut content = offset.to_le_bytes().to_vec();
        content.extend(u64::to_le_bytes(length));
        content.extend([0; 32]);
        let stream = stream_of(&[header_frame(&header), RawFrame::new(b"BASE", 0, 0, &content)]);
        assert_damaged(&stream, "base digest");
    }
    let ragged = stream_of(&[header_frame(&header), RawFrame::new(b"BASE", 0, 0, &[0; 47])]);
    assert_damaged(&ragged, "48 bytes");
    // A root digest covers all of the base, and has its own kind of frame.
    let (kind, digest) = (DigestKind::Root, [7; 32]);
    let root = BaseDigest { offset: 0, length: 1 << 20, kind, digest };
    let whole = Header { detect_level: 3, ..header.clone() };
    let encodes = |header, digests: &[BaseDigest]| encode(header, digests, &example().2);
    let (stream, _) = encodes(&whole, &[root]).unwrap();
    assert_eq!(Decoder::new(stream.as_slice()).unwrap().base_digests(), [root]);
    assert!(encodes(&header, &[root]).is_err());
    assert!(encodes(&whole, &[root, root]).is_err());
    assert!(encodes(&whole, &[BaseDigest { length: 1 << 19, ..root }]).is_err());
    let bytes = BaseDigest { kind: DigestKind::Bytes, ..root };
    assert!(encodes(&whole, &[bytes]).is_err());
    assert!(encodes(&header, &[BaseDigest { length: 65536, ..root }]).is_err());
    // What was in its place before there were trees is not a root.
    let entry = [&[0; 8][..], &u64::to_le_bytes(1 << 20), &[7; 32]].concat();
    let old = stream_of(&[header_frame(&whole), RawFrame::new(b"BASE", 0, 0, &entry)]);
    match Decoder::new(old.as_slice()).map(|_| ()) {
        Err(Error::Unsupported { what, .. }) => assert!(what.contains("older versions"), "{what}"),
        other => panic!("{other:?}"),
    }
    let doubled = [digests[0], digests[0]];
    assert!(encode(&header, &doubled, &[]).is_err());
}

#[test]
fn an_encoder_holds_its_caller_to_the_rules() {
    let (header, digests, records) = example();
    let encoded = |records: &[Record<'_>]| encode(&header, &digests, records).map(|_| ());
    encoded(&records).unwrap();
    assert!(matches!(encoded(&records[..2]), Err(Error::Invalid(_)))); // a discard is missing
    assert!(matches!(encoded(&[records[1], records[0]]), Err(Error::Invalid(_))));
    let long = vec![0; (1 << 20) + 512];
    assert!(matches!(encoded(&[Record::Data { offset: 0, bytes: &long }]), Err(Error::Invalid(_))));
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        steps in prop::collection::vec((0_u64..4, 1_u64..9, 0_u8..3, any::<u8>()), 0..40)
    ) {
        let mut place = 0;
        let mut contents = Vec::new();
        for (gap, length, kind, byte) in steps {
            place += gap * 512;
            contents.push((place, length * 512, kind, vec![byte; length as usize * 512]));
            place += length * 512;
        }
        let records: Vec<_> = contents.iter().map(|(offset, length, kind, bytes)| match kind {
            0 => Record::Data { offset: *offset, bytes },
            1 => Record::Zero { offset: *offset, length: *length },
            _ => Record::Discard { offset: *offset, length: *length },
        }).collect();
        let sum = |discards: bool| contents.iter().filter(|content| (content.2 == 2) == discards)
            .map(|content| content.1).sum();
        let header = plain_header(sum(false), sum(true));
        let (stream, finished) = encode(&header, &[], &records).unwrap();
        let mut decoder = Decoder::new(stream.as_slice()).unwrap();
        for record in records {
            prop_assert_eq!(decoder.next_record().unwrap(), Some(record));
        }
        prop_assert_eq!(decoder.next_record().unwrap(), None);
        prop_assert_eq!(decoder.finish().unwrap(), finished.totals);
        prop_assert_eq!(decoder.stream_digest(), finished.digest);
    }

    #[test]
    fn no_input_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let mut behind_the_magic = b"HYPERLAYER/2.0\n".to_vec();
        behind_the_magic.extend(&bytes);
        prop_assert!(read(&behind_the_magic).1.is_err());
        // As the content of a header whose frame is sound.
        let stream = stream_of(&[RawFrame::new(b"HEAD", 0, 0, &bytes)]);
        prop_assert!(read(&stream).1.is_err());
    }
}
