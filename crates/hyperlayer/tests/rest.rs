//! Streams that are the rest of another one: what the target must already hold precedes the records.

mod common;

use common::{RawFrame, example, header_frame, stream_of};
use hyperlayer::{Decoder, Encoder, Error, Header, Held, Record, Records};

fn header(rest: bool) -> Header {
    Header { detect_level: 0, unmapped_bytes: 0, rest, ..example().0 }
}

fn held(offset: u64, length: u64) -> Held {
    Held { offset, length, digest: [9; 32] }
}

#[test]
fn what_the_target_holds_comes_before_the_records() {
    let ranges = [held(0, 512), held(4096, 8192)];
    let mut encoder = Encoder::rest(Vec::new(), &header(true), &[], &ranges).unwrap();
    encoder.data(12288, &[1; 512]).unwrap();
    let (stream, _) = encoder.finish().unwrap();
    let mut decoder = Decoder::new(stream.as_slice()).unwrap();
    assert_eq!(decoder.held(), ranges);
    let record = Record::Data { offset: 12288, bytes: &[1; 512] };
    assert_eq!(decoder.next_record().unwrap(), Some(record));
    decoder.finish().unwrap();
}

#[test]
fn an_encoder_takes_only_what_can_be() {
    let encoder = |rest, ranges: &[Held]| Encoder::rest(Vec::new(), &header(rest), &[], ranges);
    assert!(encoder(false, &[held(0, 512)]).is_err());
    assert!(encoder(true, &[]).is_err());
    assert!(Encoder::new(Vec::new(), &header(true), &[]).is_err());
    assert!(encoder(true, &[held(512, 512), held(0, 512)]).is_err());
    assert!(encoder(true, &[held(0, 0)]).is_err());
    assert!(encoder(true, &[held(0, (1 << 20) + 1)]).is_err());
    let mut early = encoder(true, &[held(0, 1024)]).unwrap();
    assert!(early.data(512, &[1; 512]).is_err());
    assert!(Header { undo: true, ..header(true) }.to_bytes().is_err());
}

#[test]
fn a_decoder_takes_only_what_can_be() {
    let content = |ranges: &[(u64, u64)]| {
        let mut content = Vec::new();
        for (offset, length) in ranges {
            content.extend(offset.to_le_bytes());
            content.extend(length.to_le_bytes());
            content.extend([9; 32]);
        }
        content
    };
    let begin = |rest, content: &[u8]| {
        let frames = [header_frame(&header(rest)), RawFrame::new(b"PART", 0, 0, content)];
        match Decoder::new(stream_of(&frames).as_slice()) {
            Ok(mut decoder) => decoder.finish().map(|_| ()),
            Err(error) => Err(error),
        }
    };
    begin(true, &content(&[(0, 512), (512, 1)])).unwrap();
    for (rest, content) in [
        (false, content(&[(0, 512)])),
        (true, content(&[])),
        (true, vec![0; 47]),
        (true, content(&[(0, 0)])),
        (true, content(&[(512, 512), (0, 512)])),
        (true, content(&[(0, 1024), (512, 1024)])),
        (true, content(&[(0, (1 << 20) + 1)])),
        (true, content(&[(u64::MAX, 2)])),
        (true, content(&[(1 << 63, 1 << 63)])),
    ] {
        let ended = begin(rest, &content);
        assert!(matches!(ended, Err(Error::Damaged { .. })), "{content:?}: {ended:?}");
    }
    // The header announces it but it is missing; and a record before its end.
    let record = RawFrame::new(b"DATA", 0, 512, &[1; 512]);
    let part = RawFrame::new(b"PART", 0, 0, &content(&[(0, 512)]));
    let missing = stream_of(&[header_frame(&header(true)), record.clone()]);
    assert!(matches!(Decoder::new(missing.as_slice()), Err(Error::Damaged { .. })));
    let early = stream_of(&[header_frame(&header(true)), part.clone(), record]);
    assert!(Decoder::new(early.as_slice()).unwrap().next_record().is_err());
    let twice = stream_of(&[header_frame(&header(true)), part.clone(), part]);
    assert!(Decoder::new(twice.as_slice()).unwrap().next_record().is_err());
}
