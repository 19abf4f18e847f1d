//! [`Frozen`]: volumes at rest, and the process that lets them go on.
//!
//! A child of this process freezes and thaws. It thaws once its standard input ends, which it does however this
//! process ends, and in any case after a while.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use blockio::Freezer;
use flow::{Input, Refusal, Session, usage};

use super::command::run;
use super::mounts::freezer;
use crate::config::Quiet;

/// Nothing stays frozen for longer.
const LONGEST: Duration = Duration::from_secs(30);

const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// What the child says once everything is at rest.
const SAID: &str = "frozen: ";

/// The word that begins the child's arguments.
const HOLD: &str = "hold";

const MOUNT: &str = "mount";
const FREEZE: &str = "freeze";
const PAUSE: &str = "pause";

/// Volumes at rest, until this value is dropped.
pub(super) struct Frozen {
    child: Child,
    stdin: Option<ChildStdin>,
    words: Vec<String>,
    /// Whether something was not at rest before.
    has_frozen: bool,
}

impl Frozen {
    /// Brings these volumes, `vg/lv`, to rest.
    pub(super) fn begin(
        quiet: &Quiet,
        volumes: &[String],
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let words = match quiet {
            Quiet::Mount if !nests(&std::fs::read_to_string(RELEASE).context(RELEASE)?) => {
                return Err(Refusal::unfit(
                    "this kernel cannot suspend a device whose file system is frozen, which LVM does for a snapshot: \
                     mounted file systems can be frozen for a set of snapshots from Linux 6.8 on",
                )
                .into());
            }
            Quiet::Mount => [&[MOUNT.to_owned()], volumes].concat(),
            Quiet::Freeze(domain) => vec![FREEZE.into(), domain.clone()],
            Quiet::Pause(domain) => vec![PAUSE.into(), domain.clone()],
        };
        // The program that runs, also if a newer one has taken its place. Ctrl-C is not for the child.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("lvsync").arg(HOLD).arg("--").args(&words).process_group(0);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the process that freezes cannot be started")?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut frozen = Self { child, stdin, words, has_frozen: false };
        let said = Input::new(stdout.context("it has no output")?, session.interrupt)?;
        let mut line = String::new();
        BufReader::new(said.take(100)).read_line(&mut line)?;
        let number = line.trim_end().strip_prefix(SAID).and_then(|number| number.parse().ok());
        match number {
            Some(number) => {
                let number: usize = number;
                frozen.has_frozen = number > 0;
                Ok(frozen)
            }
            None => {
                frozen.stdin = None;
                let status = frozen.child.wait()?;
                Err(anyhow::anyhow!("freezing failed ({status}); a line above says why"))
            }
        }
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// If they were not at rest all the time.
    pub(super) fn release(mut self) -> anyhow::Result<()> {
        self.stdin = None;
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(anyhow::anyhow!(
                "what was frozen did not stay so until all snapshots were there ({status})"
            )),
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.stdin = None;
        let was_killed = self.child.wait().is_ok_and(|status| status.code().is_none());
        if was_killed {
            // It may have left everything as it was. What is not frozen does not mind.
            self.thaw_in_its_place();
        }
    }
}

impl Frozen {
    /// Thaws what a child that was killed left as it was. A domain's state is not asked for: one that is paused now may
    /// have been paused by that child.
    fn thaw_in_its_place(&self) {
        let targets = match self.words.as_slice() {
            [kind, name] if self.has_frozen => domain(kind, name).map(|domain| vec![domain]),
            _ => None,
        };
        let targets = targets.or_else(|| targets_of(&self.words).ok()).unwrap_or_default();
        targets.iter().for_each(Target::thaw_quietly);
    }
}

/// Whether a kernel of this release freezes a file system that is frozen already, once more (kernel: fs/super.c,
/// FREEZE_MAY_NEST). Before, suspending its device fails with EBUSY.
fn nests(release: &str) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    number().zip(number()).is_some_and(|version| version >= (6, 8))
}

/// Something that can be brought to rest.
enum Target {
    Mounted { volume: String, freezer: Freezer },
    Domain { name: String, freeze: &'static str, thaw: &'static str },
}

/// Those of a [`Target`] that are at rest, which are thawed when this is dropped.
#[derive(Default)]
struct Resting(Vec<Target>);

