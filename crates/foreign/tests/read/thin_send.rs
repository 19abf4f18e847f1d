//! thin_send's three protocols.

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
        let decoder = Unfinished::begin(stream.as_slice()).unwrap();
        assert!(!decoder.foreign().unwrap().has_end());
        every_cut_but(&stream, &[data(magic).len()]);
    }
    let stream = v1_1(&[data(V1_1), unmap(V1_1)], [4, 1, 1]);
    assert_eq!(read(&stream, MIB).unwrap(), SEEN);
    assert!(Unfinished::begin(stream.as_slice()).unwrap().foreign().unwrap().has_end());
    every_cut_but(&stream, &[]);
}

#[test]
fn an_optional_command_is_passed_over() {
    let optional = [command(V1_1, 0, 3, 1 << 31 | 9), b"xyz".to_vec()].concat();
    let stream = v1_1(&[data(V1_1), optional.clone(), unmap(V1_1)], [5, 1, 1]);
    assert_eq!(read(&stream, MIB).unwrap(), SEEN);
    every_cut_but(&stream, &[]);
    // Like thin_recv: not before the begin command, and not before 1.1.
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
    damaged(&[v1_1(&[], [2, 0, 0]), b"x".to_vec()].concat(), "more input");
    damaged(&[command(V1_1, 0, 0, 2), command(V1_1, 0, 1 << 40, 3)].concat(), "an end of");
    damaged(&[command(V1_1, 0, 0, 2), command(V1_1, 512, 24, 3)].concat(), "an end at");
    damaged(&[command(V1_1, 0, 8, 2), vec![0; 8], end([2, 0, 0])].concat(), "a begin of");
    damaged(&command(V1_1, 0, 0, 1 << 31 | 2), "before the begin");
    for magic in [FIRST, V1_0] {
        let with = |offset, length, code| command(magic, offset, length, code);
        damaged(&with(MIB, 512, 0), "after the volume's end");
        damaged(&with(MIB, 512, 1), "after the volume's end");
        damaged(&with(u64::MAX - 511, 512, 0), "sectors");
        damaged(&with(1, 512, 0), "sectors");
        damaged(&with(0, 513, 0), "sectors");
        damaged(&with(0, 0, 1), "sectors");
        unsupported(&with(0, 0, 2), "command 0x2");
        unsupported(&with(0, 0, 77), "command 0x4d");
    }
    damaged(&command(V1_0, 0, 1 << 60, 0), "after the volume's end");
}
