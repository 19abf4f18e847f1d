//! virtnbdbackup, plain and compressed.

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
    let header = Unfinished::begin(plain.as_slice()).unwrap().header().clone();
    assert_eq!((&*header.target.name, header.target.size), ("sda", MIB));
    assert!(header.base.is_none());
}

#[test]
fn compressed_with_lz4() {
    let stream = compressed(right);
    assert_eq!(read(&stream, 0).unwrap(), [('d', 0, 512, 0), ('d', 4096, 2048, 0)]);
    every_cut_but(&stream, &[]);
    let decoder = Unfinished::begin(stream.as_slice()).unwrap();
    assert!(decoder.header().base.is_some());
    assert_eq!(decoder.header().identity.base_checkpoint, "virtnbdbackup.0");
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
    let begun = Unfinished::begin(stream.as_slice()).unwrap();
    let mut decoder = begun.complete(&Missing::default()).unwrap();
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
    let decoder = Unfinished::begin(stream.as_slice()).unwrap();
    let lacks = &decoder.foreign().unwrap().lacks;
    assert!(lacks.contains(&"new holes may be missing"), "{lacks:?}");
    let outside = [meta(&incremental, 0), frame("zero", MIB, 512), frame("stop", 0, 0)].concat();
    damaged(&outside, "after the volume's end");
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
    damaged(&with(data(MIB, &[1; 512])), "after the volume's end");
    damaged(&with(frame("zero", MIB, 512)), "after the volume's end");
    damaged(&with(frame("data", 0, 1 << 60)), "after the volume's end");
    damaged(&with(frame("data", u64::MAX, 512)), "sectors");
    damaged(&with(frame("zero", 0, 0)), "sectors");
    damaged(&with(frame("what", 0, 0)), "what");
    damaged(&with(b"data 0000000000000000 00000000000002g0\r\n".to_vec()), "a frame is");
    damaged(&[with(data(0, &[1; 512])), b"x".to_vec()].concat(), "more input");
    damaged(&frame("meta", 0, 1 << 40), "meta frame has");
    damaged(&[frame("meta", 0, 2), b"{]\r\n".to_vec()].concat(), "broken");
    damaged(&[frame("meta", 0, 2), b"{}\r\n".to_vec()].concat(), "virtualSize");
    unsupported(&meta(&FULL.replace("Version\": 1", "Version\": 3"), 0), "format 3");
    unsupported(&meta(&LZ4.replace("lz4", "zip"), 0), "zip");
    damaged(&compressed(|one, two, three| right(one, three, two + 1)), "do not match the data");
    damaged(&compressed(|_, _, _| "[]".into()), "do not match the data");
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

#[test]
fn several_may_stand_one_behind_another() {
    let both = [plain(), compressed(right), plain()].concat();
    let found = read(&both, 0).unwrap();
    let one = [('d', 512, 1024, 7), ('u', 65536, 65536, 0)];
    assert_eq!(found, [&one[..], &[('d', 0, 512, 0), ('d', 4096, 2048, 0)], &one].concat());
    // A cut between two streams leaves complete ones.
    let ends = [plain().len(), plain().len() + compressed(right).len()];
    every_cut_but(&both, &ends);
    let begun = Unfinished::begin(both.as_slice()).unwrap();
    let mut decoder = begun.complete(&Missing::default()).unwrap();
    assert!(decoder.finish().unwrap_err().to_string().contains("more input"));
    // Neither streams of other tools nor ours may follow.
    for next in [&b"meta 1"[..], b"lvmsync PROTO[3]\n", b"HYPERLAYER/2.0\n", &[1, 1]] {
        damaged(&[&plain(), next].concat(), "more input");
    }
}

#[test]
fn what_it_says_of_itself() {
    let dated =
        |date: &str| [meta(&format!("{FULL}, \"date\": {date}"), 0), frame("stop", 0, 0)].concat();
    let made = |date: &str| {
        let stream = dated(date);
        let decoder = Unfinished::begin(stream.as_slice()).unwrap();
        let foreign = decoder.foreign().unwrap();
        assert_eq!(foreign.disk.as_deref(), Some("sda"));
        foreign.made.as_ref().map(ToString::to_string)
    };
    assert_eq!(
        made("\"2026-11-25T22:34:00.631188\"").as_deref(),
        Some("2026-11-25T22:34:00.631188")
    );
    for unknown in ["null", "7", "\"\"", "\"yesterday\"", "\"2026-11-25T22:34:00+01:00\""] {
        assert_eq!(made(unknown), None, "{unknown}");
    }
}
