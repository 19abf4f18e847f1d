//! lvdiff --convert: what it announces is what lvpatch makes room for, and no record goes beyond that.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use hyperlayer::{Decoder, Header, Record, Records};
use proptest::prelude::*;
use system_tests::programs;

const SECTOR: usize = 512;
/// Neither of the formats here says a chunk size.
const CHUNK: usize = 65536;

/// A record of another tool's, in bytes.
#[derive(Clone, Debug)]
struct Change {
    begin: usize,
    end: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Data(u8),
    Hole,
}

fn converted(stream: &[u8], arguments: &[String]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stream"), stream).unwrap();
    let output = Command::new(programs::dir().unwrap().join("lvdiff"))
        .current_dir(folder.path())
        .args(["--convert", "-q", "-i", "stream"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    output.stdout
}

/// A full stream of virtnbdbackup's, of an image whose holes are these.
fn virtnbdbackup(size: usize, changes: &[Change]) -> Vec<u8> {
    let frame = |kind: &str, start: usize, length: usize| {
        format!("{kind} {start:016x} {length:016x}\r\n").into_bytes()
    };
    let is_data = |change: &&Change| matches!(change.kind, Kind::Data(_));
    let data: usize = changes.iter().filter(is_data).map(|one| one.end - one.begin).sum();
    let json = format!(
        "{{\"virtualSize\": {size}, \"dataSize\": {data}, \"diskName\": \"sda\", \
         \"checkpointName\": \"virtnbdbackup.0\", \"compressed\": false, \"incremental\": false, \
         \"streamVersion\": 1}}"
    );
    let mut stream = [&frame("meta", 0, json.len())[..], json.as_bytes(), b"\r\n"].concat();
    for change in changes {
        let length = change.end - change.begin;
        match change.kind {
            Kind::Data(byte) => {
                stream.extend(frame("data", change.begin, length));
                stream.extend(vec![byte; length]);
                stream.extend(b"\r\n");
            }
            Kind::Hole => stream.extend(frame("zero", change.begin, length)),
        }
    }
    stream.extend(frame("stop", 0, 0));
    stream
}

/// A stream of thin_send's, protocol 1.0: it says no more than its records.
fn thin_send(changes: &[Change]) -> Vec<u8> {
    let mut stream = Vec::new();
    for change in changes {
        let length = change.end - change.begin;
        stream.extend(0xca7f_00d5_de7e_c7ed_u64.to_be_bytes());
        stream.extend((change.begin as u64).to_be_bytes());
        stream.extend((length as u64).to_be_bytes());
        match change.kind {
            Kind::Data(byte) => {
                stream.extend(0_u32.to_be_bytes());
                stream.extend(vec![byte; length]);
            }
            Kind::Hole => stream.extend(1_u32.to_be_bytes()),
        }
    }
    stream
}

/// How many chunks of a pool a stream writes to, as lvpatch counts them: every chunk that data or
/// zeros touch, and those of which only a part is to be unmapped, but for the volume's end.
fn touched(stream: &[u8], chunk: usize) -> u64 {
    let mut decoder = Decoder::new(stream).unwrap();
    let size = decoder.header().target.size as usize;
    let mut chunks = BTreeSet::new();
    while let Some(record) = decoder.next_record().unwrap() {
        let begin = record.offset() as usize;
        let end = begin + record.length() as usize;
        match record {
            Record::Discard { .. } => {
                let part = |place: &&usize| !place.is_multiple_of(chunk) && **place != size;
                chunks.extend([begin, end].iter().filter(part).map(|place| place / chunk));
            }
            _ => chunks.extend(begin / chunk..end.div_ceil(chunk)),
        }
    }
    chunks.len() as u64
}

/// How many chunks lvpatch makes room for.
fn announced(header: &Header, chunk: usize) -> u64 {
    let chunks = header.changed_bytes.div_ceil(chunk as u64);
    match header.chunk_size == chunk as u64 {
        true => chunks,
        // Every extent may begin and end inside a chunk.
        false => chunks + 2 * header.extents,
    }
}

/// Applies a stream of ours to `bytes`.
fn apply(stream: &[u8], bytes: &mut Vec<u8>) {
    let mut decoder = Decoder::new(stream).unwrap();
    bytes.resize(decoder.header().target.size as usize, 0);
    while let Some(record) = decoder.next_record().unwrap() {
        let place = record.offset() as usize..(record.offset() + record.length()) as usize;
        match record {
            Record::Data { bytes: data, .. } => bytes[place].copy_from_slice(data),
            _ => bytes[place].fill(0),
        }
    }
    decoder.finish().unwrap();
}

#[test]
fn holes_finer_than_a_chunk_are_announced_as_chunks_that_are_written() {
    let mut changes = Vec::new();
    for begin in (0..64).map(|chunk| chunk * CHUNK) {
        let data = Change { begin, end: begin + 4096, kind: Kind::Data(7) };
        changes
            .extend([data, Change { begin: begin + 4096, end: begin + CHUNK, kind: Kind::Hole }]);
    }
    let ours = converted(&virtnbdbackup(64 * CHUNK, &changes), &[]);
    let header = Decoder::new(ours.as_slice()).unwrap().header().clone();
    assert_eq!(touched(&ours, CHUNK), 64);
    assert_eq!((header.changed_bytes, header.unmapped_bytes), (64 * CHUNK as u64, 0));
}

/// Lengths and gaps in sectors: parts of chunks, whole ones, and several.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..200_usize, (0..4_usize).prop_map(|chunks| chunks * CHUNK / SECTOR)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![(1..255_u8).prop_map(Kind::Data), Just(Kind::Hole)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: system_tests::cases(128),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn no_stream_writes_to_more_chunks_than_it_announces(
        sectors in prop_oneof![1..2000_usize, (1..16_usize).prop_map(|n| n * CHUNK / SECTOR)],
        base_sectors in prop::option::of(prop::option::of(1..2000_usize)),
        ascends in any::<bool>(),
        records in prop::collection::vec((length(), length(), kind()), 0..40),
        pool in prop::sample::select(vec![32768_usize, 3 * 65536, 1 << 20]),
    ) {
        // None: a full stream of virtnbdbackup's; else one of thin_send's, full or from a base.
        let size = sectors * SECTOR;
        let mut end = 0;
        let mut changes = Vec::new();
        for &(gap, length, kind) in &records {
            let first = if ascends || base_sectors.is_none() { end } else { 0 };
            let begin = first + gap * SECTOR;
            end = (begin + length * SECTOR).min(size);
            if begin < end {
                changes.push(Change { begin, end, kind });
            }
        }
        let base_size = base_sectors.flatten().map(|sectors| (sectors * SECTOR).min(size));
        let number = |arguments: &[&str]| arguments.iter().map(|&word| word.into()).collect::<Vec<String>>();
        let (stream, arguments) = match (base_sectors, base_size) {
            (None, _) => (virtnbdbackup(size, &changes), vec![]),
            _ if changes.is_empty() => return Ok(()), // nothing tells what it is
            (_, None) => (thin_send(&changes), number(&["--size", &size.to_string(), "vol"])),
            (_, Some(base)) => (
                thin_send(&changes),
                number(&["--size", &size.to_string(), "--base-size", &base.to_string(), "mon", "tue"]),
            ),
        };
        let base: Vec<u8> = (0..base_size.unwrap_or(0)).map(|place| (place / 7 % 251) as u8).collect();
        let mut expected = base.clone();
        expected.resize(size, 0);
        // After the base's end nothing is mapped.
        let base_end = base_size.unwrap_or(0);
        let mut holes: Vec<_> = (0..sectors).map(|sector| sector * SECTOR >= base_end).collect();
        for change in &changes {
            let (byte, is_hole) = match change.kind {
                Kind::Data(byte) => (byte, false),
                Kind::Hole => (0, true),
            };
            expected[change.begin..change.end].fill(byte);
            holes[change.begin / SECTOR..change.end / SECTOR].fill(is_hole);
        }

        let ours = converted(&stream, &arguments);
        let header = Decoder::new(ours.as_slice()).unwrap().header().clone();
        prop_assert_eq!(header.chunk_size, CHUNK as u64);
        let mut found = base;
        apply(&ours, &mut found);
        prop_assert!(found == expected, "other bytes");

        // There is room for what it writes to, and no more is announced.
        prop_assert_eq!(touched(&ours, CHUNK), announced(&header, CHUNK));
        prop_assert!(touched(&ours, pool) <= announced(&header, pool));

        // Whole chunks are still unmapped, where the base has them.
        let whole = |first: &usize| {
            let sectors = first / SECTOR..(first + CHUNK).min(size) / SECTOR;
            holes[sectors].iter().all(|hole| *hole)
        };
        let unmapped = (0..base_size.unwrap_or(0)).step_by(CHUNK).filter(whole);
        let bytes: usize = unmapped.map(|first| CHUNK.min(size - first)).sum();
        prop_assert_eq!(header.unmapped_bytes, bytes as u64);
    }
}
