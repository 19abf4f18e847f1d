//! The index finds every record, with few reads, and nothing in it is trusted unverified.

mod common;

use std::io::Cursor;

use common::{RawFrame, example, header_frame, index_of, stream_with};
use hyperlayer::{Encoder, Error, Header, Index, Outline, Packer, Record};

fn header(size: u64) -> Header {
    let mut header = example().0;
    (header.target.size, header.base, header.detect_level) = (size, None, 0);
    (header.changed_bytes, header.unmapped_bytes) = (size, 0);
    header
}

fn index(file: &mut Cursor<Vec<u8>>) -> Index {
    let outlines = Outline::all(file).unwrap();
    Index::of(outlines.last().unwrap()).expect("it has one")
}

#[test]
fn every_place_is_found_on_every_number_of_levels() {
    // One level for up to 32768 records, then two.
    for records in [1_u64, 2, 32767, 32768, 32769, 65536, 65537, 100_000] {
        let mut encoder = Encoder::new(Vec::new(), &header(records << 12), &[]).unwrap();
        (0..records).for_each(|number| encoder.zero(number << 12, 512).unwrap());
        let (stream, finished) = encoder.finish().unwrap();
        assert_eq!(finished.totals.zero_records, records);
        let mut file = Cursor::new(stream);
        let index = index(&mut file);
        for number in [0, 1, 2, records / 2, 32767, 32768, 65535, records - 1, records] {
            for (place, found) in [(number << 12, number), ((number << 12) + 512, number + 1)] {
                let entry = index.find(&mut file, place).unwrap();
                let expected = (found < records).then_some(found << 12);
                assert_eq!(entry.map(|entry| entry.offset), expected, "{records} {place}");
            }
        }
    }
}

#[test]
fn it_leads_to_the_frames_of_a_stream_behind_others() {
    let mut stream = Encoder::new(Vec::new(), &header(1 << 20), &[]).unwrap().finish().unwrap().0;
    assert_eq!(Outline::all(&mut Cursor::new(&stream)).unwrap()[0].index, None);
    let mut encoder = Encoder::new(&mut stream, &header(1 << 20), &[]).unwrap();
    encoder.data(0, &[1; 512]).unwrap();
    let records = [
        Record::Zero { offset: 1024, length: 512 },
        Record::Data { offset: 2048, bytes: &[2; 512] },
    ];
    encoder.group(&Packer::new(None).unwrap().pack_group(&records).unwrap()).unwrap();
    encoder.finish().unwrap();
    let mut file = Cursor::new(stream);
    let index = index(&mut file);
    let data = index.find(&mut file, 0).unwrap().unwrap();
    assert_eq!((data.offset, data.length, data.size, data.has_data), (0, 512, 592, true));
    let group = index.find(&mut file, 512).unwrap().unwrap();
    assert_eq!((group.offset, group.length, group.has_data), (1024, 1536, true));
    let kind = |entry: hyperlayer::Entry| file.get_ref()[entry.position as usize..][..4].to_vec();
    assert_eq!((kind(data), kind(group)), (b"DATA".to_vec(), b"GRUP".to_vec()));
}

#[test]
fn whatever_is_no_index_is_refused() {
    let frames = [header_frame(&header(1 << 20)), RawFrame::new(b"ZERO", 0, 512, &[])];
    let find = |index: &RawFrame, place: u64| {
        let stream =
            stream_with(&[&frames[..], std::slice::from_ref(index)].concat(), place, [None, None]);
        let mut file = Cursor::new(stream);
        let outlines = Outline::all(&mut file).unwrap();
        Index::of(&outlines[0]).unwrap().find(&mut file, 0)
    };
    let (sound, place) = index_of(&frames);
    find(&sound, place).unwrap().unwrap();
    let refused = |index: &RawFrame, place: u64| {
        let ended = find(index, place);
        assert!(matches!(ended, Err(Error::Damaged { .. } | Error::Io(_))), "{ended:?}");
    };
    refused(&sound, 15); // the header stands there
    refused(&sound, place + 1);
    refused(&RawFrame { content: vec![0; 31], ..sound.clone() }, place);
    let changed = |at: usize, number: u64| {
        let mut index = sound.clone();
        index.content[at..at + 8].copy_from_slice(&number.to_le_bytes());
        index
    };
    refused(&changed(8, 0), place); // no length
    refused(&changed(16, 0), place); // before the header
    // A frame after the index, or the index itself: following it would never end.
    refused(&changed(16, place), place);
    let mut circle = changed(16, place);
    circle.content[24..28].copy_from_slice(b"INDX");
    refused(&circle, place);
    refused(&changed(16, u64::MAX), place);
    let twice = [&sound.content[..], &sound.content].concat();
    refused(&RawFrame { content: twice, ..sound }, place);
}
