//! [`verdict`]: one line for Nagios, Icinga and their like.

use flow::{age_text, counted, error_text};
use jiff::Timestamp;
use policy::{Limits, Period};

use super::reports::Report;
use super::state::{State, judged};

/// How many problems are told; the line is read on a telephone.
const TOLD: usize = 3;

/// What a plugin says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) state: State,
    /// Without its end.
    pub(crate) line: String,
}

/// Judges the reports, or that they cannot be read.
pub(crate) fn verdict(
    reports: &anyhow::Result<Vec<Report>>,
    limits: &Limits,
    now: Timestamp,
) -> Verdict {
    let (state, text, age) = match reports {
        Err(error) => (State::Unknown, error_text(error), None),
        Ok(reports) if reports.is_empty() => {
            (State::Unknown, "no job has run on this machine".into(), None)
        }
        Ok(reports) => {
            let judged = judged(reports, limits, now);
            let volumes = || judged.jobs.iter().flat_map(|job| &job.volumes);
            let age = volumes().filter_map(|volume| volume.age_seconds).max();
            let mut problems = Vec::new();
            for job in &judged.jobs {
                problems.extend(
                    job.problems.iter().map(|text| (job.state, format!("{}: {text}", job.job))),
                );
                for volume in &job.volumes {
                    let (name, target) = (&volume.report.volume, &volume.report.target);
                    let problem = |text: &String| {
                        (volume.state, format!("{}: {name} to {target}: {text}", job.job))
                    };
                    problems.extend(volume.problems.iter().map(problem));
                }
            }
            // The worst first; those of one state stay in their order.
            problems.sort_by(|(one, _), (other, _)| other.cmp(one));
            let count = problems.len();
            let mut texts: Vec<_> = problems.into_iter().map(|(_, text)| text).take(TOLD).collect();
            if count > TOLD {
                texts.push(format!("and {} more", count - TOLD));
            }
            if texts.is_empty() {
                let oldest =
                    age.map_or(String::new(), |age| format!(", the oldest of {}", age_text(age)));
                let copies = match volumes().count() as u64 {
                    1 => "1 copy".into(),
                    copies => format!("{copies} copies"),
                };
                texts.push(format!("{copies} of {}{oldest}", counted(reports.len() as u64, "job")));
            }
            (judged.state, texts.join("; "), age)
        }
    };
    let limit =
        |limit: Option<Period>| limit.map_or(String::new(), |limit| limit.seconds().to_string());
    let age = age.map_or("U".into(), |age| format!("{age}s"));
    let line = format!(
        "LVSYNC {} - {} | age={age};{};{}",
        state.text().to_uppercase(),
        // What follows this sign is figures.
        flow::escaped(&text).replace('|', "/"),
        limit(limits.warn),
        limit(limits.crit)
    );
    Verdict { state, line }
}

#[cfg(test)]
mod tests {
    use replica::JobReport;

    use super::super::reports::testing::{NOW, report, sound};
    use super::*;

    fn of(reports: anyhow::Result<Vec<Report>>) -> (u8, String) {
        let hours = |hours: u64| Some(Period::from_seconds(hours * 3600));
        let limits = Limits { warn: hours(26), crit: hours(50) };
        let verdict = verdict(&reports, &limits, Timestamp::from_second(NOW).unwrap());
        (verdict.state.exit_code(), verdict.line)
    }

    #[test]
    fn a_line_says_how_it_is_and_how_old() {
        assert_eq!(
            of(Ok(vec![report(sound())])),
            (0, "LVSYNC OK - 1 copy of 1 job, the oldest of 5h | age=18000s;93600;180000".into())
        );
        let mut late = sound();
        late.volumes[0].point_at = Some(NOW - 100_000);
        assert_eq!(
            of(Ok(vec![report(late)])),
            (
                1,
                "LVSYNC WARNING - nightly: vg0/db to root@b:vg1/pool0: the newest copy is 27h old \
                 | age=100000s;93600;180000"
                    .into()
            )
        );
        assert_eq!(
            of(Ok(vec![])),
            (3, "LVSYNC UNKNOWN - no job has run on this machine | age=U;93600;180000".into())
        );
        let (code, line) = of(Err(anyhow::anyhow!("permission denied")));
        assert_eq!((code, line.contains("permission denied")), (3, true));
    }

    #[test]
    fn the_worst_comes_first_and_the_line_stays_one() {
        let volume = sound().volumes.remove(0);
        let failed = |error: &str, point_at| replica::VolumeReport {
            error: Some(error.into()),
            point_at,
            volume: format!("vg0/{}", error.len()),
            ..volume.clone()
        };
        let at = volume.point_at;
        let volumes =
            vec![failed("a|b\nc", at), failed("d", at), failed("ee", at), failed("fff", None)];
        let (code, line) = of(Ok(vec![report(JobReport { volumes, ..sound() })]));
        assert_eq!(code, 2);
        assert_eq!(line.matches('|').count(), 1, "{line}");
        assert!(!line.contains('\n') && line.contains("and 2 more"), "{line}");
        assert!(line.starts_with("LVSYNC CRITICAL - nightly: vg0/3 to"), "{line}");
    }
}
