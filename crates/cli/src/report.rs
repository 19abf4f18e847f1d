//! [`Outcome`] and the report made of it: what was done, for a program that started this one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use flow::{Interrupt, usage};
use hyperlayer::Totals;
use serde::Serialize;
use serde_json::Value;

use crate::exit::{exit_code, kind};
use crate::json::json_line;
use crate::sink::Sink;
use crate::{Common, is_standard, logging};

/// What a run came to, as far as it knows: filled in on the way, so that what was done before an error
/// is told too.
#[derive(Debug, Default)]
pub struct Outcome {
    action: Option<&'static str>,
    result: Value,
}

impl Outcome {
    /// What is being done: `diff`, `apply`.
    pub fn begin(&mut self, action: &'static str) {
        self.action = Some(action);
    }

    /// What was done.
    ///
    /// # Errors
    /// Where the value has no JSON.
    pub fn done(&mut self, result: &impl Serialize) -> anyhow::Result<()> {
        self.result = serde_json::to_value(result).context("writing JSON")?;
        Ok(())
    }
}

/// What the records of streams hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counts {
    data_bytes: u64,
    zero_bytes: u64,
    unmapped_bytes: u64,
    records: u64,
}

impl From<&Totals> for Counts {
    fn from(totals: &Totals) -> Self {
        let records = [totals.data_records, totals.zero_records, totals.discard_records];
        Self {
            data_bytes: totals.data_bytes,
            zero_bytes: totals.zero_bytes,
            unmapped_bytes: totals.discard_bytes,
            records: records.into_iter().fold(0, u64::saturating_add),
        }
    }
}

/// The object that is written.
#[derive(Serialize)]
struct Report<'a> {
    program: &'static str,
    version: &'static str,
    /// None where the arguments could not be understood.
    action: Option<&'static str>,
    exit_code: u8,
    seconds: f64,
    error: Option<Failure<'a>>,
    /// In the order in which they came; the first [`logging::KEPT`] of them.
    warnings: Vec<String>,
    /// What was done; none where nothing was, or the action does nothing but print.
    result: &'a Value,
}

#[derive(Serialize)]
struct Failure<'a> {
    /// One of exit-codes.txt, or `interrupted`.
    kind: &'static str,
    message: &'a str,
}

/// Where the report goes. A file is made before the work begins: what cannot be written is refused then.
pub(crate) enum ReportTo {
    Nobody,
    Stderr,
    File(Sink, PathBuf),
}

impl ReportTo {
    /// Opens what the options name.
    pub(crate) fn open(common: &Common, interrupt: &Interrupt) -> anyhow::Result<Self> {
        match (&common.report_file, common.report) {
            (None, None) => Ok(Self::Nobody),
            (None, Some(_)) => Ok(Self::Stderr),
            (Some(path), _) => Self::to_file(path, interrupt),
        }
    }

    fn to_file(path: &Path, interrupt: &Interrupt) -> anyhow::Result<Self> {
        if is_standard(path) {
            return Err(usage(
                "--report-file needs a file or /dev/fd/N: standard output is for what the run makes, \
                 and without a file --report json goes to standard error",
            ));
        }
        let sink = Sink::open(Some(path), interrupt).context("--report-file")?;
        Ok(Self::File(sink, path.into()))
    }

    /// Says how the run ended.
    pub(crate) fn write(
        self,
        program: &'static str,
        outcome: &Outcome,
        took: Duration,
        failure: Option<(&anyhow::Error, &str)>,
    ) -> anyhow::Result<()> {
        if matches!(self, Self::Nobody) {
            return Ok(());
        }
        let line = json_line(&Report {
            program,
            version: env!("CARGO_PKG_VERSION"),
            action: outcome.action,
            exit_code: failure.map_or(0, |(error, _)| exit_code(error)),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            error: failure.map(|(error, message)| Failure { kind: kind(error), message }),
            warnings: logging::warnings(),
            result: &outcome.result,
        })?;
        match self {
            Self::Nobody => Ok(()),
            Self::Stderr => {
                // Where nobody reads it, the exit code still says it.
                _ = io::stderr().write_all(line.as_bytes());
                Ok(())
            }
            Self::File(sink, path) => {
                let name = || {
                    let done = if failure.is_none() { "all is done, but " } else { "" };
                    format!("{done}the report in {} cannot be written", path.display())
                };
                let mut writer = sink.writer().with_context(name)?;
                writer.write_all(line.as_bytes()).with_context(name)?;
                sink.keep(writer).with_context(name)
            }
        }
    }
}
