//! Running LVM's own commands.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::Result;

/// Runs `program` with `arguments`; yields its standard output.
///
/// The arguments go to the program as they are, through no shell. It gets no input, a process
/// group of its own (Ctrl-C at the terminal must not end it half-way), and messages in English.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    log::debug!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", search_path(&std::env::var("PATH").unwrap_or_default()))
        .env("LC_ALL", "C")
        .env("LVM_SUPPRESS_FD_WARNINGS", "1")
        .stdin(Stdio::null())
        .process_group(0);
    let output =
        patiently(&mut command).map_err(|error| Error::NotStarted(program.into(), error))?;
    let message = String::from_utf8_lossy(&output.stderr);
    for line in message.lines() {
        log::debug!("{program}: {}", line.trim());
    }
    if output.status.success() {
        return Ok(output.stdout);
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NeedsRoot(format!("`{program}`")));
    }
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let message = if message.is_empty() { output.status.to_string() } else { message };
    Err(Error::Command { command: format!("{program} {}", arguments.join(" ")), message })
}

/// How long a limit of processes is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs a command to its end. A thread that has ended counts as a process for a moment more, and this is
/// also how a run clears up that had no room for more threads.
fn patiently(command: &mut Command) -> io::Result<Output> {
    let begun = Instant::now();
    loop {
        match command.output() {
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < PATIENCE =>
            {
                sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

/// LVM's commands lie in sbin, which is not on everybody's path. They never lie in the current
/// folder, which is what an empty or relative element means: root must not run what lies there.
fn search_path(path: &str) -> String {
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    let folders: Vec<_> = folders.chain(["/usr/local/sbin", "/usr/sbin", "/sbin"]).collect();
    folders.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_folder_is_never_searched() {
        assert_eq!(search_path(""), "/usr/local/sbin:/usr/sbin:/sbin");
        assert_eq!(search_path(":/bin::.:x:"), "/bin:/usr/local/sbin:/usr/sbin:/sbin");
    }
}
