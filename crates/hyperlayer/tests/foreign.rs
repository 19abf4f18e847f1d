//! Streams of other tools: real ones, and ones built from the formats' descriptions; every flaw that
//! a format lets one see is seen.

use std::io::{Read, Write};

use hyperlayer::{AnyDecoder, Error, Missing, Records, Volume};
use md5::{Digest, Md5};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

/// What a record was: its kind, its range, and the byte that its data begins with.
type Seen = (char, u64, u64, u8);

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    zstd::decode_all(std::fs::File::open(format!("{folder}{name}.zst")).unwrap()).unwrap()
}

/// Reads a stream to its end, for a volume of this size.
fn read(stream: &[u8], size: u64) -> Result<Vec<Seen>, Error> {
    let mut decoder = Some(AnyDecoder::new(stream)?);
    let mut seen = Vec::new();
    while let Some(mut one) = decoder {
        let missing = Missing { size: Some(size), ..Missing::default() };
        one.complete(&missing)?;
        while let Some(record) = one.next_record()? {
            let (offset, length) = (record.offset(), record.length());
            seen.push(match record {
                hyperlayer::Record::Data { bytes, .. } => ('d', offset, length, bytes[0]),
                hyperlayer::Record::Zero { .. } => ('z', offset, length, 0),
                hyperlayer::Record::Discard { .. } => ('u', offset, length, 0),
            });
        }
        decoder = one.next_stream()?;
    }
    Ok(seen)
}

fn damaged(stream: &[u8], word: &str) {
    match read(stream, MIB) {
        Err(Error::Damaged { reason, .. }) => assert!(reason.contains(word), "{reason}"),
        other => panic!("expected damage ({word}), found {other:?}"),
    }
}

fn unsupported(stream: &[u8], word: &str) {
    match read(stream, MIB) {
        Err(Error::Unsupported { what, .. }) => assert!(what.contains(word), "{what}"),
        other => panic!("expected what is not understood ({word}), found {other:?}"),
    }
}

/// Cuts at every place are seen, but at those given.
fn every_cut_but(stream: &[u8], unseen: &[usize]) {
    for length in 0..stream.len() {
        let found = read(&stream[..length], MIB);
        match found {
            // Not enough to tell the format.
            Err(_) if length < 15 => {}
            Ok(_) => assert!(unseen.contains(&length), "at {length}"),
            Err(Error::Cut { .. }) => assert!(!unseen.contains(&length), "at {length}"),
            other => panic!("at {length}: {other:?}"),
        }
    }
}

mod hyperlayer1 {
    use super::*;

    const HEADER: &str = "HYPERLAYER/1.0\nName: new\nVolume size: 1048576\nChunk size: 512\n\
        Delta blocks: 2\nVolumeUUID: u-2\nDetect level: 1\nBacking volumeUUID: u-1\nAuthor: me\n\n";

    fn stream(header: &str, middle: &str, blocks: &[&str]) -> Vec<u8> {
        let mut stream = format!("{header}{middle}").into_bytes();
        for (number, line) in blocks.iter().enumerate() {
            stream.extend(format!("{line}\n").bytes());
            stream.extend([number as u8 + 1; 512]);
            stream.push(b'\n');
        }
        stream
    }

    const CHECK: &str = "D 0 80 CRC32 ae89dc8\n\n";

    #[test]
    fn the_original_lvdiffs_streams_are_read() {
        for level in 0..=3 {
            let stream = fixture(&format!("hyperlayer-1.0-d{level}.diff"));
            let decoder = AnyDecoder::new(stream.as_slice()).unwrap();
            let header = decoder.header();
            assert_eq!(header.target.name, "new");
            assert_eq!(header.target.uuid, "oklnYd-csbs-fF5B-UjTK-gKwW-qZdc-xX97it");
            let base = header.base.as_ref().unwrap();
            assert_eq!(base.uuid, "mCfjhG-GQVi-U6vB-4FGP-qY3e-aMFr-cbr8jE");
            assert_eq!((header.target.size, header.chunk_size), (64 * MIB, 65536));
            assert_eq!(u32::from(header.detect_level), level);
            assert_eq!(header.changed_bytes, 11 * 65536);
            assert_eq!(header.pairs[1], ("Message".into(), "hello world".into()));
            assert_eq!(decoder.base_checksums().len(), [0, 1, 7, 7][level as usize]);
            assert_eq!(decoder.foreign().unwrap().lacks, ["no checksums"]);
            let seen = read(&stream, 0).unwrap();
            assert_eq!(seen.len(), 11);
            assert_eq!(seen.iter().filter(|seen| seen.0 == 'z').count(), 4);
        }
    }

