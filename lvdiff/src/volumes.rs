//! The thin volumes that there are, for people and scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Context;
use blockio::{OpenMode, ReadAhead};
use flow::{Interrupt, Interruptible, human, time_text};
use lvm::{DeviceMapper, LogicalVolume, MetadataSnapshot, PoolDevice};
use serde::Serialize;
use thinmeta::{MetaBlock, Metadata, View};

use crate::plan::VolumesSource;

/// A thin volume, as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    pool: Option<&'a str>,
    thin_id: Option<u32>,
    uuid: &'a str,
    size: u64,
    /// What its mapped chunks hold, those past its end included; none where it is not known.
    mapped_bytes: Option<u64>,
    origin: Option<&'a str>,
    created: Option<u64>,
    tags: &'a [String],
    active: bool,
}

/// How many bytes are mapped, by thin id.
type Mapped = BTreeMap<u32, u64>;

/// Prints the volumes as a table, or as a JSON array of objects. What is mapped comes from one
/// metadata snapshot for each pool.
pub(crate) fn print(
    source: &VolumesSource,
    json: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let dm = DeviceMapper::open()?;
    let mut lines = Vec::new();
    for pool in &source.pools {
        let mut volumes = source.thin.iter().filter(|volume| volume.is_in(pool)).peekable();
        if volumes.peek().is_none() {
            continue; // nothing to ask the pool for
        }
        let mapped = mapped(&dm, pool, source, interrupt)?;
        for volume in volumes {
            let id = volume.thin_id;
            lines.push(Line {
                name: volume.full_name(),
                pool: volume.pool.as_deref(),
                thin_id: id,
                uuid: &volume.uuid,
                size: volume.size,
                mapped_bytes: id.and_then(|id| mapped.get(&id).copied()),
                origin: volume.origin.as_deref(),
                created: volume.created,
                tags: &volume.tags,
                active: is_active(&dm, volume)?,
            });
        }
    }
    cli::print(|out| if json { print_json(&lines, out) } else { print_table(&lines, out) })
}

/// Whether a volume has a device; another volume's that has its name is not its own.
fn is_active(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<bool> {
    match dm.device_of(volume) {
        Ok(device) => Ok(device.is_some()),
        Err(error @ lvm::Error::State(_)) => {
            log::warn!("{} is not active: {error}", volume.full_name());
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// What is mapped in a pool's volumes; nothing, and a warning, where the pool cannot be asked.
fn mapped(
    dm: &DeviceMapper,
    pool: &LogicalVolume,
    source: &VolumesSource,
    interrupt: &Interrupt,
) -> anyhow::Result<Mapped> {
    let name = pool.full_name();
    let unknown = |why: &dyn std::fmt::Display| {
        log::warn!("what is mapped in the volumes of {name} is not known: {why}");
        Ok(Mapped::new())
    };
    let device = match PoolDevice::find(dm, pool) {
        Ok(Some(device)) => device,
        Ok(None) => return unknown(&"it is not active"),
        Err(error @ lvm::Error::State(_)) => return unknown(&error),
        Err(error) => return Err(error.into()),
    };
    let keep_waiting = || interrupt.is_absent();
    let held = match MetadataSnapshot::reserve(dm, &device, source.reserve, &keep_waiting) {
        Ok(held) => held,
        Err(error) => {
            interrupt.check()?;
            return unknown(&format!("{:#}", anyhow::Error::from(error)));
        }
    };
    let mapped = read_metadata(dm, &device, held.root(), interrupt);
    let released = held.release();
    let mapped = mapped.with_context(|| format!("metadata of pool {name}"))?;
    released?;
    Ok(mapped)
}

fn read_metadata(
    dm: &DeviceMapper,
    pool: &PoolDevice,
    root: u64,
    interrupt: &Interrupt,
) -> anyhow::Result<Mapped> {
    let device = source::open_device(&pool.metadata(dm)?, OpenMode::Read)?;
    let size = device.size();
    let reader = Interruptible { source: ReadAhead::new(device), interrupt };
    let metadata = Metadata::open(reader, size, View::HeldAt(MetaBlock::new(root)))?;
    let chunk_size = metadata.superblock().data_block_size();
    let bytes = |blocks: u64| blocks.saturating_mul(chunk_size);
    let devices = metadata.devices()?.into_iter();
    Ok(devices.map(|device| (device.id.get(), bytes(device.mapped_blocks))).collect())
}

fn print_json(lines: &[Line<'_>], mut out: impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (number, line) in lines.iter().enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut out, line)?;
    }
    write!(out, "\n]\n")?;
    out.flush()
}

const HEADINGS: [&str; 10] =
    ["VOLUME", "POOL", "ID", "SIZE", "MAPPED", "ORIGIN", "CREATED", "ACTIVE", "UUID", "TAGS"];

fn print_table(lines: &[Line<'_>], mut out: impl Write) -> io::Result<()> {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(lines.iter().map(row));
    let mut widths = [0; HEADINGS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    for row in rows {
        let mut text = String::new();
        for (number, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Numbers end where their headings end.
            text += &match HEADINGS[number] {
                "ID" | "SIZE" | "MAPPED" => format!("{cell:>width$}  "),
                _ => format!("{cell:width$}  "),
            };
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    out.flush()
}

/// A line's cells. None is empty, so that what counts columns finds them.
fn row(line: &Line<'_>) -> [String; HEADINGS.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        line.name.clone(),
        or_none(line.pool.map(Into::into)),
        or_none(line.thin_id.map(|id| id.to_string())),
        human(line.size),
        or_none(line.mapped_bytes.map(human)),
        or_none(line.origin.map(Into::into)),
        or_none(line.created.map(time_text)),
        if line.active { "yes" } else { "no" }.into(),
        line.uuid.into(),
        or_none(Some(line.tags.join(",")).filter(|tags| !tags.is_empty())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_json_has_numbers() {
        let tags = ["a".to_owned(), "b=1".to_owned()];
        let line = |name: &str, mapped_bytes| Line {
            name: name.into(),
            pool: Some("pool0"),
            thin_id: Some(7),
            uuid: "abc-def",
            size: 1 << 30,
            mapped_bytes,
            origin: None,
            created: Some(1_795_219_200),
            tags: &tags[..],
            active: true,
        };
        let lines = [line("vg0/a", Some(1_572_864)), line("vg0/long-name", None)];
        let mut table = Vec::new();
        print_table(&lines, &mut table).unwrap();
        let expected = "\
VOLUME         POOL   ID     SIZE   MAPPED  ORIGIN  CREATED               ACTIVE  UUID     TAGS
vg0/a          pool0   7  1.0 GiB  1.5 MiB  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
vg0/long-name  pool0   7  1.0 GiB        -  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
        let mut json = Vec::new();
        print_json(&lines[1..], &mut json).unwrap();
        let expected = r#"[
{"name":"vg0/long-name","pool":"pool0","thin_id":7,"uuid":"abc-def","size":1073741824,"mapped_bytes":null,"origin":null,"created":1795219200,"tags":["a","b=1"],"active":true}
]
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
