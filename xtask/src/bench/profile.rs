//! What the programs' processor time goes to, as perf sees it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::files::Images;
use super::shell;
use crate::say;

/// What a sample is counted as.
const PARTS: [&str; 5] = [
    "BLAKE3",
    "SHA-1",
    "copying in memory",
    "the kernel: reads, writes, memory, scheduling",
    "everything else",
];

/// A table of shares for both programs on image files, or why there is none.
pub(crate) fn measure(images: &Images) -> Result<String> {
    // The kernel's part too, or none at all.
    let perf = format!("perf record -q -e cpu-clock:uk -o {}", images.path("profile"));
    if shell::run(&format!("{perf} -- true")).is_err() {
        let why = "perf (Debian's linux-perf) is not installed, or may not look at the kernel";
        return Ok(format!("What that time goes to was not measured: {why}.\n"));
    }
    say("profiles");
    let stream = images.path("stream");
    shell::run(&format!("{} > {stream}", images.lvdiff()))?;
    let copy = images.path("copy");
    shell::run(&format!("truncate -s 1G {copy}"))?;
    let record = |command: &str, redirection: &str| {
        shell::run(&format!("{perf} -- {command} {redirection}"))?;
        shares(Path::new(&images.path("profile")))
    };
    let diff = record(&images.lvdiff(), "> /dev/null")?;
    let lvpatch = images.programs.join("lvpatch").display().to_string();
    // From a file, the stream would be verified before it is read again.
    let patch = record(&format!("{lvpatch} -q --device {copy}"), &format!("< <(cat {stream})"))?;
    for name in ["stream", "copy"] {
        std::fs::remove_file(images.path(name))?;
    }
    let mut table = String::from(
        "What the processors' time goes to, on the host and image files, all threads together (`perf record -e cpu-clock`):\n\n\
         | part | `lvdiff -d 0 > /dev/null` | `lvpatch --device` |\n| --- | ---: | ---: |\n",
    );
    for ((part, diff), patch) in PARTS.iter().zip(diff).zip(patch) {
        writeln!(table, "| {part} | {diff:.0} % | {patch:.0} % |")?;
    }
    Ok(table)
}

/// Percentages, in the order of [`PARTS`].
fn shares(profile: &Path) -> Result<[f64; 5]> {
    let report = shell::run(&format!(
        "perf report -q --stdio --no-children -F overhead,sym -t '|' -i {} 2> /dev/null",
        profile.display()
    ))?;
    let shares = shares_of(&report)?;
    let sum: f64 = shares.iter().sum();
    ensure!((95.0..105.0).contains(&sum), "perf's shares add up to {sum} %");
    Ok(shares)
}

fn shares_of(report: &str) -> Result<[f64; 5]> {
    let mut shares = [0.0; 5];
    for line in report.lines().filter(|line| !line.trim().is_empty()) {
        let (share, symbol) = line.split_once('|').context("perf's report has another form")?;
        let share = share.trim().trim_end_matches('%').parse::<f64>();
        shares[part_of(symbol.trim())] += share.with_context(|| format!("perf said: {line}"))?;
    }
    Ok(shares)
}

/// Which part a symbol is, shown by perf as `[.] name`, or `[k] name` in the kernel.
fn part_of(symbol: &str) -> usize {
    let has = |text| symbol.contains(text);
    if symbol.starts_with("[k]") {
        3
    } else if has("blake3") {
        0
    } else if has("sha1") {
        1
    } else if has("memcpy") || has("memmove") {
        2
    } else {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_counted_by_what_they_do() {
        let report = "\
            \n    40.50%|[.] _blake3_hash_many_avx512\n    20.25%|[.] sha1::compress::x86_sha::compress\n\
            \x20   10.00%|[.] __memmove_avx512_unaligned_erms\n     9.00%|[k] copy_folio_from_iter_atomic\n\
            \x20    5.25%|[.] blake3::compress_subtree_wide\n     1.00%|[.] lvdiff::main\n";
        assert_eq!(shares_of(report).unwrap(), [45.75, 20.25, 10.0, 9.0, 1.0]);
        assert!(shares_of("no report").is_err());
    }
}
