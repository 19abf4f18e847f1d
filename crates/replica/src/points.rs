//! [`points_of`]: the points of a volume on this machine.

use jiff::Timestamp;
use lvm::LogicalVolume;

use crate::tag;

/// A point of a volume on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPoint {
    /// The snapshot.
    pub volume: LogicalVolume,
    /// When it was taken.
    pub at: Timestamp,
}

impl LocalPoint {
    /// The point as the other side knows it; `of` is the volume.
    pub(crate) fn source(&self, of: &LogicalVolume) -> peer::Source {
        peer::Source {
            volume: of.name.clone(),
            of: of.uuid.clone(),
            name: self.volume.name.clone(),
            uuid: self.volume.uuid.clone(),
            at: self.at.as_second(),
            size: self.volume.size,
        }
    }

    /// The job that took it; none if no job did.
    pub fn job(&self) -> Option<&str> {
        tag::job(&self.volume)
    }
}

/// The points of `of` among these volumes, the oldest first.
pub fn points_of(of: &LogicalVolume, volumes: &[LogicalVolume]) -> Vec<LocalPoint> {
    let mut points: Vec<_> = volumes
        .iter()
        .filter(|volume| volume.pool_uuid == of.pool_uuid && volume.thin_id.is_some())
        .filter_map(|volume| {
            let (origin, at) = tag::point(volume)?;
            (origin == of.uuid).then(|| LocalPoint { volume: volume.clone(), at })
        })
        .collect();
    points.sort_by(|one, other| (one.at, &one.volume.name).cmp(&(other.at, &other.volume.name)));
    points
}
