//! Records applied to files.

use flow::Quiet;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use blockio::{Device, OpenMode, is_zero};
use hyperlayer::{Decoder, Encoder, Header};

use super::*;
use crate::discards::Discards;
use crate::gauge::Gauge;
use crate::room::Room;
use crate::testing::is_no_space;

pub(super) const GROUND: Ground = Ground {
    chunk_size: 65536,
    zeroes: true,
    unmaps: true,
    leaves_same: false,
    room: Room {
        chunks: u64::MAX,
        discards: Discards { written_before: 0, skips_one: false },
        metadata: None,
    },
    size: 5 * 65536 + 512,
    origin: None,
    gauge: None,
};

fn room(chunks: u64) -> Room {
    Room { chunks, ..GROUND.room }
}

pub(super) fn stream(size: u64, records: &[Record<'_>]) -> Vec<u8> {
    let sum = |discard: bool| {
        let of_kind = |record: &&Record<'_>| matches!(record, Record::Discard { .. }) == discard;
        records.iter().filter(of_kind).map(Record::length).sum()
    };
    let header = Header {
        changed_bytes: sum(false),
        unmapped_bytes: sum(true),
        ..crate::testing::header(size)
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    records.iter().for_each(|record| encoder.record(*record).unwrap());
    encoder.finish().unwrap().0
}

fn apply(
    file: &tempfile::NamedTempFile,
    ground: Ground,
    records: &[Record<'_>],
) -> anyhow::Result<Totals> {
    let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
    let stream = stream(device.size(), records);
    let interrupt = Interrupt::default();
    let applier = Applier::new(&device, "image", ground, &interrupt);
    let progress = Quiet;
    let mut decoder = Decoder::new(stream.as_slice()).unwrap();
    applier.apply_all("test", &mut decoder, &progress, Extras::default())
}

#[test]
fn records_change_what_they_cover_and_nothing_else() {
    let before = vec![1; 5 * 65536 + 512];
    let file = tempfile::NamedTempFile::new().unwrap();
    for zeroes in [true, false] {
        std::fs::write(file.path(), &before).unwrap();
        apply(
            &file,
            Ground { zeroes, ..GROUND },
            &[
                Record::Data { offset: 512, bytes: &[2; 1024] },
                Record::Data { offset: 2048, bytes: &[3; 512] },
                Record::Zero { offset: 65536, length: 512 },
                Record::Discard { offset: 2 * 65536, length: 65536 },
                Record::Discard { offset: 5 * 65536, length: 512 },
            ],
        )
        .unwrap();
        let mut expected = before.clone();
        expected[512..1536].fill(2);
        expected[2048..2560].fill(3);
        expected[65536..66048].fill(0);
        expected[2 * 65536..3 * 65536].fill(0);
        expected[5 * 65536..].fill(0);
        assert!(std::fs::read(file.path()).unwrap() == expected);
    }
}

#[test]
fn zeros_over_a_hole_write_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(4 << 20).unwrap();
    apply(&file, GROUND, &[Record::Zero { offset: 512, length: (4 << 20) - 512 }]).unwrap();
    assert_eq!(file.path().metadata().unwrap().blocks(), 0);
}

#[test]
fn a_fresh_chunk_is_zeroed_before_a_part_of_it_is_written() {
    let sparse = || {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        file
    };
    let allocated = |zeroes| {
        let file = sparse();
        let records =
            [65536_u64, 65536 + 8192].map(|offset| Record::Data { offset, bytes: &[7; 4096] });
        apply(&file, Ground { zeroes, ..GROUND }, &records).unwrap();
        let after = std::fs::read(file.path()).unwrap();
        assert_eq!(after.iter().filter(|&&byte| byte == 7).count(), 8192);
        file.path().metadata().unwrap().blocks() * 512
    };
    assert!(allocated(true) <= 16384);
    assert!(allocated(false) >= 65536);
}

#[test]
fn what_follows_an_origins_end_in_its_chunk_is_zeroed() {
    let allocated = |origin, record: Record<'_>| {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        let ground = Ground { zeroes: false, origin, size: 4 << 20, ..GROUND };
        apply(&file, ground, &[record]).unwrap();
        file.path().metadata().unwrap().blocks() * 512
    };
    let zeros = |offset| Record::Zero { offset, length: 4096 };
    let tail = 65536 - 4096;
    assert!(allocated(Some(65536 + 4096), zeros(65536)) >= tail);
    assert!(allocated(Some(65536 + 4096), zeros(2 * 65536 - 4096)) >= tail);
    for (origin, place) in [(None, 65536), (Some(131_072), 65536), (Some(69632), 131_072)] {
        assert_eq!(allocated(origin, zeros(place)), 0);
    }
}

#[test]
fn what_is_cut_off_is_freed_and_the_rest_of_its_chunk_is_zeroed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![1; 4 << 20]).unwrap();
    let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
    let interrupt = Interrupt::default();
    let applier = Applier::new(&device, "image", GROUND, &interrupt);
    applier.cut_off(4096, 4 << 20).unwrap();
    let after = std::fs::read(file.path()).unwrap();
    assert!(after[..4096].iter().all(|&byte| byte == 1) && is_zero(&after[4096..]));
    assert!(file.path().metadata().unwrap().blocks() * 512 <= 65536);
}

