//! What the host's kernel does to guests.

use std::process::Command;

/// How many processes of guests the host's kernel has ended because its frame for a signal found no room on
/// their signal stacks. User-mode Linux gives each a page, and where the processor has AMX's registers that is
/// seen to be too small now and then: a program in a guest, whichever, ends with SIGSEGV then. 0 where the
/// kernel's log cannot be read.
pub fn ended_processes() -> usize {
    let log = Command::new("dmesg").output().map(|output| output.stdout).unwrap_or_default();
    count(&String::from_utf8_lossy(&log))
}

/// Runs something in guests, and once more, at the most twice, where it fails and the host's kernel has ended a
/// process of a guest meanwhile: that says nothing of what is tested. What is wrong with the programs fails
/// again.
pub fn undisturbed<T>(name: &str, failed: impl Fn(&T) -> bool, mut run: impl FnMut() -> T) -> T {
    const MOST: u32 = 3;
    for attempt in 1.. {
        let before = ended_processes();
        let result = run();
        if attempt == MOST || !failed(&result) || ended_processes() == before {
            return result;
        }
        eprintln!(
            "{name}: the host's kernel ended a process of a guest (`dmesg`: linux.uml overflowed \
             sigaltstack): once more"
        );
    }
    unreachable!("the last attempt returns")
}

fn count(log: &str) -> usize {
    log.lines().filter(|l| l.contains("linux.uml") && l.contains("overflowed sigaltstack")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signal_stacks_of_guests_count() {
        let log = "[ 1.0] signal: linux.uml[7] overflowed sigaltstack\n\
                   [ 1.1] signal: other[7] overflowed sigaltstack\n\
                   [ 1.2] linux.uml[8]: something else\n";
        assert_eq!(count(log), 1);
    }

    #[test]
    fn what_fails_undisturbed_fails_at_once() {
        let mut runs = 0;
        undisturbed("test", |_| true, || runs += 1);
        assert_eq!(runs, 1);
    }
}
