//! A folder of virtnbdbackup's: which of its streams follow one another.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Foreign, Start, Unfinished};
use anyhow::Context;

use flow::{Refusal, WayOut, escaped};

/// What is in a folder.
struct Found {
    disks: BTreeMap<String, Vec<Item>>,
    /// Streams that virtnbdbackup has not finished.
    unfinished: Vec<PathBuf>,
    /// Files that are named like streams, but are none.
    odd: Vec<PathBuf>,
}

/// A stream in a folder.
struct Item {
    path: PathBuf,
    said: Foreign,
}

/// The files that the arguments name, with each folder replaced by the chain of one disk in it.
///
/// # Errors
/// If a folder holds nothing that could be meant, or more than one disk and none is named; if a disk is named
/// and no folder.
pub fn expand(paths: &[PathBuf], disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(chain(path, disk)?),
            false => files.push(path.clone()),
        }
    }
    if disk.is_some() && !paths.iter().any(|path| path.is_dir()) {
        return Err(Refusal::usage("a disk is chosen, but no virtnbdbackup folder is named")
            .but(WayOut::NameFolder)
            .into());
    }
    Ok(files)
}

/// All streams of a folder, or those of one disk, in no particular order.
///
/// # Errors
/// If there are none.
pub fn all_streams(folder: &Path, disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let found = read(folder)?;
    if disk.is_some() {
        return Ok(paths(one_disk(folder, found, disk)?.1));
    }
    if found.disks.is_empty() {
        return Err(no_streams(folder));
    }
    for path in found.unfinished.iter().chain(&found.odd) {
        log::warn!("left out: {}, which is not a complete virtnbdbackup stream", shown(path));
    }
    Ok(found.disks.into_values().flat_map(paths).collect())
}

/// The size of the volume that a stream starts from, if the stream that made that volume is in the same folder.
pub fn size_of_base(path: &Path, said: &Foreign) -> Option<u64> {
    let Start::Base { uuid } = &said.starts else { return None };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let found = read(folder.unwrap_or(Path::new("."))).ok()?;
    let items = found.disks.get(said.disk.as_deref()?)?;
    let is_base = |item: &&Item| {
        item.said.uuid == *uuid
            && !is_differential(&item.path, &item.said)
            && said.check_date(&item.said).is_ok()
    };
    items.iter().find(is_base)?.said.size
}

/// Whether a stream of virtnbdbackup's is differential: only its name says so. It leads to no checkpoint,
/// whatever its header says, so nothing follows it.
pub fn is_differential(path: &Path, said: &Foreign) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    said.disk.is_some() && name.ends_with(b".data") && name.windows(6).any(|part| part == b".diff.")
}

/// The full stream or the copy of a disk, and its increments.
fn chain(folder: &Path, disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let (disk, items) = one_disk(folder, read(folder)?, disk)?;
    let place = || format!("{}, disk {}", folder.display(), escaped(&disk));
    let (differentials, items): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| is_differential(&item.path, &item.said));
    let (full, mut rest): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| item.said.starts == Start::Nothing);
    let mut chain = match <[Item; 1]>::try_from(full) {
        Ok(one) => Vec::from(one),
        Err(none) if none.is_empty() => {
            let why = format!("{}: there is neither a full stream nor a copy", place());
            return Err(Refusal::usage(why).but(WayOut::NameFiles).into());
        }
        Err(several) => {
            let why = format!("{}: there are several full streams: {}", place(), names(&several));
            return Err(Refusal::usage(why).but(WayOut::NameFiles).into());
        }
    };
    while let Some(last) = chain.last() {
        let follows = |item: &Item| match &item.said.starts {
            Start::Base { uuid } => *uuid == last.said.uuid && !uuid.is_empty(),
            _ => false,
        };
        let (mut next, other): (Vec<_>, Vec<_>) = rest.into_iter().partition(follows);
        rest = other;
        if next.len() > 1 {
            let last = names(&chain[chain.len() - 1..]);
            let why = format!("{}: several streams follow {last}: {}", place(), names(&next));
            return Err(Refusal::usage(why).but(WayOut::NameFiles).into());
        }
        let Some(next) = next.pop() else { break };
        chain.push(next);
    }
    // The chain breaks at a stream that follows nothing: it is refused once it is reached.
    rest.sort_by(|one, other| one.said.made.cmp(&other.said.made));
    chain.extend(rest);
    if !differentials.is_empty() {
        log::warn!(
            "{}: left out: {} (differential: to apply one, name the files of its own chain, and it \
             last)",
            place(),
            names(&differentials)
        );
    }
    Ok(paths(chain))
}

