//! [`push_over`] and [`push_classic`]: a device or an image on the other side becomes a volume's copy.

use diff::{Options, StreamFormat};
use flow::{Kind, Refusal, Session};
use hyperlayer::{Totals, Volume};
use lvm::{LogicalVolume, Reserve};
use peer::{Answer, Copy, Held, Request, Start};
use source::{ClassicSource, Pair, PoolSource};

use crate::connection::{Connection, Refused, unexpected};
use crate::leaves::start_from;
use crate::points::points_of;
use crate::push::{NoBase, Pushed, take, thin_out};
use crate::send::{Failed, send_pair};
use crate::settings::{Full, Settings};
use crate::tag;

/// What a stream started from, if nothing but digests says what that was.
const UNKNOWN: &str = "what was there";

/// How a device or an image is written.
#[derive(Clone, Copy, Debug)]
pub struct Over {
    /// Whether whatever is there may be replaced.
    pub overwrite: bool,
    /// Whether everything is sent, also if an increment could start from what is there.
    pub everything: bool,
    /// How an increment's base is proved, 1 to 3. Others can write to the target, so only 3, which reads all of it,
    /// finds every change.
    pub detect_level: u8,
}

/// The context of an error for a target that holds something else.
#[derive(Debug, thiserror::Error)]
#[error("{path} may hold something else than a copy of {volume}")]
pub struct Occupied {
    /// The target.
    pub path: String,
    /// The volume, with its group.
    pub volume: String,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// What has changed since the base.
    Increment,
    /// Everything.
    All {
        /// Whether whatever is there may be replaced.
        overwrite: bool,
    },
}

/// Takes a point of a thin volume, and brings the one device or image that the other side offers to it. Points that
/// are not needed any more are removed. If it fails before all is sent, the new point is removed.
///
/// # Errors
/// [`NoBase`] if everything would have to be sent, and must not; [`Occupied`] if something else would be lost; whatever
/// taking, reading, sending, and the other side report.
pub fn push_over(
    volume: &LogicalVolume,
    mut connection: Connection,
    settings: &Settings,
    over: Over,
    session: &Session<'_>,
) -> anyhow::Result<(Connection, Pushed)> {
    let held = held(&mut connection, over)?;
    let volumes = LogicalVolume::list_in(&volume.group)?;
    let before = points_of(volume, &volumes);
    let base = held
        .source
        .as_ref()
        .and_then(|source| before.iter().find(|point| point.volume.uuid == *source));
    let wanted = wanted(&held, volume, base.is_some(), settings.full, over)?;
    let point = take(volume, &before, &volumes, session)?;
    let name = point.volume.full_name();
    let base = base.filter(|_| wanted == Wanted::Increment);
    let send = || {
        let base_volume = base.map(|base| base.volume.clone());
        let source = PoolSource::of(base_volume, point.volume.clone(), volumes.clone())?;
        let source = PoolSource { reserve: Reserve::IfFree, ..source };
        let options = options(settings, over.detect_level, base.is_some());
        let pair = source.open(&options.wants(), session)?;
        let start = base.map(|base| (Some(base.volume.uuid.clone()), base.volume.size));
        let outbound = Outbound { source: point.source(volume), start, wanted };
        outbound.send(pair, options, &held, connection, settings, session)
    };
    let (connection, copy, totals, sent, is_compared) = match send() {
        Ok(sent) => sent,
        Err(failed) => {
            let error =
                explained(failed.all_or_nothing().left(&point), wanted, &held, &volume.full_name());
            return Err(error);
        }
    };
    // There is one copy, and the point before it: if this one has to be undone, an increment can start from there.
    let mut points = before.clone();
    let known = base.map(|base| Copy { source: base.volume.uuid.clone(), ..copy.clone() });
    let known = Vec::from_iter(known);
    let base = base.map(|base| base.volume.full_name());
    let base = base.or_else(|| is_compared.then(|| UNKNOWN.into()));
    points.push(point.clone());
    let removed = thin_out(&points, &known, &copy, settings, point.at);
    Ok((connection, Pushed { point: name, base, copy, totals, sent, removed }))
}

/// Brings the one device or image that the other side offers to what a classic snapshot has (if everything is sent) or
/// to what its origin has now (if the target holds what the snapshot has).
///
/// # Errors
/// As [`push_over`].
pub fn push_classic(
    classic: &ClassicSource,
    mut connection: Connection,
    settings: &Settings,
    over: Over,
    session: &Session<'_>,
) -> anyhow::Result<(Connection, Pushed)> {
    let held = held(&mut connection, over)?;
    let (snapshot, origin) = (&classic.snapshot, &classic.origin);
    let is_known = held.source.as_ref() == Some(&snapshot.uuid);
    // Someone has copied it by other means, say: the digests tell.
    let may_be = held.size.is_some() && held.of.as_ref().is_none_or(|of| *of == origin.uuid);
    let is_begun = held.of.as_ref() == Some(&origin.uuid) && held.source.is_none();
    let is_increment = !over.everything && (is_known || (may_be && !over.overwrite && !is_begun));
    let wanted = match is_increment {
        true => Wanted::Increment,
        false => wanted(&held, origin, false, settings.full, over)?,
    };
    let new = if is_increment { origin } else { snapshot };
    let source = peer::Source {
        volume: origin.name.clone(),
        of: origin.uuid.clone(),
        name: new.name.clone(),
        uuid: new.uuid.clone(),
        at: (session.clock)().cast_signed(),
        // What LVM calls the size of a classic snapshot is that of its COW device.
        size: origin.size,
    };
    let start = is_increment.then(|| (Some(snapshot.uuid.clone()), origin.size));
    let send = || {
        let options = options(settings, 3, is_increment);
        let pair = match is_increment {
            true => classic.open(&options.wants(), session)?,
            false => classic.open_whole(session)?,
        };
        let outbound = Outbound { source, start, wanted };
        outbound.send(pair, options, &held, connection, settings, session)
    };
    let (connection, copy, totals, sent, is_compared) = send()
        .map_err(|Failed { error, .. }| explained(error, wanted, &held, &snapshot.full_name()))?;
    let base = is_increment.then(|| snapshot.full_name());
    let base = base.or_else(|| is_compared.then(|| UNKNOWN.into()));
    let pushed = Pushed { point: new.full_name(), base, copy, totals, sent, removed: vec![] };
    Ok((connection, pushed))
}