#[test]
fn nothing_of_what_is_cut_off_is_kept() {
    // The external origin ends inside the fourth chunk, and the volume inside the last one.
    let size = (4 << 20) - 4096;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![1; size]).unwrap();
    let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
    let interrupt = Interrupt::default();
    let origin = Some(3 * 65536 + 4096);
    let ground = Ground { zeroes: false, origin, size: 65536, ..GROUND };
    let applier = Applier::new(&device, "image", ground, &interrupt);
    applier.cut_off(65536, size as u64).unwrap();
    let after = std::fs::read(file.path()).unwrap();
    assert!(after[..65536].iter().all(|&byte| byte == 1) && is_zero(&after[65536..]));
    assert!(file.path().metadata().unwrap().blocks() * 512 <= 2 * 65536);
}

/// The ground of a pool with a fixed number of free chunks and of free metadata blocks, however much is written.
fn scarce(chunks: u64, blocks: u64) -> Ground {
    let (used, taken) = (100 - chunks, 1000 - blocks);
    let ask =
        move || Ok(format!("1 {taken}/1000 {used}/100 - rw discard_passdown queue - 0").parse()?);
    let gauge = Gauge::new(crate::testing::pool(), Box::new(ask), &[]);
    Ground { gauge: Some(Arc::new(gauge)), ..GROUND }
}

#[test]
fn a_discard_is_made_in_smaller_steps_where_metadata_is_scarce() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(3 << 30).unwrap();
    file.as_file().write_all_at(&[1; 4096], 2 << 30).unwrap();
    let discard = Record::Discard { offset: 65536, length: (3 << 30) - 2 * 65536 };
    apply(&file, scarce(0, 60), &[discard]).unwrap();
    assert_eq!(file.path().metadata().unwrap().blocks(), 0);
    // There must be enough for one chunk.
    apply(&file, scarce(0, 26), &[Record::Discard { offset: 0, length: 8 << 20 }]).unwrap();
    let error = apply(&file, scarce(0, 25), &[discard]).unwrap_err();
    assert!(is_no_space(&error));
}

#[test]
fn what_is_there_already_takes_nothing_where_it_is_left() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let before: Vec<u8> = (0..4 << 20).map(|place: u32| (place / 512 % 251) as u8).collect();
    std::fs::write(file.path(), &before).unwrap();
    let mut wanted = before[512..20 * 65536 - 512].to_vec();
    let whole = |wanted: &[u8], chunks, leaves_same| {
        let records: Vec<_> = (wanted.chunks(1 << 20).zip(0..))
            .map(|(bytes, number)| Record::Data { offset: 512 + (number << 20), bytes })
            .collect();
        apply(&file, Ground { leaves_same, ..scarce(chunks, 900) }, &records)
    };
    whole(&wanted, 0, true).unwrap();
    assert!(is_no_space(&whole(&wanted, 0, false).unwrap_err()));
    // In the first chunk, in two that follow one another, and in the last one.
    let last = wanted.len() - 1;
    for place in [0, 5 * 65536, 6 * 65536, last] {
        wanted[place] = 255;
    }
    whole(&wanted, 1, true).unwrap_err(); // two at once
    std::fs::write(file.path(), &before).unwrap();
    whole(&wanted, 4, true).unwrap();
    let after = std::fs::read(file.path()).unwrap();
    assert!(after[512..20 * 65536 - 512] == wanted[..]);
    assert!(
        after[..512] == before[..512] && after[20 * 65536 - 512..] == before[20 * 65536 - 512..]
    );
}

