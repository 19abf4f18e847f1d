//! [`Judged`]: what the reports mean.

use flow::{age_text, escaped};
use jiff::Timestamp;
use policy::{Age, Limits};
use replica::VolumeReport;
use serde::Serialize;

use super::reports::Report;

/// How things stand. The later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Someone should look.
    Warning,
    /// Nobody knows.
    Unknown,
    /// Someone must act.
    Critical,
}

/// What the reports mean.
#[derive(Debug, Serialize)]
pub(crate) struct Judged<'r> {
    pub(crate) state: State,
    pub(crate) jobs: Vec<Job<'r>>,
}

/// What a job's report means.
#[derive(Debug, Serialize)]
pub(crate) struct Job<'r> {
    pub(crate) job: &'r str,
    pub(crate) state: State,
    pub(crate) last_try: Option<i64>,
    pub(crate) last_success: Option<i64>,
    pub(crate) exit_code: Option<u8>,
    /// What is wrong with the job as a whole.
    pub(crate) problems: Vec<String>,
    pub(crate) volumes: Vec<Volume<'r>>,
}

/// What is said of a volume and a target means.
#[derive(Debug, Serialize)]
pub(crate) struct Volume<'r> {
    pub(crate) state: State,
    /// Of the newest copy; none if there is none, or its time is still to come.
    pub(crate) age_seconds: Option<u64>,
    pub(crate) problems: Vec<String>,
    #[serde(flatten)]
    pub(crate) report: &'r VolumeReport,
}

impl State {
    /// What a monitoring plugin ends with.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// In lower case.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

/// Judges reports by these limits. None at all is nothing that anyone knows.
pub(crate) fn judged<'r>(reports: &'r [Report], limits: &Limits, now: Timestamp) -> Judged<'r> {
    let jobs: Vec<_> = reports.iter().map(|report| job(report, limits, now)).collect();
    let state = jobs.iter().map(|job| job.state).max().unwrap_or(State::Unknown);
    Judged { state, jobs }
}

fn job<'r>(report: &'r Report, limits: &Limits, now: Timestamp) -> Job<'r> {
    let read = match &report.read {
        Ok(read) => read,
        Err(why) => {
            let (last_try, last_success, exit_code) = (None, None, None);
            let (problems, volumes) = (vec![escaped(why)], vec![]);
            let state = State::Unknown;
            return Job {
                job: &report.job,
                state,
                last_try,
                last_success,
                exit_code,
                problems,
                volumes,
            };
        }
    };
    let volumes: Vec<_> = read.volumes.iter().map(|one| volume(one, limits, now)).collect();
    let mut found = Vec::new();
    let is_told = read.volumes.iter().any(|one| one.error.is_some());
    match &read.error {
        Some(error) if !is_told => {
            found.push((State::Warning, format!("the last run failed: {}", escaped(error))));
        }
        None if read.exit_code != 0 && !is_told => {
            let text = format!("the last run ended with exit code {}", read.exit_code);
            found.push((State::Warning, text));
        }
        _ => {}
    }
    if volumes.is_empty() {
        found.push((State::Unknown, "its report names no volume".into()));
    }
    let states = found.iter().map(|(state, _)| *state);
    let state = states.chain(volumes.iter().map(|one| one.state)).max().unwrap_or(State::Ok);
    Job {
        job: &read.job,
        state,
        last_try: Some(read.last_try),
        last_success: read.last_success,
        exit_code: Some(read.exit_code),
        problems: found.into_iter().map(|(_, text)| text).collect(),
        volumes,
    }
}

