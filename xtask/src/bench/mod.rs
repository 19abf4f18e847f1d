//! `cargo xtask bench`: what it costs, beside what a user would run instead.
//!
//! What is compared is told in ratios, from pairs of runs in turn, because the machine's speed drifts.

mod axis;
mod chain;
mod chart;
mod cold;
mod data;
mod devices;
mod earlier;
mod files;
mod folder;
mod guest_log;
mod image;
mod large;
mod lvm;
mod machine;
mod metadata;
mod number;
mod page;
mod pairs;
mod profile;
mod rows;
mod shell;
mod sizes;
mod sync;
mod usage;

use std::fs;

use anyhow::{Context, Result};
use system_tests::packages::Use;

pub(crate) use self::page::Section;
pub(crate) use self::usage::print as print_usage;

use self::page::Page;
use crate::cargo::{Profile, build, root};
use crate::{say, setup};

/// What is measured, and how.
pub(crate) struct Settings {
    /// Only this section.
    pub(crate) only: Option<Section>,
    /// How often each command is measured.
    pub(crate) runs: u32,
    /// The mappings of the volume in the metadata's section.
    pub(crate) mappings: u64,
    /// Also what takes long, and much memory.
    pub(crate) large: bool,
    /// The commit of the programs that today's are compared with.
    pub(crate) earlier: Option<String>,
}

impl Settings {
    fn include(&self, section: Section) -> bool {
        match self.only {
            Some(only) => only == section,
            None => match section {
                Section::Large => self.large,
                Section::Earlier => self.earlier.is_some(),
                Section::Metadata | Section::Data | Section::Lvm | Section::Sync => true,
            },
        }
    }
}

/// Measures the sections that are asked for, and writes docs/benchmarks.md.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    setup::install_missing(Use::Tests)?;
    let programs = build(Profile::Release)?;
    let path = root().join("docs/benchmarks.md");
    let context = || path.display().to_string();
    let Settings { runs, mappings, .. } = *settings;
    let mut page = match path.exists() {
        true => Page::of(&fs::read_to_string(&path).with_context(context)?),
        false => Page::default(),
    };
    for section in Section::ALL {
        if !settings.include(section) {
            continue;
        }
        // Each section says what it was measured on: they may be of different days.
        let machine = machine::describe(machine::settle()?, settings.runs)?;
        let text = match section {
            Section::Metadata => {
                let measured = metadata::measure(&programs, runs, mappings)?;
                fs::write(path.with_file_name("benchmark.svg"), measured.chart.to_string())
                    .context("docs/benchmark.svg")?;
                measured.text
            }
            Section::Data => data::measure(&programs, runs)?,
            Section::Lvm => lvm::measure(&programs, runs, settings.large)?,
            Section::Sync => sync::measure(&programs, runs)?,
            Section::Large => large::measure(&programs, mappings)?,
            Section::Earlier => {
                let commit = settings.earlier.as_deref().context("--earlier: of which commit?")?;
                rows::measure(&earlier::build(commit)?, &programs, runs, mappings)?
            }
        };
        page.renew(section, &format!("{machine}\n{text}"));
        // The next one takes a while, and can fail: what has been measured stays.
        fs::write(&path, page.to_string()).with_context(context)?;
        say(&format!("written to {}", path.display()));
    }
    Ok(())
}
