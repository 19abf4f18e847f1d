//! A real pool's metadata against what thin_dump and thin_delta say of it.

mod common;

use std::io::Read;

use common::{
    compared, delta, dump, id, mappings, open, parse_comparison, parse_delta, parse_dump,
    parse_placed_runs, placed_runs,
};
use thinmeta::{Error, Metadata, Relation, View};

fn image() -> Vec<u8> {
    let compressed: &[u8] = include_bytes!("fixtures/tmeta.img.zst");
    let mut image = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(compressed).unwrap().read_to_end(&mut image).unwrap();
    assert_eq!(image.len(), 4 << 20);
    image
}

fn metadata() -> Metadata<Vec<u8>> {
    open(image(), 4 << 20)
}

#[test]
fn devices_and_mappings_are_those_of_thin_dump() {
    let expected = parse_dump(include_str!("fixtures/thin_dump.xml"));
    assert_eq!(expected.len(), 3);
    assert_eq!(expected[&2].1.len(), 14);
    assert_eq!(dump(&metadata()), expected);
}

#[test]
fn the_delta_is_that_of_thin_delta_both_ways() {
    let xml = include_str!("fixtures/thin_delta.xml");
    assert_eq!(parse_delta(xml, false).len(), 7);
    assert_eq!(delta(&metadata(), 2, 3).unwrap(), parse_delta(xml, false));
    assert_eq!(delta(&metadata(), 3, 2).unwrap(), parse_delta(xml, true));
    assert_eq!(delta(&metadata(), 2, 2).unwrap(), []);
}

#[test]
fn a_comparison_has_what_both_share_too() {
    let expected = parse_comparison(include_str!("fixtures/thin_delta.xml"));
    assert_eq!(expected.len(), 14);
    assert_eq!(compared(&metadata(), 2, 3), expected);
    let own = compared(&metadata(), 2, 2);
    assert!(own.iter().all(|stretch| stretch.relation == Relation::Same));
    assert_eq!(own.iter().map(|stretch| stretch.length).sum::<u64>(), 14);
}

#[test]
fn placed_runs_are_those_of_thin_dump() {
    let xml = include_str!("fixtures/thin_dump.xml");
    for (device, text) in (1..).zip(xml.split("<device ").skip(1)) {
        assert_eq!(placed_runs(&metadata(), device), parse_placed_runs(text));
    }
}

#[test]
fn runs_are_joined_by_thin_block_only() {
    // Blocks 2 and 3 of device 3 lie elsewhere than 0 and 1.
    let metadata = metadata();
    let runs: Vec<_> = metadata.mappings(id(3)).unwrap().runs().map(|run| run.unwrap()).collect();
    let runs: Vec<_> = runs.iter().map(|run| (run.begin, run.length)).collect();
    assert_eq!(runs, [(0, 5), (10, 3), (102, 1), (200, 2), (500, 2), (1022, 2)]);
}

#[test]
fn the_superblock_says_what_the_pool_was_made_with() {
    let metadata = metadata();
    let superblock = metadata.superblock();
    assert_eq!(superblock.data_block_size(), 64 << 10);
    assert_eq!((superblock.transaction_id(), superblock.time()), (3, 2));
    assert_eq!((superblock.held_root(), superblock.needs_check()), (None, false));
    assert_eq!(superblock.data_blocks(), 3200);
}

#[test]
fn an_unknown_device_is_told_with_those_that_there_are() {
    let error = mappings(&metadata(), 4).unwrap_err();
    assert_eq!(error.to_string(), "there is no thin device 4 (there are 1, 2, 3)");
    assert!(matches!(error, Error::NotFound { .. }));
}

#[test]
fn where_no_metadata_snapshot_is_held_there_is_none_to_read() {
    let image = image();
    let size = image.len() as u64;
    assert!(matches!(Metadata::open(image, size, View::Held), Err(Error::NotHeld)));
}