/// Is the child: brings to rest what these words say, says so, and lets it go on when standard input ends.
pub(crate) fn hold(words: &[String]) -> anyhow::Result<()> {
    let targets = targets_of(words)?;
    let mut out = cli::standard_output()?;
    let (sender, ended) = channel::<()>();
    std::thread::Builder::new().name("waiting for the end".into()).spawn(move || {
        _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(sender);
    })?;
    let mut resting = Resting::default();
    for target in targets {
        resting.freeze(target)?;
    }
    writeln!(out, "{SAID}{}", resting.0.len())?;
    let is_late = ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout);
    resting.thaw()?;
    match is_late {
        true => Err(anyhow::anyhow!(
            "the snapshots took more than {} s: what was frozen was thawed before they were there",
            LONGEST.as_secs()
        )),
        false => Ok(()),
    }
}

fn targets_of(words: &[String]) -> anyhow::Result<Vec<Target>> {
    match words {
        [kind, volumes @ ..] if kind == MOUNT => {
            let mut targets = Vec::new();
            for volume in volumes {
                match freezer(volume)? {
                    Some(freezer) => {
                        targets.push(Target::Mounted { volume: volume.clone(), freezer });
                    }
                    None => log::info!("no file system is mounted from {volume}"),
                }
            }
            Ok(targets)
        }
        [kind, name] if kind == FREEZE || kind == PAUSE => {
            let state = Command::new("virsh").args(["domstate", "--", name]).output();
            let state = state.context("virsh cannot be started")?;
            if !state.status.success() {
                let said = flow::escaped(String::from_utf8_lossy(&state.stderr).trim());
                return Err(anyhow::anyhow!("virsh does not know domain {name}: {said}"));
            }
            // What does not run is at rest, and somebody else's pause is not ours to end.
            if String::from_utf8_lossy(&state.stdout).trim() != "running" {
                return Ok(vec![]);
            }
            Ok(domain(kind, name).into_iter().collect())
        }
        _ => Err(usage("this is for lvsync itself")),
    }
}

/// A domain, as words say what happens to it.
fn domain(kind: &str, name: &str) -> Option<Target> {
    let name = name.to_owned();
    match kind {
        FREEZE => Some(Target::Domain { name, freeze: "domfsfreeze", thaw: "domfsthaw" }),
        PAUSE => Some(Target::Domain { name, freeze: "suspend", thaw: "resume" }),
        _ => None,
    }
}

impl Target {
    fn freeze(&self) -> anyhow::Result<()> {
        match self {
            Self::Mounted { freezer, .. } => Ok(freezer.freeze()?),
            Self::Domain { name, freeze, .. } => virsh(freeze, name),
        }
    }

    fn thaw(&self) -> anyhow::Result<()> {
        match self {
            Self::Mounted { freezer, .. } => Ok(freezer.thaw()?),
            Self::Domain { name, thaw, .. } => virsh(thaw, name),
        }
    }

    fn thaw_quietly(&self) {
        _ = self.thaw();
    }

    fn name(&self) -> String {
        match self {
            Self::Mounted { volume, .. } => format!("the file system of {volume}"),
            Self::Domain { name, .. } => format!("domain {name}"),
        }
    }
}

fn virsh(word: &str, domain: &str) -> anyhow::Result<()> {
    let mut command = Command::new("virsh");
    command.args([word, "--", domain]);
    run(command, LONGEST, &|| true).with_context(|| format!("virsh {word}"))
}

impl Resting {
    fn freeze(&mut self, target: Target) -> anyhow::Result<()> {
        match target.freeze() {
            Ok(()) => {
                self.0.push(target);
                Ok(())
            }
            Err(error) => {
                // A domain can be frozen although virsh gave up; a file system that was not frozen here is another's.
                if matches!(target, Target::Domain { .. }) {
                    target.thaw_quietly();
                }
                Err(error.context(format!("{} cannot be frozen", target.name())))
            }
        }
    }

    fn thaw(mut self) -> anyhow::Result<()> {
        let mut failed = Ok(());
        while let Some(target) = self.0.pop() {
            let thawed = target.thaw();
            failed = failed.and(thawed.with_context(|| format!("{} stays frozen", target.name())));
        }
        failed
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.iter().rev().for_each(Target::thaw_quietly);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_frozen_twice_from_6_8_on() {
        for release in ["6.8.0", "6.10.3-amd64", "6.18", "7.0-rc1\n"] {
            assert!(nests(release), "{release}");
        }
        for release in ["6.7.12", "6.1.0-38-amd64", "5.14.0-503.el9", "", "x", "6"] {
            assert!(!nests(release), "{release}");
        }
    }
}
