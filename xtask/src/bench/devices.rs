//! Which thin devices an image has: `lvdiff --list` without ids against `thin_ls`.

use std::path::Path;

use anyhow::Result;
use thinmeta::testing::{Pool, Random, Shape};

use super::image::Image;
use super::number;
use super::pairs::{Ratio, in_turn, median};
use crate::say;

/// Volumes, and the snapshots of each.
const VOLUMES: u32 = 100;
const SNAPSHOTS: u32 = 99;
/// The mappings of each volume, and the chunks written to each before the next snapshot.
const MAPPINGS: u64 = 20_000;
const WRITTEN: u64 = 2;

/// Builds the image, measures, and yields the text.
pub(crate) fn measure(folder: &Path, programs: &Path, runs: u32) -> Result<String> {
    let count = number::thousands((VOLUMES * (1 + SNAPSHOTS)).into());
    say(&format!("an image of {count} devices"));
    let image = Image::write(folder, programs, &pool().image())?;
    let list = ["--list", "--metadata", image.path()];
    let direct = [&list[..], &["--direct"]].concat();
    let commands = [
        ("thin_ls", &[image.path()][..]),
        (image.lvdiff(), &list[..]),
        (image.lvdiff(), &direct[..]),
    ];
    let [theirs, ours, direct] = in_turn(commands, runs)?;
    Ok(format!(
        "### All devices of an image\n\n\
         {count} devices, {VOLUMES} volumes with {SNAPSHOTS} snapshots each, in an image of {}. `thin_ls IMAGE` takes {}; \
         times faster:\n\n\
         - `lvdiff --list --metadata IMAGE`, in the page cache as theirs: {}\n\
         - with `--direct`: {}\n",
        number::megabytes(image.size()),
        number::time(median(&theirs)),
        Ratio::between(&theirs, &ours),
        Ratio::between(&theirs, &direct)
    ))
}

fn pool() -> Pool {
    let mut random = Random::new(5);
    let mut pool = Pool::new(Shape::default());
    for volume in 0..VOLUMES {
        let origin = 1 + volume * (1 + SNAPSHOTS);
        let blocks = pool.create_volume(origin, MAPPINGS, &mut random);
        for snapshot in 1..=SNAPSHOTS {
            pool.snapshot(origin, origin + snapshot);
            pool.write_scattered(origin, &blocks, (WRITTEN, 1), &mut random);
        }
    }
    pool
}
