//! [`dry_run`]: what a run would do.

use std::fmt;
use std::io::Write;

use flow::{Refusal, Session, error_text};
use jiff::Timestamp;
use lvm::LogicalVolume;
use peer::Copy;
use replica::{
    Full, LocalPoint, PointName, Set, choose_base, copies_of, points_of, thinning, with_copy,
};

use super::targets::Talk;
use super::volumes::find;
use crate::config::{Job, Quiet};

/// A volume, its points, and what each target says of it.
struct Seen {
    volume: LogicalVolume,
    points: Vec<LocalPoint>,
    targets: Vec<(String, Result<Vec<Copy>, String>)>,
}

/// What a run would do with a volume.
struct Plan {
    volume: String,
    point: String,
    starts: Vec<(String, Start)>,
    /// Each point of the job with what becomes of it, or why nothing does.
    points: Result<Vec<(String, Vec<String>)>, String>,
}

/// What would be sent to a target.
enum Start {
    Everything,
    Since(String),
    Refused(String),
    Unknown(String),
}

/// Prints what runs of these jobs would do, and changes nothing.
pub(crate) fn dry_run(jobs: &[Job], session: &Session<'_>) -> anyhow::Result<()> {
    let mut silent = 0;
    for job in jobs {
        let volumes = find(job)?;
        let now = Set::check(&volumes, session)?;
        let plans = plans(job, see(job, volumes, session)?, now);
        let of = |plan: &Plan| {
            plan.starts.iter().filter(|(_, start)| matches!(start, Start::Unknown(_))).count()
        };
        silent += plans.iter().map(of).sum::<usize>();
        cli::print(|out| {
            writeln!(out, "job {}", job.name)?;
            steps(job).iter().try_for_each(|step| writeln!(out, "  {step}"))?;
            plans.iter().try_for_each(|plan| write!(out, "{plan}"))
        })?;
    }
    match silent {
        0 => Ok(()),
        _ => {
            Err(Refusal::partly("a target did not say what it has: the plan is not complete")
                .into())
        }
    }
}

/// Asks every target what it has of each volume.
fn see(job: &Job, volumes: Vec<LogicalVolume>, session: &Session<'_>) -> anyhow::Result<Vec<Seen>> {
    let mut all = Vec::new();
    for volume in volumes {
        let points = points_of(&volume, &LogicalVolume::list_in(&volume.group)?);
        all.push(Seen { volume, points, targets: vec![] });
    }
    for target in &job.to {
        let mut talk = Talk::begin(target, session);
        session.interrupt.check()?;
        for seen in &mut all {
            let said = match &mut talk {
                Ok(talk) => copies_of(&seen.volume, &seen.points, &mut talk.connection)
                    .map_err(|error| error_text(&error)),
                Err(error) => Err(error_text(error)),
            };
            seen.targets.push((target.to_string(), said));
        }
        if let Ok(talk) = talk {
            talk.end()?;
        }
    }
    Ok(all)
}

fn plans(job: &Job, seen: Vec<Seen>, now: Timestamp) -> Vec<Plan> {
    seen.into_iter().map(|seen| plan(job, seen, now)).collect()
}

fn plan(job: &Job, seen: Seen, now: Timestamp) -> Plan {
    let Seen { volume, points, targets } = seen;
    let full = if job.full { Full::Allowed } else { Full::First };
    let name = PointName::new(&volume.name, now).to_string();
    let new = LocalPoint {
        volume: LogicalVolume { name, uuid: "new".into(), ..volume.clone() },
        at: now,
    };
    let mut own: Vec<_> =
        points.iter().filter(|point| point.job() == Some(&job.name)).cloned().collect();
    let mut copied = new.clone();
    let (mut starts, mut places, mut silent) = (Vec::new(), Vec::new(), None);
    for (target, said) in targets {
        let start = match &said {
            Err(error) => {
                silent.get_or_insert(target.clone());
                Start::Unknown(error.clone())
            }
            Ok(copies) => {
                let mut sources: Vec<_> = copies.iter().map(|copy| copy.source.clone()).collect();
                let start = match choose_base(&volume, &points, copies, full) {
                    Ok(Some(base)) => Start::Since(base.volume.full_name()),
                    Ok(None) => Start::Everything,
                    Err(error) => Start::Refused(error_text(&error)),
                };
                if !matches!(start, Start::Refused(_)) {
                    sources.push(new.volume.uuid.clone());
                    let pool = copies.first().map_or("", |copy| &copy.pool);
                    copied = with_copy(copied, pool);
                }
                places.push((target.clone(), sources));
                start
            }
        };
        starts.push((target, start));
    }
    own.push(copied);
    let points = match (silent, thinning(&own, &places, &job.keep, now)) {
        (Some(target), _) => Err(not_asked(&target)),
        (None, Err(stopped)) => Err(stopped.to_string()),
        (None, Ok(plan)) => Ok(plan
            .decisions
            .iter()
            .filter_map(|decision| {
                let is_it = |point: &&LocalPoint| point.volume.uuid == decision.point.name;
                let name = own.iter().find(is_it)?.volume.full_name();
                Some((name, decision.reasons.iter().map(ToString::to_string).collect()))
            })
            .collect()),
    };
    Plan { volume: volume.full_name(), point: new.volume.full_name(), starts, points }
}

/// Why no point is removed if a target says nothing.
pub(super) fn not_asked(target: &str) -> String {
    format!("no point is removed: {target} has not said which ones it needs")
}

/// What is done before anything is sent.
fn steps(job: &Job) -> Vec<String> {
    let hooks = |which: fn(&crate::config::Hook) -> &Option<String>, word: &str| {
        let commands = job.hooks.iter().filter_map(|hook| which(hook).as_ref());
        commands.map(|command| format!("{word}: {command}")).collect::<Vec<_>>()
    };
    let mut steps = hooks(|hook| &hook.pre, "hook before");
    steps.extend(job.quiet.as_ref().map(|quiet| match quiet {
        Quiet::Mount => "freeze the mounted file systems".into(),
        Quiet::Freeze(domain) => format!("freeze the file systems of domain {domain}"),
        Quiet::Pause(domain) => format!("pause domain {domain}"),
    }));
    let mut after = hooks(|hook| &hook.post, "hook after");
    after.reverse();
    steps.extend(after);
    let policy::Limits { warn, crit } = job.max_age;
    steps.extend(warn.map(|age| format!("a copy is late from {age} on")));
    steps.extend(crit.map(|age| format!("a copy is too late from {age} on")));
    steps
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {}: takes {}", self.volume, self.point)?;
        for (target, start) in &self.starts {
            match start {
                Start::Everything => writeln!(formatter, "    to {target}: all of it")?,
                Start::Since(base) => writeln!(formatter, "    to {target}: since {base}")?,
                Start::Refused(why) => writeln!(formatter, "    to {target}: nothing: {why}")?,
                Start::Unknown(why) => {
                    writeln!(formatter, "    to {target}: it does not answer: {why}")?;
                }
            }
        }
        match &self.points {
            Err(why) => writeln!(formatter, "    {why}")?,
            Ok(points) => {
                for (name, reasons) in points {
                    match reasons.is_empty() {
                        true => writeln!(formatter, "    {name} goes: no rule wants it")?,
                        false => writeln!(formatter, "    {name} stays: {}", reasons.join(", "))?,
                    }
                }
            }
        }
        Ok(())
    }
}
