//! How little of a file an outline reads: calls and bytes are counted.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use hyperlayer::{Encoder, FRAME_BYTES, Header, Identity, Outline, Volume};

/// As much as is read at once where frames are near to each other.
const WINDOW: usize = 64 << 10;

/// Counts reads and seeks.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    calls: usize,
    bytes: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        (self.calls, self.bytes) = (self.calls + 1, self.bytes + read);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.calls += 1;
        self.file.seek(to)
    }
}

/// A stream of records, every 2 MiB one of data of this length.
fn stream(records: u64, length: usize) -> Vec<u8> {
    let size = records << 21;
    let header = Header {
        target: Volume { name: "target".into(), uuid: String::new(), size },
        base: None,
        chunk_size: 1 << 20,
        pairs: vec![],
        detect_level: 0,
        extents: records,
        changed_bytes: records << 20,
        unmapped_bytes: 0,
        tool: "test".into(),
        created: 0,
        undo: false,
        base_origin: String::new(),
        identity: Identity::default(),
        rest: false,
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    for number in 0..records {
        encoder.data(number << 21, &vec![7; length]).unwrap();
    }
    encoder.finish().unwrap().0
}

#[test]
fn small_records_are_outlined_by_the_window_and_large_ones_unread() {
    let read = |records, length| {
        let bytes = stream(records, length);
        let file = Cursor::new(bytes.as_slice());
        let mut file = Counted { file, calls: 0, bytes: 0 };
        let outlines = Outline::all(&mut file).unwrap();
        assert_eq!(outlines[0].totals.data_records, records);
        assert_eq!(outlines[0].end, bytes.len() as u64);
        (file.calls, file.bytes, bytes.len())
    };
    let (calls, _, length) = read(10_000, 512);
    assert!(calls <= length / WINDOW * 2 + 20, "{calls} calls for {length} bytes");
    let (calls, bytes, _) = read(100, 1 << 20);
    assert!(calls <= 100 * 2 + 20, "{calls} calls");
    assert!(bytes < 100 * FRAME_BYTES + 3 * WINDOW, "{bytes} bytes");
}