    #[test]
    fn variants() {
        let seen = [('d', 512, 512, 1), ('d', 0xa00, 512, 2)];
        let blocks = ["W 1 1", "W 5 1"];
        assert_eq!(read(&stream(HEADER, CHECK, &blocks), 0).unwrap(), seen);
        assert_eq!(read(&stream(HEADER, "", &blocks), 0).unwrap(), seen, "no checks at level 1");
        let old = "HYPERLAYER/1.0\nName: \"it's\"\n\n";
        assert_eq!(read(&stream(old, "", &["1 1", "5 1"]), MIB).unwrap(), seen);
        let old = stream(old, "", &[]);
        let decoder = AnyDecoder::new(old.as_slice()).unwrap();
        assert_eq!(decoder.header().target.name, "it's");
        assert!(!decoder.foreign().unwrap().has_end());
    }

    #[test]
    fn a_users_line_does_not_replace_a_field() {
        let header = HEADER.replace("Author: me", "Name: other\nVolume size: 512");
        let stream = stream(&header, CHECK, &["W 1 1", "W 5 1"]);
        let decoder = AnyDecoder::new(stream.as_slice()).unwrap();
        assert_eq!((&*decoder.header().target.name, decoder.header().target.size), ("new", MIB));
        assert_eq!(decoder.header().pairs[0], ("Name".into(), "other".into()));
    }

    #[test]
    fn cuts() {
        let stream = stream(HEADER, CHECK, &["W 1 1", "W 5 1"]);
        every_cut_but(&stream, &[]);
    }

    #[test]
    fn flaws() {
        let with = |middle: &str, blocks: &[&str]| stream(HEADER, middle, blocks);
        damaged(&with(CHECK, &["W 1 1", "W 5 1", "W 7 1"]), "more blocks");
        damaged(&with(CHECK, &["W 800 1", "W 5 1"]), "behind the volume's end");
        damaged(&with(CHECK, &["W 7FFFFFFFFFFFFF 1"]), "offset");
        damaged(&with(CHECK, &["W FFFFFFFFFFFFFFFF 1"]), "a block begins with");
        damaged(&with(CHECK, &["W 1 0"]), "whole sectors");
        damaged(&with(CHECK, &["W 1 FFFFFFFFFF"]), "behind the volume's end");
        damaged(&with(CHECK, &["W 1 1", "5 1"]), "a block begins with");
        damaged(&with(CHECK, &["W 1 +1"]), "a block begins with");
        damaged(&with(CHECK, &["W 1 1 1"]), "a block begins with");
        damaged(&with(CHECK, &[&"W".repeat(200)]), "in a line");
        damaged(&with("D 0 80 MD5 ae89dc8\n\n", &[]), "a base check is");
        damaged(&with("D 0 80 CRC32 1ae89dc8f\n\n", &[]), "a base check is");
        damaged(&with("D 7FF 2 CRC32 1\n\n", &[]), "outside the volume");
        let mut no_line_feed = with(CHECK, &["W 1 1", "W 5 1"]);
        *no_line_feed.last_mut().unwrap() = b'x';
        damaged(&no_line_feed, "no line feed");
        damaged(&stream(&HEADER.replace("Name: new", "no colon"), "", &[]), "no colon");
        damaged(&stream(&HEADER.replace("level: 1", "level: 4"), "", &[]), "Detect level");
        damaged(&stream(&HEADER.replace("size: 512", "size: x"), "", &[]), "Chunk size");
        let huge = "18446744073709551615";
        damaged(
            &stream(&HEADER.replace("blocks: 2", &format!("blocks: {huge}")), "", &[]),
            "blocks",
        );
        damaged(&stream(&HEADER.replace("1048576", huge), "", &[]), "size");
    }
}

