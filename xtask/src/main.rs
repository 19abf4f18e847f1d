//! The project's tasks, run as `cargo xtask <task>`.
//!
//! Messages go to standard error, each after `xtask:`; standard output is what a task makes.

mod bench;
mod cargo;
mod corpus;
mod damage;
mod demo;
mod deny;
mod dist;
mod fuzz;
mod guest;
mod man;
mod release;
mod setup;
mod test;
mod torture;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cargo::Profile;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test: unit, property and CLI tests, then the end-to-end ones, in guests
    Test {
        /// Only tests with this in their name
        filter: Option<String>,
        /// Also scenarios in guests of another release of Debian, whose root debootstrap makes
        /// first: this takes longer than what goes before every change may take
        #[arg(long)]
        full: bool,
        /// Some minutes, for while you work: a few of the end-to-end tests only, no torture and no
        /// fuzz targets
        #[arg(long, conflicts_with = "full")]
        quick: bool,
    },
    /// Rounds of random histories, each with a fault, in guests: whether a promise is broken
    Torture {
        /// No round begins after this many minutes
        #[arg(long, default_value = "10")]
        minutes: u32,
        /// What all of it follows from [default: a random number, which is printed]
        #[arg(long)]
        seed: Option<u64>,
        /// Only this round of the seed
        #[arg(long, requires = "seed")]
        round: Option<u64>,
        /// Only rounds of lvsync
        #[arg(long)]
        lvsync: bool,
        /// Guests at a time [default: one for each processor, and two at least]
        #[arg(long)]
        guests: Option<usize>,
    },
    /// Run the README's example in a guest, and compare the two sums
    Demo,
    /// Measure against what a user would run instead, and write docs/benchmarks.md
    Bench {
        /// Only this section of the page; the others stay as they are
        #[arg(long, value_name = "SECTION")]
        only: Option<bench::Section>,
        /// How often each command is measured
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
        runs: u32,
        /// The mappings of the volume in the metadata benchmark
        #[arg(long, default_value = "16000000")]
        mappings: u64,
        /// Also very large volumes, long chains and thousands of volumes: takes long, and 6 GB of memory
        #[arg(long)]
        large: bool,
        /// Also build this commit's programs, and compare today's with them
        #[arg(long, value_name = "COMMIT")]
        earlier: Option<String>,
    },
    /// Run a command, and print what it took: nanoseconds, bytes of memory, bytes read
    #[command(hide = true)]
    Usage {
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// Run the fuzz targets, each for a while, beginning with the inputs in tests/fuzz/corpus
    Fuzz(fuzz::Options),
    /// A shell in a guest with two volume groups
    Guest {
        /// Run this bash script, and not a shell
        script: Option<PathBuf>,
        /// Build the programs with optimisation
        #[arg(long)]
        release: bool,
        /// Two more disks of this many MiB, /dev/ubdc and /dev/ubdd
        #[arg(long, value_name = "MIB")]
        disks: Option<u64>,
        /// A guest of that release of Debian, as in `test --full`
        #[arg(long)]
        trixie: bool,
    },
    /// Write man pages and shell completions
    Man {
        /// The folder to write to
        #[arg(default_value = "target/man")]
        dir: PathBuf,
    },
    /// Make packages for Debian and RPM, an archive of static programs and one of the sources, in target/dist
    Dist {
        /// Build once more in another folder, and compare: the same bytes
        #[arg(long)]
        check: bool,
        /// Then have lintian read the .deb, and install it in Debian 12 and 13, for which root is needed
        #[arg(long = "try")]
        try_out: bool,
    },
    /// Write the damaged metadata images of the tests, each named for its flaw
    Damage {
        /// The folder to write to
        #[arg(default_value = "target/damage")]
        dir: PathBuf,
    },
    /// Hold the dependencies against deny.toml: licences, bans, sources
    Deny,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test { filter, full, quick } => {
            let extent = match (quick, full) {
                (true, _) => test::Extent::Quick,
                (_, true) => test::Extent::Full,
                _ => test::Extent::Usual,
            };
            test::run(filter.as_deref(), extent)
        }
        Task::Torture { minutes, seed, round, lvsync, guests } => {
            torture::run(&torture::Settings {
                time: Duration::from_secs(60 * u64::from(minutes)),
                seed,
                round,
                lvsync,
                guests,
            })
        }
        Task::Demo => demo::run(),
        Task::Bench { only, runs, mappings, large, earlier } => {
            bench::run(&bench::Settings { only, runs, mappings, large, earlier })
        }
        Task::Usage { command } => bench::print_usage(&command),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Guest { script, release, disks, trixie } => guest::run(
            script.as_deref(),
            if release { Profile::Release } else { Profile::Dev },
            disks,
            trixie,
        ),
        Task::Man { dir } => man::write(&dir),
        Task::Dist { check, try_out } => dist::run(check, try_out),
        Task::Damage { dir } => damage::write(&dir),
        Task::Deny => deny::run(),
    }
}

/// Tells the person at the terminal what goes on.
fn say(text: &str) {
    eprintln!("xtask: {text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
