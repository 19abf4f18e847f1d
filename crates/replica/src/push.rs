//! [`push()`]: a new point of a volume, and its copy on the other side.

use anyhow::Context;
use flow::{Refusal, Session};
use hyperlayer::Totals;
use jiff::Timestamp;
use lvm::{DeviceMapper, LogicalVolume};
use peer::Copy;

use crate::connection::Connection;
use crate::points::{LocalPoint, points_of};
use crate::send::{Sending, send, what_is_there};
use crate::settings::{Full, Settings};
use crate::thinning::{note_copy, remove_thinned, thinning, with_copy};
use crate::{PointName, rest, tag, unsent};

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
