//! Our reading against thin-provisioning-tools, where it is installed.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use common::{
    compared, delta, dump, obvious_delta, open, parse_comparison, parse_delta, parse_dump,
    parse_placed_runs, placed_runs,
};
use tempfile::NamedTempFile;
use thinmeta::testing::{Layout, Pool, Random, Shape};

/// Runs a tool; None, with a printed reason, where it is not installed.
fn run(name: &str, arguments: &[&str]) -> Option<Output> {
    let program = ["/usr/sbin", "/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
    let Some(program) = program.iter().find(|program| program.exists()) else {
        eprintln!("skipped: {name} is not installed");
        return None;
    };
    Some(Command::new(program).args(arguments).output().unwrap())
}

/// What a tool says that must not fail.
fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    let output = run(name, arguments)?;
    let text = String::from_utf8_lossy;
    let told = text(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {arguments:?}: {told}{}", text(&output.stderr));
    Some(told)
}

fn checks_small_nodes() -> bool {
    run("thin_check", &["--version"]).is_none_or(|told| told.stdout.starts_with(b"0."))
}

fn temporary(bytes: &[u8]) -> (NamedTempFile, String) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

/// A pool with some history: a volume, snapshots of it, and a metadata snapshot half-way.
fn pool(max_entries: usize, mappings: u64, changes: u64) -> Pool {
    let mut dice = Random::new(max_entries as u64);
    let mut pool = Pool::new(Shape { max_entries, ..Shape::default() });
    pool.create_with(1, (0..mappings).map(|block| (block + block / 64 * 3, block)));
    for snapshot in 2..6 {
        pool.snapshot(1, snapshot);
        for _ in 0..changes {
            let block = dice.below(mappings + mappings / 10);
            match dice.below(3) {
                0 => pool.discard(1, block),
                _ => pool.write(1, block),
            }
        }
        if snapshot == 3 {
            pool.hold();
        }
    }
    pool.delete(4);
    pool.create(9);
    pool
}

#[test]
fn the_images_that_are_built_are_sound_and_read_alike() {
    for (max_entries, mappings, changes) in
        [(6, 300, 40), (6, 3000, 400), (9, 2000, 10), (252, 70_000, 500), (252, 10, 3)]
    {
        let pool = pool(max_entries, mappings, changes);
        let image = pool.image();
        let (_file, path) = temporary(&image);
        // From 1.0 on it takes nodes that are smaller than the kernel's for damage.
        let checks = max_entries == 252 || checks_small_nodes();
        if checks && tool("thin_check", &[&path]).is_none() {
            return;
        }
        let metadata = open(&image[..], image.len());
        assert_eq!(dump(&metadata), parse_dump(&tool("thin_dump", &[&path]).unwrap()));
        for (base, target) in [("2", "1"), ("2", "3"), ("5", "2"), ("9", "1")] {
            let xml = tool("thin_delta", &["--snap1", base, "--snap2", target, &path]).unwrap();
            let (base, target) = (base.parse().unwrap(), target.parse().unwrap());
            let expected = parse_delta(&xml, false);
            assert!(!expected.is_empty());
            assert_eq!(delta(&metadata, base, target).unwrap(), expected);
            assert_eq!(delta(&metadata, target, base).unwrap(), parse_delta(&xml, true));
            assert_eq!(compared(&metadata, base, target), parse_comparison(&xml));
        }
        for id in [1, 2, 5, 9] {
            let xml = tool("thin_dump", &["--dev-id", &id.to_string(), &path]).unwrap();
            assert_eq!(placed_runs(&metadata, id), parse_placed_runs(&xml));
        }
    }
}

#[test]
fn thin_check_tells_a_wrong_count() {
    // That it passes above means something only if it fails here: the empty device 9 gets the tree
    // of device 1, whose counts stay as they were.
    let pool = pool(252, 300, 40);
    let mut image = pool.image();
    let root = u64::from_le_bytes(image[320..328].try_into().unwrap());
    let values = root as usize * 4096 + 32 + 252 * 8;
    image[values + 4 * 8 - 8..][..8].copy_from_slice(&pool.root(1).to_le_bytes());
    thinmeta::testing::reseal_node(&mut image, root);
    let (_file, path) = temporary(&image);
    if let Some(output) = run("thin_check", &[&path]) {
        assert!(!output.status.success());
    }
}

#[test]
fn what_thin_restore_writes_is_read_as_it_was_written() {
    let mut dice = Random::new(7);
    let mut xml = String::from(
        "<superblock uuid=\"\" time=\"3\" transaction=\"4\" flags=\"0\" version=\"2\" \
         data_block_size=\"384\" nr_data_blocks=\"40000\">\n",
    );
    for device in 1..4 {
        let mut mappings = String::new();
        let (mut thin, mut mapped) = (0, 0);
        for _ in 0..400 {
            thin += dice.below(3) * dice.below(20);
            let (length, data) = (1 + dice.below(30), dice.below(40_000 - 30));
            writeln!(
                mappings,
                "<range_mapping origin_begin=\"{thin}\" data_begin=\"{data}\" \
                 length=\"{length}\" time=\"{device}\"/>"
            )
            .unwrap();
            thin += length;
            mapped += length;
        }
        writeln!(
            xml,
            "<device dev_id=\"{device}\" mapped_blocks=\"{mapped}\" transaction=\"{device}\" \
             creation_time=\"1\" snap_time=\"2\">\n{mappings}</device>"
        )
        .unwrap();
    }
    // So many that the trees of devices have more than one level.
    for device in 4..600 {
        writeln!(
            xml,
            "<device dev_id=\"{device}\" mapped_blocks=\"1\" transaction=\"3\" \
             creation_time=\"1\" snap_time=\"2\">\n\
             <single_mapping origin_block=\"7\" data_block=\"{device}\" time=\"0\"/>\n</device>"
        )
        .unwrap();
    }
    xml.push_str("</superblock>\n");

    let (_xml_file, xml_path) = temporary(xml.as_bytes());
    let (_file, path) = temporary(&vec![0; 8 << 20]);
    if tool("thin_restore", &["-i", &xml_path, "-o", &path]).is_none() {
        return;
    }
    let image = std::fs::read(&path).unwrap();
    let metadata = open(&image[..], image.len());
    assert_eq!(metadata.superblock().data_block_size(), 192 << 10);
    let expected = parse_dump(&xml);
    assert_eq!(dump(&metadata), expected);
    let told = tool("thin_delta", &["--snap1", "1", "--snap2", "3", &path]).unwrap();
    let found = delta(&metadata, 1, 3).unwrap();
    assert_eq!(found, parse_delta(&told, false));
    assert_eq!(found, obvious_delta(&expected[&1].1, &expected[&3].1));
}

#[test]
fn volumes_as_in_use_are_sound_in_every_layout() {
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(1, 100_000, &mut random);
    assert!((100_000..100_100).contains(&blocks.len()));
    for (id, runs) in [(2, (0, 1)), (3, (100, 1)), (4, (10, 64))] {
        pool.snapshot(1, id);
        pool.write_scattered(id, &blocks, runs, &mut random);
    }
    for layout in [Layout::InOrder, Layout::Shuffled(7)] {
        let image = pool.image_in(layout);
        let (_file, path) = temporary(&image);
        if tool("thin_check", &[&path]).is_none() {
            return;
        }
        let metadata = open(&image[..], image.len());
        assert_eq!(delta(&metadata, 1, 2).unwrap(), []);
        for target in [3, 4] {
            let to = target.to_string();
            let xml = tool("thin_delta", &["--snap1", "1", "--snap2", &to, &path]).unwrap();
            let extents = delta(&metadata, 1, target).unwrap();
            assert_eq!(extents, parse_delta(&xml, false));
            assert!(extents.len() >= 9);
        }
    }
}
