//! Streams of virtnbdbackup.

use std::ops::Range;

use twox_hash::XxHash32;

/// Leaves lengths and checksums as they are.
const KEEP: u8 = 1;

/// Reads a stream to its end.
pub fn run(input: &[u8]) {
    let (mode, stream) = crate::mode(input);
    let stream = if mode & KEEP == 0 { repaired(stream) } else { stream.to_vec() };
    crate::foreign::run(&stream, mode);
}

/// A frame of the stream: its kind and its two numbers.
const FRAME: usize = 40;
/// What another stream begins with.
const NEXT: &[u8] = b"meta ";
const LZ4: [u8; 4] = 0x184d_2204_u32.to_le_bytes();

/// The stream with what depends on something else made right: the length of the JSON at its
/// beginning and in that the sum of the data, the checksums of LZ4 frames, and the list of their
/// sizes at the end.
fn repaired(mut stream: &[u8]) -> Vec<u8> {
    let mut streams = Vec::new();
    while !stream.is_empty() {
        let (one, rest) = repaired_one(stream);
        streams.extend(one);
        stream = rest;
    }
    streams
}

/// The first of the streams, and what stands after it.
fn repaired_one(stream: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some((first, mut rest)) = stream.split_at_checked(FRAME) else {
        return (stream.to_vec(), &[]);
    };
    let mut behind: &[u8] = &[];
    let length = number(first, 22..38).min(rest.len() as u64) as usize;
    let (json, after) = rest.split_at(length);
    rest = after;
    let mut body = Vec::new();
    take(&mut rest, 2, &mut body);
    let (mut sum, mut sizes) = (0_u64, Vec::new());
    while let Some((frame, after)) = rest.split_at_checked(FRAME) {
        rest = after;
        body.extend(frame);
        match &frame[..4] {
            b"data" => {
                let length = number(frame, 22..38);
                sum = sum.saturating_add(length);
                if !rest.starts_with(&LZ4) {
                    take(&mut rest, length, &mut body);
                }
                let mut frames = Vec::new();
                while rest.starts_with(&LZ4) {
                    let begin = body.len();
                    rest = &rest[lz4(rest, &mut body)..];
                    frames.push(body.len() - begin);
                }
                sizes.push(frames);
                take(&mut rest, 2, &mut body);
            }
            // Another one stands after it.
            b"stop" if rest.starts_with(NEXT) => {
                behind = std::mem::take(&mut rest);
            }
            b"stop" if !rest.is_empty() => {
                // What is no list of sizes goes, up to the next one.
                let next = rest.windows(NEXT.len()).position(|window| window == NEXT);
                behind = next.map(|place| &rest[place..]).unwrap_or_default();
                let sizes: Vec<_> = sizes.iter().map(|frames| size(frames)).collect();
                let list = format!("[{}]", sizes.join(", "));
                body.extend(format!("{list}\r\ncomp {:016x} {:016x}\r\n", 0, list.len()).bytes());
                rest = &[];
            }
            _ => {}
        }
    }
    body.extend(rest);
    let json = with_sum(json, sum);
    let first = [&first[..22], format!("{:016x}", json.len()).as_bytes(), &first[38..]].concat();
    ([first, json, body].concat(), behind)
}

/// A block's frames in the list of sizes: a number, or the sum of several and each of them.
fn size(frames: &[usize]) -> String {
    match frames {
        [one] => one.to_string(),
        several => format!("{{\"{}\": {several:?}}}", several.iter().sum::<usize>()),
    }
}

/// The JSON with another number after `"dataSize": `.
fn with_sum(json: &[u8], sum: u64) -> Vec<u8> {
    const KEY: &[u8] = b"\"dataSize\": ";
    let Some(place) = json.windows(KEY.len()).position(|window| window == KEY) else {
        return json.to_vec();
    };
    let (before, after) = json.split_at(place + KEY.len());
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    [before, sum.to_string().as_bytes(), &after[digits..]].concat()
}

fn number(frame: &[u8], place: Range<usize>) -> u64 {
    let text = std::str::from_utf8(&frame[place]).unwrap_or_default();
    u64::from_str_radix(text, 16).unwrap_or(0)
}

/// Copies this many bytes, or as many as there are.
fn take(rest: &mut &[u8], length: u64, to: &mut Vec<u8>) {
    let (piece, after) = rest.split_at(length.min(rest.len() as u64) as usize);
    to.extend(piece);
    *rest = after;
}

/// Copies one LZ4 frame with its checksums made right, and without the one of its content, which
/// would have to be decompressed; yields how many bytes it had.
fn lz4(frame: &[u8], to: &mut Vec<u8>) -> usize {
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    let flags = frame.get(4).copied().unwrap_or(0);
    // The content's size and a dictionary's id.
    let optional = if flags & 8 == 0 { 0 } else { 8 } + if flags & 1 == 0 { 0 } else { 4 };
    let Some((head, mut rest)) = frame.split_at_checked(4 + 2 + optional + 1) else {
        to.extend(frame);
        return frame.len();
    };
    let mut head = head.to_vec();
    head[4] &= !CONTENT_CHECKSUM;
    let last = head.len() - 1;
    head[last] = (XxHash32::oneshot(0, &head[4..last]) >> 8) as u8;
    to.extend(head);
    loop {
        let size = rest.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        take(&mut rest, 4, to);
        let length = size & 0x7fff_ffff;
        if size == 0 || length as usize > rest.len() {
            break;
        }
        let (block, _) = rest.split_at(length as usize);
        take(&mut rest, length.into(), to);
        if flags & BLOCK_CHECKSUMS != 0 {
            to.extend(XxHash32::oneshot(0, block).to_le_bytes());
            rest = rest.get(4..).unwrap_or_default();
        }
    }
    if flags & CONTENT_CHECKSUM != 0 {
        rest = rest.get(4..).unwrap_or_default();
    }
    frame.len() - rest.len()
}