mod thin_send {
    use super::*;

    const FIRST: u64 = 0xe85b_c563_6cc7_2a05;
    const V1_0: u64 = 0xca7f_00d5_de7e_c7ed;
    const V1_1: u64 = 0x24c4_f02a_ae2e_4fa9;

    fn command(magic: u64, offset: u64, length: u64, command: u32) -> Vec<u8> {
        let mut bytes = [magic.to_be_bytes(), offset.to_be_bytes()].concat();
        match magic {
            FIRST => bytes.extend((length as u32).to_be_bytes()),
            _ => bytes.extend(length.to_be_bytes()),
        }
        bytes.extend(command.to_be_bytes());
        if command == 0 {
            bytes.extend(vec![7; length.min(4096) as usize]);
        }
        bytes
    }

    fn end(counts: [u64; 3]) -> Vec<u8> {
        [command(V1_1, 0, 24, 3), counts.map(u64::to_be_bytes).concat()].concat()
    }

    fn v1_1(commands: &[Vec<u8>], counts: [u64; 3]) -> Vec<u8> {
        [command(V1_1, 0, 0, 2), commands.concat(), end(counts)].concat()
    }

    fn data(magic: u64) -> Vec<u8> {
        command(magic, 512, 512, 0)
    }

    fn unmap(magic: u64) -> Vec<u8> {
        command(magic, 65536, 65536, 1)
    }

    const SEEN: [Seen; 2] = [('d', 512, 512, 7), ('u', 65536, 65536, 0)];

    #[test]
    fn linbits_streams_are_read() {
        let incremental = fixture("thin_send-1.1-incremental.stream");
        let seen = read(&incremental, 64 * MIB).unwrap();
        assert_eq!(seen.iter().filter(|seen| seen.0 == 'd').count(), 6);
        assert_eq!(seen.iter().filter(|seen| seen.0 == 'u').count(), 2);
        let full = fixture("thin_send-1.1-full.stream");
        assert_eq!(read(&full, 64 * MIB).unwrap().len(), 11);
        // The volume is smaller than what the stream writes to.
        assert!(matches!(read(&full, 63 * MIB), Err(Error::Damaged { .. })));
    }

    #[test]
    fn all_three_protocols() {
        for magic in [FIRST, V1_0] {
            let stream = [data(magic), unmap(magic)].concat();
            assert_eq!(read(&stream, MIB).unwrap(), SEEN);
            let decoder = AnyDecoder::new(stream.as_slice()).unwrap();
            assert!(!decoder.foreign().unwrap().has_end());
            every_cut_but(&stream, &[data(magic).len()]);
        }
        let stream = v1_1(&[data(V1_1), unmap(V1_1)], [4, 1, 1]);
        assert_eq!(read(&stream, MIB).unwrap(), SEEN);
        assert!(AnyDecoder::new(stream.as_slice()).unwrap().foreign().unwrap().has_end());
        every_cut_but(&stream, &[]);
    }

    #[test]
    fn an_optional_command_is_passed_over() {
        let optional = [command(V1_1, 0, 3, 1 << 31 | 9), b"xyz".to_vec()].concat();
        let stream = v1_1(&[data(V1_1), optional.clone(), unmap(V1_1)], [5, 1, 1]);
        assert_eq!(read(&stream, MIB).unwrap(), SEEN);
        every_cut_but(&stream, &[]);
        // As thin_recv has it: not before the begin, and not before 1.1.
        damaged(&[optional, stream].concat(), "before the begin");
        for magic in [FIRST, V1_0] {
            unsupported(&command(magic, 0, 0, 1 << 31 | 9), "command 0x80000009");
        }
    }

