//! An outline reads little of a file: calls and bytes are counted.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use hyperlayer::{Encoder, Error, Header, Identity, Outline, Volume};

/// How much is read at once if frames are close together.
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

/// A stream with a data record of this length every 2 MiB.
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
fn a_stream_of_any_length_is_outlined_by_its_two_ends() {
    let read = |bytes: &[u8]| {
        let mut file = Counted { file: Cursor::new(bytes), calls: 0, bytes: 0 };
        (Outline::all(&mut file), file.calls, file.bytes)
    };
    for (records, length) in [(10_000, 512), (100, 1 << 20)] {
        let bytes = stream(records, length);
        let (outlines, calls, taken) = read(&bytes);
        let outline = &outlines.unwrap()[0];
        assert_eq!((outline.totals.data_records, outline.end), (records, bytes.len() as u64));
        assert!(calls <= 12 && taken < 1000, "{calls} calls, {taken} bytes");
    }
    // Three streams, one after the other.
    let chain = [stream(10, 512), stream(20_000, 512), stream(1, 512)].concat();
    let (outlines, calls, _) = read(&chain);
    let counts: Vec<_> =
        outlines.unwrap().iter().map(|outline| outline.totals.data_records).collect();
    assert_eq!(counts, [10, 20_000, 1]);
    assert!(calls <= 30, "{calls} calls");
}

#[test]
fn where_the_end_is_missing_frames_are_gone_through_by_the_window() {
    let bytes = stream(10_000, 512);
    let cut = &bytes[..bytes.len() - 1];
    let mut file = Counted { file: Cursor::new(cut), calls: 0, bytes: 0 };
    let error = Outline::all(&mut file).unwrap_err();
    assert!(matches!(error, Error::Cut { at, .. } if at == cut.len() as u64), "{error}");
    assert!(file.calls <= bytes.len() / WINDOW * 2 + 40, "{} calls", file.calls);
}
