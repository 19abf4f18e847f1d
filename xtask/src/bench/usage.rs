//! [`Usage`]: what one run of a program took.
//!
//! The kernel counts it for all children of a process that were waited for together, so each program
//! is run by a process of its own: xtask itself, with a hidden task. That is small, too: what a
//! process takes at the most is counted from before it becomes another program, while it still has
//! the memory of the one that started it.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};

/// The unit in which the kernel counts what is read from disks.
const SECTOR: u64 = 512;

/// What a program took, and those that it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) took: Duration,
    /// The most memory that it had at a time, in bytes.
    pub(crate) peak: u64,
    /// Bytes read from disks.
    pub(crate) read: u64,
}

impl Usage {
    /// Runs a program, its output thrown away.
    pub(crate) fn of(program: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(env::current_exe().context("cannot find xtask itself")?);
        command.args(["usage", "--", program]).args(arguments);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().context("cannot run xtask")?;
        ensure!(output.status.success(), "{program} was not measured");
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    fn parse(text: &str) -> Result<Self> {
        let numbers: Vec<Result<u64, _>> = text.split_whitespace().map(str::parse).collect();
        let [Ok(nanoseconds), Ok(peak), Ok(read)] = numbers[..] else {
            bail!("xtask usage said: {text}");
        };
        Ok(Self { took: Duration::from_nanos(nanoseconds), peak, read })
    }
}

/// Runs a program, its output thrown away, and prints what it took: nanoseconds, bytes of memory,
/// bytes read.
pub(crate) fn print(command: &[OsString]) -> Result<()> {
    let (program, arguments) = command.split_first().context("which program?")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status().with_context(|| program.display().to_string())?;
    let took = begun.elapsed().as_nanos();
    ensure!(status.success(), "{} failed: {status}", program.display());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let peak = u64::try_from(usage.max_rss())? * 1024;
    let read = u64::try_from(usage.block_reads())? * SECTOR;
    writeln!(io::stdout(), "{took} {peak} {read}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_read() {
        let usage = Usage { took: Duration::from_nanos(1500), peak: 4096, read: 512 };
        assert_eq!(Usage::parse("1500 4096 512\n").unwrap(), usage);
        for text in ["", "1 2", "1 2 x", "1 2 3 4"] {
            assert!(Usage::parse(text).is_err(), "{text}");
        }
    }
}