    #[test]
    fn a_large_chunk_comes_in_pieces() {
        let mut stream = command(V1_0, 0, 3 * MIB - 512, 0);
        stream.truncate(28);
        stream.extend(vec![5; (3 * MIB - 512) as usize]);
        let seen = read(&stream, 4 * MIB).unwrap();
        assert_eq!(seen.iter().map(|seen| seen.2).collect::<Vec<_>>(), [MIB, MIB, MIB - 512]);
    }

    #[test]
    fn flaws() {
        damaged(&v1_1(&[data(V1_1)], [4, 1, 0]), "counts");
        damaged(&v1_1(&[data(V1_1)], [3, 1, 1]), "counts");
        damaged(&v1_1(&[data(V1_0)], [3, 1, 0]), "expected 24c4f02aae2e4fa9");
        damaged(&[data(V1_1), end([2, 1, 0])].concat(), "before the begin");
        damaged(&[v1_1(&[], [2, 0, 0]), b"x".to_vec()].concat(), "goes on");
        damaged(&[command(V1_1, 0, 0, 2), command(V1_1, 0, 1 << 40, 3)].concat(), "an end of");
        damaged(&[command(V1_1, 0, 0, 2), command(V1_1, 512, 24, 3)].concat(), "an end at");
        damaged(&[command(V1_1, 0, 8, 2), vec![0; 8], end([2, 0, 0])].concat(), "a begin of");
        damaged(&command(V1_1, 0, 0, 1 << 31 | 2), "before the begin");
        for magic in [FIRST, V1_0] {
            let with = |offset, length, code| command(magic, offset, length, code);
            damaged(&with(MIB, 512, 0), "behind the volume's end");
            damaged(&with(MIB, 512, 1), "behind the volume's end");
            damaged(&with(u64::MAX - 511, 512, 0), "sectors");
            damaged(&with(1, 512, 0), "sectors");
            damaged(&with(0, 513, 0), "sectors");
            damaged(&with(0, 0, 1), "sectors");
            unsupported(&with(0, 0, 2), "command 0x2");
            unsupported(&with(0, 0, 77), "command 0x4d");
        }
        damaged(&command(V1_0, 0, 1 << 60, 0), "behind the volume's end");
    }
}

mod lvmsync {
    use super::*;

    fn stream(records: &[(u64, u32)]) -> Vec<u8> {
        let mut stream = b"lvmsync PROTO[3]\n".to_vec();
        for (number, (offset, length)) in records.iter().enumerate() {
            stream.extend(offset.to_be_bytes());
            stream.extend(length.to_be_bytes());
            stream.extend(vec![number as u8 + 1; *length.min(&4096) as usize]);
        }
        stream
    }

    #[test]
    fn real_streams_are_read() {
        for name in ["lvmsync-3-thick.stream", "lvmsync-3-snapback.stream"] {
            let seen = read(&fixture(name), 64 * MIB).unwrap();
            assert_eq!(seen.len(), 112);
            assert!(seen.iter().all(|seen| seen.0 == 'd' && seen.2 == 4096));
        }
    }

    #[test]
    fn records_in_any_order() {
        let stream = stream(&[(4096, 512), (0, 512), (0, 1024)]);
        let seen = [('d', 4096, 512, 1), ('d', 0, 512, 2), ('d', 0, 1024, 3)];
        assert_eq!(read(&stream, MIB).unwrap(), seen);
        assert!(!AnyDecoder::new(stream.as_slice()).unwrap().ascend());
        every_cut_but(&stream, &[17, 17 + 524, 17 + 2 * 524]);
    }

