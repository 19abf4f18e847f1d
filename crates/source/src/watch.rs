//! [`Watch`]: notices writes to the base or the target while they are read.

use std::sync::Arc;

use anyhow::bail;
use blockio::Device;
use lvm::{DeviceStatus, WriteWatch, Writes};

use crate::device::read_once;

/// One of the two volumes, watched while it is read.
pub(crate) struct Watch {
    name: String,
    data: Arc<Device>,
    watch: WriteWatch,
    /// For messages: how to read a volume that is being written to.
    way_out: String,
}

impl Watch {
    pub(crate) fn begin(
        name: String,
        status: &DeviceStatus,
        data: &Arc<Device>,
        way_out: &str,
    ) -> Self {
        let watch = WriteWatch::begin(status, &|| read_once(data));
        let data = Arc::clone(data);
        Self { name, data, watch, way_out: way_out.into() }
    }

    fn seen(&self) -> Writes {
        self.watch.seen(&|| read_once(&self.data))
    }

    /// Refuses a base that was written to, or may have been, while its data was read.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Self { name, way_out, .. } = self;
        match self.seen() {
            Writes::Nothing => Ok(()),
            Writes::Something => bail!(
                "{name} was written to while it was read: the data read is not a consistent \
                 snapshot; {way_out}"
            ),
            Writes::NotCounted => bail!(
                "a write to {name} while it is read would go unnoticed: the kernel does not count \
                 its writes, or did not for a while; turn counting on with `echo 1 > {}`, or diff \
                 from a read-only volume",
                self.watch.flag_path().display()
            ),
        }
    }

    /// Warns of a volume that was written to, or may have been.
    pub(crate) fn warn(&self) {
        let Self { name, way_out, .. } = self;
        match self.seen() {
            Writes::Nothing => {}
            Writes::Something => log::warn!(
                "{name} was written to while it was read: the stream may be inconsistent; {way_out}"
            ),
            Writes::NotCounted => log::warn!(
                "it is unknown whether {name} was written to while it was read: the kernel does \
                 not count its writes, or did not for a while; the stream may be inconsistent; \
                 turn counting on with `echo 1 > {}`, or {way_out}",
                self.watch.flag_path().display()
            ),
        }
    }
}
