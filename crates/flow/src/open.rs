//! [`open`]: opens files whose opening may block.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::{Interrupt, thread};

const LOOK_UP: Duration = Duration::from_millis(50);

/// Opens a file. Opening a FIFO blocks until its other end is open too, maybe forever; here a signal ends
/// the wait.
///
/// # Errors
/// If it cannot be opened, or a signal arrived.
pub fn open(options: &OpenOptions, path: &Path, interrupt: &Interrupt) -> io::Result<File> {
    let (sender, opened) = channel();
    let (options, path) = (options.clone(), path.to_path_buf());
    // The thread is not joined: it may hang, and it holds nothing that needs cleaning up.
    thread::start("opening it", move || sender.send(options.open(path)))?;
    loop {
        interrupt.check()?;
        match opened.recv_timeout(LOOK_UP) {
            Ok(opened) => return opened,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the thread that opens it panicked"));
            }
        }
    }
}
