//! How fast the changed bytes move, with real volumes in a guest.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use system_tests::host_guest;

use super::files::{self, Images};
use super::guest_log::GuestLog;
use super::{profile, sizes};
use crate::say;

/// What the guest's disks are held to, each, reading and writing, to be as fast as a disk: bytes in
/// a second.
const DISK_RATE: u64 = 300_000_000;

/// Name, theirs, ours, and what ours should reach at a disk's rate.
const PAIRS: [(&str, &str, &str, &str); 3] = [
    ("read", "`dd iflag=direct bs=1M`", "`lvdiff -d 0 > /dev/null`", "0.8 or more"),
    ("level-3", "`lvdiff -d 0`, then `dd` of the base", "`lvdiff -d 3 > /dev/null`", "about 1"),
    ("copy", "`dd \\| dd`, direct both", "`lvdiff -d 0 \\| lvpatch`", "0.7 or more"),
];

/// The same, where the programs are in the PATH.
const SEND: (&str, &str, &str, &str) =
    ("send", "`thin_send \\| thin_recv`", "`lvdiff -d 0 \\| lvpatch`", "1 or more");

/// What a run of `lvdiff -d 0 > /dev/null` is checked against.
const PARTS: [(&str, &str); 5] = [
    ("lvs", "`lvs`, one of LVM's commands"),
    ("list", "`lvdiff --list`: all but the data"),
    ("dd", "`dd iflag=direct bs=1M > /dev/null`"),
    ("dd-pipe", "`dd iflag=direct bs=1M \\| cat > /dev/null`"),
    ("no-sha1", "`lvdiff -d 0 --no-sha1 > /dev/null`"),
];

/// Measures, and yields the section.
pub(crate) fn measure(programs: &Path, runs: u32) -> Result<String> {
    let log = in_guest(programs, runs)?;
    let images = Images::write(programs)?;
    let texts = [
        INTRODUCTION.to_owned(),
        at_disk_rate(&log)?,
        at_memory_rate(&log)?,
        profile::measure(&images)?,
        "### On files\n".into(),
        files::measure(&images, runs)?,
        "### The stream's size\n".into(),
        at_granularity(&log)?,
        sizes::measure(programs)?,
    ];
    Ok(texts.join("\n"))
}

const INTRODUCTION: &str = "\
In a guest: volumes of 768 MiB of random data in pools of 64 KiB chunks, all of which changed. Whole commands, with all that LVM \
does in them. The guest has one processor, and its disks are files in the host's page cache.
";

fn at_disk_rate(log: &GuestLog) -> Result<String> {
    let limit = megabytes(DISK_RATE as f64);
    let [read, write] = ["disk-read", "disk-write"].map(|name| log.rate(name));
    let (read, write) = (read?, write?);
    // A limit that does not hold would pass for a fast program.
    for (name, rate) in [("reads", read), ("writes", write)] {
        ensure!(
            rate < 1.1 * DISK_RATE as f64,
            "dd {name} at {} in the cgroup: expected no more than {limit}",
            megabytes(rate)
        );
    }
    let mut text = format!(
        "### At a disk's rate\n\nTheirs and ours run in a cgroup that holds each disk to {limit}, reading and writing (`io.max`). \
         Through the thin volumes, `dd` alone reads {} and writes {} there.\n\n\
         | what | theirs | ours | theirs / ours | should be |\n| --- | --- | --- | --- | --- |\n",
        megabytes(read),
        megabytes(write)
    );
    for (name, theirs, ours, target) in PAIRS {
        let ratio = log.ratio(&format!("disk-{name}"))?;
        writeln!(text, "| {name} | {theirs} | {ours} | {ratio} | {target} |")?;
    }
    let (name, theirs, ours, target) = SEND;
    if log.has("pair disk-send ") {
        let ratio = log.ratio("disk-send")?;
        writeln!(text, "| {name} | {theirs} | {ours} | {ratio} | {target} |")?;
    } else {
        let [theirs, ours] = [theirs, ours].map(|text| text.replace('\\', ""));
        writeln!(text, "\n{theirs} against {ours}: not measured: thin_send is not installed.")?;
    }
    Ok(text)
}

fn at_memory_rate(log: &GuestLog) -> Result<String> {
    let mut text = format!(
        "### At memory's rate\n\nThe same without the limit: `dd` alone reads {} and writes {}, which is copying memory. \
         So these figures say nothing of a disk. They show what our programs cost in processor time, on one core.\n\n\
         | what | theirs | ours | theirs / ours |\n| --- | --- | --- | --- |\n",
        megabytes(log.rate("memory-read")?),
        megabytes(log.rate("memory-write")?)
    );
    let sends = log.has("pair memory-send ").then_some(SEND);
    for (name, theirs, ours, _) in PAIRS.into_iter().chain(sends) {
        let ratio = log.ratio(&format!("memory-{name}"))?;
        writeln!(text, "| {name} | {theirs} | {ours} | {ratio} |")?;
    }
    writeln!(
        text,
        "\nHow much of `lvdiff -d 0 > /dev/null` its parts would take alone, each in turn with it:\n"
    )?;
    writeln!(text, "| part | its time / the whole time |\n| --- | --- |")?;
    for (name, command) in PARTS {
        writeln!(text, "| {command} | {} |", log.ratio(&format!("part-{name}"))?)?;
    }
    Ok(text)
}

fn at_granularity(log: &GuestLog) -> Result<String> {
    let mut text = String::from(
        "A hundred random writes of 4 KiB: bytes of the stream, and with `--granularity 4K`.\n\n\
         | chunk | whole chunks | 4 KiB blocks | share |\n| --- | --- | --- | --- |\n",
    );
    for chunk in [64, 512] {
        let [whole, blocks] = log.only(&format!("size granularity-{chunk} "))?;
        let share = whole as f64 / blocks as f64;
        writeln!(text, "| {chunk} KiB | {whole} | {blocks} | 1/{share:.1} |")?;
    }
    Ok(text)
}

fn in_guest(programs: &Path, runs: u32) -> Result<GuestLog> {
    say("measuring in a guest");
    let mut guest = host_guest(programs)?
        .with_disk(8 << 10)?
        .with_disk(8 << 10)?
        .with_memory(1024)
        .with_time_limit(Duration::from_secs(1800));
    fs::write(guest.out().join("runs"), runs.to_string())?;
    fs::write(guest.out().join("rate"), DISK_RATE.to_string())?;
    GuestLog::of(&mut guest, "bench.sh")
}

fn megabytes(rate: f64) -> String {
    format!("{:.0} MB/s", rate / 1e6)
}
