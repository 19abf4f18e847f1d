//! [`push()`]: a new point of a volume, and its copy on the other side.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use diff::{Detail, Options, Stream, StreamFormat};
use flow::{Output, OutputOptions, Refusal, Session};
use hyperlayer::Totals;
use jiff::Timestamp;
use lvm::{DeviceMapper, LogicalVolume, Reserve};
use peer::{Answer, Copy, Partial, Request, write_line};
use policy::Keep;
use source::PoolSource;

use crate::connection::{Connection, Refused, answer, unexpected};
use crate::points::{LocalPoint, points_of};
use crate::shared_blocks::SharedBlocks;
use crate::thinning::{note_copy, remove_thinned, thinning, with_copy};
use crate::{PointName, rest, tag, unsent};

/// How volumes are pushed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This program and its version.
    pub program: String,
    /// How records are made.
    pub detail: Detail,
    /// At most this many bytes are sent each second.
    pub bytes_per_second: Option<u64>,
    /// When everything is sent.
    pub full: Full,
    /// Which points stay on this side.
    pub keep: Keep,
}

/// When everything is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// If the other side has no copy of the volume at all: the first time.
    #[default]
    First,
    /// If it has none that an increment can start from.
    Allowed,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The point, with its group.
    pub point: String,
    /// The point that the stream started from; none if everything was sent.
    pub base: Option<String>,
    /// The copy, as the other side has answered.
    pub copy: Copy,
    /// What was in the stream.
    pub totals: Totals,
    /// How many bytes were sent: that stream, and the rest of an earlier one.
    pub sent: u64,
    /// The points that were removed on this side.
    pub removed: Vec<String>,
}

/// The error for copies none of which an increment can start from.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoBase(String);

impl NoBase {
    /// The error with this text.
    pub(crate) fn error(text: String) -> anyhow::Error {
        let refusal = Refusal::no_base("all of the volume would have to be sent");
        anyhow::Error::new(refusal).context(Self(text))
    }
}

/// Takes a point of a volume, sends what the other side lacks, and removes the points that are not needed any
/// more. What has arrived of an earlier point is completed first. If it fails, the new point is removed, unless
/// some of it may have arrived: the next push completes or removes it.
///
/// # Errors
/// [`NoBase`] if everything would have to be sent, and must not; whatever taking, reading, sending, and the other
/// side report.
pub fn push(
    volume: &LogicalVolume,
    connection: Connection,
    settings: &Settings,
    session: &Session<'_>,
) -> anyhow::Result<(Connection, Pushed)> {
    let volumes = LogicalVolume::list_in(&volume.group)?;
    let before = points_of(volume, &volumes);
    let mut connection = connection;
    let there = what_is_there(volume, &before, &mut connection)?;
    let (connection, copies, sent_before) =
        rest::send_rests(volume, &before, there, connection, settings, session)?;
    let before = unsent::settle(before, &copies);
    let volumes = LogicalVolume::list_in(&volume.group)?;
    let base = choose_base(volume, &before, &copies, settings.full)?;
    let point = take(volume, &before, &volumes, session)?;
    let at = point.at;
    let sending = Sending { volume, point: &point, base, partial: None };
    let sent = send(&sending, volumes, connection, settings, session);
    let (connection, copy, totals, bytes) = match sent {
        Ok(sent) => sent,
        Err(failed) => return Err(failed.left(&point)),
    };
    note_copy(&point, &copy);
    let mut points = before.clone();
    points.push(with_copy(point.clone(), &copy.pool));
    let removed = thin_out(&points, &copies, &copy, settings, at);
    let pushed = Pushed {
        point: point.volume.full_name(),
        base: base.map(|base| base.volume.full_name()),
        copy,
        totals,
        sent: bytes.saturating_add(sent_before),
        removed,
    };
    Ok((connection, pushed))
}

