//! What streams of other tools do not say: names, sizes, what they start from.

use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::Refusal;
use foreign::{Foreign, Missing, Start};
use hyperlayer::Volume;
use lvm::LogicalVolume;

use crate::cli::Args;
use crate::plan;

/// Finds it in the arguments, and in the volume, device or image that they name.
pub(crate) fn find(args: &Args, foreign: &Foreign) -> anyhow::Result<Missing> {
    if args.info || args.verify {
        return Ok(Missing { size: args.size, ..Missing::default() });
    }
    let missing = match &args.device {
        Some(path) => of_path(args, path)?,
        None => of_volume(args, foreign)?,
    };
    if missing.base.is_none() && missing.size.is_none() && foreign.size.is_none() {
        return Err(usage(format!(
            "{} does not say how large its volume is: give --size",
            foreign.format
        )));
    }
    if missing.base.is_none() && matches!(foreign.starts, Start::Base { .. }) {
        return Err(usage(format!("{} starts from a base: name it", foreign.format)));
    }
    Ok(missing)
}

/// For `--device`: what is there is the base.
fn of_path(args: &Args, path: &Path) -> anyhow::Result<Missing> {
    let base = match path.exists() {
        false => None,
        true => {
            let name = || path.display().to_string();
            let size = Device::open(path, OpenMode::Read).with_context(name)?.size();
            Some(Volume { name: "base".into(), uuid: String::new(), size })
        }
    };
    // A device may be larger than its volume, and an image may not: that is for the plan to say.
    Ok(Missing { name: None, base, size: args.size, chunk_size: None })
}

/// For volumes: the base that -l names, or the pool for a full stream.
fn of_volume(args: &Args, foreign: &Foreign) -> anyhow::Result<Missing> {
    let name = args.new_name().map(String::from);
    if name.is_none() && foreign.name.is_none() && !args.in_place && !args.check {
        return Err(usage(format!(
            "{} has no name for the new volume: give one as the last argument",
            foreign.format
        )));
    }
    let is_full = match foreign.starts {
        Start::Nothing => true,
        Start::Base { .. } => false,
        Start::Unknown => args.lv.is_none() && args.pool.is_some(),
    };
    let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
    if is_full {
        let pool = plan::find_pool(args, &volumes)?;
        let chunk_size = Some(pool.chunk_size);
        return Ok(Missing { name, base: None, size: args.size, chunk_size });
    }
    let Some(base) = &args.lv else {
        return Err(usage(format!(
            "{} does not name its base: name it (-l BASE){}",
            foreign.format,
            match foreign.starts {
                Start::Unknown => ", or, for a full stream, the pool (-p POOL)",
                _ => "",
            }
        )));
    };
    let base = plan::find_volume(args, base, &volumes)?;
    let pool = volumes.iter().find(|volume| base.is_in(volume));
    Ok(Missing {
        name,
        base: Some(Volume { name: base.name.clone(), uuid: String::new(), size: base.size }),
        size: args.size,
        chunk_size: pool.map(|pool| pool.chunk_size),
    })
}

fn usage(why: String) -> anyhow::Error {
    Refusal::Usage(why).into()
}