/// What is on its way to a device or an image.
struct Outbound {
    source: peer::Source,
    /// The UUID and size of what the stream starts from.
    start: Option<(Option<String>, u64)>,
    wanted: Wanted,
}

impl Outbound {
    /// Sends it. If something is there that may be replaced, and is as large, only what differs from that is sent: the
    /// last value says so.
    fn send(
        self,
        mut pair: Pair,
        mut options: Options,
        held: &Held,
        mut connection: Connection,
        settings: &Settings,
        session: &Session<'_>,
    ) -> Result<(Connection, Copy, Totals, u64, bool), Failed> {
        let Self { source, mut start, wanted } = self;
        let (size, overwrite) = (source.size, wanted == Wanted::All { overwrite: true });
        let fits = |there: u64| there == size || (held.is_device && there > size);
        let is_compared = overwrite && held.size.is_some_and(fits);
        if is_compared {
            match connection.ask(&Request::Leaves { size })? {
                Answer::Leaves => {}
                other => return Err(unexpected("digests", &other).into()),
            }
            let uuid = held.source.clone().filter(|uuid| tag::is_uuid(uuid));
            let name = source.volume.clone();
            let base = Volume { name, uuid: uuid.clone().unwrap_or_default(), size };
            start_from(&mut pair, base, &mut connection.from, session)?;
            options.detect_level = 3;
            // What is there cannot be read here, so there is nothing to compare blocks with.
            options.detail.granularity = None;
            start = Some((uuid, size));
        }
        let uuid = source.uuid.clone();
        let base = start.map(|(uuid, size)| Start { uuid, size });
        let request = Request::Replace { source, base, overwrite };
        let sent = send_pair(pair, &options, &request, &uuid, connection, settings, session)?;
        let (connection, copy, totals, sent) = sent;
        Ok((connection, copy, totals, sent, is_compared))
    }
}

fn held(connection: &mut Connection, over: Over) -> anyhow::Result<Held> {
    match connection.ask(&Request::Holds { overwrite: over.overwrite })? {
        Answer::Holds(held) => Ok(held),
        other => Err(unexpected("what is there", &other)),
    }
}

/// What has to be sent, if it may be. `has_base`: the point that is there is still here.
fn wanted(
    held: &Held,
    volume: &LogicalVolume,
    has_base: bool,
    full: Full,
    over: Over,
) -> anyhow::Result<Wanted> {
    let path = flow::escaped(&held.path);
    let is_ours = held.of.as_ref() == Some(&volume.uuid);
    match &held.source {
        _ if has_base && !over.everything => Ok(Wanted::Increment),
        _ if held.size.is_none() => Ok(Wanted::All { overwrite: false }),
        // An empty device is no loss: the other side looks.
        None if held.of.is_none() => Ok(Wanted::All { overwrite: over.overwrite }),
        // Everything was being sent, and did not arrive.
        None if is_ours => Ok(Wanted::All { overwrite: true }),
        _ if over.overwrite => Ok(Wanted::All { overwrite: true }),
        Some(_) if is_ours && full == Full::Allowed => Ok(Wanted::All { overwrite: true }),
        Some(_) if is_ours => Err(NoBase::error(format!(
            "{path} is a copy of {}, but of no point that is still here: all of the volume would have to be sent",
            volume.full_name()
        ))),
        _ => {
            let text = format!("it is a copy of another volume, with UUID {}", of(held));
            let occupied = Occupied { path, volume: volume.full_name() };
            Err(anyhow::Error::new(Refusal::usage(text)).context(occupied))
        }
    }
}

fn of(held: &Held) -> String {
    flow::escaped(held.of.as_deref().unwrap_or_default())
}

/// Adds to a refusal of something that would be lost that it would be.
fn explained(error: anyhow::Error, wanted: Wanted, held: &Held, volume: &str) -> anyhow::Error {
    let is_refused = error.chain().any(|cause| cause.is::<Refused>());
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
    let is_occupied = refusal.is_some_and(|refusal| match refusal.kind() {
        Kind::BaseMismatch => true,
        Kind::Usage => wanted != Wanted::Increment,
        _ => false,
    });
    let path = flow::escaped(&held.path);
    match wanted != (Wanted::All { overwrite: true }) && is_refused && is_occupied {
        true => error.context(Occupied { path, volume: volume.into() }),
        false => error,
    }
}

fn options(settings: &Settings, detect_level: u8, has_base: bool) -> Options {
    Options {
        format: StreamFormat::Hyperlayer2,
        detail: settings.detail,
        detect_level: if has_base { detect_level } else { 0 },
        roots: None,
        rest_from: None,
        pairs: vec![],
        tool: settings.program.clone(),
    }
}
