//! `cargo xtask bench`: what it costs, beside what a user would run instead.
//!
//! What is compared is told in ratios, from pairs of runs in turn, because the machine's speed drifts.

mod data;
mod files;
mod machine;
mod metadata;
mod page;
mod pairs;
mod profile;

use std::fs;

use anyhow::{Context, Result};

pub(crate) use self::page::Section;

use self::page::Page;
use crate::cargo::{Profile, build, root};
use crate::{say, setup};

/// Measures a section or all of them, and writes docs/benchmarks.md.
pub(crate) fn run(only: Option<Section>, runs: u32, mappings: u64) -> Result<()> {
    setup::install_missing()?;
    let programs = build(Profile::Release)?;
    let path = root().join("docs/benchmarks.md");
    let context = || path.display().to_string();
    let mut page = match path.exists() {
        true => Page::of(&fs::read_to_string(&path).with_context(context)?),
        false => Page::default(),
    };
    for section in Section::ALL {
        if only.is_some_and(|only| only != section) {
            continue;
        }
        // Each section says what it was measured on: they may be of different days.
        let machine = machine::describe()?;
        let text = match section {
            Section::Metadata => metadata::measure(&programs, runs, mappings)?,
            Section::Data => data::measure(&programs, runs)?,
        };
        page.renew(section, &format!("{machine}\n{text}"));
        // The next one takes a while, and can fail: what has been measured stays.
        fs::write(&path, page.to_string()).with_context(context)?;
        say(&format!("written to {}", path.display()));
    }
    Ok(())
}
