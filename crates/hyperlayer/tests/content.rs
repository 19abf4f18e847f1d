//! Records that are read again, at the places where a decoder found them.

mod common;

use common::{RawFrame, example, header_frame, stream_of};
use hyperlayer::{Contents, Decoder, Encoder, Error, Header, Packer, Place, Record, Records};

type Content = (u64, Vec<u8>);

/// Two streams, one after the other: one with an optional frame among the records, one with compressed
/// records. Returns the contents of the data records, and their places.
fn chain() -> (Vec<u8>, Vec<Content>, Vec<Place>) {
    let header = Header { detect_level: 0, unmapped_bytes: 0, ..example().0 };
    let data = |offset, byte| RawFrame::new(b"DATA", offset, 1024, &[byte; 1024]);
    let optional = RawFrame { flags: 1, ..RawFrame::new(b"WHAT", 0, 0, &[9; 100]) };
    let zero = RawFrame::new(b"ZERO", 2048, 512, &[]);
    let mut bytes = stream_of(&[header_frame(&header), data(0, 1), zero, optional, data(4096, 2)]);

    let mut encoder = Encoder::new(&mut bytes, &header, &[]).unwrap();
    let mut packer = Packer::new(Some(3)).unwrap();
    for (offset, byte) in [(512, 3), (32768, 4)] {
        let content = [byte; 8192];
        encoder.packed_data(offset, &content, &packer.pack(&content).unwrap()).unwrap();
    }
    encoder.finish().unwrap();

    let (mut contents, mut places) = (Vec::new(), Vec::new());
    let mut next = Some(Decoder::new(bytes.as_slice()).unwrap());
    while let Some(mut decoder) = next {
        while let Some(record) = decoder.next_record().unwrap() {
            if let Record::Data { offset, bytes } = record {
                contents.push((offset, bytes.to_vec()));
                places.push(decoder.place());
            }
        }
        next = decoder.next_stream().unwrap();
    }
    (bytes, contents, places)
}

fn read(bytes: &[u8], place: Place) -> Result<(u64, Vec<u8>), Error> {
    let mut contents = Contents::default();
    let content = contents.read(&bytes[place.at as usize..], place)?;
    let (offset, bytes) = content.records().next().expect("a frame with data has a record");
    Ok((offset, bytes.into()))
}

#[test]
fn every_record_is_found_again() {
    let (bytes, contents, places) = chain();
    assert_eq!(contents.len(), 4);
    for (content, place) in contents.iter().zip(places) {
        assert_eq!(read(&bytes, place).unwrap(), *content);
    }
}

#[test]
fn whatever_changed_is_noticed() {
    let (bytes, _, places) = chain();
    for place in &places {
        let at = place.at as usize;
        // The frame, and the first stored bytes.
        for changed in at..at + 84 {
            let mut bytes = bytes.clone();
            bytes[changed] ^= 1;
            let error = read(&bytes, *place).unwrap_err();
            assert!(matches!(error, Error::Damaged { at, .. } if at == place.at), "{error}");
        }
        let error = read(&bytes[..at + 84], *place).unwrap_err();
        assert!(matches!(error, Error::Cut { .. }), "{error}");
    }
    // A record that is sound, but not the same one.
    let other = Place { at: places[1].at, ..places[0] };
    assert!(matches!(read(&bytes, other), Err(Error::Damaged { .. })));
}
