//! [`limited`]: hostile input makes nothing hang, panic or take much memory.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// More than this is a hang. Nothing here takes as much as a second.
const LIMIT: Duration = Duration::from_secs(20);

/// What hostile input may make the libraries take at the most. A program may have 64 MiB, and has 9 of them before it
/// reads anything.
const MEMORY_KIB: u64 = 55 << 10;

static PANICS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A test that fails is not a thread of a library's that panics.
    static IS_A_TEST: Cell<bool> = const { Cell::new(false) };
}

/// Nobody else is measured, or takes part in what is measured, as long as this is held.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something within the limits. A thread of a library's that panics is an error, too.
#[track_caller]
pub(crate) fn limited<T>(case: &str, work: impl FnOnce() -> T) -> T {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let say = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(usize::from(!IS_A_TEST.get()), Ordering::Relaxed);
            say(panic);
        }));
    });
    IS_A_TEST.set(true);
    let _alone = alone();
    let (done, ends) = channel::<()>();
    let name = case.to_owned();
    std::thread::spawn(move || {
        if ends.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Not with eprintln!, which the test harness would keep for itself.
            _ = writeln!(std::io::stderr(), "it hangs: {name}");
            std::process::exit(124);
        }
    });
    let panics = PANICS.load(Ordering::Relaxed);
    // proc_pid_clear_refs(5): from here on it is the peak of what follows.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = kib("VmRSS:");
    let value = work();
    let peak = kib("VmHWM:").saturating_sub(before);
    drop(done);
    assert!(peak <= MEMORY_KIB, "{peak} KiB: {case}");
    assert_eq!(PANICS.load(Ordering::Relaxed), panics, "a thread panicked: {case}");
    value
}

fn kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
