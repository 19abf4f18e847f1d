//! [`Set`]: points of several volumes, taken together, and brought to other sides one by one.

use anyhow::Context;
use flow::Session;
use hyperlayer::Totals;
use jiff::Timestamp;
use lvm::LogicalVolume;
use peer::Copy;

use crate::connection::Connection;
use crate::points::{LocalPoint, points_of};
use crate::push::{check_point, choose_base, take_at};
use crate::send::{Sending, send, what_is_there};
use crate::settings::Settings;
use crate::thinning::note_copy;
use crate::{rest, tag};

/// Points of several volumes, of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// One for each volume.
    pub members: Vec<Member>,
}

/// A volume, and its new point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The volume.
    pub volume: LogicalVolume,
    /// The points that it had before, the oldest first.
    pub before: Vec<LocalPoint>,
    /// The new one.
    pub point: LocalPoint,
}

/// What came of bringing a point to another side.
pub struct Brought {
    /// The connection; none if it cannot be used any more.
    pub connection: Option<Connection>,
    /// The copies that the other side had before; none if it did not say.
    pub copies: Option<Vec<Copy>>,
    /// The new copy.
    pub result: anyhow::Result<Sent>,
    /// Whether the copy may be there, although nothing says so.
    pub may_have_arrived: bool,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The point that the stream started from; none if everything was sent.
    pub base: Option<String>,
    /// The copy.
    pub copy: Copy,
    /// What was in the stream.
    pub totals: Totals,
    /// How many bytes that were.
    pub bytes: u64,
}

impl Set {
    /// Makes sure that points of these volumes can be taken now, as far as that can be known before.
    ///
    /// # Errors
    /// If one cannot.
    pub fn check(volumes: &[LogicalVolume], session: &Session<'_>) -> anyhow::Result<Timestamp> {
        let at = Timestamp::from_second((session.clock)().cast_signed())?;
        for volume in volumes {
            let all = LogicalVolume::list_in(&volume.group)?;
            check_point(at, volume, &points_of(volume, &all), &all)?;
        }
        Ok(at)
    }

    /// Takes a point of each volume, for this job. If one cannot be taken, there is none.
    ///
    /// # Errors
    /// As where one point is taken.
    pub fn take(
        volumes: &[LogicalVolume],
        job: &str,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let at = Timestamp::from_second((session.clock)().cast_signed())?;
        let mut set = Self { members: Vec::new() };
        for volume in volumes {
            let member = session.interrupt.check().map_err(anyhow::Error::from).and_then(|()| {
                let all = LogicalVolume::list_in(&volume.group)?;
                let before = points_of(volume, &all);
                let tags = tag::of_set(&volume.uuid, at, job);
                let point = take_at(at, &tags, volume, &before, &all, session)?;
                Ok(Member { volume: volume.clone(), before, point })
            });
            match member {
                Ok(member) => set.members.push(member),
                Err(error) => {
                    set.members.iter().for_each(|member| member.discard());
                    return Err(error);
                }
            }
        }
        Ok(set)
    }
}

impl Member {
    /// Removes the new point, which nobody has a copy of; if that fails it is a warning.
    pub fn discard(&self) {
        if let Err(left) = self.point.volume.remove() {
            log::warn!("{} is left: {left}", self.point.volume.full_name());
        }
    }

    /// Sends what the other side lacks. The point stays, whatever comes of it.
    pub fn bring(
        &self,
        mut connection: Connection,
        settings: &Settings,
        session: &Session<'_>,
    ) -> Brought {
        let failed = |copies, connection, error| Brought {
            connection,
            copies,
            result: Err(error),
            may_have_arrived: false,
        };
        let there = what_is_there(&self.volume, &self.before, &mut connection);
        let rests = there.and_then(|there| {
            rest::send_rests(&self.volume, &self.before, there, connection, settings, session)
        });
        let (connection, copies, sent_before) = match rests {
            Ok(sent) => sent,
            Err(error) => return failed(None, None, error),
        };
        let base = match choose_base(&self.volume, &self.before, &copies, settings.full) {
            Ok(base) => base,
            // Nothing was sent: the other volumes can still use the connection.
            Err(error) => return failed(Some(copies), Some(connection), error),
        };
        let volumes = LogicalVolume::list_in(&self.volume.group).context("the volumes");
        let volumes = match volumes {
            Ok(volumes) => volumes,
            Err(error) => return failed(Some(copies), Some(connection), error),
        };
        let Self { volume, point, .. } = self;
        let sending = Sending { volume, point, base, partial: None };
        match send(&sending, volumes, connection, settings, session) {
            Ok((connection, copy, totals, bytes)) => {
                note_copy(point, &copy);
                let base = base.map(|base| base.volume.full_name());
                Brought {
                    connection: Some(connection),
                    copies: Some(copies),
                    result: Ok(Sent {
                        base,
                        copy,
                        totals,
                        bytes: bytes.saturating_add(sent_before),
                    }),
                    may_have_arrived: false,
                }
            }
            Err(mut error) => Brought {
                may_have_arrived: error.may_have_arrived(),
                ..failed(Some(copies), error.connection.take(), error.said(point))
            },
        }
    }
}
