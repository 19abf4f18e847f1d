//! [`Points`]: the volumes that the streams in a folder lead to, and the shortest way to each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::{Interrupt, Refusal, escaped, time_text};
use hyperlayer::{Error, MAGIC, Outline};

use crate::sources::Sources;
use crate::successors::successors;
use crate::until::Until;

/// This many points are named where none fits.
const NAMED: usize = 20;

/// The streams in a folder, of our format, and what of them cannot be used.
pub struct Points {
    found: Vec<Found>,
    /// Files that begin as a stream does, and why they are of no use; escaped.
    pub unusable: Vec<(String, String)>,
}

/// A stream in a file.
struct Found {
    path: PathBuf,
    outline: Outline,
    /// Its number in the file, from 0.
    number: usize,
    /// The shortest way to it, if there is one.
    way: Option<Way>,
    /// The number of the first stream that belongs to the same volume, as far as streams that follow one another
    /// say it.
    set: usize,
}

/// The last step of a way.
#[derive(Clone, Copy)]
struct Way {
    /// The bytes of all streams on it.
    cost: u64,
    /// The stream before; none: this one is a full one.
    before: Option<usize>,
}

/// A volume that can be restored.
pub struct Point {
    /// Its name, escaped.
    pub name: String,
    /// When its stream was made, in seconds since 1970.
    pub created: u64,
    /// How many streams lead to it.
    pub streams: usize,
    /// They, in their order.
    pub sources: Sources,
}

