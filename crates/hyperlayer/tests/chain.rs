//! Several streams, one after the other.

mod common;

use std::io::Cursor;

use common::{RawFrame, encode, example, header_frame, stream_of};
use hyperlayer::{Decoder, Error, Header, Outline, Record, Records};

fn example_stream() -> Vec<u8> {
    let (header, digests, records) = example();
    encode(&header, &digests, &records).unwrap().0
}

/// A target's name, and its stream's digest.
type Stream = (String, [u8; 32]);

/// Reads a chain; returns its streams, and how it ended.
fn read(chain: &[u8]) -> (Vec<Stream>, Result<(), Error>) {
    let mut streams = Vec::new();
    let mut decode = || {
        let mut next = Some(Decoder::new(chain)?);
        while let Some(mut decoder) = next {
            while decoder.next_record()?.is_some() {
                assert_eq!(decoder.stream_digest(), None);
            }
            let digest = decoder.stream_digest().expect("it is complete");
            streams.push((decoder.header().target.name.clone(), digest));
            next = decoder.next_stream()?;
        }
        Ok(())
    };
    let ended = decode();
    (streams, ended)
}

#[test]
fn streams_are_read_one_after_another() {
    let (header, _, records) = example();
    let second = Header { detect_level: 0, ..header };
    let second = encode(&second, &[], &records).unwrap().0;
    let chain = [example_stream(), second.clone(), example_stream()].concat();
    let (streams, ended) = read(&chain);
    ended.unwrap();
    assert_eq!(streams.len(), 3);
    assert_eq!(streams[0], streams[2]);
    assert_ne!(streams[0].1, streams[1].1);
    assert_eq!(streams[1].1, read(&second).0[0].1);
}

#[test]
fn records_that_are_not_taken_are_verified_all_the_same() {
    let chain = [example_stream(), example_stream()].concat();
    let second = Decoder::new(chain.as_slice()).unwrap().next_stream().unwrap().unwrap();
    assert_eq!(second.header().target.name, "vol0");
    assert!(second.next_stream().unwrap().is_none());

    let mut damaged = chain;
    let content = damaged.windows(8).position(|window| window == [0xa5; 8]).unwrap();
    damaged[content] ^= 1;
    let skipped = Decoder::new(damaged.as_slice()).unwrap().next_stream();
    assert!(matches!(skipped, Err(Error::Damaged { .. })));
}

#[test]
fn a_chain_may_end_behind_a_stream_and_nowhere_else() {
    let one = example_stream().len();
    let chain = [example_stream(), example_stream()].concat();
    for length in 0..chain.len() {
        let (streams, ended) = read(&chain[..length]);
        if length == one {
            ended.unwrap();
        } else {
            let Err(Error::Cut { at, .. }) = ended else { panic!("{length}: {ended:?}") };
            assert_eq!(at, length as u64);
        }
        assert_eq!(streams.len(), usize::from(length >= one));
    }
}

#[test]
fn places_are_counted_from_the_beginning_of_the_input() {
    let example = example_stream();
    let one = example.len() as u64;
    let trailer = example.windows(4).rposition(|window| window == b"TAIL").unwrap() as u64;
    let mut chain = [example_stream(), example_stream()].concat();
    *chain.last_mut().unwrap() ^= 1;
    let Err(Error::Damaged { at, .. }) = read(&chain).1 else { panic!("it was not noticed") };
    assert_eq!(at, one + trailer);

    let mut chain = example_stream();
    chain.extend(b"HYPERLAYER/9.9\n");
    let Err(Error::Unsupported { at, .. }) = read(&chain).1 else { panic!("it was not noticed") };
    assert_eq!(at, one);

    let mut chain = example_stream();
    chain.push(b'x');
    let Err(Error::Damaged { at, reason }) = read(&chain).1 else { panic!("it was not noticed") };
    assert_eq!(at, one);
    assert!(reason.contains("bytes after the trailer"), "{reason}");
}

#[test]
fn a_single_stream_is_refused_where_another_one_follows() {
    let chain = [example_stream(), example_stream()].concat();
    let mut decoder = Decoder::new(chain.as_slice()).unwrap();
    assert!(matches!(decoder.finish(), Err(Error::Damaged { .. })));
}

#[test]
fn a_record_of_another_stream_is_noticed() {
    // Two streams with the same frames except for one record's content, which has the same length in both.
    let header = Header { detect_level: 0, changed_bytes: 512, unmapped_bytes: 0, ..example().0 };
    let stream = |byte: u8| {
        let record = RawFrame::new(b"DATA", 0, 512, &[byte; 512]);
        stream_of(&[header_frame(&header), record])
    };
    let (a, b) = (stream(1), stream(2));
    let trailer = 80 + 168;
    let record = a.len() - trailer - 80 - 512..a.len() - trailer;
    let mut mixed = a.clone();
    mixed[record.clone()].copy_from_slice(&b[record]);
    let mut decoder = Decoder::new(mixed.as_slice()).unwrap();
    let bytes = &[2; 512][..];
    assert_eq!(decoder.next_record().unwrap(), Some(Record::Data { offset: 0, bytes }));
    assert!(matches!(decoder.finish(), Err(Error::Damaged { .. })));
    Decoder::new(a.as_slice()).unwrap().finish().unwrap();
}

#[test]
fn outlines_say_what_the_decoder_says() {
    let chain = [example_stream(), example_stream()].concat();
    let outlines = Outline::all(&mut Cursor::new(&chain)).unwrap();
    let mut decoder = Decoder::new(chain.as_slice()).unwrap();
    while decoder.next_record().unwrap().is_some() {}
    for (number, outline) in outlines.iter().enumerate() {
        assert_eq!(outline.header, *decoder.header());
        assert_eq!(outline.base_digests, decoder.base_digests());
        assert_eq!(outline.totals, decoder.totals());
        assert_eq!(Some(outline.stream_digest), decoder.stream_digest());
        let one = (chain.len() / 2) as u64;
        assert_eq!((outline.begin, outline.end), (number as u64 * one, (number as u64 + 1) * one));
    }
    assert_eq!(outlines.len(), 2);
    for length in 0..chain.len() {
        let cut = Outline::all(&mut Cursor::new(&chain[..length]));
        match length == chain.len() / 2 {
            true => assert_eq!(cut.unwrap(), outlines[..1]),
            false => assert!(matches!(cut, Err(Error::Cut { .. })), "{length}: {cut:?}"),
        }
    }
}
