//! A folder of virtnbdbackup's: which of its streams follow one another.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hyperlayer::{AnyDecoder, Foreign, Start};

use crate::{Refusal, escaped};

/// A stream in a folder.
struct Item {
    path: PathBuf,
    said: Foreign,
}

/// The files that the arguments name, with those of a folder in its place: the chain of one disk.
///
/// # Errors
/// Where a folder holds nothing that could be meant, or more than one disk and none is named.
pub fn expand(paths: &[PathBuf], disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(chain(path, disk)?),
            false => files.push(path.clone()),
        }
    }
    if disk.is_some() && !paths.iter().any(|path| path.is_dir()) {
        return Err(usage(
            "--disk chooses a disk in a folder of virtnbdbackup's: -i FOLDER".into(),
        ));
    }
    Ok(files)
}

/// All of a folder's streams, or those of one disk, in no order.
///
/// # Errors
/// Where there are none.
pub fn all_streams(folder: &Path, disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let disks = read(folder, &mut warn)?;
    match disk {
        Some(_) => Ok(paths(one_disk(folder, disks, disk)?.1)),
        None => Ok(disks.into_values().flat_map(paths).collect()),
    }
}

/// The size of the volume that a stream starts from, where the stream that made it lies in the same
/// folder.
pub fn size_of_base(path: &Path, said: &Foreign) -> Option<u64> {
    let Start::Base { uuid } = &said.starts else { return None };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let items = read(folder.unwrap_or(Path::new(".")), &mut |_| {}).ok()?;
    let items = items.get(said.disk.as_deref()?)?;
    let is_base = |item: &&Item| {
        item.said.uuid == *uuid
            && !is_differential(&item.path)
            && said.check_date(&item.said).is_ok()
    };
    items.iter().find(is_base)?.said.size
}

/// Whether a stream is a differential one: its name says so, nothing else does. It leads to no
/// checkpoint, whatever it says, so nothing follows it.
pub fn is_differential(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".data") && name.windows(6).any(|part| part == b".diff.")
}

/// The full stream of a disk, or the copy, and its increments.
fn chain(folder: &Path, disk: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let (disk, items) = one_disk(folder, read(folder, &mut warn)?, disk)?;
    let place = || format!("{}, disk {}", folder.display(), escaped(&disk));
    let (differentials, items): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| is_differential(&item.path));
    let (full, mut rest): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| item.said.starts == Start::Nothing);
    let mut chain = match <[Item; 1]>::try_from(full) {
        Ok(one) => Vec::from(one),
        Err(none) if none.is_empty() => {
            return Err(usage(format!(
                "{}: there is no full stream and no copy: name the files (-i FILE)",
                place()
            )));
        }
        Err(several) => {
            return Err(usage(format!(
                "{}: there are several full streams: {}: name the files (-i FILE)",
                place(),
                names(&several)
            )));
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
            return Err(usage(format!(
                "{}: several streams follow {}: {}: name the files (-i FILE)",
                place(),
                names(&chain[chain.len() - 1..]),
                names(&next)
            )));
        }
        let Some(next) = next.pop() else { break };
        chain.push(next);
    }
    // What follows nothing is where the chain breaks: it is refused once it is reached.
    rest.sort_by(|one, other| one.said.made.cmp(&other.said.made));
    chain.extend(rest);
    if !differentials.is_empty() {
        log::warn!(
            "{}: left out: {} (differential: each is for the stream that it starts from, and comes \
             last: -i FILE)",
            place(),
            names(&differentials)
        );
    }
    Ok(paths(chain))
}

/// The disk that is meant.
fn one_disk(
    folder: &Path,
    mut disks: BTreeMap<String, Vec<Item>>,
    disk: Option<&str>,
) -> anyhow::Result<(String, Vec<Item>)> {
    let known = disks.keys().map(|disk| escaped(disk)).collect::<Vec<_>>().join(", ");
    match disk {
        Some(disk) => match disks.remove_entry(disk) {
            Some(found) => Ok(found),
            None => Err(usage(format!(
                "{} has no stream of disk {disk}: there is {known}",
                folder.display()
            ))),
        },
        None if disks.len() == 1 => disks.pop_first().context("a folder without a disk"),
        None => Err(usage(format!(
            "{} has streams of several disks ({known}): choose one with --disk NAME",
            folder.display()
        ))),
    }
}

fn warn(why: &str) {
    log::warn!("{why}: left out");
}

/// The streams of each disk, by their file names. What is left out is said to `warn`.
fn read(folder: &Path, warn: &mut impl FnMut(&str)) -> anyhow::Result<BTreeMap<String, Vec<Item>>> {
    let name = || folder.display().to_string();
    let mut disks: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(name)? {
        found.push(entry.with_context(name)?.path());
    }
    found.sort();
    for path in found {
        if path.extension().is_some_and(|end| end == "partial") {
            warn(&format!("{} was never finished", escaped(&path.display().to_string())));
        }
        if path.extension().is_none_or(|end| end != "data") || !path.is_file() {
            continue;
        }
        let name = || path.display().to_string();
        let file = File::open(&path).with_context(name)?;
        let is_stream = |first: &[u8]| hyperlayer::is_virtnbdbackup(first);
        let mut first = [0; 16];
        let begun = std::os::unix::fs::FileExt::read_exact_at(&file, &mut first, 0);
        if begun.is_err() || !is_stream(&first) {
            warn(&format!("{} is no stream of virtnbdbackup's", escaped(&name())));
            continue;
        }
        let decoder = AnyDecoder::new(BufReader::with_capacity(4096, file)).with_context(name)?;
        let Some(said) = decoder.foreign().cloned() else { continue };
        let disk = said.disk.clone().unwrap_or_default();
        disks.entry(disk).or_default().push(Item { path, said });
    }
    match disks.is_empty() {
        true => Err(usage(format!("{} is a folder without a stream of virtnbdbackup's", name()))),
        false => Ok(disks),
    }
}

fn paths(items: Vec<Item>) -> Vec<PathBuf> {
    items.into_iter().map(|item| item.path).collect()
}

/// For messages: file names alone.
fn names(items: &[Item]) -> String {
    let name =
        |item: &Item| item.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    items.iter().map(|item| escaped(&name(item))).collect::<Vec<_>>().join(", ")
}

fn usage(why: String) -> anyhow::Error {
    Refusal::Usage(why).into()
}
