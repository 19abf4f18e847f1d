//! What several tests need: the tools' XML, the obvious delta, and a reader that counts.
#![allow(dead_code)] // each test file uses a part of it

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use blockio::ReadAt;
use thinmeta::{Extent, ExtentKind, Metadata, Relation, Stretch, ThinId, View};

/// Thin block to data block.
pub(crate) type Map = BTreeMap<u64, u64>;

pub(crate) fn id(id: u32) -> ThinId {
    u64::from(id).try_into().unwrap()
}

pub(crate) fn open<R: ReadAt>(image: R, size: usize) -> Metadata<R> {
    Metadata::open(image, size as u64, View::Live).unwrap()
}

pub(crate) fn mappings<R: ReadAt>(metadata: &Metadata<R>, device: u32) -> thinmeta::Result<Map> {
    let mappings = metadata.mappings(id(device))?;
    mappings.iter().map(|mapping| mapping.map(|(thin, data)| (thin.get(), data.get()))).collect()
}

pub(crate) fn delta<R: ReadAt>(
    metadata: &Metadata<R>,
    base: u32,
    target: u32,
) -> thinmeta::Result<Vec<Extent>> {
    metadata.delta(id(base), id(target))?.collect()
}

/// The delta as two whole lists of mappings tell it.
pub(crate) fn obvious_delta(base: &Map, target: &Map) -> Vec<Extent> {
    let blocks: std::collections::BTreeSet<_> = base.keys().chain(target.keys()).collect();
    let difference = |block| match (base.get(block), target.get(block)) {
        (old, new) if old == new => None,
        (_, Some(_)) => Some((*block, ExtentKind::Changed)),
        (_, None) => Some((*block, ExtentKind::Unmapped)),
    };
    join(blocks.into_iter().filter_map(difference).map(|(begin, kind)| (begin, 1, kind)))
}

fn join(pieces: impl IntoIterator<Item = (u64, u64, ExtentKind)>) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    for (begin, length, kind) in pieces {
        match extents.last_mut() {
            Some(last) if last.kind == kind && begin - last.begin == last.length => {
                last.length += length;
            }
            _ => extents.push(Extent { begin, length, kind }),
        }
    }
    extents
}

/// The value of an attribute of the element that fills this line.
pub(crate) fn attribute(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"')?.0.parse().ok()
}

/// A device's attributes (mapped blocks, transaction, creation and snapshot time) and mappings.
pub(crate) type DumpedDevice = ([u64; 4], Map);

/// What `thin_dump` says, by device. From 1.0 on it says what devices share once, under a name.
pub(crate) fn parse_dump(xml: &str) -> BTreeMap<u32, DumpedDevice> {
    let mut devices = BTreeMap::new();
    let mut named: BTreeMap<u64, Map> = BTreeMap::new();
    let (mut device, mut attributes, mut map) = (0, [0; 4], Map::new());
    for line in xml.lines() {
        let get = |name| attribute(line, name).unwrap();
        match line.split_whitespace().next() {
            Some("<def") => (device, map) = (get("name"), Map::new()),
            Some("</def>") => drop(named.insert(device, std::mem::take(&mut map))),
            Some("<ref") => map.extend(named[&get("name")].clone()),
            Some("<device") => {
                (device, map) = (get("dev_id"), Map::new());
                attributes =
                    ["mapped_blocks", "transaction", "creation_time", "snap_time"].map(get);
            }
            Some("</device>") => {
                devices.insert(device as u32, (attributes, std::mem::take(&mut map)));
            }
            Some("<range_mapping") => {
                let (thin, data) = (get("origin_begin"), get("data_begin"));
                map.extend((0..get("length")).map(|index| (thin + index, data + index)));
            }
            Some("<single_mapping") => drop(map.insert(get("origin_block"), get("data_block"))),
            _ => {}
        }
    }
    devices
}

/// What our own reading of an image says, in the same form.
pub(crate) fn dump<R: ReadAt>(metadata: &Metadata<R>) -> BTreeMap<u32, DumpedDevice> {
    let device = |device: thinmeta::DeviceInfo| {
        let times = [device.creation_time, device.snapshotted_time].map(u64::from);
        let info = [device.mapped_blocks, device.transaction_id, times[0], times[1]];
        let id = device.id.get();
        (id, (info, mappings(metadata, id).unwrap()))
    };
    metadata.devices().unwrap().into_iter().map(device).collect()
}

/// What `thin_delta` says, seen from its left to its right device, or the other way round.
pub(crate) fn parse_delta(xml: &str, reverse: bool) -> Vec<Extent> {
    let piece = |line: &str| {
        let kind = match (line.split_whitespace().next()?, reverse) {
            ("<different", _) | ("<right_only", false) | ("<left_only", true) => {
                ExtentKind::Changed
            }
            ("<left_only", false) | ("<right_only", true) => ExtentKind::Unmapped,
            _ => return None,
        };
        Some((attribute(line, "begin")?, attribute(line, "length")?, kind))
    };
    join(xml.lines().filter_map(piece))
}

/// All that `thin_delta` says, as it stands there.
pub(crate) fn parse_comparison(xml: &str) -> Vec<Stretch> {
    let stretch = |line: &str| {
        let relation = match line.split_whitespace().next()? {
            "<same" => Relation::Same,
            "<different" => Relation::Different,
            "<left_only" => Relation::BaseOnly,
            "<right_only" => Relation::TargetOnly,
            _ => return None,
        };
        let get = |name| attribute(line, name).unwrap();
        Some(Stretch { begin: get("begin"), length: get("length"), relation })
    };
    xml.lines().filter_map(stretch).collect()
}

pub(crate) fn compared<R: ReadAt>(metadata: &Metadata<R>, base: u32, target: u32) -> Vec<Stretch> {
    metadata.compare(id(base), id(target)).unwrap().map(Result::unwrap).collect()
}

/// The runs that `thin_dump` says, of one device: begin and length.
pub(crate) fn parse_placed_runs(xml: &str) -> Vec<(u64, u64)> {
    let run = |line: &str| match line.split_whitespace().next()? {
        "<range_mapping" => Some((attribute(line, "origin_begin")?, attribute(line, "length")?)),
        "<single_mapping" => Some((attribute(line, "origin_block")?, 1)),
        _ => None,
    };
    xml.lines().filter_map(run).collect()
}

pub(crate) fn placed_runs<R: ReadAt>(metadata: &Metadata<R>, device: u32) -> Vec<(u64, u64)> {
    let runs = metadata.mappings(id(device)).unwrap().placed_runs();
    runs.map(|run| run.map(|run| (run.begin, run.length)).unwrap()).collect()
}

/// Notes which metadata blocks are read.
pub(crate) struct Counting<R> {
    reader: R,
    pub(crate) reads: RefCell<Vec<u64>>,
}

impl<R> Counting<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, reads: RefCell::default() }
    }
}

impl<R: ReadAt> ReadAt for Counting<R> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        assert!(offset.is_multiple_of(4096) && buf.len() == 4096, "whole blocks only");
        assert!(buf.as_ptr().addr().is_multiple_of(4096), "memory that O_DIRECT accepts");
        self.reads.borrow_mut().push(offset / 4096);
        self.reader.read_at(offset, buf)
    }
}
