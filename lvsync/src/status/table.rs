//! [`print`]: the state of the jobs, for people.

use std::io::{self, Write};

use cli::table::{self, Column};
use flow::{age_text, escaped, human};
use jiff::Timestamp;
use policy::Limits;

use super::reports::Report;
use super::state::{Job, Volume, judged};

/// Names that are longer are shortened: then a line has at most 80 columns.
const LONGEST_NAME: usize = 20;

const COLUMNS: [Column; 6] = [
    Column::text("VOLUME"),
    Column::text("TARGET"),
    Column::number("NEWEST"),
    Column::number("TRIED"),
    Column::number("SENT"),
    Column::text("STATE"),
];

/// Prints each job, its volumes, and what is wrong.
pub(crate) fn print(
    reports: &[Report],
    limits: &Limits,
    now: Timestamp,
    mut out: impl Write,
) -> io::Result<()> {
    if reports.is_empty() {
        writeln!(out, "no job has run on this machine")?;
    }
    for (number, job) in judged(reports, limits, now).jobs.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}: {}{}", job.job, job.state.text(), runs(job, now))?;
        if !job.volumes.is_empty() {
            table::print(
                COLUMNS,
                job.volumes.iter().map(|volume| cells(volume, now)),
                false,
                &mut out,
            )?;
        }
        for text in &job.problems {
            writeln!(out, "  {text}")?;
        }
        for volume in &job.volumes {
            for text in &volume.problems {
                let (name, target) = (&volume.report.volume, &volume.report.target);
                writeln!(out, "  {} to {}: {text}", escaped(name), escaped(target))?;
            }
        }
    }
    out.flush()
}

/// How long ago the job ran.
fn runs(job: &Job<'_>, now: Timestamp) -> String {
    match (job.last_try, job.last_success) {
        (None, _) => String::new(),
        (Some(last), Some(success)) if last == success => format!(", ran {} ago", ago(last, now)),
        (Some(last), Some(success)) => {
            format!(", tried {} ago, succeeded {} ago", ago(last, now), ago(success, now))
        }
        (Some(last), None) => format!(", tried {} ago, never succeeded", ago(last, now)),
    }
}

fn cells(volume: &Volume<'_>, now: Timestamp) -> [String; COLUMNS.len()] {
    let report = volume.report;
    [
        shortened(&escaped(&report.volume)),
        shortened(&escaped(&report.target)),
        volume.age_seconds.map_or_else(|| "-".into(), age_text),
        ago(report.last_try, now),
        human(report.sent_bytes),
        volume.state.text().into(),
    ]
}

fn ago(at: i64, now: Timestamp) -> String {
    u64::try_from(now.as_second().saturating_sub(at)).map_or_else(|_| "-".into(), age_text)
}

/// Without its middle, if it is long: names differ at their beginnings and ends.
fn shortened(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= LONGEST_NAME {
        return name.into();
    }
    let half = (LONGEST_NAME - 1) / 2;
    let (begin, end) = (&characters[..half], &characters[characters.len() - half..]);
    format!("{}…{}", begin.iter().collect::<String>(), end.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use replica::JobReport;

    use super::super::reports::testing::{NOW, report, sound};
    use super::*;

    fn shown(reports: &[Report]) -> String {
        let hours = |hours: u64| Some(policy::Period::from_seconds(hours * 3600));
        let limits = Limits { warn: hours(26), crit: hours(50) };
        let mut text = Vec::new();
        print(reports, &limits, Timestamp::from_second(NOW).unwrap(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_table_says_how_it_is() {
        let mut late = sound();
        late.volumes[0].point_at = Some(NOW - 72 * 3600);
        late.volumes[0].error = Some("ssh ended with exit status: 255".into());
        let late = JobReport { job: "weekly".into(), last_success: None, ..late };
        let broken =
            Report { job: "x".into(), read: Err("/var/lib/lvsync/x.json: it is no report".into()) };
        let expected = "\
nightly: ok, ran 5h ago
VOLUME  TARGET            NEWEST  TRIED      SENT  STATE
vg0/db  root@b:vg1/pool0      5h     5h  12.3 MiB  ok

weekly: critical, tried 5h ago, never succeeded
VOLUME  TARGET            NEWEST  TRIED      SENT  STATE
vg0/db  root@b:vg1/pool0      3d     5h  12.3 MiB  critical
  vg0/db to root@b:vg1/pool0: the newest copy is 3d old
  vg0/db to root@b:vg1/pool0: the last try failed: ssh ended with exit status: 255

x: unknown
  /var/lib/lvsync/x.json: it is no report
";
        assert_eq!(shown(&[report(sound()), report(late), broken]), expected);
        assert_eq!(shown(&[]), "no job has run on this machine\n");
    }

    #[test]
    fn long_names_and_large_figures_fit_80_columns() {
        let mut long = sound();
        long.volumes[0].volume = format!("vg0/{}-disk-7", "x".repeat(100));
        long.volumes[0].target = format!("root@{}:vg1/pool0", "y".repeat(100));
        long.volumes[0].sent_bytes = (1 << 40) - 1;
        long.volumes[0].point_at = None;
        let text = shown(&[report(long)]);
        let rows: Vec<_> = text.lines().skip(1).take(2).collect();
        assert!(rows.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(rows[1].starts_with("vg0/xxxxx…xx-disk-7  root@yyyy…vg1/pool0"), "{text}");
    }
}