    #[test]
    fn flaws() {
        unsupported(b"lvmsync PROTO[1]\nabc", "PROTO[1]");
        unsupported(b"lvmsync PROTO[2]\nabc", "PROTO[2]");
        damaged(&stream(&[(MIB, 512)]), "behind the volume's end");
        damaged(&stream(&[(MIB - 512, 1024)]), "behind the volume's end");
        damaged(&stream(&[(0, u32::MAX)]), "sectors");
        damaged(&stream(&[(0, 0)]), "sectors");
        damaged(&stream(&[(100, 512)]), "sectors");
        damaged(format!("lvmsync PROTO[{}", "3".repeat(100)).as_bytes(), "in a line");
    }
}

mod lvbackup {
    use super::*;

    fn header(version: u8, kind: u8, numbers: (u64, u32, u64), uuids: (&str, &str)) -> Vec<u8> {
        let mut header = vec![version, kind];
        header.extend(numbers.0.to_be_bytes());
        header.extend(numbers.1.to_be_bytes());
        header.extend(numbers.2.to_be_bytes());
        for uuid in [uuids.0, uuids.1] {
            let mut field = [0; 36];
            field[..uuid.len()].copy_from_slice(uuid.as_bytes());
            header.extend(field);
        }
        hashed(header)
    }

    fn hashed(mut bytes: Vec<u8>) -> Vec<u8> {
        let digest = Md5::digest(&bytes);
        bytes.extend(&digest[..]);
        bytes
    }

    fn block(number: u64, byte: u8) -> Vec<u8> {
        hashed([number.to_be_bytes().to_vec(), vec![byte; 4096]].concat())
    }

    fn full() -> Vec<u8> {
        let header = header(1, 1, (MIB, 4096, 3), ("u-1", ""));
        [header, block(0, 1), block(2, 0), block(255, 3)].concat()
    }

    fn delta() -> Vec<u8> {
        [header(1, 2, (MIB, 4096, 1), ("u-2", "u-1")), block(1, 9)].concat()
    }

    #[test]
    fn a_full_stream_and_its_delta() {
        let stream = [full(), delta()].concat();
        assert_eq!(
            read(&stream, 0).unwrap(),
            [
                ('d', 0, 4096, 1),
                ('z', 8192, 4096, 0),
                ('d', MIB - 4096, 4096, 3),
                ('d', 4096, 4096, 9)
            ]
        );
        let first = AnyDecoder::new(stream.as_slice()).unwrap();
        let header = first.header().clone();
        assert!(header.base.is_none() && first.foreign().unwrap().lacks.is_empty());
        let mut second = first.next_stream().unwrap().unwrap();
        let base = Volume { name: "volume".into(), ..header.target.clone() };
        second.complete(&Missing { base: Some(base), ..Missing::default() }).unwrap();
        second.header().follows(&header).unwrap();
        let other = [full(), full()].concat();
        let second = AnyDecoder::new(other.as_slice()).unwrap().next_stream().unwrap().unwrap();
        second.header().follows(&header).unwrap_err();
    }

    #[test]
    fn cuts() {
        every_cut_but(&[delta(), delta()].concat(), &[delta().len()]);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let stream = delta();
        let whole = read(&stream, 0).unwrap();
        for place in 0..stream.len() {
            let mut flipped = stream.clone();
            flipped[place] ^= 1 << (place % 8);
            let found = read(&flipped, 0);
            assert!(found.is_err(), "byte {place}: {found:?} for {whole:?}");
        }
    }

    #[test]
    fn flaws() {
        let with = |numbers| [header(1, 1, numbers, ("u", "")), block(0, 1)].concat();
        damaged(&with((MIB, 0, 1)), "blocks of 0 bytes");
        damaged(&with((MIB, 513, 1)), "blocks of 513 bytes");
        damaged(&with((u64::MAX, u32::MAX, 1)), "blocks of 4294967295 bytes");
        damaged(&with((MIB, 4096, 257)), "257 blocks");
        damaged(&with((MIB, 4096, u64::MAX)), "blocks in a volume");
        damaged(&with((u64::MAX, 4096, 1)), "size");
        let behind = [header(1, 1, (MIB, 4096, 1), ("u", "")), block(256, 1)].concat();
        damaged(&behind, "behind the volume's end");
        let huge = [header(1, 1, (MIB, 4096, 1), ("u", "")), block(u64::MAX, 1)].concat();
        damaged(&huge, "there is no block");
        damaged(&[full(), b"xx".to_vec()].concat(), "no other stream");
        damaged(&header(1, 1, (MIB, 4096, 0), ("bad\u{1}uuid", "")), "UUID");
        assert!(matches!(read(&[2, 1, 0], 0), Err(Error::Damaged { .. })), "version 2");
    }
}