#[test]
fn no_more_chunks_are_written_to_than_there_is_room_for() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(4 << 20).unwrap();
    // Two records in one chunk, one that goes from one chunk into the next: three chunks.
    let records = [
        Record::Data { offset: 0, bytes: &[1; 512] },
        Record::Data { offset: 1024, bytes: &[1; 512] },
        Record::Data { offset: 2 * 65536 - 512, bytes: &[1; 1024] },
    ];
    apply(&file, Ground { room: room(3), ..GROUND }, &records).unwrap();
    let error = apply(&file, Ground { room: room(2), ..GROUND }, &records).unwrap_err();
    assert!(is_no_space(&error));
}

#[test]
fn parts_of_chunks_that_are_discarded_count() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(4 << 20).unwrap();
    // From inside chunk 0 to inside chunk 3, and a write to chunk 3.
    let records = [
        Record::Discard { offset: 4096, length: 3 * 65536 },
        Record::Data { offset: 4 * 65536 - 512, bytes: &[1; 512] },
    ];
    let ground = |chunks| Ground { room: room(chunks), size: 4 << 20, ..GROUND };
    apply(&file, ground(2), &records).unwrap();
    let error = apply(&file, ground(1), &records).unwrap_err();
    assert!(is_no_space(&error));
}

#[test]
fn what_is_kept_brings_back_every_byte() {
    let before: Vec<u8> = (0..4 << 20).map(|place: u32| (place / 4096 % 3) as u8).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &before).unwrap();
    let records = [
        Record::Data { offset: 512, bytes: &[2; 4096] },
        Record::Zero { offset: 65536, length: 3 << 19 },
        Record::Discard { offset: 2 << 20, length: 1 << 20 },
        Record::Data { offset: 3 << 20, bytes: &[7; 1 << 20] },
    ];
    let stream = stream(4 << 20, &records);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
    let (interrupt, progress) = (Interrupt::default(), Quiet);
    let mut decoder = Decoder::new(stream.as_slice()).unwrap();
    let mut undo = Undo::create(
        &path,
        &crate::undo::reversed(decoder.header(), None, "test", 0).unwrap(),
        &[],
    )
    .unwrap();
    let extras = Extras { undo: Some(&mut undo), partial: false };
    let applier = Applier::new(&device, "image", GROUND, &interrupt);
    applier.apply_all("test", &mut decoder, &progress, extras).unwrap();
    undo.finish().unwrap();
    assert!(std::fs::read(file.path()).unwrap() != before);

    // The whole undo; and, as after a kill, only its part before a cut.
    let whole = std::fs::read(&path).unwrap();
    let after = std::fs::read(file.path()).unwrap();
    for length in [whole.len(), whole.len() - 1, whole.len() - 200, whole.len() / 2, 600] {
        std::fs::write(file.path(), &after).unwrap();
        let mut decoder = Decoder::new(&whole[..length]).unwrap();
        assert!(decoder.header().undo);
        let extras = Extras { undo: None, partial: true };
        let applier = Applier::new(&device, "image", GROUND, &interrupt);
        let totals = applier.apply_all("undo", &mut decoder, &progress, extras).unwrap();
        let covered = Decoder::new(&whole[..length]).map(|mut decoder| {
            let mut end = 0;
            while let Ok(Some(record)) = decoder.next_record() {
                end = (record.offset() + record.length()) as usize;
            }
            end
        });
        let covered = covered.unwrap();
        let now = std::fs::read(file.path()).unwrap();
        assert!(now[..covered] == before[..covered], "{length}");
        assert!(now[covered..] == after[covered..], "{length}");
        assert!(length < whole.len() - 200 || totals.data_records > 0);
    }
}
