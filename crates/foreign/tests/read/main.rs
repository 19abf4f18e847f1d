//! Streams of other tools: real ones, and ones built from the formats' descriptions; every flaw that a format
//! can show is detected.

use std::io::{Read, Write};

use foreign::{Missing, Unfinished};
use hyperlayer::{Error, Records, Volume};
use md5::{Digest, Md5};
use proptest::prelude::*;

mod hyperlayer1;
mod lvbackup;
mod lvmsync;
mod thin_send;
mod virtnbdbackup;

const MIB: u64 = 1 << 20;

/// A record: its kind, its range, and the byte that its data begins with.
type Seen = (char, u64, u64, u8);

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    zstd::decode_all(std::fs::File::open(format!("{folder}{name}.zst")).unwrap()).unwrap()
}

/// Reads a stream to its end, for a volume of this size.
fn read(stream: &[u8], size: u64) -> Result<Vec<Seen>, Error> {
    let mut next = Some(Unfinished::begin(stream)?);
    let mut seen = Vec::new();
    while let Some(begun) = next {
        let missing = Missing { size: Some(size), ..Missing::default() };
        let mut one = begun.complete(&missing)?;
        while let Some(record) = one.next_record()? {
            let (offset, length) = (record.offset(), record.length());
            seen.push(match record {
                hyperlayer::Record::Data { bytes, .. } => ('d', offset, length, bytes[0]),
                hyperlayer::Record::Zero { .. } => ('z', offset, length, 0),
                hyperlayer::Record::Discard { .. } => ('u', offset, length, 0),
            });
        }
        next = one.next_stream()?;
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

/// Cuts are detected everywhere but at the given lengths.
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

#[test]
fn our_own_streams_are_ours() {
    let stream: &[u8] = b"HYPERLAYER/2.0\n";
    assert!(matches!(Unfinished::begin(stream), Err(Error::Cut { .. })));
    let stream: &[u8] = b"HYPERLAYER/3.0\n";
    assert!(matches!(Unfinished::begin(stream), Err(Error::Unsupported { .. })));
    assert!(matches!(Unfinished::begin(&b""[..]), Err(Error::Cut { at: 0, .. })));
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
    let mut decoder =
        Unfinished::begin(Slow(&stream)).unwrap().complete(&Missing::default()).unwrap();
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
            let size = Unfinished::begin(stream.as_slice()).unwrap().foreign().unwrap().size;
            let size = size.unwrap_or(64 * MIB);
            prop_assert!(seen.iter().all(|(_, offset, length, _)| offset + length <= size));
        }
    }
}
