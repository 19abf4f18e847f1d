//! What the figures were measured on, and what else it did then.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::say;

/// With a higher load average than this, something else was running.
const QUIET: f64 = 1.0;
/// How long what ran before, a build or another section, may take to fade from the load average.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the machine is quiet, or for as long as our own work can still be what the load
/// average shows; yields the load average of the last minute.
pub(crate) fn settle() -> Result<f64> {
    let begun = Instant::now();
    loop {
        let load = load()?;
        if load <= QUIET || begun.elapsed() > PATIENCE {
            return Ok(load);
        }
        if begun.elapsed() < Duration::from_secs(1) {
            say(&format!("the load average is {load:.2}: waiting for it to fall"));
        }
        thread::sleep(Duration::from_secs(5));
    }
}

/// The machine in one paragraph: processor, cores, memory, kernel, the tools' versions, and how busy
/// it was; before it a warning, if it was too busy.
pub(crate) fn describe(load: f64, runs: u32) -> Result<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
        value.unwrap_or("unknown").to_owned()
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    let cores = thread::available_parallelism()?;
    let tools = Command::new("thin_delta").arg("--version").output()?;
    let tools = String::from_utf8_lossy(&tools.stdout).trim().to_owned();
    Ok(format!(
        "{}Machine: {processor}, {cores} cores, {memory} of memory, Linux {}, thin_delta {tools}. It is a \
         virtual machine that shares its host with others. Load average at the start: {load:.2}. Measured runs of each \
         command: {runs}.\n",
        warning(load),
        kernel.trim()
    ))
}

/// Says that the figures are worth little, where they are.
fn warning(load: f64) -> String {
    if load <= QUIET {
        return String::new();
    }
    format!(
        "> **The machine was busy: its load average was {load:.2} at the start. These figures are worth little.**\n\n"
    )
}

fn load() -> Result<f64> {
    let path = "/proc/loadavg";
    let text = fs::read_to_string(path).context(path)?;
    average(&text).with_context(|| format!("{path} holds: {text}"))
}

/// The average of the last minute.
fn average(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_told_on_a_line_of_its_own() {
        let busy = warning(2.5);
        assert!(busy.starts_with("> **The machine was busy: its load average was 2.50"), "{busy}");
        assert!(busy.ends_with("\n\n"));
        assert_eq!(warning(0.5), "");
    }

    #[test]
    fn the_load_average_is_that_of_the_last_minute() {
        assert_eq!(average("2.68 1.38 1.11 1/88 19733\n"), Some(2.68));
        assert_eq!(average(""), None);
    }
}
