//! The processes of a guest that runs: waiting for them, reading what they print, ending them.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::marker::PhantomData;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use crate::outcome::{End, Outcome};
use crate::processor::Processor;

const POLL: Duration = Duration::from_millis(10);
const GRACE: Duration = Duration::from_secs(2);

/// A guest that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running<'a> {
    child: Child,
    log: PathBuf,
    console: PathBuf,
    status: PathBuf,
    started: Instant,
    limit: Duration,
    /// It is the guest's own as long as this is there.
    _processor: Option<Processor>,
    /// The disks are in use as long as this is there.
    guest: PhantomData<&'a mut ()>,
}

impl Running<'_> {
    /// Starts a guest with the standard input that the command has.
    pub(crate) fn start(
        mut command: Command,
        processor: Option<Processor>,
        work: &Path,
        limit: Duration,
    ) -> Result<Self> {
        let log = work.join("log");
        let console = work.join("console");
        let status = work.join("out/status");
        if status.exists() {
            fs::remove_file(&status)?;
        }
        let child = command
            .stdout(File::create(&log)?)
            .stderr(File::create(&console)?)
            // A group of its own, so that it can be ended together with its helper processes.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let started = Instant::now();
        Ok(Self {
            child,
            log,
            console,
            status,
            started,
            limit,
            _processor: processor,
            guest: PhantomData,
        })
    }

    /// Waits for the end of the scenario.
    ///
    /// # Errors
    /// What the guest left cannot be read.
    pub fn wait(self) -> Result<Outcome> {
        self.wait_copying(&mut io::sink())
    }

    /// Waits for the end of the scenario, and copies what it prints to `to` while it runs.
    ///
    /// # Errors
    /// What the guest left cannot be read, or `to` cannot be written.
    pub fn wait_copying(mut self, to: &mut dyn Write) -> Result<Outcome> {
        let mut log = File::open(&self.log)?;
        loop {
            let ended = self.child.try_wait()?.is_some();
            copy_new(&mut log, to)?;
            if ended {
                return self.outcome(None);
            }
            if self.started.elapsed() > self.limit {
                self.kill();
                return self.outcome(Some(End::TimedOut(self.limit)));
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until the scenario has printed a line that begins with `text`: the moment for a
    /// [`Running::power_cut`]. Returns the rest of that line.
    ///
    /// # Errors
    /// The guest ended, or its time was over, before that.
    pub fn wait_for(&mut self, text: &str) -> Result<String> {
        loop {
            let ended = self.child.try_wait()?.is_some();
            let log = lossy(&self.log)?;
            let mut lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            if let Some(rest) = lines.find_map(|line| line.strip_prefix(text)) {
                return Ok(rest.to_owned());
            }
            if ended || self.started.elapsed() > self.limit {
                bail!("the guest never printed {text:?}:\n{log}");
            }
            thread::sleep(POLL);
        }
    }

    /// Cuts the guest's power: it is gone at once, and nothing that it held back is written.
    ///
    /// # Errors
    /// What the guest left cannot be read.
    pub fn power_cut(mut self) -> Result<Outcome> {
        self.kill();
        self.outcome(Some(End::PowerCut))
    }

    fn outcome(&self, forced: Option<End>) -> Result<Outcome> {
        let status = fs::read_to_string(&self.status).ok().and_then(|s| s.trim().parse().ok());
        let end = forced.or(status.map(End::Exit)).unwrap_or(End::Died);
        Ok(Outcome { end, log: lossy(&self.log)?, console: lossy(&self.console)? })
    }

    /// Ends the guest's own process group. Once its leader has been waited for, the number may
    /// belong to somebody else: then nothing is sent.
    fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = i32::try_from(self.child.id()).expect("a process id is a positive i32");
            let group = Pid::from_raw(group);
            let _ = killpg(group, Signal::SIGKILL);
            let _ = self.child.wait();
            // The helper processes hold the disks until they are gone too, a moment later. Where
            // nobody reaps orphans they stay on as zombies, so there is an end to this.
            let killed = Instant::now();
            while killpg(group, None).is_ok() && killed.elapsed() < GRACE {
                thread::sleep(POLL);
            }
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a guest in the foreground, and gives the terminal its settings back.
pub(crate) fn run_on_terminal(mut command: Command) -> Result<()> {
    let stdin = io::stdin();
    ensure!(stdin.is_terminal(), "standard input is not a terminal");
    let settings = tcgetattr(&stdin).context("cannot read the terminal's settings")?;
    let ended = command.status().context("cannot start the guest");
    tcsetattr(&stdin, SetArg::TCSANOW, &settings)
        .context("cannot restore the terminal's settings")?;
    let status = ended?;
    ensure!(status.success(), "the guest ended with {status}");
    Ok(())
}

/// The terminal's rows and columns, as `stty size` says them; empty where it does not know.
pub(crate) fn terminal_size() -> String {
    let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    text.ok().filter(|size| !size.is_empty() && size != "0 0").unwrap_or_default()
}

fn copy_new(from: &mut File, to: &mut dyn Write) -> Result<()> {
    let mut new = Vec::new();
    from.read_to_end(&mut new)?;
    if !new.is_empty() {
        to.write_all(&new)?;
        to.flush()?;
    }
    Ok(())
}

fn lossy(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