/// Takes a point of a volume: `before` are those that it has.
pub(crate) fn take(
    volume: &LogicalVolume,
    before: &[LocalPoint],
    volumes: &[LogicalVolume],
    session: &Session<'_>,
) -> anyhow::Result<LocalPoint> {
    let at = Timestamp::from_second((session.clock)().cast_signed())?;
    let tags = tag::of_point(&volume.uuid, at);
    take_at(at, &tags, volume, before, volumes, session)
}

/// Takes a point of a volume with these tags; `at` is now.
pub(crate) fn take_at(
    at: Timestamp,
    tags: &[String],
    volume: &LogicalVolume,
    before: &[LocalPoint],
    volumes: &[LogicalVolume],
    session: &Session<'_>,
) -> anyhow::Result<LocalPoint> {
    let dm = DeviceMapper::open()?;
    let name = check_point(at, volume, before, volumes)?;
    let keep_waiting = || session.keep_waiting();
    let taken = volume
        .take_snapshot(&dm, &name.to_string(), tags, &keep_waiting)
        .with_context(|| format!("a snapshot of {}", volume.full_name()))?;
    Ok(LocalPoint { volume: taken, at })
}

/// Makes sure that there can be a point of this time; yields its name.
pub(crate) fn check_point(
    at: Timestamp,
    volume: &LogicalVolume,
    before: &[LocalPoint],
    volumes: &[LogicalVolume],
) -> anyhow::Result<PointName> {
    if let Some(newest) = before.last().filter(|newest| newest.at >= at) {
        return Err(Refusal::unfit(format!(
            "the clock says {at}, and {} is of {}: there is a point of each second at the most, and none before another",
            newest.volume.full_name(),
            newest.at
        ))
        .into());
    }
    let name = PointName::new(&volume.name, at);
    lvm::check_new_name(&name.to_string(), &volume.group, volumes)?;
    Ok(name)
}

/// What the other side has of a volume.
pub(crate) struct There {
    pub(crate) copies: Vec<Copy>,
    pub(crate) partials: Vec<Partial>,
}

pub(crate) fn what_is_there(
    volume: &LogicalVolume,
    points: &[LocalPoint],
    connection: &mut Connection,
) -> anyhow::Result<There> {
    let snapshots = points.iter().map(|point| point.volume.uuid.clone()).collect();
    match connection.ask(&Request::Points { of: volume.uuid.clone(), snapshots })? {
        Answer::Points { copies, partials } => Ok(There { copies, partials }),
        other => Err(unexpected("a list of points", &other)),
    }
}

/// The copies that the other side has.
///
/// # Errors
/// If the connection breaks, or the other side cannot say.
pub fn copies_of(
    volume: &LogicalVolume,
    points: &[LocalPoint],
    connection: &mut Connection,
) -> anyhow::Result<Vec<Copy>> {
    what_is_there(volume, points, connection).map(|there| there.copies)
}

/// The point that an increment starts from; none if everything is sent.
///
/// # Errors
/// [`NoBase`] if everything would have to be sent, and must not.
pub fn choose_base<'p>(
    volume: &LogicalVolume,
    points: &'p [LocalPoint],
    copies: &[Copy],
    full: Full,
) -> anyhow::Result<Option<&'p LocalPoint>> {
    let base = newest_common(points, copies);
    if base.is_none() && !copies.is_empty() && full == Full::First {
        return Err(NoBase::error(format!(
            "the other side has copies of {}, but none of a point that is still here",
            volume.full_name()
        )));
    }
    Ok(base)
}

/// The newest point that both sides have.
fn newest_common<'p>(points: &'p [LocalPoint], copies: &[Copy]) -> Option<&'p LocalPoint> {
    let is_common =
        |point: &&LocalPoint| copies.iter().any(|copy| copy.source == point.volume.uuid);
    points.iter().rev().find(is_common)
}

/// Why a point was not sent.
pub(crate) struct Failed {
    pub(crate) error: anyhow::Error,
    /// What the other side may have of it.
    arrived: Arrived,
    /// The connection, if the other side is known to wait for another request.
    pub(crate) connection: Option<Connection>,
}

