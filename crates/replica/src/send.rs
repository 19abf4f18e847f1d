//! [`send`]: a point, sent to the other side.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use diff::{Options, Stream, StreamFormat};
use flow::{Output, OutputOptions, Refusal, Session};
use hyperlayer::{SECTOR, Totals};
use lvm::{LogicalVolume, Reserve};
use peer::{Answer, Copy, Partial, Request, write_line};
use source::{Pair, PoolSource};

use crate::connection::{Connection, Refused, answer, unexpected};
use crate::points::LocalPoint;
use crate::settings::Settings;
use crate::shared_blocks::SharedBlocks;
use crate::unsent;

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
        && let Err(error) = check_rest(partial, &pair)
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

/// Makes sure that a stream has a beginning that may have arrived.
fn check_rest(partial: &Partial, pair: &Pair) -> anyhow::Result<()> {
    let first = pair.changes.extents.iter().next().transpose()?;
    let begins = first.is_some_and(|extent| extent.range().offset < partial.up_to);
    if begins && partial.up_to.is_multiple_of(SECTOR) && partial.up_to <= pair.names.target.size {
        return Ok(());
    }
    Err(Refusal::base_mismatch(format!(
        "it should hold {} up to offset {}, which no stream of that can have led to",
        pair.names.target.name, partial.up_to
    ))
    .into())
}
