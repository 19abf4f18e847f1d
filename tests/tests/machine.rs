//! The guests themselves: that they end when they must, and keep what they must.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use system_tests::{End, Guest, packages};

/// A scenario in a file of its own, which goes with the guest's folder of results.
fn script(guest: &Guest, text: &str) -> Result<PathBuf> {
    let path = guest.out().join("script.sh");
    std::fs::write(&path, text)?;
    Ok(path)
}

#[test]
fn a_status_and_both_streams_come_back() -> Result<()> {
    packages::check()?;
    let mut guest = Guest::new()?;
    let script =
        script(&guest, "echo to stdout; echo to stderr >&2; echo file > /run/out/f; exit 7")?;
    let outcome = guest.run(&script)?;
    assert_eq!(outcome.end, End::Exit(7), "{outcome}");
    assert_eq!(outcome.log, "to stdout\nto stderr\n");
    assert_eq!(std::fs::read_to_string(guest.out().join("f"))?, "file\n");
    Ok(())
}

#[test]
fn a_guest_that_hangs_is_ended_with_all_its_processes() -> Result<()> {
    packages::check()?;
    let mut guest = Guest::new()?.with_disk(16)?.with_time_limit(Duration::from_secs(5));
    let script = script(&guest, "sleep 1000 & sleep 1000")?;
    let started = Instant::now();
    let outcome = guest.run(&script)?;
    assert_eq!(outcome.end, End::TimedOut(Duration::from_secs(5)), "{outcome}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(processes_naming(guest.disk(0)), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_guest_that_is_dropped_is_ended() -> Result<()> {
    packages::check()?;
    let mut guest = Guest::new()?.with_disk(16)?;
    let script = script(&guest, "echo ready; sleep 1000")?;
    let mut running = guest.boot(&script)?;
    running.wait_for("ready")?;
    drop(running);
    assert_eq!(processes_naming(guest.disk(0)), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_disk_survives_a_power_cut() -> Result<()> {
    packages::check()?;
    let mut guest = Guest::new()?.with_disk(16)?;
    let write = "echo kept | dd of=/dev/ubda conv=fsync,notrunc; echo written; sleep 1000";
    let script = script(&guest, write)?;
    let mut running = guest.boot(&script)?;
    running.wait_for("written")?;
    assert_eq!(running.power_cut()?.end, End::PowerCut);
    std::fs::write(&script, "head -c 5 /dev/ubda")?;
    let outcome = guest.run(&script)?;
    assert_eq!((outcome.end, outcome.log.as_str()), (End::Exit(0), "kept\n"));
    Ok(())
}

/// The command lines of the processes that have a path in theirs, as a guest has its disks.
fn processes_naming(path: &std::path::Path) -> Vec<String> {
    let path = path.to_str().expect("the path of a disk is plain");
    let processes = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let command_lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    command_lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(path))
        .collect()
}
