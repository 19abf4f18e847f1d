//! The terminal: on standard error, where both sides of a pipe may write, and the width of standard output.

use std::env;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::ttyname;

/// Held to the end of the program: the program that draws says its last word before another one draws.
static DRAWING: Mutex<Option<Drawing>> = Mutex::new(None);

/// Who may draw on this terminal.
enum Drawing {
    /// This program, as long as it holds the terminal's lock.
    Here(#[expect(dead_code, reason = "it is held")] Flock<File>),
    /// Any program, because the terminal cannot be locked.
    Anywhere,
}

/// Whether this program may draw on the terminal: one program at a time does. It may from then on.
pub(crate) fn may_draw() -> bool {
    let mut drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    if drawing.is_none() {
        // Opened anew: programs that a shell started share the description that standard error is of.
        let opened = ttyname(io::stderr().as_fd())
            .map_err(io::Error::from)
            .and_then(|path| OpenOptions::new().read(true).open(path));
        let locked = opened.map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock));
        *drawing = match locked {
            Ok(Ok(lock)) => Some(Drawing::Here(lock)),
            Ok(Err((_, nix::errno::Errno::EWOULDBLOCK))) => None,
            Ok(Err(_)) | Err(_) => Some(Drawing::Anywhere),
        };
    }
    drawing.is_some()
}

/// Writes a line to standard error. If nobody can be told, the work has been done all the same.
pub fn note(line: fmt::Arguments<'_>) {
    _ = io::stderr().write_all(format!("{}{line}\n", fresh_line()).as_bytes());
}

/// How many columns a line on standard output may take: the terminal's, or 80 if it is none.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    // A serial line does not know its size, and says 0.
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
}

/// What clears the line on a terminal: the bar of the pipe's other side may stand there.
pub(crate) fn fresh_line() -> &'static str {
    let is_dumb = || env::var_os("TERM").is_none_or(|term| term == "dumb");
    if io::stderr().is_terminal() && !is_dumb() { "\r\x1b[K" } else { "" }
}