/// What the other side may have of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Nothing,
    Something,
    /// All of it was sent, and only the answer is missing.
    Everything,
}

impl Failed {
    /// Removes the point, unless some of it may have arrived; yields what went wrong.
    pub(crate) fn left(self, point: &LocalPoint) -> anyhow::Error {
        match self.may_have_arrived() {
            true => unsent::mark(point),
            false => {
                if let Err(left) = point.volume.remove() {
                    log::warn!("{} is left: {left}", point.volume.full_name());
                }
            }
        }
        self.said(point)
    }

    /// Whether the other side may have some of the point.
    pub(crate) fn may_have_arrived(&self) -> bool {
        self.arrived != Arrived::Nothing
    }

    /// The same where the other side keeps nothing of a stream that ends early.
    pub(crate) fn all_or_nothing(self) -> Self {
        let arrived = match self.arrived {
            Arrived::Something => Arrived::Nothing,
            other => other,
        };
        Self { arrived, ..self }
    }

    /// What went wrong.
    pub(crate) fn said(self, point: &LocalPoint) -> anyhow::Error {
        let name = point.volume.full_name();
        match self.arrived {
            Arrived::Nothing => self.error,
            Arrived::Something => self.error.context(format!(
                "the copy of {name} is not complete; the next run sends the rest, or another point"
            )),
            Arrived::Everything => self.error.context(format!(
                "it is unknown whether the copy of {name} is complete; the next run finds out"
            )),
        }
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self { error, arrived: Arrived::Nothing, connection: None }
    }
}

/// What is sent.
pub(crate) struct Sending<'a> {
    pub(crate) volume: &'a LogicalVolume,
    pub(crate) point: &'a LocalPoint,
    pub(crate) base: Option<&'a LocalPoint>,
    /// What the other side has of it already: only the rest is sent.
    pub(crate) partial: Option<&'a Partial>,
}

impl Sending<'_> {
    fn request(&self) -> Request {
        let Self { volume, point, base, partial } = self;
        let source = point.source(volume);
        let base = base.map(|base| base.volume.uuid.clone());
        match partial {
            Some(partial) => Request::Resume { source, base, partial: partial.uuid.clone() },
            None => Request::Receive { source, base },
        }
    }
}

/// Sends a point, and waits until the other side says that it has it.
pub(crate) fn send(
    sending: &Sending<'_>,
    volumes: Vec<LogicalVolume>,
    connection: Connection,
    settings: &Settings,
    session: &Session<'_>,
) -> Result<(Connection, Copy, Totals, u64), Failed> {
    let Sending { point, base, partial, .. } = sending;
    let options = Options {
        format: StreamFormat::Hyperlayer2,
        detail: settings.detail,
        detect_level: if base.is_some() { 2 } else { 0 },
        roots: None,
        rest_from: partial.map(|partial| partial.up_to),
        pairs: vec![],
        tool: settings.program.clone(),
    };
    let base_volume = base.map(|base| base.volume.clone());
    let source = PoolSource::of(base_volume, point.volume.clone(), volumes)?;
    let source = PoolSource { reserve: Reserve::IfFree, ..source };
    let pair = source.open(&options.wants(), session)?;
    if let Some(partial) = partial
        && let Err(error) = rest::check(partial, &pair)
    {
        pair.release()?;
        let arrived = Arrived::Nothing;
        return Err(Failed { error, arrived, connection: Some(connection) });
    }
    let request = sending.request();
    send_pair(pair, &options, &request, &point.volume.uuid, connection, settings, session)
}

