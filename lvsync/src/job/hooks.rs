//! [`Hooks`]: the commands before and after the snapshots.

use std::process::Command;

use anyhow::Context;
use flow::Session;

use super::command::{run, shell};
use crate::config::{Hook, Job};

/// Hooks that have begun: `post` of each of them is run, whatever happens, the last one first.
pub(super) struct Hooks<'j> {
    job: &'j Job,
    volumes: String,
    begun: Vec<&'j Hook>,
}

impl<'j> Hooks<'j> {
    /// None has begun yet.
    pub(super) fn new(job: &'j Job, volumes: &[String]) -> Self {
        Self { job, volumes: volumes.join(" "), begun: vec![] }
    }

    /// Runs each `pre`; one that fails ends it if it is fatal.
    pub(super) fn begin(&mut self, session: &Session<'_>) -> anyhow::Result<()> {
        for hook in &self.job.hooks {
            session.interrupt.check()?;
            self.begun.push(hook);
            let Some(pre) = &hook.pre else { continue };
            let ran =
                run(self.command(pre, "pre"), hook.timeout.into(), &|| session.keep_waiting());
            session.interrupt.check()?;
            let ran = ran.with_context(|| format!("the hook {pre:?}"));
            match ran {
                Err(error) if hook.fatal => return Err(error),
                Err(error) => log::warn!("{error:#}"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Runs `post` of each that has begun, all of them; yields the first error of a fatal one.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        self.unwind()
    }

    fn unwind(&mut self) -> anyhow::Result<()> {
        let mut failed = Ok(());
        while let Some(hook) = self.begun.pop() {
            let Some(post) = &hook.post else { continue };
            // Also after a signal: what a hook has stopped it must be able to start again.
            let ran = run(self.command(post, "post"), hook.timeout.into(), &|| true);
            match ran.with_context(|| format!("the hook {post:?}")) {
                Err(error) if hook.fatal && failed.is_ok() => failed = Err(error),
                Err(error) => log::warn!("{error:#}"),
                Ok(()) => {}
            }
        }
        failed
    }

    fn command(&self, text: &str, phase: &str) -> Command {
        let mut command = shell(text);
        command.env("LVSYNC_JOB", &self.job.name).env("LVSYNC_PHASE", phase);
        command.env("LVSYNC_VOLUMES", &self.volumes);
        command
    }
}

impl Drop for Hooks<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.unwind() {
            log::warn!("{error:#}");
        }
    }
}
