//! Very large volumes: time and memory at half the size and at all of it, which shows how they grow.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use anyhow::Result;
use thinmeta::testing::{Pool, Random, Shape};

use super::chain::{self, Chain};
use super::folder::folder;
use super::image::{Image, ORIGIN};
use super::number;
use super::usage::Usage;
use crate::say;

const CHUNK: u64 = 65536;

/// Measures, and returns the section. Sizes are multiples of the number of mappings in the metadata section.
pub(crate) fn measure(programs: &Path, mappings: u64) -> Result<String> {
    let mut text = format!(
        "Each is measured once, at half the size and at all of it: where the time for each stays the same, the time follows the size. \
         The full stream's volume is of about {:.2} TiB, all of it a hole in the data's file, and the extents are single chunks, every other one of a volume. The increments have a chunk each, and follow a full stream of {}.\n\n\
         | what | size | takes | for each | peak memory |\n| --- | ---: | ---: | ---: | ---: |\n",
        (4 * mappings * CHUNK) as f64 / (1_u64 << 40) as f64,
        number::megabytes(chain::BASE * CHUNK)
    );
    let sizes = |all: u64| [all / 2, all];
    for count in sizes(4 * mappings) {
        say(&format!("a full stream of {count} mappings"));
        row(
            &mut text,
            "`lvdiff -d 0 --direct`, a full stream: mappings",
            count,
            full_stream(programs, count)?,
        )?;
    }
    for count in sizes(mappings / 8 * 5) {
        say(&format!("a delta of {count} extents"));
        row(&mut text, "`lvdiff --list --direct`: extents", count, delta(programs, count)?)?;
    }
    say(&format!("a chain of {} increments", chain::INCREMENTS));
    let chain = Chain::write(programs)?;
    for count in sizes(chain::INCREMENTS.into()) {
        say(&format!("a chain of {count} increments: merging"));
        row(&mut text, "`lvdiff --merge`: increments", count, chain.merge(count as usize)?)?;
    }
    for count in sizes(chain::INCREMENTS.into()) {
        say(&format!("a chain of {count} increments: applying"));
        row(&mut text, "`lvpatch --device`: increments", count, chain.apply(count as usize)?)?;
    }
    Ok(text)
}

fn row(text: &mut String, what: &str, count: u64, usage: Usage) -> Result<()> {
    let each = usage.took / u32::try_from(count)?;
    writeln!(
        text,
        "| {what} | {} | {} | {} | {} |",
        number::thousands(count),
        number::time(usage.took),
        number::time(each),
        number::megabytes(usage.peak)
    )?;
    Ok(())
}

/// A full stream of a volume as in use.
fn full_stream(programs: &Path, mappings: u64) -> Result<Usage> {
    let folder = folder(programs)?;
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(ORIGIN, mappings, &mut Random::new(1)).len() as u64;
    let image = Image::write(folder.path(), programs, &pool.image())?;
    drop(pool);
    let data = folder.path().join("data");
    File::create(&data)?.set_len(blocks * CHUNK)?;
    let (id, data) = (ORIGIN.to_string(), data.display().to_string());
    let arguments = ["-q", "-d", "0", "--direct", "--metadata", image.path(), "--data", &data, &id];
    Usage::of(image.lvdiff(), &arguments)
}

/// The list of a delta between a volume that has nothing and one in which every other chunk is mapped.
fn delta(programs: &Path, extents: u64) -> Result<Usage> {
    let folder = folder(programs)?;
    let mut pool = Pool::new(Shape::default());
    pool.create(1);
    pool.create_with(2, (0..extents).map(|extent| (2 * extent, extent)));
    let image = Image::write(folder.path(), programs, &pool.image())?;
    drop(pool);
    Usage::of(image.lvdiff(), &["--list", "--direct", "--metadata", image.path(), "1", "2"])
}
