//! What a run costs in which nothing has changed, in volume groups of many volumes: LVM's commands.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use system_tests::host_guest;

use super::guest_log::GuestLog;
use super::number;
use super::pairs::median;
use crate::say;

/// How many volumes there are in each of two groups.
pub(crate) const COUNT: u64 = 100;
/// As many are measured as well, where large things are.
const LARGE: u64 = 3000;

/// What is measured: a name, theirs, ours, and which of our programs that is.
const PAIRS: [(&str, &str, &str, &str); 2] = [
    ("list", "`lvs VG/LV`", "`lvdiff VG/A VG/B > /dev/null`", "lvdiff"),
    (
        "new",
        "`lvcreate -s`, then `lvrename`",
        "`lvpatch`, of a stream with nothing in it",
        "lvpatch",
    ),
];

/// Measures, and yields the section.
pub(crate) fn measure(programs: &Path, runs: u32, large: bool) -> Result<String> {
    let counts = if large { vec![COUNT, LARGE] } else { vec![COUNT] };
    let log = in_guest(programs, runs, &counts)?;
    let mut text = String::from(
        "In a guest with one processor: two volume groups with this many thin volumes in each, and two snapshots between which nothing \
         has changed, so that a run costs what LVM's commands cost. The guest's LVM keeps no archive and does not wait for \
         udev.\n\n\
         | volumes in each group | theirs | takes | ours | takes | theirs / ours | LVM commands that ours runs |\n\
         | ---: | --- | ---: | --- | ---: | --- | ---: |\n",
    );
    for count in counts {
        for (name, theirs, ours, program) in PAIRS {
            let pair = format!("{name}-{count}");
            let times = log.times(&pair)?;
            let [commands, _] = log.only(&format!("commands {program}-{count} "))?;
            writeln!(
                text,
                "| {} | {theirs} | {} | {ours} | {} | {} | {commands} |",
                number::thousands(count),
                number::time(median(&times.0)),
                number::time(median(&times.1)),
                log.ratio(&pair)?
            )?;
        }
    }
    Ok(text)
}

/// Measures groups of these numbers of volumes.
pub(crate) fn in_guest(programs: &Path, runs: u32, counts: &[u64]) -> Result<GuestLog> {
    say("measuring LVM's commands in a guest");
    let mut guest =
        host_guest(programs)?.with_memory(1024).with_time_limit(Duration::from_secs(3600));
    fs::write(guest.out().join("runs"), runs.to_string())?;
    let counts: Vec<_> = counts.iter().map(u64::to_string).collect();
    fs::write(guest.out().join("counts"), counts.join(" "))?;
    GuestLog::of(&mut guest, "bench_lvm.sh")
}
