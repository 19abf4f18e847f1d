//! Signals that ask the program to end.

use std::io;
use std::sync::Arc;

use flow::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// Catches SIGINT, SIGTERM and SIGHUP from now on. One that was ignored when the program started, as nohup(1)
/// has it, stays ignored. SIGXFSZ is caught too, and asks for nothing: the write that it comes
/// with, past the limit of `ulimit -f`, fails then.
///
/// # Errors
/// Where the system refuses to.
pub(crate) fn catch_signals() -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    let ignored = ignored_signals(&std::fs::read_to_string("/proc/self/status")?);
    let is_ignored = |signal: i32| ignored & 1 << (signal - 1) != 0;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if is_ignored(signal) {
            continue;
        }
        let number = signal.unsigned_abs() as usize;
        signal_hook::flag::register_usize(signal, Arc::clone(interrupt.signal()), number)?;
    }
    if !is_ignored(SIGXFSZ) {
        // Not ignored: LVM's commands would inherit that.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    }
    Ok(interrupt)
}

/// The signals that are ignored, as bits of which the lowest is signal 1 (proc_pid_status(5),
/// SigIgn); none where the text does not say.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_hexadecimal() {
        let status = "Name:\tlvdiff\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert_eq!(
            ignored_signals(status),
            1 << (SIGHUP - 1) | 1 << (signal_hook::consts::SIGPIPE - 1)
        );
        assert_eq!(ignored_signals("SigIgn:\tffffffffffffffff\n"), u64::MAX);
        assert_eq!(ignored_signals("Name:\tlvdiff\n"), 0);
    }
}
