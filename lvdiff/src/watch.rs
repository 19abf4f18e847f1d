//! [`Watch`]: whether somebody writes to the base or the volume while they are read.

use anyhow::bail;
use blockio::Device;
use lvm::{DeviceStatus, WriteWatch, Writes};

use crate::plan::Plan;

/// One of the two volumes, watched while it is read.
pub(crate) struct Watch<'a> {
    name: String,
    data: &'a Device,
    watch: WriteWatch,
    /// How a volume is read that somebody writes to.
    way_out: &'static str,
}

impl<'a> Watch<'a> {
    pub(crate) fn begin(
        name: String,
        status: &DeviceStatus,
        data: &'a Device,
        way_out: &'static str,
    ) -> Self {
        let watch = WriteWatch::begin(status, &|| source::read_once(data));
        Self { name, data, watch, way_out }
    }

    fn seen(&self) -> Writes {
        self.watch.seen(&|| source::read_once(self.data))
    }

    /// Refuses a base that was written to, or may have been, if its data is read.
    pub(crate) fn check(&self, plan: &Plan) -> anyhow::Result<()> {
        if !plan.reads_base() {
            return Ok(());
        }
        let Self { name, way_out, .. } = self;
        match self.seen() {
            Writes::Nothing => Ok(()),
            Writes::Something => bail!(
                "{name} was written to while it was read: what was read of it is of no one time; \
                 {way_out}"
            ),
            Writes::NotCounted => bail!(
                "a write to {name} while it is read would go unnoticed: the kernel does not count its \
                 writes, or did not for a time; switch that on with `echo 1 > {}`, or diff from a \
                 read-only volume",
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
                "nobody can tell if {name} was written to while it was read: the kernel does not count \
                 its writes, or did not for a time; the stream may be inconsistent; switch that on with \
                 `echo 1 > {}`, or {way_out}",
                self.watch.flag_path().display()
            ),
        }
    }
}
