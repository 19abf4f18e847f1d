//! [`run`]: jobs, carried out.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use cli::Outcome;
use diff::Detail;
use flow::{Refusal, Session, error_text, escaped_lines, human};
use jiff::Timestamp;
use lvm::LogicalVolume;
use replica::{
    Full, Member, Sent, Set, Settings, VolumeReport, remove_thinned, thinning, with_copy,
};
use serde_json::{Value, json};

use super::command;
use super::freeze::Frozen;
use super::hooks::Hooks;
use super::lock::{self, Lock};
use super::plan::not_asked;
use super::record::{self, Record};
use super::targets::{Delivery, deliver};
use super::volumes::find;
use crate::config::Job;
use crate::program::PROGRAM;
use crate::target::Target;

/// How long `on_failure` may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Carries out these jobs, one after another: one that fails does not keep the others from it.
pub(crate) fn run(
    jobs: &[Job],
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    let mut done = Vec::new();
    for job in jobs {
        session.interrupt.check()?;
        let mut sent = Vec::new();
        let result = one(job, is_quiet, &mut sent, session);
        done.push(json!({ "job": job.name, "sent": sent }));
        if let Err(error) = result {
            let error = error.context(format!("job {}", job.name));
            if jobs.len() > 1 {
                say_failure(&error);
            }
            failed.push(error);
        }
    }
    outcome.done(&json!({ "jobs": done }))?;
    session.interrupt.check()?;
    match (failed.pop(), jobs.len()) {
        (None, _) => Ok(()),
        (Some(error), 1) => Err(error),
        (Some(_), all) => {
            let count = failed.len() + 1;
            Err(Refusal::partly(format!("{count} of {all} jobs failed")).into())
        }
    }
}

/// Carries out a job under its lock, and leaves its report.
fn one(
    job: &Job,
    is_quiet: bool,
    sent: &mut Vec<Value>,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let now = Timestamp::from_second((session.clock)().cast_signed())?;
    let _lock = Lock::take(Path::new(lock::FOLDER), &job.name, now)?;
    let mut record = Record::begin(Path::new(record::FOLDER), &job.name, now);
    let result = work(job, is_quiet, &mut record, sent, session);
    let failure = result.as_ref().err();
    let failure = failure.map(|error| (cli::exit_code(error), error_text(error)));
    let written = record.write(failure.clone());
    if let (Some((code, text)), Some(on_failure)) = (failure, &job.on_failure) {
        let mut shell = command::shell(on_failure);
        shell.env("LVSYNC_JOB", &job.name).env("LVSYNC_ERROR", escaped_lines(&text));
        shell.env("LVSYNC_EXIT_CODE", code.to_string());
        // Also after a signal: it is what the run came to.
        if let Err(error) = command::run(shell, LONGEST, &|| true) {
            log::warn!("on_failure of job {}: {error:#}", job.name);
        }
    }
    match (result, written) {
        (Ok(()), written) => written,
        (Err(error), Ok(())) => Err(error),
        (Err(error), Err(unwritten)) => {
            log::warn!("{unwritten:#}");
            Err(error)
        }
    }
}

fn work(
    job: &Job,
    is_quiet: bool,
    record: &mut Record,
    sent: &mut Vec<Value>,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let volumes = find(job)?;
    Set::check(&volumes, session)?;
    let (set, after) = take(job, &volumes, session)?;
    let settings = settings(job);
    let mut all: Vec<(&Target, Vec<Delivery>)> = Vec::new();
    for target in &job.to {
        let deliveries = deliver(&set, target, &settings, session);
        for (member, delivery) in set.members.iter().zip(&deliveries) {
            record.note(report(member, target, delivery));
            if let Ok(done) = &delivery.result {
                if !is_quiet {
                    say(member, target, done, delivery.seconds);
                }
                sent.push(json(member, target, done));
            }
        }
        all.push((target, deliveries));
    }
    for (number, member) in set.members.iter().enumerate() {
        let of_it: Vec<_> = all.iter().map(|(target, all)| (*target, &all[number])).collect();
        let removed = thin_out(job, member, &of_it, session);
        if !is_quiet {
            for name in removed {
                cli::note(format_args!(
                    "lvsync: {name} is removed: no rule of job {} wants it",
                    job.name
                ));
            }
        }
    }
    session.interrupt.check()?;
    judge(&set, all)?;
    after
}

/// Takes a point of each volume, with everything that goes before and after. Beside the points is what the hooks after
/// them came to: what is taken is sent in any case.
fn take(
    job: &Job,
    volumes: &[LogicalVolume],
    session: &Session<'_>,
) -> anyhow::Result<(Set, anyhow::Result<()>)> {
    let names: Vec<_> = volumes.iter().map(LogicalVolume::full_name).collect();
    let mut hooks = Hooks::new(job, &names);
    let taken = hooks.begin(session).and_then(|()| take_at_rest(job, volumes, &names, session));
    let after = hooks.end();
    match (taken, after) {
        (Ok(set), after) => Ok((set, after)),
        (Err(error), Ok(())) => Err(error),
        (Err(error), Err(second)) => {
            log::warn!("{second:#}");
            Err(error)
        }
    }
}