/// Makes a request with a pair's stream after it, and waits until the other side says that it has a copy of the volume
/// with this UUID.
pub(crate) fn send_pair(
    mut pair: source::Pair,
    options: &Options,
    request: &Request,
    uuid: &str,
    mut connection: Connection,
    settings: &Settings,
    session: &Session<'_>,
) -> Result<(Connection, Copy, Totals, u64), Failed> {
    let what = pair.what.clone();
    write_line(&mut connection.to, request).map_err(anyhow::Error::from)?;
    let written = write_stream(&mut pair, options, connection, settings, session);
    let (answering, to, totals, bytes) = match written {
        Ok(written) => written,
        Err(failed) => return Err(Failed { error: pair.explain(failed.error), ..failed }),
    };
    let released = pair.release();
    let (from, answered) = answering.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    let connection = Connection { from, to };
    let copy = match answered.context(what) {
        Ok(Answer::Received(copy)) if copy.source == uuid => copy,
        Ok(other) => return Err(unexpected("a copy of the point that was sent", &other).into()),
        Err(error) => {
            return Err(match arrived_of(&error) {
                Some(arrived) => Failed { error, arrived, connection: Some(connection) },
                None => Failed { error, arrived: Arrived::Everything, connection: None },
            });
        }
    };
    released?;
    Ok((connection, copy, totals, bytes))
}

/// What the other side may have of a point that it could not take; none if it did not say so.
fn arrived_of(error: &anyhow::Error) -> Option<Arrived> {
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<Refused>())?;
    Some(if refused.keeps_part { Arrived::Something } else { Arrived::Nothing })
}

/// What reads the answer while the stream is written: the other side can refuse it at any moment.
type Answering = JoinHandle<(Box<dyn Read + Send>, anyhow::Result<Answer>)>;

fn write_stream(
    pair: &mut source::Pair,
    options: &Options,
    connection: Connection,
    settings: &Settings,
    session: &Session<'_>,
) -> Result<(Answering, Box<dyn Write + Send>, Totals, u64), Failed> {
    let Connection { mut from, to } = connection;
    let has_answered = Arc::new(AtomicBool::new(false));
    let answered = Arc::clone(&has_answered);
    let answering = thread::Builder::new().name("waiting for an answer".into()).spawn(move || {
        let answer = answer(&mut from);
        answered.store(true, Ordering::Relaxed);
        (from, answer)
    });
    let answering = answering.map_err(anyhow::Error::from)?;
    let stopped = Arc::clone(&has_answered);
    let blocks = SharedBlocks::new(to, move || !stopped.load(Ordering::Relaxed));
    let rate =
        OutputOptions { bytes_per_second: settings.bytes_per_second, ..OutputOptions::default() };
    let written = (|| {
        let output = Output::new(blocks.clone(), rate, session.interrupt)?;
        let (output, finished) = Stream::prove(pair, options, session)?.write(output, session)?;
        let (_, written) = output.finish()?;
        anyhow::Ok((blocks.take()?.finish()?, finished.totals, written.bytes))
    })();
    match written {
        Ok((to, totals, bytes)) => Ok((answering, to, totals, bytes)),
        // Its answer says more than that it does not read any more.
        Err(_) if has_answered.load(Ordering::Relaxed) => {
            let (from, answer) =
                answering.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
            let error = match answer {
                Err(error) => error,
                Ok(_) => anyhow::anyhow!("the other side answered before it had everything"),
            };
            let arrived = arrived_of(&error);
            let connection = arrived.and_then(|_| Some(Connection { from, to: blocks.give_up()? }));
            Err(Failed { error, arrived: arrived.unwrap_or(Arrived::Something), connection })
        }
        Err(error) => Err(Failed { error, arrived: Arrived::Something, connection: None }),
    }
}

/// Removes the points that no rule wants; what cannot be removed is a warning, and the next run's. Points of jobs are
/// their own matter.
pub(crate) fn thin_out(
    points: &[LocalPoint],
    copies: &[Copy],
    new: &Copy,
    settings: &Settings,
    now: Timestamp,
) -> Vec<String> {
    let own: Vec<_> = points.iter().filter(|point| point.job().is_none()).cloned().collect();
    let sources = copies.iter().chain([new]).map(|copy| copy.source.clone());
    let places = [("the other side".to_owned(), sources.collect())];
    match thinning(&own, &places, &settings.keep, now) {
        Ok(plan) => remove_thinned(&own, &plan),
        Err(stopped) => {
            log::warn!("{stopped}");
            vec![]
        }
    }
}
