//! `cargo xtask bench`: what it costs, beside what a user would run instead.
//!
//! Only ratios are told, each from pairs of runs in turn, because the machine's speed drifts.

mod data;
mod machine;
mod metadata;
mod pairs;

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::cargo::{Profile, build, root};
use crate::{say, setup};

/// Measures everything, and writes docs/benchmarks.md.
pub(crate) fn run(runs: u32, mappings: u64) -> Result<()> {
    setup::install_missing()?;
    let programs = build(Profile::Release)?;
    let mut page = String::from(HEAD);
    writeln!(page, "{}", machine::describe()?)?;
    writeln!(page, "## What changed: the metadata\n")?;
    page.push_str(&metadata::measure(&programs, runs, mappings)?);
    // The rest takes a while, and can fail: what has been measured stays.
    write(&page)?;
    writeln!(page, "\n## The changed bytes\n")?;
    page.push_str(&data::measure(&programs, runs)?);
    write(&page)
}

fn write(page: &str) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    fs::write(&path, page).with_context(|| path.display().to_string())?;
    say(&format!("written to {}", path.display()));
    Ok(())
}

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`. Every figure is a ratio from pairs of runs in turn, theirs and ours, after a warm-up: the median,
and behind it the lowest and the highest, which show the machine's noise. A ratio of 2 means that ours takes half the time.

";
