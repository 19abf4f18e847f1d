//! How long it takes to learn what changed: `lvdiff --list` on an image against `thin_delta`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use thinmeta::testing::{Layout, Pool, Random, Shape};

use super::pairs::{Ratio, median, time};
use crate::say;

/// What is changed in a snapshot: a title, its thin id, and runs of this many blocks each.
const CHANGES: [(&str, u32, (u64, u64)); 5] = [
    ("0", 2, (0, 1)),
    ("100, scattered", 3, (100, 1)),
    ("10,000, scattered", 4, (10_000, 1)),
    ("10,000, in runs of 64", 5, (156, 64)),
    ("1,000,000, scattered", 6, (1_000_000, 1)),
];
const ORIGIN: u32 = 1;
const UNRELATED: u32 = 7;

/// Builds the images, measures, and yields the table.
pub(crate) fn measure(programs: &Path, runs: u32, mappings: u64) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("lvdiff-bench-").tempdir_in(programs)?;
    say(&format!("building metadata images of {mappings} mappings"));
    let pool = pool(mappings);
    let mut table = format!(
        "A volume of {mappings} mappings (runs of about 64, one in ten single), and snapshots of it in which so many chunks were \
         written. `lvdiff --list` against `thin_delta`, whole processes on one core: on the image (through the page cache, warm), and with \
         `--direct` (O_DIRECT, as on a device).\n\n\
         | layout | changed chunks | thin_delta takes | ours on the image, times faster | ours with `--direct`, times faster | `--map thin-delta --direct`, times faster |\n\
         | --- | --- | --- | --- | --- | --- |\n"
    );
    for (title, layout) in [("in order", Layout::InOrder), ("shuffled", Layout::Shuffled(7))] {
        let image = folder.path().join("image");
        fs::write(&image, pool.image_in(layout)).context("the image")?;
        // What is still to be written would slow down the first runs.
        fs::File::open(&image)?.sync_all()?;
        let image = image.to_str().context("the target folder's name is not UTF-8")?;
        let unrelated = ("two unrelated volumes", UNRELATED, (0, 0));
        for (changed, id, _) in CHANGES.into_iter().chain([unrelated]) {
            say(&format!("{title}: {changed}"));
            let row = row(programs, image, id, runs)?;
            writeln!(table, "| {title} | {changed} | {row} |")?;
        }
    }
    Ok(table)
}

fn pool(mappings: u64) -> Pool {
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(ORIGIN, mappings, &mut random);
    for (_, id, runs) in CHANGES {
        pool.snapshot(ORIGIN, id);
        pool.write_scattered(id, &blocks, runs, &mut random);
    }
    pool.create_volume(UNRELATED, mappings, &mut random);
    pool
}

fn row(programs: &Path, image: &str, id: u32, runs: u32) -> Result<String> {
    let (base, target) = (ORIGIN.to_string(), id.to_string());
    let theirs = ["--snap1", &base, "--snap2", &target, image];
    let lvdiff = programs.join("lvdiff");
    let lvdiff = lvdiff.to_str().context("the target folder's name is not UTF-8")?;
    let warm = ["--list", "--metadata", image, &base, &target];
    let direct = ["--list", "--direct", "--metadata", image, &base, &target];
    let all_blocks =
        ["--list", "--map", "thin-delta", "--direct", "--metadata", image, &base, &target];
    let (mut on_image, mut on_device, mut one_by_one, mut all) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..=runs {
        let theirs = time("thin_delta", &theirs)?;
        let (warm, direct) = (time(lvdiff, &warm)?, time(lvdiff, &direct)?);
        let compared = time(lvdiff, &all_blocks)?;
        if number > 0 {
            on_image.push((theirs, warm));
            on_device.push((theirs, direct));
            one_by_one.push((theirs, compared));
            all.push(theirs);
        }
    }
    let (warm, direct) = (Ratio::of(&on_image), Ratio::of(&on_device));
    let compared = Ratio::of(&one_by_one);
    Ok(format!("{:.1} s | {warm} | {direct} | {compared}", median(all).as_secs_f64()))
}
