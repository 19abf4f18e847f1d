//! Streams in a file, read at places: outlines, and single contents.

use std::io::Cursor;

use hyperlayer::{Contents, Index, MAX_RECORD, Outline, Place};

use crate::repair;

/// Leaves the checksums as they are.
const KEEP: u8 = 1;

/// Takes the outlines of the input's streams, and reads contents at places that the input names in
/// its first bytes.
pub fn run(input: &[u8]) {
    let (mode, rest) = crate::mode(input);
    let Some((place, stream)) = rest.split_first_chunk::<6>() else { return };
    let mut stream = stream.to_vec();
    if mode & KEEP == 0 {
        repair::hyperlayer(&mut stream);
    }
    if let Ok(outlines) = Outline::all(&mut Cursor::new(&stream)) {
        let mut begin = 0;
        for outline in &outlines {
            assert_eq!(outline.begin, begin, "a stream begins where the one before ends");
            assert!(outline.end > begin);
            // Wherever its index leads, it comes to an end.
            if let Some(index) = Index::of(outline) {
                for place in [0, outline.header.target.size / 2, u64::MAX] {
                    let found = index.find(&mut Cursor::new(&stream), place);
                    if let Ok(Some(entry)) = found {
                        assert!(entry.offset.saturating_add(entry.length) > place);
                        assert!(entry.position >= begin);
                    }
                }
            }
            begin = outline.end;
        }
        assert_eq!(begin, stream.len() as u64, "the last one ends with the file");
    }

    let [low, high, mark @ ..] = *place;
    let at = usize::from(u16::from_le_bytes([low, high])).min(stream.len());
    let frame = &stream[at..];
    // The mark is a part of the frame's check, if the input has not chosen another.
    let mark = match (mode & 2, frame.get(72..).and_then(<[u8]>::first_chunk)) {
        (0, Some(mark)) => *mark,
        _ => mark,
    };
    let place = Place { at: at as u64, mark: u32::from_le_bytes(mark) };
    let mut contents = Contents::default();
    // Once more, with what the first time left behind.
    for _ in 0..2 {
        let Ok(content) = contents.read(frame, place) else { continue };
        for (_, bytes) in content.records() {
            assert!(bytes.len() <= MAX_RECORD);
            if frame.starts_with(b"DATA") {
                assert_eq!(blake3::hash(bytes).as_bytes()[..], frame[40..72]);
            }
        }
    }
}
