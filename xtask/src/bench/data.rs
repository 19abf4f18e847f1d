//! How fast the changed bytes move: with real volumes in a guest, and on image files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use system_tests::host_guest;
use thinmeta::testing::{Pool, Random, Shape};

use super::pairs::Ratio;
use crate::guest::own_script;
use crate::say;

const CHUNK: u64 = 65536;

/// Measures, and yields the tables.
pub(crate) fn measure(programs: &Path, runs: u32) -> Result<String> {
    let mut page = String::from(
        "In a guest: volumes of 768 MiB of random data in pools of 64 KiB chunks, all of which changed. Whole commands, with all that LVM \
         does in them.\n\n\
         The guest has one processor, and its disks are files in the host's page cache: `dd` copies memory there, several times as fast as \
         disks are. So these figures show what our programs cost beside copying memory, on one core: the hashes (BLAKE3 of each record and \
         of the stream, SHA-1), and LVM's commands. They do not show a disk's rate.\n\n| what | theirs | ours | theirs / ours |\n| --- | --- | --- | --- |\n",
    );
    let log = in_guest(programs, runs)?;
    for (name, theirs, ours) in [
        ("read", "`dd iflag=direct bs=1M`", "`lvdiff -d 0 > /dev/null`"),
        ("read-no-sha1", "`dd iflag=direct bs=1M`", "`lvdiff -d 0 --no-sha1 > /dev/null`"),
        ("level-3", "`lvdiff -d 0`, then `dd` of the base", "`lvdiff -d 3 > /dev/null`"),
        ("copy", "`dd \\| dd`, direct both", "`lvdiff -d 0 \\| lvpatch`"),
    ] {
        let pairs = pairs_of(&log, name)?;
        writeln!(page, "| {name} | {theirs} | {ours} | {} |", Ratio::of(&pairs))?;
    }
    writeln!(page, "\nRandom writes of 4 KiB: bytes of the stream with `--granularity 4K`.\n")?;
    writeln!(page, "| chunk | whole chunks | 4 KiB blocks | share |\n| --- | --- | --- | --- |")?;
    for chunk in [64, 512] {
        let [whole, blocks] = numbers(&log, &format!("size granularity-{chunk} "))?
            .first()
            .copied()
            .context("the guest measured no sizes")?;
        let share = whole as f64 / blocks as f64;
        writeln!(page, "| {chunk} KiB | {whole} | {blocks} | 1/{share:.1} |")?;
    }
    page.push_str(&on_files(programs, runs)?);
    Ok(page)
}

fn in_guest(programs: &Path, runs: u32) -> Result<String> {
    say("booting a guest");
    let mut guest = host_guest(programs)?
        .with_disk(8 << 10)?
        .with_disk(8 << 10)?
        .with_memory(1024)
        .with_time_limit(Duration::from_secs(1800));
    fs::write(guest.out().join("runs"), runs.to_string())?;
    let mut log = Vec::new();
    let outcome = guest.boot(&own_script("bench.sh"))?.wait_copying(&mut log)?;
    let log = String::from_utf8_lossy(&log).into_owned();
    ensure!(outcome.end == system_tests::End::Exit(0), "{}: {log}", outcome.end);
    Ok(log)
}

fn pairs_of(log: &str, name: &str) -> Result<Vec<(Duration, Duration)>> {
    let numbers = numbers(log, &format!("pair {name} "))?;
    ensure!(!numbers.is_empty(), "the guest measured no {name}");
    let time = Duration::from_nanos;
    Ok(numbers.into_iter().map(|[theirs, ours]| (time(theirs), time(ours))).collect())
}

/// The two numbers behind each line that begins so.
fn numbers(log: &str, begin: &str) -> Result<Vec<[u64; 2]>> {
    let lines = log.lines().filter_map(|line| line.trim().strip_prefix(begin));
    lines
        .map(|line| match line.split(' ').map(str::parse).collect::<Vec<_>>().as_slice() {
            [Ok(theirs), Ok(ours)] => Ok([*theirs, *ours]),
            _ => bail!("not two numbers: {line}"),
        })
        .collect()
}

/// On files: reading, and compression.
fn on_files(programs: &Path, runs: u32) -> Result<String> {
    say("image files");
    let folder = tempfile::Builder::new().prefix("lvdiff-bench-").tempdir_in(programs)?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (metadata, data, lvdiff) =
        (path("metadata"), path("data"), programs.join("lvdiff").display().to_string());
    write_files(Path::new(&metadata), Path::new(&data))?;
    let ours = format!("{lvdiff} -q -d 0 --direct --metadata {metadata} --data {data} 1 2");
    let mut page = String::from("\nOn image files of 1 GiB, half of which compresses:\n\n");
    let read = format!("dd if={data} iflag=direct bs=1M of=/dev/null status=none");
    let ratio = shell_pairs(&read, &format!("{ours} > /dev/null"), runs)?;
    writeln!(page, "- `dd iflag=direct` / `lvdiff -d 0 --direct`: {ratio}")?;
    if Command::new("zstd").arg("--version").stdout(Stdio::null()).status().is_err() {
        writeln!(page, "- compression was not measured: zstd is not installed")?;
        return Ok(page);
    }
    let piped = path("piped");
    let ratio = shell_pairs(
        &format!("{ours} | zstd -q -T0 -3 -f -o {piped}"),
        &format!("{ours} --compress zstd:3 > {}", path("ours")),
        runs,
    )?;
    let size = |name: &str| fs::metadata(path(name)).map(|metadata| metadata.len());
    let share = size("ours")? as f64 / size("piped")? as f64;
    writeln!(
        page,
        "- `lvdiff | zstd -T0 -3` / `lvdiff --compress zstd:3`: {ratio}; ours has {share:.3} times its size"
    )?;
    Ok(page)
}

fn shell_pairs(theirs: &str, ours: &str, runs: u32) -> Result<Ratio> {
    let time = |line: &str| {
        let begun = Instant::now();
        let status = Command::new("bash").args(["-o", "pipefail", "-c", line]).status()?;
        ensure!(status.success(), "{line} failed: {status}");
        Ok(begun.elapsed())
    };
    let mut pairs = Vec::new();
    for number in 0..=runs {
        let pair = (time(theirs)?, time(ours)?);
        if number > 0 {
            pairs.push(pair);
        }
    }
    Ok(Ratio::of(&pairs))
}

/// A pool with an empty device, 1, and a snapshot of it, 2, that was written to from end to end.
fn write_files(metadata: &Path, data: &Path) -> Result<()> {
    let mut pool = Pool::new(Shape::default());
    pool.create(1);
    pool.create_with(2, (0..(1 << 30) / CHUNK).map(|block| (block, block)));
    fs::write(metadata, pool.image())?;
    let file = fs::File::create(data)?;
    let mut random = Random::new(3);
    let mut piece = vec![0; 1 << 20];
    for offset in (0..1 << 30).step_by(piece.len()) {
        for (number, word) in piece.chunks_mut(8).enumerate() {
            // In every other 4 KiB, text that has been seen before.
            let noise = random.below(u64::MAX).to_le_bytes();
            word.copy_from_slice(if number / 512 % 2 == 0 { &noise } else { b"the same" });
        }
        file.write_all_at(&piece, offset)?;
    }
    file.sync_all()?;
    Ok(())
}
