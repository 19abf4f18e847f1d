//! What the figures were measured on.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::Result;

/// The machine in one paragraph: processor, cores, memory, kernel, the tools' versions.
pub(crate) fn describe() -> Result<String> {
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
        "Machine: {processor}, {cores} cores, {memory} of memory, Linux {}, thin_delta {tools}. It is a \
         virtual machine that shares its host with others.\n",
        kernel.trim()
    ))
}