fn volume<'r>(report: &'r VolumeReport, limits: &Limits, now: Timestamp) -> Volume<'r> {
    let point_at = report.point_at.and_then(|at| Timestamp::from_second(at).ok());
    let age_seconds = point_at.and_then(|at| u64::try_from(now.duration_since(at).as_secs()).ok());
    let mut found = Vec::new();
    let newest = match age_seconds {
        Some(age) => format!("the newest copy is {} old", age_text(age)),
        None if point_at.is_some() => "the newest copy is of a time to come".into(),
        None => "there is no copy".into(),
    };
    match limits.age(point_at, now) {
        Age::Fresh => {}
        Age::Late => found.push((State::Warning, newest)),
        Age::TooLate => found.push((State::Critical, newest)),
    }
    if let Some(error) = &report.error {
        found.push((State::Warning, format!("the last try failed: {}", escaped(error))));
    }
    if report.verification.as_ref().is_some_and(|found| found != "equal") {
        found.push((State::Critical, "verification found that the copy differs".into()));
    }
    let state = found.iter().map(|(state, _)| *state).max().unwrap_or(State::Ok);
    let problems = found.into_iter().map(|(_, text)| text).collect();
    Volume { state, age_seconds, problems, report }
}

#[cfg(test)]
mod tests {
    use policy::Period;
    use replica::JobReport;

    use super::super::reports::testing::{NOW, report, sound};
    use super::*;

    fn limits() -> Limits {
        let hours = |hours: u64| Some(Period::from_seconds(hours * 3600));
        Limits { warn: hours(26), crit: hours(50) }
    }

    /// The state, and what is wrong, after a report of a sound job was changed.
    fn after(change: fn(&mut JobReport)) -> (State, Vec<String>) {
        let mut job = sound();
        change(&mut job);
        let reports = [report(job)];
        let judged = judged(&reports, &limits(), Timestamp::from_second(NOW).unwrap());
        let [job] = judged.jobs.as_slice() else { panic!("{judged:?}") };
        let of_volumes = job.volumes.iter().flat_map(|volume| volume.problems.clone());
        (judged.state, job.problems.iter().cloned().chain(of_volumes).collect())
    }

    #[test]
    fn each_problem_has_its_state() {
        assert_eq!(after(|_| ()), (State::Ok, vec![]));
        for (change, state, text) in [
            (
                (|job| job.volumes[0].point_at = Some(NOW - 30 * 3600)) as fn(&mut JobReport),
                State::Warning,
                "the newest copy is 30h old",
            ),
            (
                |job| job.volumes[0].point_at = Some(NOW - 72 * 3600),
                State::Critical,
                "the newest copy is 3d old",
            ),
            (|job| job.volumes[0].point_at = None, State::Critical, "there is no copy"),
            (|job| job.volumes[0].point_at = Some(i64::MAX), State::Critical, "there is no copy"),
            (
                |job| job.volumes[0].point_at = Some(NOW + 60),
                State::Warning,
                "the newest copy is of a time to come",
            ),
            (
                |job| job.volumes[0].error = Some("no\x1b".into()),
                State::Warning,
                "the last try failed: no\\u{1b}",
            ),
            (
                |job| job.volumes[0].verification = Some("differs".into()),
                State::Critical,
                "verification found that the copy differs",
            ),
            (|job| job.error = Some("no".into()), State::Warning, "the last run failed: no"),
            (|job| job.exit_code = 9, State::Warning, "the last run ended with exit code 9"),
            (|job| job.volumes.clear(), State::Unknown, "its report names no volume"),
        ] {
            assert_eq!(after(change), (state, vec![text.to_owned()]));
        }
    }

    #[test]
    fn the_worst_decides_and_no_error_is_told_twice() {
        let (state, problems) = after(|job| {
            job.error = Some("some targets failed".into());
            job.exit_code = 8;
            job.volumes[0].error = Some("no".into());
            job.volumes.push(job.volumes[0].clone());
            job.volumes[1].point_at = None;
        });
        assert_eq!(state, State::Critical);
        assert_eq!(problems.len(), 3, "{problems:?}");
        let broken = Report { job: "x".into(), read: Err("why".into()) };
        let reports = [broken, report(sound())];
        let now = Timestamp::from_second(NOW).unwrap();
        assert_eq!(judged(&reports, &limits(), now).state, State::Unknown);
        assert_eq!(judged(&[], &limits(), now).state, State::Unknown);
    }
}
