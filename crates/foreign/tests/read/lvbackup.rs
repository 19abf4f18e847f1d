//! lvbackup, version 1.

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
        [('d', 0, 4096, 1), ('z', 8192, 4096, 0), ('d', MIB - 4096, 4096, 3), ('d', 4096, 4096, 9)]
    );
    let first = Unfinished::begin(stream.as_slice()).unwrap();
    let header = first.header().clone();
    assert!(header.base.is_none() && first.foreign().unwrap().lacks.is_empty());
    let second = first.skip().unwrap().unwrap();
    let base = Volume { name: "volume".into(), ..header.target.clone() };
    let second = second.complete(&Missing { base: Some(base), ..Missing::default() }).unwrap();
    second.header().follows(&header, None).unwrap();
    let other = [full(), full()].concat();
    let second = Unfinished::begin(other.as_slice()).unwrap().skip().unwrap().unwrap();
    second.header().follows(&header, None).unwrap_err();
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
    damaged(&behind, "after the volume's end");
    let huge = [header(1, 1, (MIB, 4096, 1), ("u", "")), block(u64::MAX, 1)].concat();
    damaged(&huge, "there is no block");
    damaged(&[full(), b"xx".to_vec()].concat(), "no other stream");
    damaged(&header(1, 1, (MIB, 4096, 0), ("bad\u{1}uuid", "")), "UUID");
    assert!(matches!(read(&[2, 1, 0], 0), Err(Error::Damaged { .. })), "version 2");
}
