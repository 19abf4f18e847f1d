//! What two sides of lvsync say to each other: messages, and a stream in blocks.

use std::fmt::Debug;
use std::io::{Read, Write};

use peer::{Answer, BlockReader, BlockWriter, Request, read_line, write_line};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mode;

/// Takes the input for requests, answers, or blocks.
pub fn run(input: &[u8]) {
    match mode(input) {
        (0, rest) => messages::<Request>(rest),
        (1, rest) => messages::<Answer>(rest),
        (_, rest) => blocks(rest),
    }
}

/// Every message is one that is written and read as the same, and none takes a byte of the next one.
fn messages<T: Debug + PartialEq + Serialize + DeserializeOwned>(mut input: &[u8]) {
    loop {
        let before = input;
        match read_line::<T>(&mut input) {
            Ok(None) => return assert!(before.is_empty()),
            Err(error) => {
                let shown = error.to_string();
                return assert!(!shown.contains(|sign: char| sign.is_control()), "{shown:?}");
            }
            Ok(Some(message)) => {
                let line = before.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
                assert_eq!(line, Some(before.len() - input.len()));
                let mut written = Vec::new();
                write_line(&mut written, &message).expect("memory takes all");
                let mut from = written.as_slice();
                let read = read_line::<T>(&mut from).expect("it was written");
                assert_eq!((read, from), (Some(message), &b""[..]));
            }
        }
    }
}

/// The blocks are read as a simple reader reads them, and a message can follow.
fn blocks(input: &[u8]) {
    let mut from = input;
    let mut reader = BlockReader::new(&mut from);
    let mut content = Vec::new();
    let read = reader.read_to_end(&mut content);
    let (expected, end) = simply(input);
    assert_eq!(content, expected);
    assert_eq!(read.is_ok(), end == End::Whole);
    assert_eq!(read.is_err_and(|error| peer::is_given_up(&error)), end == End::GivenUp);
    if end == End::Whole {
        let mut again = Vec::new();
        let mut writer = BlockWriter::new(&mut again, || true);
        writer.write_all(&content).expect("memory takes all");
        writer.finish().expect("memory takes all");
        assert_eq!(simply(&again), (content, End::Whole));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Whole,
    GivenUp,
    Broken,
}

fn simply(mut input: &[u8]) -> (Vec<u8>, End) {
    let mut content = Vec::new();
    loop {
        let Some((length, rest)) = input.split_first_chunk() else { return (content, End::Broken) };
        let length = u32::from_le_bytes(*length);
        match length {
            0 => return (content, End::Whole),
            u32::MAX => return (content, End::GivenUp),
            length if length > 256 << 10 => return (content, End::Broken),
            _ => {}
        }
        let (block, rest) = rest.split_at(rest.len().min(length as usize));
        content.extend(block);
        if block.len() < length as usize {
            return (content, End::Broken);
        }
        input = rest;
    }
}
