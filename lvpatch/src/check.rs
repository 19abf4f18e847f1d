//! `--check`: whether a base would be accepted, from the header and the digests.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use lvm::{Activation, DeviceMapper, ThinDevice};

use crate::chain::{Link, Sources};
use crate::info::escaped;
use crate::patch::Job;
use crate::plan::{self, Start};
use crate::space;

impl Job<'_> {
    /// For a volume of this machine, or a pool.
    pub(crate) fn check_volume(&self, sources: Sources) -> anyhow::Result<()> {
        let link = self.chain(sources).first()?;
        let plan = plan::look_up(self.args, link.header())?;
        let base = match &plan.start {
            Start::Base(base) => base,
            Start::Pool(pool) => {
                return self.say_accepted(&link, &format!("in pool {}", pool.full_name()));
            }
        };
        self.check_identity(link.header(), base)?;
        let dm = DeviceMapper::open()?;
        let active = Activation::ensure(&dm, base, &|| self.interrupt.is_absent())?;
        let thin = ThinDevice::find(&dm, base)?;
        self.prove_base(&dm, &thin, base, &link)?;
        let pool = thin.pool(&dm)?;
        space::check(&link, &pool, &pool.status(&dm)?)?;
        active.release()?;
        self.say_accepted(&link, &format!("on {}", base.full_name()))
    }

    /// For a device or an image.
    pub(crate) fn check_device(&self, path: &Path, sources: Sources) -> anyhow::Result<()> {
        let link = self.chain(sources).first()?;
        let name = path.display().to_string();
        if link.header().base.is_some() || path.exists() {
            let device = Device::open(path, OpenMode::Read).with_context(|| name.clone())?;
            self.prove_path(&name, &device, &link)?;
        }
        self.say_accepted(&link, &format!("on {name}"))
    }

    fn say_accepted(&self, link: &Link, place: &str) -> anyhow::Result<()> {
        if self.args.quiet {
            return Ok(());
        }
        let target = escaped(&link.header().target.name);
        writeln!(io::stdout(), "the stream of {target} would be applied {place}")
            .context("standard output")
    }
}