/// The chosen disk, and its streams.
fn one_disk(
    folder: &Path,
    mut found: Found,
    disk: Option<&str>,
) -> anyhow::Result<(String, Vec<Item>)> {
    let names = found.disks.keys().map(|disk| escaped(disk)).collect::<Vec<_>>().join(", ");
    let (disk, items) = match disk {
        _ if found.disks.is_empty() => return Err(no_streams(folder)),
        Some(disk) => found.disks.remove_entry(disk).ok_or_else(|| {
            usage(format!(
                "{} has no stream of disk {disk}: its disks are {names}",
                folder.display()
            ))
        })?,
        None if found.disks.len() == 1 => found.disks.pop_first().context("there is no disk")?,
        None => {
            let several = format!("{} has streams of several disks ({names})", folder.display());
            return Err(Refusal::usage(several).but(WayOut::NameDisk).into());
        }
    };
    let is_of_disk = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.strip_prefix(disk.as_bytes()).is_some_and(|rest| rest.starts_with(b"."))
    };
    for path in found.unfinished.iter().filter(is_of_disk) {
        log::warn!("left out: {}, which virtnbdbackup has not finished", shown(path));
    }
    // Leaving out the last stream would go unnoticed.
    match found.odd.iter().find(is_of_disk) {
        Some(path) => Err(Refusal::unverifiable(format!(
            "{} is not a virtnbdbackup stream, despite its name",
            shown(path)
        ))
        .but(WayOut::NameFiles)
        .into()),
        None => Ok((disk, items)),
    }
}

fn no_streams(folder: &Path) -> anyhow::Error {
    usage(format!("{} contains no virtnbdbackup stream", folder.display()))
}

fn shown(path: &Path) -> String {
    escaped(&path.display().to_string())
}

/// The streams of each disk by file name, and the files that look like streams but are none.
fn read(folder: &Path) -> anyhow::Result<Found> {
    let name = || folder.display().to_string();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(name)? {
        paths.push(entry.with_context(name)?.path());
    }
    paths.sort();
    let mut found = Found { disks: BTreeMap::new(), unfinished: Vec::new(), odd: Vec::new() };
    for path in paths {
        let ends_with = |end: &[u8]| path.as_os_str().as_encoded_bytes().ends_with(end);
        if ends_with(b".data.partial") {
            found.unfinished.push(path);
            continue;
        }
        // Opening a FIFO would wait for its other end, so check the file type first.
        if !ends_with(b".data") || !path.is_file() {
            continue;
        }
        let name = || path.display().to_string();
        let (file, mut first) = (File::open(&path).with_context(name)?, [0; 16]);
        let is_begun = file.read_exact_at(&mut first, 0).is_ok();
        if !is_begun || !crate::is_virtnbdbackup(&first) {
            found.odd.push(path);
            continue;
        }
        let begun = Unfinished::begin(BufReader::with_capacity(4096, file)).with_context(name)?;
        let Some(said) = begun.foreign().cloned() else { continue };
        let disk = said.disk.clone().unwrap_or_default();
        found.disks.entry(disk).or_default().push(Item { path, said });
    }
    Ok(found)
}

fn paths(items: Vec<Item>) -> Vec<PathBuf> {
    items.into_iter().map(|item| item.path).collect()
}

/// For messages: only the file names.
fn names(items: &[Item]) -> String {
    let name =
        |item: &Item| item.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    items.iter().map(|item| escaped(&name(item))).collect::<Vec<_>>().join(", ")
}

fn usage(why: String) -> anyhow::Error {
    Refusal::usage(why).into()
}
