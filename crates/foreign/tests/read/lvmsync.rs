//! lvmsync PROTO[3].

use super::*;

fn stream(records: &[(u64, u32)]) -> Vec<u8> {
    let mut stream = b"lvmsync PROTO[3]\n".to_vec();
    for (number, (offset, length)) in records.iter().enumerate() {
        stream.extend(offset.to_be_bytes());
        stream.extend(length.to_be_bytes());
        stream.extend(vec![number as u8 + 1; *length.min(&4096) as usize]);
    }
    stream
}

#[test]
fn real_streams_are_read() {
    for name in ["lvmsync-3-thick.stream", "lvmsync-3-snapback.stream"] {
        let seen = read(&fixture(name), 64 * MIB).unwrap();
        assert_eq!(seen.len(), 112);
        assert!(seen.iter().all(|seen| seen.0 == 'd' && seen.2 == 4096));
    }
}

#[test]
fn records_in_any_order() {
    let stream = stream(&[(4096, 512), (0, 512), (0, 1024)]);
    let seen = [('d', 4096, 512, 1), ('d', 0, 512, 2), ('d', 0, 1024, 3)];
    assert_eq!(read(&stream, MIB).unwrap(), seen);
    let begun = Unfinished::begin(stream.as_slice()).unwrap();
    assert!(!begun.complete(&Missing::default()).unwrap().ascend());
    every_cut_but(&stream, &[17, 17 + 524, 17 + 2 * 524]);
}

#[test]
fn flaws() {
    unsupported(b"lvmsync PROTO[1]\nabc", "PROTO[1]");
    unsupported(b"lvmsync PROTO[2]\nabc", "PROTO[2]");
    damaged(&stream(&[(MIB, 512)]), "after the volume's end");
    damaged(&stream(&[(MIB - 512, 1024)]), "after the volume's end");
    damaged(&stream(&[(0, u32::MAX)]), "sectors");
    damaged(&stream(&[(0, 0)]), "sectors");
    damaged(&stream(&[(100, 512)]), "sectors");
    damaged(format!("lvmsync PROTO[{}", "3".repeat(100)).as_bytes(), "in a line");
}
