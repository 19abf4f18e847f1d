//! [`send_rests`]: what has arrived of earlier points is completed.

use flow::Session;
use lvm::LogicalVolume;
use peer::{Copy, Partial};

use crate::connection::Connection;
use crate::points::LocalPoint;
use crate::send::{Failed, Sending, There, send};
use crate::settings::Settings;
use crate::thinning::note_copy;

/// The oldest point that is completed, in seconds: after that, the newest one is worth more.
const OLDEST: i64 = 7 * 24 * 60 * 60;

/// Completes the partial copies on the other side, if that is possible. Yields its copies then, and how many bytes
/// were sent. The other side removes the partial copies that are left when it receives another point.
///
/// # Errors
/// If the connection breaks.
pub(crate) fn send_rests(
    volume: &LogicalVolume,
    points: &[LocalPoint],
    there: There,
    mut connection: Connection,
    settings: &Settings,
    session: &Session<'_>,
) -> anyhow::Result<(Connection, Vec<Copy>, u64)> {
    let There { mut copies, partials } = there;
    let mut bytes_sent: u64 = 0;
    for partial in &partials {
        let name = flow::escaped(&partial.name);
        let now = (session.clock)().cast_signed();
        let (point, base) = match ends(partial, points, &copies, now) {
            Ok(ends) => ends,
            Err(why) => {
                log::warn!("{name} on the other side is not completed: {why}");
                continue;
            }
        };
        let sending = Sending { volume, point, base, partial: Some(partial) };
        let volumes = LogicalVolume::list_in(&volume.group)?;
        match send(&sending, volumes, connection, settings, session) {
            Ok((back, copy, _, bytes)) => {
                log::info!(
                    "{name} on the other side is complete: it is {}",
                    flow::escaped(&copy.name)
                );
                connection = back;
                note_copy(point, &copy);
                copies.push(copy);
                bytes_sent = bytes_sent.saturating_add(bytes);
            }
            // It has removed what does not fit.
            Err(Failed { error, connection: Some(back), .. }) => {
                let error = flow::error_text(&error);
                log::warn!("{name} on the other side is not completed: {error}");
                connection = back;
            }
            Err(Failed { error, connection: None, .. }) => {
                return Err(error.context(format!("the rest of {}", point.volume.full_name())));
            }
        }
    }
    Ok((connection, copies, bytes_sent))
}

/// The point that a partial copy is of, and the one that its stream starts from; why it cannot be completed
/// otherwise.
fn ends<'p>(
    partial: &Partial,
    points: &'p [LocalPoint],
    copies: &[Copy],
    now: i64,
) -> Result<(&'p LocalPoint, Option<&'p LocalPoint>), &'static str> {
    let find = |uuid: &str| points.iter().find(|point| point.volume.uuid == uuid);
    let point = find(&partial.source).ok_or("its point is not here any more")?;
    if copies.iter().any(|copy| copy.source == partial.source) {
        return Err("there is a complete copy of its point");
    }
    if now.saturating_sub(point.at.as_second()) > OLDEST {
        return Err("its point is older than a week");
    }
    let base = match &partial.base {
        None => None,
        Some(uuid) => Some(find(uuid).ok_or("the point that it starts from is not here any more")?),
    };
    Ok((point, base))
}
