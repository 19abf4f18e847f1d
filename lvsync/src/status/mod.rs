//! `status`: how old the copies are, and what is wrong, from the reports that runs leave.

mod nagios;
mod prometheus;
mod reports;
mod state;
mod table;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cli::Said;
use flow::{Aside, Session};
use jiff::Timestamp;
use policy::Limits;

use reports::read;
use state::State;

/// What is told, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The jobs; with none, all that have a report.
    pub(crate) jobs: Vec<String>,
    /// Where the reports are.
    pub(crate) folder: PathBuf,
    /// When a copy is too old.
    pub(crate) limits: Limits,
    pub(crate) form: Form,
}

/// How it is told.
#[derive(Debug)]
pub(crate) enum Form {
    Table,
    Json,
    /// One line for a monitoring system, and its exit codes.
    Nagios,
    /// A file for Prometheus.
    Prometheus(PathBuf),
}

/// Tells how old the copies are, and what is wrong.
pub(crate) fn status(settings: &Settings, session: &Session<'_>) -> anyhow::Result<()> {
    let now = Timestamp::from_second((session.clock)().cast_signed())?;
    let reports = read(&settings.folder, &settings.jobs);
    if let Form::Nagios = settings.form {
        // What cannot be read is a state of its own there, and no error.
        let verdict = nagios::verdict(&reports, &settings.limits, now);
        cli::print(|out| writeln!(out, "{}", verdict.line))?;
        return match verdict.state {
            State::Ok => Ok(()),
            state => Err(Said::new(state.exit_code()).into()),
        };
    }
    let reports = reports?;
    match &settings.form {
        Form::Table | Form::Nagios => {
            cli::print(|out| table::print(&reports, &settings.limits, now, out))
        }
        Form::Json => {
            let text = cli::json_text(&state::judged(&reports, &settings.limits, now))?;
            cli::print(|out| out.write_all(text.as_bytes()))
        }
        Form::Prometheus(path) => {
            write(path, &prometheus::text(&reports)).with_context(|| path.display().to_string())
        }
    }
}

/// Whoever reads the file finds the old text or the new one, and need not be root.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let aside = Aside::new(path, ".lvsync-")?;
    let mut file = aside.file();
    file.write_all(text.as_bytes())?;
    file.set_permissions(PermissionsExt::from_mode(0o644))?;
    Ok(aside.replace()?)
}
