//! lvsync's push beside the pair and the steps around it by hand.

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

/// What is measured: a name, and what was written before each run.
const PAIRS: [(&str, &str); 2] =
    [("changed", "1 %, in chunks all over the volume"), ("nothing", "nothing")];

/// Measures, and yields the section.
pub(crate) fn measure(programs: &Path, runs: u32) -> Result<String> {
    say("measuring lvsync in a guest");
    let mut guest = host_guest(programs)?
        .with_disk(4 << 10)?
        .with_disk(4 << 10)?
        .with_disk(4 << 10)?
        .with_memory(1024)
        .with_time_limit(Duration::from_secs(1800));
    fs::write(guest.out().join("runs"), runs.to_string())?;
    let log = GuestLog::of(&mut guest, "bench_sync.sh")?;
    let [commands, _] = log.only("commands lvsync ")?;
    let mut text = String::from(
        "In a guest with one processor, whose disks are files in the host's page cache: a volume of 512 MiB of random data, and its copy \
         in another volume group. Theirs is `lvcreate -s`, then `lvdiff | lvpatch`; ours is `lvsync push`, which also finds the \
         base, tags and lays aside what it makes, and removes the points that are not needed any more.\n\n\
         | written before | theirs takes | ours takes | theirs / ours |\n\
         | --- | ---: | ---: | --- |\n",
    );
    for (name, written) in PAIRS {
        let (theirs, ours) = log.times(name)?;
        writeln!(
            text,
            "| {written} | {} | {} | {} |",
            number::time(median(&theirs)),
            number::time(median(&ours)),
            log.ratio(name)?
        )?;
    }
    writeln!(text, "\nA push with nothing changed runs {commands} of LVM's commands.")?;
    Ok(text)
}
