//! [`start`]: starts threads, which the system may refuse.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

/// How long to retry at a limit: a thread that has ended still counts for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts a thread; `what` names it in errors and in the kernel's list of threads.
/// (`std::thread::spawn` panics when a limit is reached.)
///
/// # Errors
/// If the system has no room for another thread.
pub(crate) fn start<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    start_with(Builder::new, what, work)
}

fn start_with<T: Send + 'static>(
    mut builder: impl FnMut() -> Builder,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // A thread that fails to start consumes its closure.
    let work = Arc::new(Mutex::new(Some(work)));
    let begun = Instant::now();
    loop {
        let work = Arc::clone(&work);
        let run = move || {
            let work = work.lock().ok().and_then(|mut work| work.take());
            work.expect("one thread starts, and nobody panics with it")()
        };
        match builder().name(what.into()).spawn(run) {
            Err(error) if begun.elapsed() >= PATIENCE => {
                let text = format!(
                    "no thread can be started for {what}: the limit of processes or of memory is \
                     reached (systemd's TasksMax=, a container's pids.max, `ulimit -u` or `-v`): \
                     {error}"
                );
                return Err(io::Error::new(error.kind(), text));
            }
            Err(_) => sleep(Duration::from_millis(10)),
            Ok(thread) => return Ok(thread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is no room for its stack.
    fn impossible() -> Builder {
        Builder::new().stack_size(1 << 50)
    }

    #[test]
    fn a_limit_that_is_over_soon_is_waited_for_and_one_that_stays_is_an_error() {
        let mut tries = 0;
        let third_time = || {
            tries += 1;
            if tries < 3 { impossible() } else { Builder::new() }
        };
        assert_eq!(start_with(third_time, "it", || 7).unwrap().join().unwrap(), 7);
        let error = start_with(impossible, "reading the input", || 7).unwrap_err().to_string();
        assert!(error.contains("no thread can be started for reading the input: the limit of"));
    }
}