impl Points {
    /// Looks at all files in a folder, as [`Points::of_files`].
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let name = || escaped(&folder.display().to_string());
        let entries = fs::read_dir(folder).with_context(name)?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.with_context(name)?.path());
        }
        // In an order that does not depend on the file system.
        paths.sort();
        Self::of_files(paths)
    }

    /// Looks at files; what is no regular file, or no stream of ours, is ignored.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn of_files(paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        let (mut found, mut unusable) = (Vec::new(), Vec::new());
        for path in paths {
            // Opening a FIFO would wait for its other end.
            if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            let name = escaped(&path.display().to_string());
            let mut file = File::open(&path).with_context(|| name.clone())?;
            if !is_ours(&mut file).with_context(|| name.clone())? {
                continue;
            }
            match Outline::all(&mut file) {
                Ok(outlines) => {
                    found.extend(outlines.into_iter().enumerate().map(|(number, outline)| Found {
                        path: path.clone(),
                        outline,
                        number,
                        way: None,
                        set: 0,
                    }))
                }
                Err(Error::Io(error)) => return Err(error).context(name),
                Err(error) => unusable.push((name, error.to_string())),
            }
        }
        // An undo and the rest of a stream lead to nothing by themselves.
        found.retain(|found| !found.outline.header.undo && !found.outline.header.rest);
        let mut points = Self { found, unusable };
        points.find_ways();
        Ok(points)
    }

    /// The names of the volumes that can be restored, and of those that cannot, because the stream that they start
    /// from is missing; escaped, in the order of time.
    pub fn restorable(&self) -> (Vec<String>, Vec<String>) {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|found| found.outline.header.created);
        let (can, cannot): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|found| found.way.is_some());
        let name = |found: &Found| escaped(&found.outline.header.target.name);
        let names = |found: Vec<&Found>| found.into_iter().map(name).collect();
        (names(can), names(cannot))
    }

    /// Whether there is no stream of ours.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.unusable.is_empty()
    }

    /// Opens the streams that lead to the newest point, or to the newest that `until` allows.
    ///
    /// # Errors
    /// [`Refusal::usage`] if there is none, or if the streams may be of several volumes.
    pub fn choose(&self, until: Option<&Until>, interrupt: &Interrupt) -> anyhow::Result<Point> {
        let fits = |found: &&Found| match until {
            None => true,
            Some(Until::Time(time)) => found.outline.header.created <= time.seconds(),
            Some(until) => until.is_reached(&found.outline.header),
        };
        let reachable = || self.found.iter().filter(|found| found.way.is_some());
        let fitting: Vec<_> = reachable().filter(fits).collect();
        self.check_one_volume(&fitting)?;
        let newest = fitting.iter().max_by_key(|found| found.outline.header.created);
        let Some(newest) = newest else {
            let mut all: Vec<_> = reachable().collect();
            all.sort_by_key(|found| found.outline.header.created);
            let why = match until {
                None => "there is no full stream to make a volume from",
                Some(_) => "nothing that can be restored matches",
            };
            return Err(Refusal::usage(format!("{why}{}", list(&all))).into());
        };
        let (mut way, mut next) = (vec![*newest], newest.way);
        while let Some(before) = next.and_then(|way| way.before) {
            way.push(&self.found[before]);
            next = self.found[before].way;
        }
        let mut sources = Sources::default();
        for found in way.iter().rev() {
            let outline = &found.outline;
            let several = found.number > 0 || outline.begin > 0;
            let number = several.then_some(found.number + 1);
            sources.open_part(&found.path, number, outline.begin..outline.end, interrupt)?;
        }
        let header = &newest.outline.header;
        let (name, created) = (escaped(&header.target.name), header.created);
        Ok(Point { name, created, streams: way.len(), sources })
    }

    /// Finds the shortest way to each stream, from any full one, and which streams belong together.
    fn find_ways(&mut self) {
        let outlines: Vec<_> = self.found.iter().map(|found| &found.outline).collect();
        let after = successors(&outlines, &outlines);
        self.find_sets(&after);
        let mut queue = BinaryHeap::new();
        for (number, found) in self.found.iter_mut().enumerate() {
            if found.outline.header.base.is_none() {
                let cost = found.bytes();
                found.way = Some(Way { cost, before: None });
                queue.push((Reverse(cost), number));
            }
        }
        while let Some((Reverse(cost), number)) = queue.pop() {
            if self.found[number].way.is_some_and(|way| way.cost < cost) {
                continue;
            }
            for &next in &after[number] {
                let found = &mut self.found[next];
                let cost = cost.saturating_add(found.bytes());
                if found.way.is_none_or(|way| cost < way.cost) {
                    found.way = Some(Way { cost, before: Some(number) });
                    queue.push((Reverse(cost), next));
                }
            }
        }
    }

    /// Joins the sets of streams that follow one another, or whose bases are snapshots of one volume.
    fn find_sets(&mut self, after: &[Vec<usize>]) {
        let mut set: Vec<usize> = (0..self.found.len()).collect();
        fn first(set: &mut [usize], mut number: usize) -> usize {
            while set[number] != number {
                set[number] = set[set[number]];
                number = set[number];
            }
            number
        }
        let mut join = |one: usize, other: usize| {
            let (one, other) = (first(&mut set, one), first(&mut set, other));
            set[one.max(other)] = one.min(other);
        };
        let mut origins: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (number, found) in self.found.iter().enumerate() {
            after[number].iter().for_each(|&next| join(number, next));
            let header = &found.outline.header;
            let key = (header.base_origin.as_str(), header.identity.disk.as_str());
            if key != ("", "") {
                let other = *origins.entry(key).or_insert(number);
                join(number, other);
            }
        }
        for number in 0..self.found.len() {
            self.found[number].set = first(&mut set, number);
        }
    }

    /// Refuses streams that may be of several volumes: the newest of all could be of any.
    fn check_one_volume(&self, fitting: &[&Found]) -> Result<(), Refusal> {
        let mut newest: BTreeMap<usize, &Found> = BTreeMap::new();
        for &found in fitting {
            let other = newest.entry(found.set).or_insert(found);
            if other.outline.header.created < found.outline.header.created {
                *other = found;
            }
        }
        if newest.len() < 2 {
            return Ok(());
        }
        let newest: Vec<_> = newest.into_values().collect();
        Err(Refusal::usage(format!(
            "the streams may be of {} volumes, because these do not follow one another; name the point that is \
             wanted by its volume's name or UUID{}",
            newest.len(),
            list(&newest)
        )))
    }
}

/// Whether a file begins as a stream of ours does; it is at its beginning then.
fn is_ours(file: &mut File) -> io::Result<bool> {
    let mut line = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut line)?;
    file.rewind()?;
    Ok(line == MAGIC)
}

impl Found {
    fn bytes(&self) -> u64 {
        self.outline.end.saturating_sub(self.outline.begin)
    }
}

/// Points by name and time.
fn list(points: &[&Found]) -> String {
    let mut text = String::new();
    for (number, found) in points.iter().rev().take(NAMED).enumerate() {
        let header = &found.outline.header;
        let before = if number == 0 { "; the points are: " } else { ", " };
        let (name, made) = (escaped(&header.target.name), time_text(header.created));
        write!(text, "{before}{name} ({made})").expect("a string takes everything");
    }
    if points.len() > NAMED {
        write!(text, ", and {} more", points.len() - NAMED).expect("a string takes everything");
    }
    text
}
