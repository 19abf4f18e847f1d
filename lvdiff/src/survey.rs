//! `--summary` without names: how much each thin volume changed since its newest snapshot.

use flow::{Session, counted, error_text, escaped};
use lvm::{Reserve, Scope};

use crate::print::survey::{self, Row};
use crate::request::Form;
use crate::way_out;

/// Prints all of them, and fails after that if some could not be compared.
pub(crate) fn run(
    scope: &Scope,
    reserve: Reserve,
    form: Form,
    is_quiet: bool,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let surveyed = source::survey(scope, reserve, session)?;
    let now = (session.clock)();
    let rows: Vec<_> = surveyed.iter().map(|one| Row::new(one, now, reason)).collect();
    survey::print(&rows, form)?;
    let left_out = rows.iter().filter(|row| !row.is_shown(form)).count();
    if left_out > 0 && !is_quiet {
        cli::note(format_args!(
            "lvdiff: not listed: inactive snapshots that have no snapshot themselves ({left_out}); -v lists \
             them"
        ));
    }
    match rows.iter().filter(|row| row.has_failed()).count() {
        0 => Ok(()),
        failed => {
            let of = rows.iter().filter(|row| row.has_snapshot()).count();
            Err(anyhow::anyhow!(
                "{failed} of {} could not be compared with {} newest snapshot",
                counted(of as u64, "volume"),
                if of == 1 { "its" } else { "their" }
            ))
        }
    }
}

/// Why a volume could not be compared, and what to do about it, on one line.
fn reason(error: &anyhow::Error) -> String {
    let parts = [Some(error_text(error)), way_out::words(error)];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let lines = text.lines().map(|line| escaped(line.trim()));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
