//! Records that are packed together: they come back one by one, and any damage is detected.

mod common;

use common::{RawFrame, example, header_frame, stream_of};
use hyperlayer::{Contents, Decoder, Encoder, Error, Header, PackedGroup, Packer, Record, Records};
use proptest::prelude::*;

fn header(changed_bytes: u64, unmapped_bytes: u64) -> Header {
    Header { detect_level: 0, changed_bytes, unmapped_bytes, ..example().0 }
}

/// A group's content according to the specification: for each record its kind, offset, length and bytes.
fn content(records: &[(&[u8; 4], u64, u64, &[u8])]) -> (Vec<u8>, usize) {
    let mut content = (records.len() as u32).to_le_bytes().to_vec();
    content.extend([0; 4]);
    for (kind, offset, length, bytes) in records {
        content.extend(*kind);
        content.extend([0; 4]);
        content.extend(offset.to_le_bytes());
        content.extend(length.to_le_bytes());
        content.extend(blake3::hash(bytes).as_bytes());
    }
    let table = content.len();
    records.iter().for_each(|record| content.extend(record.3));
    (content, table)
}

/// A whole stream without its trailer, whose last frame is this group's.
fn stream(content: &[u8], table: usize, offset: u64, codec: u32, stored: &[u8]) -> Vec<u8> {
    let digest = *blake3::hash(content.get(..table).unwrap_or(content)).as_bytes();
    let frame = RawFrame { codec, ..RawFrame::new(b"GRUP", offset, content.len() as u64, stored) };
    let mut bytes = frame.to_bytes(1);
    bytes[40..72].copy_from_slice(&digest);
    let check = blake3::hash(&bytes[..72]);
    bytes[72..80].copy_from_slice(&check.as_bytes()[..8]);
    let mut stream = stream_of(&[header_frame(&header(1 << 20, 0))]);
    stream.truncate(stream.len() - 80 - 168);
    stream.extend(bytes);
    stream
}

/// What is handed out of a stream before it ends, and the error that ends it.
fn read(stream: &[u8]) -> (Vec<(u64, u64)>, Error) {
    let mut decoder = Decoder::new(stream).unwrap();
    let mut records = Vec::new();
    loop {
        match decoder.next_record() {
            Ok(Some(record)) => records.push((record.offset(), record.length())),
            Ok(None) => panic!("the trailer is not there"),
            Err(error) => return (records, error),
        }
    }
}

#[track_caller]
fn refused(content: &[u8], table: usize, offset: u64, before: usize, word: &str) {
    let (records, error) = read(&stream(content, table, offset, 0, content));
    assert!(matches!(&error, Error::Damaged { reason, .. } if reason.contains(word)), "{error}");
    assert_eq!(records.len(), before);
}

const ONE: (&[u8; 4], u64, u64, &[u8]) = (b"DATA", 512, 512, &[1; 512]);
const TWO: (&[u8; 4], u64, u64, &[u8]) = (b"ZERO", 1024, 4096, &[]);

#[test]
fn a_group_by_the_text_alone_is_read_stored_either_way() {
    let (content, table) = content(&[ONE, TWO, (b"DATA", 8192, 1024, &[2; 1024])]);
    let packed = zstd::bulk::compress(&content, 3).unwrap();
    for (codec, stored) in [(0, &content), (1, &packed)] {
        let (records, error) = read(&stream(&content, table, 512, codec, stored));
        assert_eq!(records, [(512, 512), (1024, 4096), (8192, 1024)]);
        assert!(matches!(error, Error::Cut { .. }), "{error}");
    }
}

