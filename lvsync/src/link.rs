//! [`Link`]: the other side, a child `ssh` or a thread of this process.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::Context;
use flow::{Interrupt, Quiet, Session};
use lvm::Scope;
use replica::{Connection, Place, serve};

use crate::request::PROGRAM;
use crate::target::Target;

/// How soon a signal ends the conversation.
const LOOK_UP: Duration = Duration::from_millis(50);

/// The other side, which ends with this value.
pub(crate) struct Link {
    side: Side,
    has_ended: Arc<AtomicBool>,
}

enum Side {
    Remote(Arc<std::sync::Mutex<Child>>),
    Local(JoinHandle<anyhow::Result<()>>),
}

impl Link {
    /// Starts the other side. A signal ends the conversation, whatever either side waits for.
    pub(crate) fn open(
        target: &Target,
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Self, Connection)> {
        let has_ended = Arc::new(AtomicBool::new(false));
        let (side, connection) = match &target.host {
            Some(host) => remote(host, &target.pool, interrupt, &has_ended)?,
            None => local(&target.pool, interrupt, &has_ended)?,
        };
        Ok((Self { side, has_ended }, connection))
    }

    /// Ends the conversation, and waits for the other side.
    pub(crate) fn close(self, connection: Connection) -> anyhow::Result<()> {
        drop(connection);
        self.ended()
    }

    /// Waits for the other side, once the conversation has ended.
    pub(crate) fn ended(self) -> anyhow::Result<()> {
        let Self { side, has_ended } = self;
        let ended = match side {
            Side::Remote(child) => {
                let status = loop {
                    let status = child.lock().expect("nobody panics with it").try_wait()?;
                    if let Some(status) = status {
                        break status;
                    }
                    sleep(LOOK_UP);
                };
                match status.success() {
                    true => Ok(()),
                    false => Err(anyhow::anyhow!("ssh ended with {status}")),
                }
            }
            Side::Local(thread) => {
                // Who watches for signals holds the socket open.
                has_ended.store(true, Ordering::Relaxed);
                thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
            }
        };
        has_ended.store(true, Ordering::Relaxed);
        ended
    }
}

/// Calls `end` when a signal comes before the conversation has ended.
fn watch(
    interrupt: &Interrupt,
    has_ended: &Arc<AtomicBool>,
    end: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let (interrupt, has_ended) = (interrupt.clone(), Arc::clone(has_ended));
    std::thread::Builder::new().name("waiting for signals".into()).spawn(move || {
        while !has_ended.load(Ordering::Relaxed) {
            if !interrupt.is_absent() {
                return end();
            }
            sleep(LOOK_UP);
        }
    })?;
    Ok(())
}

fn remote(
    host: &str,
    pool: &str,
    interrupt: &Interrupt,
    has_ended: &Arc<AtomicBool>,
) -> anyhow::Result<(Side, Connection)> {
    let mut ssh = Command::new("ssh");
    // A line that is dead is noticed within a minute.
    ssh.args(["-T", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "--", host]);
    ssh.args(["lvsync", "serve", "--pool", pool]);
    let mut child = ssh
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("ssh cannot be started")?;
    let from = child.stdout.take().context("ssh has no output")?;
    let to = child.stdin.take().context("ssh has no input")?;
    let child = Arc::new(std::sync::Mutex::new(child));
    let killed = Arc::clone(&child);
    watch(interrupt, has_ended, move || {
        // It may have ended meanwhile.
        _ = killed.lock().expect("nobody panics with it").kill();
    })?;
    Ok((Side::Remote(child), Connection { from: Box::new(from), to: Box::new(to) }))
}

fn local(
    pool: &str,
    interrupt: &Interrupt,
    has_ended: &Arc<AtomicBool>,
) -> anyhow::Result<(Side, Connection)> {
    let (ours, theirs) = UnixStream::pair().context("a pair of sockets")?;
    let place = Place {
        pool: Scope::new(None, Some(pool))?,
        program: PROGRAM.into(),
        exit_code: cli::exit_code,
    };
    let (from, to) = (ours.try_clone()?, ours);
    let ended = to.try_clone()?;
    watch(interrupt, has_ended, move || _ = ended.shutdown(Shutdown::Both))?;
    let interrupt = interrupt.clone();
    let thread = std::thread::Builder::new().name("the other side".into()).spawn(move || {
        let session = Session::new(&interrupt, &Quiet);
        serve(&place, theirs.try_clone()?, theirs, &session)
    })?;
    Ok((Side::Local(thread), Connection { from: Box::new(from), to: Box::new(to) }))
}
