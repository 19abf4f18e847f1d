//! An image that the page cache does not have, and what a run costs that finds nothing.

use std::fmt::Write as _;

use anyhow::Result;

use super::image::{Image, ORIGIN};
use super::number;
use super::pairs::{in_turn, median};
use super::usage::Usage;

/// What comes before the rows.
pub(crate) fn introduction() -> String {
    "### From a cold image\n\n\
     The page cache forgets the image before each run (`POSIX_FADV_DONTNEED`; the host of a virtual machine may still have it). \
     Times, and what was read from the disk.\n\n\
     | layout | changed chunks | ours on the image | read | ours with `--direct` | read |\n\
     | --- | --- | ---: | ---: | ---: | ---: |\n"
        .into()
}

/// Measures both ways to read a cold image, in turn.
pub(crate) fn row(image: &Image, id: u32, runs: u32) -> Result<String> {
    let (base, target) = (ORIGIN.to_string(), id.to_string());
    let list = ["--list", "--metadata", image.path(), &base, &target];
    let direct = [&list[..], &["--direct"]].concat();
    let mut usages = [Vec::new(), Vec::new()];
    for number in 0..=runs {
        for (usages, arguments) in usages.iter_mut().zip([&list[..], &direct]) {
            image.forget()?;
            let usage = Usage::of(image.lvdiff(), arguments)?;
            if number > 0 {
                usages.push(usage);
            }
        }
    }
    let cells = usages.map(|usages| {
        let took: Vec<_> = usages.iter().map(|usage| usage.took).collect();
        let read: Vec<_> = usages.iter().map(|usage| usage.read).collect();
        format!("{} | {}", number::time(median(&took)), number::megabytes(median(&read)))
    });
    Ok(cells.join(" | "))
}

/// What a whole run takes that finds nothing, beside one that opens no image.
pub(crate) fn start_up(image: &Image, runs: u32) -> Result<String> {
    let (id, snapshot) = (ORIGIN.to_string(), (ORIGIN + 1).to_string());
    let list = ["--list", "--direct", "--metadata", image.path(), &id];
    let (itself, unchanged) = ([&list[..], &[&id]].concat(), [&list[..], &[&snapshot]].concat());
    let lvdiff = image.lvdiff();
    let times = in_turn([(lvdiff, &["--version"]), (lvdiff, &itself), (lvdiff, &unchanged)], runs)?;
    let mut text = format!(
        "### Start-up\n\nWhole processes on one core, with an image of {}: median, lowest and highest.\n\n\
         | what | time |\n| --- | --- |\n",
        number::megabytes(image.size())
    );
    let names = [
        "`lvdiff --version`",
        "`lvdiff --list --direct`, a volume and itself",
        "`lvdiff --list --direct`, a volume and a snapshot with nothing changed",
    ];
    for (name, mut times) in names.into_iter().zip(times) {
        times.sort();
        let [low, high] = [0, times.len() - 1].map(|place| number::time(times[place]));
        writeln!(text, "| {name} | {} ({low} to {high}) |", number::time(median(&times)))?;
    }
    Ok(text)
}