#[test]
fn what_no_group_can_be_is_refused() {
    let (sound, table) = content(&[ONE, TWO]);
    refused(&sound, table, 0, 0, "its frame says 0");
    refused(&[], 0, 512, 0, "too small for its table");
    refused(&sound[..table - 1], table - 1, 512, 0, "too small for its table");
    refused(&[&sound[..], &[0]].concat(), table, 512, 0, "its table says 512");
    refused(&sound[..sound.len() - 1], table, 512, 0, "its table says 512");
    refused(&[0; 8], 8, 512, 0, "without records");
    let changed = |place: usize, bytes: &[u8]| {
        let mut content = sound.clone();
        content[place..place + bytes.len()].copy_from_slice(bytes);
        content
    };
    // More records than there are bytes, or memory, for.
    for count in [1_u32 << 16, u32::MAX] {
        refused(&changed(0, &count.to_le_bytes()), table, 512, 0, "too small for its table");
    }
    // The third entry would be data.
    refused(&changed(0, &[3]), table + 56, 512, 0, "an invalid table");
    refused(&changed(4, &[1]), table, 512, 0, "an invalid table");
    refused(&changed(12, &[1]), table, 512, 0, "an invalid table");
    for kind in [b"GRUP", b"HEAD", b"TAIL", b"data"] {
        refused(&changed(8, kind), table, 512, 0, "an invalid table");
    }
    refused(&changed(24, &u64::MAX.to_le_bytes()), table, 512, 0, "its table says");
    // A frame whose length is not its content's.
    let mut longer = stream(&sound, table, 512, 0, &sound);
    let frame = longer.len() - sound.len() - 80;
    longer[frame + 24] += 1;
    let check = blake3::hash(&longer[frame..frame + 72]);
    longer[frame + 72..frame + 80].copy_from_slice(&check.as_bytes()[..8]);
    let (records, error) = read(&longer);
    assert!(records.is_empty() && error.to_string().contains("but its frame says"), "{error}");
    // The rules for records: earlier records have been handed out.
    let ranges = |records: &[_], before, word| {
        let (content, table) = content(records);
        refused(&content, table, records[0].1, before, word);
    };
    ranges(&[TWO, ONE], 1, "out of order");
    ranges(&[ONE, ONE], 1, "out of order");
    ranges(&[ONE, (b"ZERO", 1024, 0, &[])], 1, "expected multiples");
    ranges(&[ONE, (b"ZERO", 1024, u64::MAX - 511, &[])], 1, "expected multiples");
    ranges(&[ONE, (b"DATA", 1 << 20, 512, &[1; 512])], 1, "expected multiples");
    ranges(&[ONE, (b"DATA", 1024, 100, &[1; 100])], 1, "expected multiples");
    ranges(&[ONE, (b"DISC", 1024, 512, &[])], 1, "announced");
    ranges(&[(b"DATA", 1024, 0, &[])], 0, "expected multiples");
    // A flipped byte in the second record's data.
    let (mut flipped, table) = content(&[ONE, (b"DATA", 1024, 512, &[2; 512])]);
    *flipped.last_mut().unwrap() ^= 1;
    refused(&flipped, table, 512, 1, "does not match its BLAKE3");
    // The table's own digest.
    let mut other = stream(&sound, table, 512, 0, &sound);
    let last = other.len() - sound.len() + 16;
    other[last] ^= 1;
    assert!(matches!(read(&other).1, Error::Damaged { .. }));
}

#[test]
fn a_group_that_expands_takes_no_memory() {
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 3).unwrap();
    for length in [8, 64, 1 << 20, (1 << 20) + 1, u64::MAX] {
        let mut frame = RawFrame { codec: 1, ..RawFrame::new(b"GRUP", 0, length, &bomb) };
        frame.content.truncate(1 << 20);
        let mut stream = stream_of(&[header_frame(&header(1 << 20, 0)), frame]);
        stream.truncate(stream.len() - 80 - 168);
        let (records, error) = read(&stream);
        assert!(records.is_empty() && matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn groups_and_their_records_have_limits() {
    let mut packer = Packer::new(Some(3)).unwrap();
    assert!(packer.pack_group(&[]).is_err());
    assert!(PackedGroup::has_room_for(2, (1 << 20) - 8 - 112));
    assert!(!PackedGroup::has_room_for(2, (1 << 20) - 8 - 111));
    let bytes = vec![1; 1 << 19];
    let half = |offset| Record::Data { offset, bytes: &bytes };
    assert!(packer.pack_group(&[half(0), half(1 << 19)]).is_err());
    let group = packer.pack_group(&[half(0)]).unwrap();
    // An encoder checks each record of a group against the rules.
    let mut encoder = Encoder::new(Vec::new(), &header(1 << 19, 0), &[]).unwrap();
    encoder.group(&group).unwrap();
    assert!(encoder.group(&group).is_err());
    let mut encoder = Encoder::new(Vec::new(), &header(1 << 18, 0), &[]).unwrap();
    assert!(encoder.group(&group).is_err());
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        steps in prop::collection::vec((0_u64..4, 1_u64..9, 0_u8..3, any::<u8>()), 1..60),
        groups in prop::collection::vec(1_usize..9, 1..60),
        level in prop::option::of(1_i32..4),
    ) {
        let (mut place, mut contents) = (0, Vec::new());
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
        let mut encoder = Encoder::new(Vec::new(), &header(sum(false), sum(true)), &[]).unwrap();
        let (mut rest, mut sizes) = (records.as_slice(), groups.iter().cycle());
        let mut packer = Packer::new(level).unwrap();
        while !rest.is_empty() {
            let (group, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            if let [record] = group {
                encoder.record(*record).unwrap();
            } else {
                let packed = packer.pack_group(group).unwrap();
                encoder.group(&packed).unwrap();
                packer.take_back_group(packed);
            }
            rest = after;
        }
        let (stream, finished) = encoder.finish().unwrap();
        let mut decoder = Decoder::new(stream.as_slice()).unwrap();
        let mut contents = Contents::default();
        for record in records {
            prop_assert_eq!(decoder.next_record().unwrap(), Some(record));
            // Each record can be read again where it was found.
            if let Record::Data { offset, bytes } = record {
                let place = decoder.place();
                let content = contents.read(&stream[place.at as usize..], place).unwrap();
                prop_assert_eq!(content.at(offset), Some(bytes));
                if bytes.len() > 512 {
                    prop_assert_eq!(content.at(offset + 512), bytes.get(512..));
                }
                prop_assert!(content.records().any(|found| found == (offset, bytes)));
            }
        }
        prop_assert_eq!(decoder.next_record().unwrap(), None);
        prop_assert_eq!(decoder.finish().unwrap(), finished.totals);
    }
}
