//! Streams in a folder: which points can be restored, and from what.

use std::fs;
use std::path::Path;

use flow::Interrupt;
use hyperlayer::{Encoder, Header, Volume};
use streams::{Point, Points, Until, in_chain_order};

const SIZE: u64 = 1 << 20;

/// A stream from one volume to another, or from nothing, with so much data.
fn stream(base: Option<&str>, target: &str, created: u64, bytes: usize) -> Vec<u8> {
    let volume = |name: &str| Volume { name: name.into(), uuid: format!("u-{name}"), size: SIZE };
    let header = Header {
        base: base.map(volume),
        target: volume(target),
        created,
        changed_bytes: bytes as u64,
        ..hyperlayer::testing::header(SIZE)
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    encoder.data(0, &vec![7; bytes]).unwrap();
    encoder.finish().unwrap().0
}

fn choose(folder: &Path, until: Option<&str>) -> Result<Point, String> {
    let until = until.map(|text| Until::parse(text).unwrap());
    let points = Points::in_folder(folder).unwrap();
    points.choose(until.as_ref(), &Interrupt::default()).map_err(|error| format!("{error:#}"))
}

/// A point's name, and from how many streams it is made.
fn found(folder: &Path, until: Option<&str>) -> (String, usize) {
    let point = choose(folder, until).unwrap();
    (point.name, point.streams)
}

fn folder(streams: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in streams {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

const MONDAY: u64 = 1_795_230_000; // 2026-11-21T03:00:00Z
const DAY: u64 = 86_400;

fn week() -> tempfile::TempDir {
    folder(&[
        // Names say nothing of the order.
        ("a", stream(Some("tue"), "wed", MONDAY + 2 * DAY, 512)),
        ("b", stream(None, "mon", MONDAY, 4096)),
        ("c", stream(Some("mon"), "tue", MONDAY + DAY, 512)),
        ("notes", b"not a stream".to_vec()),
    ])
}

#[test]
fn the_newest_point_or_the_newest_until_a_time() {
    let week = week();
    let of = |until| found(week.path(), until);
    assert_eq!(of(None), ("wed".into(), 3));
    assert_eq!(of(Some("2026-11-22T03:00:00Z")), ("tue".into(), 2));
    assert_eq!(of(Some("2026-11-22T02:59:59Z")), ("mon".into(), 1));
    assert_eq!(of(Some("tue")), ("tue".into(), 2));
    assert_eq!(of(Some("u-mon")), ("mon".into(), 1));
    for until in ["2026-11-21T02:59:59Z", "fri"] {
        let error = choose(week.path(), Some(until)).err().unwrap();
        assert!(error.contains("wed (2026-11-23T03:00:00Z), tue"), "{error}");
    }
}

#[test]
fn the_shortest_way_leads_to_a_point() {
    let week = week();
    let merged = stream(Some("mon"), "wed", MONDAY + 2 * DAY, 512);
    fs::write(week.path().join("merged"), merged).unwrap();
    assert_eq!(found(week.path(), None), ("wed".into(), 2));
    // Several streams in one file.
    let both =
        [stream(Some("wed"), "thu", MONDAY + 3 * DAY, 512), stream(None, "thu2", MONDAY, 512)];
    fs::write(week.path().join("both"), both.concat()).unwrap();
    assert_eq!(found(week.path(), Some("thu")), ("thu".into(), 3));
}

#[test]
fn what_cannot_be_used_is_told_and_left_out() {
    let week = week();
    let whole = fs::read(week.path().join("a")).unwrap();
    fs::write(week.path().join("a"), &whole[..whole.len() - 1]).unwrap();
    let points = Points::in_folder(week.path()).unwrap();
    assert_eq!(points.unusable.len(), 1);
    assert_eq!(found(week.path(), None), ("tue".into(), 2));
    fs::remove_file(week.path().join("b")).unwrap();
    assert!(choose(week.path(), None).err().unwrap().contains("no full stream"));
}

#[test]
fn streams_of_two_volumes_are_not_mixed_up() {
    let week = week();
    fs::write(week.path().join("other"), stream(None, "db", MONDAY + 9 * DAY, 512)).unwrap();
    let error = choose(week.path(), None).err().unwrap();
    assert!(
        error.contains("2 volumes") && error.contains("db (") && error.contains("wed ("),
        "{error}"
    );
    assert_eq!(found(week.path(), Some("wed")), ("wed".into(), 3));
    assert_eq!(found(week.path(), Some("db")), ("db".into(), 1));
}

#[test]
fn files_are_put_into_order_where_there_is_only_one() {
    let week = week();
    let paths =
        |names: &[&str]| names.iter().map(|name| week.path().join(name)).collect::<Vec<_>>();
    assert_eq!(in_chain_order(paths(&["a", "b", "c"])), paths(&["b", "c", "a"]));
    for given in [&["a", "b"][..], &["a", "notes"], &["b", "b"], &["a"], &["c", "nowhere"]] {
        assert_eq!(in_chain_order(paths(given)), paths(given));
    }
}
