//! [`start`]: threads, which the system may refuse.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread for `what`, which an error names. (`std::thread::spawn` panics where a limit is
/// reached.)
///
/// # Errors
/// Where the system has no room for another thread.
pub(crate) fn start<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().spawn(work).map_err(|error| {
        let text = format!(
            "no thread can be started for {what}: the limit of processes or of memory is reached \
             (systemd's TasksMax=, a container's pids.max, `ulimit -u` or `-v`): {error}"
        );
        io::Error::new(error.kind(), text)
    })
}