mod virtnbdbackup {
    use super::*;

    fn frame(kind: &str, start: u64, length: u64) -> Vec<u8> {
        format!("{kind} {start:016x} {length:016x}\r\n").into_bytes()
    }

    fn meta(more: &str, data: u64) -> Vec<u8> {
        let json = format!(
            "{{\"virtualSize\": {MIB}, \"dataSize\": {data}, \"diskName\": \"sda\", \
             \"checkpointName\": \"virtnbdbackup.1\", {more}}}"
        );
        [frame("meta", 0, json.len() as u64), json.into_bytes(), b"\r\n".to_vec()].concat()
    }

    fn data(offset: u64, bytes: &[u8]) -> Vec<u8> {
        [&frame("data", offset, bytes.len() as u64), bytes, b"\r\n"].concat()
    }

    const FULL: &str = "\"compressed\": false, \"incremental\": false, \"streamVersion\": 1";
    const LZ4: &str = "\"compressed\": 2, \"compressionMethod\": \"lz4\", \"incremental\": true, \
        \"parentCheckpoint\": \"virtnbdbackup.0\", \"streamVersion\": 2";

    fn plain() -> Vec<u8> {
        let parts = [meta(FULL, 1024), data(512, &[7; 1024]), frame("zero", 65536, 65536)];
        [parts.concat(), frame("stop", 0, 0)].concat()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let info = lz4_flex::frame::FrameInfo::new().block_checksums(true).content_checksum(true);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A block of one frame, and one of two.
    fn compressed(sizes: impl Fn(usize, usize, usize) -> String) -> Vec<u8> {
        let noise: Vec<u8> = (0..2048_u32).map(|place| (place * place / 7) as u8).collect();
        let [one, two, three] = [&noise[..512], &noise[..1024], &noise[1024..]].map(lz4);
        let sizes = sizes(one.len(), two.len(), three.len());
        [
            meta(LZ4, 2560),
            frame("data", 0, 512),
            one,
            b"\r\n".to_vec(),
            frame("data", 4096, 2048),
            two,
            three,
            b"\r\n".to_vec(),
            frame("stop", 0, 0),
            sizes.clone().into_bytes(),
            b"\r\n".to_vec(),
            frame("comp", 0, sizes.len() as u64),
        ]
        .concat()
    }

    fn right(one: usize, two: usize, three: usize) -> String {
        format!("[{one}, {{\"{}\": [{two}, {three}]}}]", two + three)
    }

    #[test]
    fn uncompressed() {
        let seen = [('d', 512, 1024, 7), ('u', 65536, 65536, 0)];
        assert_eq!(read(&plain(), 0).unwrap(), seen);
        every_cut_but(&plain(), &[]);
        let plain = plain();
        let header = AnyDecoder::new(plain.as_slice()).unwrap().header().clone();
        assert_eq!((&*header.target.name, header.target.size), ("sda", MIB));
        assert!(header.base.is_none());
    }

    #[test]
    fn compressed_with_lz4() {
        let stream = compressed(right);
        assert_eq!(read(&stream, 0).unwrap(), [('d', 0, 512, 0), ('d', 4096, 2048, 0)]);
        every_cut_but(&stream, &[]);
        let decoder = AnyDecoder::new(stream.as_slice()).unwrap();
        assert_eq!(decoder.header().base.as_ref().unwrap().uuid, "virtnbdbackup.0");
    }

    /// Python's lz4 links a frame's blocks, and says how long the content is.
    #[test]
    fn frames_as_the_tool_writes_them() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|place| (place / 7 * 13) as u8).collect();
        let info = lz4_flex::frame::FrameInfo::new()
            .block_mode(lz4_flex::frame::BlockMode::Linked)
            .block_size(lz4_flex::frame::BlockSize::Max64KB)
            .content_size(Some(299_520))
            .block_checksums(true)
            .content_checksum(true);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&bytes[..299_520]).unwrap();
        let frame_of_it = encoder.finish().unwrap();
        let sizes = format!("[{{\"{0}\": [{0}]}}]", frame_of_it.len());
        let stream = [
            meta(LZ4, 299_520),
            frame("data", 512, 299_520),
            frame_of_it,
            b"\r\n".to_vec(),
            frame("stop", 0, 0),
            sizes.clone().into_bytes(),
            b"\r\n".to_vec(),
            frame("comp", 0, sizes.len() as u64),
        ]
        .concat();
        let mut decoder = AnyDecoder::new(stream.as_slice()).unwrap();
        let mut seen = Vec::new();
        while let Some(record) = decoder.next_record().unwrap() {
            let hyperlayer::Record::Data { bytes, .. } = record else { panic!("no data") };
            seen.extend_from_slice(bytes);
        }
        assert!(seen == bytes[..299_520]);
        decoder.finish().unwrap();
    }

    #[test]
    fn zeros_in_an_incremental_stream_are_what_did_not_change() {
        let incremental = FULL.replace("\"incremental\": false", "\"incremental\": true");
        let stream = [meta(&incremental, 512), frame("zero", 0, 4096), data(4096, &[7; 512])];
        let stream = [stream.concat(), frame("zero", 8192, 512), frame("stop", 0, 0)].concat();
        assert_eq!(read(&stream, 0).unwrap(), [('d', 4096, 512, 7)]);
        let decoder = AnyDecoder::new(stream.as_slice()).unwrap();
        let lacks = &decoder.foreign().unwrap().lacks;
        assert!(lacks.contains(&"what became a hole may be left out"), "{lacks:?}");
        let outside =
            [meta(&incremental, 0), frame("zero", MIB, 512), frame("stop", 0, 0)].concat();
        damaged(&outside, "behind the volume's end");
    }

    #[test]
    fn a_large_block_comes_in_pieces() {
        let bytes = vec![3; MIB as usize * 5 / 2];
        let json = meta(LZ4, bytes.len() as u64);
        let json = String::from_utf8(json).unwrap().replace(&MIB.to_string(), "9437184");
        let (frame_of_it, sizes) = (lz4(&bytes), format!("[{}]", lz4(&bytes).len()));
        let stream = [
            json.into_bytes(),
            frame("data", 0, bytes.len() as u64),
            frame_of_it,
            b"\r\n".to_vec(),
            frame("stop", 0, 0),
            sizes.clone().into_bytes(),
            b"\r\n".to_vec(),
            frame("comp", 0, sizes.len() as u64),
        ]
        .concat();
        let lengths: Vec<_> = read(&stream, 0).unwrap().iter().map(|seen| seen.2).collect();
        assert_eq!(lengths, [MIB, MIB, MIB / 2]);
    }

    #[test]
    fn flaws() {
        let with = |middle: Vec<u8>| [meta(FULL, 512), middle, frame("stop", 0, 0)].concat();
        damaged(&with(data(0, &[1; 1024])), "more data");
        damaged(&with(vec![]), "0 bytes of data: expected 512");
        damaged(&with(data(MIB, &[1; 512])), "behind the volume's end");
        damaged(&with(frame("zero", MIB, 512)), "behind the volume's end");
        damaged(&with(frame("data", 0, 1 << 60)), "behind the volume's end");
        damaged(&with(frame("data", u64::MAX, 512)), "sectors");
        damaged(&with(frame("zero", 0, 0)), "sectors");
        damaged(&with(frame("what", 0, 0)), "what");
        damaged(&with(b"data 0000000000000000 00000000000002g0\r\n".to_vec()), "a frame is");
        damaged(&[with(data(0, &[1; 512])), b"x".to_vec()].concat(), "goes on");
        damaged(&frame("meta", 0, 1 << 40), "meta frame has");
        damaged(&[frame("meta", 0, 2), b"{]\r\n".to_vec()].concat(), "broken");
        damaged(&[frame("meta", 0, 2), b"{}\r\n".to_vec()].concat(), "virtualSize");
        unsupported(&meta(&FULL.replace("Version\": 1", "Version\": 3"), 0), "format 3");
        unsupported(&meta(&LZ4.replace("lz4", "zip"), 0), "zip");
        damaged(&compressed(|one, two, three| right(one, three, two + 1)), "not those of the data");
        damaged(&compressed(|_, _, _| "[]".into()), "not those of the data");
        damaged(&compressed(|_, _, _| "{".into()), "sizes at the end");
    }

    #[test]
    fn every_flipped_bit_of_compressed_data_is_noticed() {
        let stream = compressed(right);
        let begin = meta(LZ4, 2560).len() + 40;
        let end = begin + lz4(&(0..512_u32).map(|p| (p * p / 7) as u8).collect::<Vec<_>>()).len();
        for place in begin..end {
            let mut flipped = stream.clone();
            flipped[place] ^= 1 << (place % 8);
            assert!(read(&flipped, 0).is_err(), "byte {place}");
        }
    }
}