fn take_at_rest(
    job: &Job,
    volumes: &[LogicalVolume],
    names: &[String],
    session: &Session<'_>,
) -> anyhow::Result<Set> {
    let frozen =
        job.quiet.as_ref().map(|quiet| Frozen::begin(quiet, names, session)).transpose()?;
    let taken = Set::take(volumes, &job.name, session);
    let released = frozen.map_or(Ok(()), Frozen::release);
    let set = taken?;
    if let Err(error) = released {
        set.members.iter().for_each(Member::discard);
        return Err(error);
    }
    Ok(set)
}

fn settings(job: &Job) -> Settings {
    Settings {
        program: PROGRAM.into(),
        detail: Detail { granularity: job.granularity, level: job.level },
        bytes_per_second: job.bytes_per_second,
        full: if job.full { Full::Allowed } else { Full::First },
        keep: job.keep.clone(),
    }
}

/// Removes the points of a volume that no rule wants, and the new one if nobody has a copy of it; yields the names.
fn thin_out(
    job: &Job,
    member: &Member,
    deliveries: &[(&Target, &Delivery)],
    session: &Session<'_>,
) -> Vec<String> {
    let is_wanted = |delivery: &Delivery| delivery.result.is_ok() || delivery.may_have_arrived;
    let has_arrived = deliveries.iter().any(|(_, delivery)| is_wanted(delivery));
    if !has_arrived {
        member.discard();
    }
    if !session.keep_waiting() {
        return vec![];
    }
    let mut places = Vec::new();
    for (target, delivery) in deliveries {
        let Some(copies) = &delivery.copies else {
            log::warn!("{}: {}", member.volume.full_name(), not_asked(&target.to_string()));
            return vec![];
        };
        let mut copies = copies.clone();
        if is_wanted(delivery) {
            copies.push(member.point.volume.uuid.clone());
        }
        places.push((target.to_string(), copies));
    }
    let is_own = |point: &&replica::LocalPoint| point.job() == Some(&job.name);
    let mut points: Vec<_> = member.before.iter().filter(is_own).cloned().collect();
    let sent = deliveries.iter().filter_map(|(_, delivery)| delivery.result.as_ref().ok());
    let new = sent.fold(member.point.clone(), |point, sent| with_copy(point, &sent.copy.pool));
    points.extend(has_arrived.then_some(new));
    match thinning(&points, &places, &job.keep, member.point.at) {
        Ok(plan) => remove_thinned(&points, &plan),
        Err(stopped) => {
            log::warn!("{}: {stopped}", member.volume.full_name());
            vec![]
        }
    }
}

/// Says what failed, a line each; the error is that of all of it.
fn judge(set: &Set, all: Vec<(&Target, Vec<Delivery>)>) -> anyhow::Result<()> {
    let count = set.members.len() * all.len();
    let mut failed = Vec::new();
    for (target, deliveries) in all {
        for (member, delivery) in set.members.iter().zip(deliveries) {
            let of_it = || format!("{} to {target}", member.volume.full_name());
            failed.extend(delivery.result.with_context(of_it).err());
        }
    }
    let Some(first) = failed.first() else { return Ok(()) };
    let code = cli::exit_code(first);
    let is_all_the_same =
        failed.len() == count && failed.iter().all(|error| cli::exit_code(error) == code);
    if is_all_the_same && count == 1 {
        return Err(failed.remove(0));
    }
    failed.iter().for_each(say_failure);
    let text = format!("{} of {count} copies could not be made", failed.len());
    match is_all_the_same {
        // Nothing was done, and each time for the same reason.
        true => Err(failed.remove(0).context(text)),
        false => Err(Refusal::partly(text).into()),
    }
}

fn report(member: &Member, target: &Target, delivery: &Delivery) -> VolumeReport {
    let sent = delivery.result.as_ref().ok();
    VolumeReport {
        volume: member.volume.full_name(),
        uuid: member.volume.uuid.clone(),
        target: target.to_string(),
        point_at: sent.map(|_| member.point.at.as_second()),
        sent_bytes: sent.map_or(0, |sent| sent.bytes),
        seconds: delivery.seconds,
        error: delivery.result.as_ref().err().map(error_text),
        ..VolumeReport::default()
    }
}

fn json(member: &Member, target: &Target, sent: &Sent) -> Value {
    json!({
        "point": member.point.volume.full_name(),
        "target": target.to_string(),
        "base": sent.base,
        "copy": sent.copy.name,
        "uuid": sent.copy.uuid,
        "sent_bytes": sent.bytes,
    })
}

fn say_failure(error: &anyhow::Error) {
    cli::note(format_args!("lvsync: {}", escaped_lines(&error_text(error))));
}

fn say(member: &Member, target: &Target, sent: &Sent, seconds: f64) {
    let host = target.host.as_ref().map_or(String::new(), |host| format!("{host}:"));
    let from = match &sent.base {
        Some(base) => format!("since {base}"),
        None => "all of it".into(),
    };
    cli::note(format_args!(
        "lvsync: {} -> {host}{}: {from}, {} of data, {} sent in {seconds:.1} s",
        member.point.volume.full_name(),
        flow::escaped(&sent.copy.name),
        human(sent.totals.data_bytes),
        human(sent.bytes),
    ));
}
