//! A new place to write is an `impl Storage`: a stream is applied to a storage that the crate does not know,
//! and undone again, using only the public API.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use blockio::testing::Memory;
use blockio::{ReadAt, Storage};
use flow::{Interrupt, Quiet};
use hyperlayer::{Decoder, Encoder, Header, Record, Records};
use patch::undo::{self, Undo};
use patch::{Applier, Extras, Ground, UndoFiles, UndoStream};

/// Memory that counts the bytes that are written.
struct Counting {
    memory: Memory,
    written: AtomicU64,
}

impl ReadAt for Counting {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.memory.read_at(offset, buf)
    }
}

impl Storage for Counting {
    fn size(&self) -> u64 {
        self.memory.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.memory.write_at(offset, bytes)
    }

    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        self.written.fetch_add(length, Ordering::Relaxed);
        self.memory.zero_out(offset, length)
    }

    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        self.memory.discard(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.memory.punch(offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.memory.sync()
    }
}

fn apply(storage: &dyn Storage, stream: &[u8], undo: Option<&mut Undo>) {
    let mut records = Decoder::new(stream).unwrap();
    let (ground, interrupt) = (Ground::plain(records.header()), Interrupt::default());
    let applier = Applier::new(storage, "storage", ground, &interrupt);
    let extras = Extras { undo, partial: false };
    applier.apply_all("stream", &mut records, &Quiet, extras).unwrap();
}

#[test]
fn a_stream_is_applied_to_any_storage_and_undone() {
    const SIZE: u64 = (2 << 20) + 512;
    let before: Vec<u8> = (0..SIZE).map(|place| (place / 512 % 251) as u8).collect();
    let counting = Counting { memory: Memory::new(before.clone()), written: AtomicU64::new(0) };
    let records = [
        Record::Data { offset: 512, bytes: &[7; 4096] },
        Record::Zero { offset: 65536, length: 65536 },
        Record::Discard { offset: 1 << 20, length: 1 << 19 },
    ];
    let header = Header {
        changed_bytes: 4096 + 65536,
        unmapped_bytes: 1 << 19,
        ..hyperlayer::testing::header(SIZE)
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    records.iter().for_each(|record| encoder.record(*record).unwrap());
    let (stream, _) = encoder.finish().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let reversed = undo::reversed(&header, None, "test", 0).unwrap();
    let digests = undo::sample(&counting, &reversed).unwrap();
    let reversed = Header { detect_level: 2, ..reversed };
    let mut undo = Undo::create(&path, &reversed, &digests).unwrap();
    apply(&counting, &stream, Some(&mut undo));
    undo.finish().unwrap();
    let mut expected = before.clone();
    expected[512..4608].fill(7);
    expected[1 << 16..2 << 16].fill(0);
    expected[1 << 20..3 << 19].fill(0);
    assert!(counting.memory.bytes() == expected);
    // The punched range is already zeros.
    assert_eq!(counting.written.load(Ordering::Relaxed), 4096 + 65536);

    let (file, interrupt) = (std::fs::File::open(&path).unwrap(), Interrupt::default());
    let files = UndoFiles::read([("undo".into(), file)], false, &interrupt).unwrap();
    let stream = UndoStream { name: "undo", header: &reversed, digests: &digests };
    let prove =
        |storage: &Memory| files.prove(stream, "storage", storage, &|| Ok(None), &interrupt);
    prove(&counting.memory).unwrap();
    prove(&Memory::new(vec![0; SIZE as usize])).unwrap_err();
    apply(&counting, &std::fs::read(&path).unwrap(), None);
    assert!(counting.memory.bytes() == before);
}
