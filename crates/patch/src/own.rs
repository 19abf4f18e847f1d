//! [`Own`]: the chunks that a volume shares with no snapshot. Writing to these takes no space.

use anyhow::Context;
use flow::Interrupt;
use lvm::{DeviceMapper, ThinDevice};

use crate::holes::with_metadata;

/// A thin volume's own chunks, as ranges: the first one, and the one after the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    /// In ascending order.
    pub(crate) ranges: Vec<(u64, u64)>,
}

impl Own {
    /// Reads them from the pool's metadata; `None` if that cannot be read now.
    pub(crate) fn find(
        dm: &DeviceMapper,
        thin: &ThinDevice,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Self>> {
        with_metadata(dm, thin, interrupt, |metadata, id| {
            let devices = metadata.devices()?;
            let device = devices.iter().find(|device| device.id == id);
            let device = device.with_context(|| format!("there is no thin device {id}"))?;
            let runs = metadata.mappings(id)?;
            let range = |run: thinmeta::Run| (run.begin, run.begin.saturating_add(run.length));
            let ranges = runs.runs_since(device.snapshotted_time).map(|run| run.map(range));
            Ok(Self { ranges: ranges.collect::<Result<_, _>>()? })
        })
    }

    /// How many of the first `all` chunks are among them.
    pub(crate) fn count(&self, all: u64) -> u64 {
        let of_range = |&(first, behind): &(u64, u64)| behind.min(all).saturating_sub(first);
        self.ranges.iter().map(of_range).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_after_the_volumes_end_do_not_count() {
        let own = Own { ranges: vec![(0, 10), (20, 30), (40, 50)] };
        assert_eq!(own.count(100), 30);
        assert_eq!(own.count(25), 15);
        assert_eq!(own.count(0), 0);
    }
}
