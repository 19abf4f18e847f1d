//! [`run`]: a command with a limit of time.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often is looked whether a command has ended.
const LOOK_UP: Duration = Duration::from_millis(20);

/// A command for a shell.
pub(super) fn shell(text: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]);
    command
}

/// Runs a command; what it prints goes to standard error. It is killed, with what it has started, after `limit`, or once
/// `keep_waiting` is false.
pub(super) fn run(
    mut command: Command,
    limit: Duration,
    keep_waiting: &dyn Fn() -> bool,
) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    command.stdin(Stdio::null()).stdout(output).process_group(0);
    let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return match status.success() {
                true => Ok(()),
                false => Err(anyhow::anyhow!("it ended with {status}")),
            };
        }
        if begun.elapsed() >= limit {
            kill(&mut child);
            return Err(anyhow::anyhow!("it took more than {} s, and was killed", limit.as_secs()));
        }
        if !keep_waiting() {
            kill(&mut child);
            return Err(anyhow::anyhow!("it was killed before it ended"));
        }
        sleep(LOOK_UP);
    }
}

fn kill(child: &mut Child) {
    // It was not waited for yet: the number is still its own.
    if let Ok(id) = i32::try_from(child.id()) {
        _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_or_is_ended() {
        let run = |text, seconds| {
            run(shell(text), Duration::from_secs(seconds), &|| true)
                .map_err(|error| error.to_string())
        };
        assert_eq!(run("true", 60), Ok(()));
        assert_eq!(run("exit 3", 60), Err("it ended with exit status: 3".into()));
        let begun = Instant::now();
        // What the shell has started holds the output open, and ends as well.
        let error = run("sleep 60 & sleep 60", 1).unwrap_err();
        assert_eq!(error, "it took more than 1 s, and was killed");
        assert!(begun.elapsed() < Duration::from_secs(30));
        let stopped = super::run(shell("sleep 60"), Duration::from_secs(60), &|| false);
        assert!(stopped.is_err() && begun.elapsed() < Duration::from_secs(30));
    }
}
