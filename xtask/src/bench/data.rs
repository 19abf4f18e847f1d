//! How fast the changed bytes move, with real volumes in a guest.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use system_tests::host_guest;

use super::files::{self, Images};
use super::pairs::Ratio;
use super::profile;
use crate::guest::own_script;
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
        sizes(&log)?,
    ];
    Ok(texts.join("\n"))
}

const INTRODUCTION: &str = "\
In a guest: volumes of 768 MiB of random data in pools of 64 KiB chunks, all of which changed. Whole commands, with all that LVM \
does in them. The guest has one processor, and its disks are files in the host's page cache.
";

fn at_disk_rate(log: &str) -> Result<String> {
    let limit = megabytes(DISK_RATE as f64);
    let [read, write] = ["disk-read", "disk-write"].map(|name| rate(log, name));
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
        let ratio = ratio(log, &format!("disk-{name}"))?;
        writeln!(text, "| {name} | {theirs} | {ours} | {ratio} | {target} |")?;
    }
    Ok(text)
}

fn at_memory_rate(log: &str) -> Result<String> {
    let mut text = format!(
        "### At memory's rate\n\nThe same without the limit: `dd` alone reads {} and writes {}, which is copying memory. \
         So these figures say nothing of a disk. They show what our programs cost in processor time, on one core.\n\n\
         | what | theirs | ours | theirs / ours |\n| --- | --- | --- | --- |\n",
        megabytes(rate(log, "memory-read")?),
        megabytes(rate(log, "memory-write")?)
    );
    for (name, theirs, ours, _) in PAIRS {
        let ratio = ratio(log, &format!("memory-{name}"))?;
        writeln!(text, "| {name} | {theirs} | {ours} | {ratio} |")?;
    }
    writeln!(
        text,
        "\nHow much of `lvdiff -d 0 > /dev/null` its parts would take alone, each in turn with it:\n"
    )?;
    writeln!(text, "| part | its time / the whole time |\n| --- | --- |")?;
    for (name, command) in PARTS {
        writeln!(text, "| {command} | {} |", ratio(log, &format!("part-{name}"))?)?;
    }
    Ok(text)
}

fn sizes(log: &str) -> Result<String> {
    let mut text = String::from(
        "A hundred random writes of 4 KiB: bytes of the stream, and with `--granularity 4K`.\n\n\
         | chunk | whole chunks | 4 KiB blocks | share |\n| --- | --- | --- | --- |\n",
    );
    for chunk in [64, 512] {
        let [whole, blocks] = only(log, &format!("size granularity-{chunk} "))?;
        let share = whole as f64 / blocks as f64;
        writeln!(text, "| {chunk} KiB | {whole} | {blocks} | 1/{share:.1} |")?;
    }
    Ok(text)
}

fn in_guest(programs: &Path, runs: u32) -> Result<String> {
    say("measuring in a guest");
    let mut guest = host_guest(programs)?
        .with_disk(8 << 10)?
        .with_disk(8 << 10)?
        .with_memory(1024)
        .with_time_limit(Duration::from_secs(1800));
    fs::write(guest.out().join("runs"), runs.to_string())?;
    fs::write(guest.out().join("rate"), DISK_RATE.to_string())?;
    let mut log = Vec::new();
    let outcome = guest.boot(&own_script("bench.sh"))?.wait_copying(&mut log)?;
    let log = String::from_utf8_lossy(&log).into_owned();
    ensure!(outcome.end == system_tests::End::Exit(0), "{}: {log}", outcome.end);
    Ok(log)
}

fn ratio(log: &str, name: &str) -> Result<Ratio> {
    let numbers = numbers(log, &format!("pair {name} "))?;
    ensure!(!numbers.is_empty(), "the guest measured no {name}");
    let time = Duration::from_nanos;
    let pairs: Vec<_> =
        numbers.into_iter().map(|[theirs, ours]| (time(theirs), time(ours))).collect();
    Ok(Ratio::of(&pairs))
}

/// Bytes in a second.
fn rate(log: &str, name: &str) -> Result<f64> {
    let [bytes, nanoseconds] = only(log, &format!("rate {name} "))?;
    Ok(bytes as f64 / Duration::from_nanos(nanoseconds).as_secs_f64().max(1e-9))
}

fn megabytes(rate: f64) -> String {
    format!("{:.0} MB/s", rate / 1e6)
}

fn only(log: &str, begin: &str) -> Result<[u64; 2]> {
    numbers(log, begin)?.first().copied().with_context(|| format!("the guest told no {begin}"))
}

/// The two numbers after each line that begins so.
fn numbers(log: &str, begin: &str) -> Result<Vec<[u64; 2]>> {
    let lines = log.lines().filter_map(|line| line.trim().strip_prefix(begin));
    lines
        .map(|line| match line.split(' ').map(str::parse).collect::<Vec<_>>().as_slice() {
            [Ok(theirs), Ok(ours)] => Ok([*theirs, *ours]),
            _ => bail!("not two numbers: {line}"),
        })
        .collect()
}