#[test]
fn our_own_streams_are_ours() {
    let stream: &[u8] = b"HYPERLAYER/2.0\n";
    assert!(matches!(AnyDecoder::new(stream), Err(Error::Cut { .. })));
    let stream: &[u8] = b"HYPERLAYER/3.0\n";
    assert!(matches!(AnyDecoder::new(stream), Err(Error::Unsupported { .. })));
    assert!(matches!(AnyDecoder::new(&b""[..]), Err(Error::Cut { at: 0, .. })));
}

#[test]
fn an_input_in_small_pieces_is_read_as_one() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let length = buf.len().min(self.0.len()).min(3);
            buf[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }
    let stream = fixture("lvmsync-3-thick.stream");
    let mut decoder = AnyDecoder::new(Slow(&stream)).unwrap();
    while decoder.next_record().unwrap().is_some() {}
    assert_eq!(decoder.totals().data_records, 112);
}

fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        b"HYPERLAYER/1.0\n".to_vec(),
        b"HYPERLAYER/1.0\nDetect level: 2\nVolume size: 1048576\n\n".to_vec(),
        b"lvmsync PROTO[3]\n".to_vec(),
        b"meta 0000000000000000 0000000000000002\r\n".to_vec(),
        vec![1, 1],
        0xca7f_00d5_de7e_c7ed_u64.to_be_bytes().to_vec(),
        0x24c4_f02a_ae2e_4fa9_u64.to_be_bytes().to_vec(),
        0xe85b_c563_6cc7_2a05_u64.to_be_bytes().to_vec(),
        vec![],
    ])
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        begin in beginnings(),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        _ = read(&[begin, rest].concat(), MIB);
    }

    #[test]
    fn no_damage_makes_it_panic_or_leave_the_volume(
        name in prop::sample::select(vec![
            "hyperlayer-1.0-d2.diff", "thin_send-1.1-incremental.stream", "lvmsync-3-thick.stream",
        ]),
        damage in prop::collection::vec((0_usize..200_000, any::<u8>()), 1..20),
        near in any::<bool>(),
    ) {
        let mut stream = fixture(name);
        for (place, byte) in damage {
            let most = if near { 500 } else { stream.len() };
            stream[place % most] = byte;
        }
        if let Ok(seen) = read(&stream, 64 * MIB) {
            // HYPERLAYER/1.0 says the size itself.
            let size = AnyDecoder::new(stream.as_slice()).unwrap().foreign().unwrap().size;
            let size = size.unwrap_or(64 * MIB);
            prop_assert!(seen.iter().all(|(_, offset, length, _)| offset + length <= size));
        }
    }
}
