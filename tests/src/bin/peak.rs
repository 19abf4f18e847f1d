//! `peak`: runs a program, and says how much memory it had at the most.
//!
//! A process of its own, and a small one: what the kernel counts for a child begins with what its
//! parent had when it was made.

use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

const USAGE: &str = "\
usage: peak SECONDS FILE PROGRAM [ARGUMENT]…
Runs PROGRAM, and ends as it does. FILE gets the most memory that it had, in KiB. After SECONDS it is
killed, and the status is 124.";

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("peak: {error:#}");
            ExitCode::from(125)
        }
    }
}

fn run() -> Result<u8> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [seconds, file, program, rest @ ..] = arguments.as_slice() else { bail!("{USAGE}") };
    let seconds = seconds.to_str().and_then(|text| text.parse().ok()).context(USAGE)?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut child = Command::new(program).args(rest).spawn().context("starting it")?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(126);
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            break 124;
        }
        sleep(Duration::from_millis(2));
    };
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    std::fs::write(file, peak.to_string())?;
    Ok(status)
}
