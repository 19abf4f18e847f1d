//! What other tools' streams do not say: names, sizes, what they start from.

use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Refusal, WayOut};
use foreign::{Foreign, Missing, Start};
use hyperlayer::Volume;

use crate::lookup::{find_pool, find_volume, list};
use crate::request::{Destination, Request};

/// What a stream is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be applied.
    Apply,
    /// To say whether it would be.
    Check,
}

/// Finds that in the request, and in the volume, device or image that it names: for
/// [`Rules::complete`](streams::Rules::complete).
///
/// # Errors
/// [`Refusal::usage`] if it cannot be known, or a volume or pool is not found.
pub fn find_missing(
    request: &Request,
    purpose: Purpose,
    foreign: &Foreign,
) -> anyhow::Result<Missing> {
    let missing = match &request.destination {
        Destination::Path(path, _) => of_path(request, path)?,
        _ => of_volume(request, purpose, foreign)?,
    };
    if missing.base.is_none() && missing.size.is_none() && foreign.size.is_none() {
        let format = foreign.format;
        let why = format!("{format} does not say how large its volume is");
        return Err(Refusal::usage(why).but(WayOut::SaySize).into());
    }
    if missing.base.is_none() && matches!(foreign.starts, Start::Base { .. }) {
        let why = format!("{} starts from a base, and none is named", foreign.format);
        return Err(Refusal::usage(why).into());
    }
    Ok(missing)
}

/// For a path: what exists there is the base.
fn of_path(request: &Request, path: &Path) -> anyhow::Result<Missing> {
    let base = match path.exists() {
        false => None,
        true => {
            let name = || path.display().to_string();
            let size = Device::open(path, OpenMode::Read).with_context(name)?.size();
            Some(Volume { name: "base".into(), uuid: String::new(), size })
        }
    };
    // A device may be larger than its volume, but an image may not: the plan checks that.
    Ok(Missing { name: None, base, size: request.size, chunk_size: None })
}

/// For volumes: the named base, or the pool for a full stream.
fn of_volume(request: &Request, purpose: Purpose, foreign: &Foreign) -> anyhow::Result<Missing> {
    let name = request.new_name().map(String::from);
    let needs_name = !request.is_in_place() && purpose == Purpose::Apply;
    if name.is_none() && foreign.name.is_none() && needs_name {
        let why = format!("{} does not name the new volume", foreign.format);
        return Err(Refusal::usage(why).but(WayOut::NameNew).into());
    }
    let is_full = match foreign.starts {
        Start::Nothing => true,
        Start::Base { .. } => false,
        Start::Unknown => request.named.volume.is_none() && request.named.pool.is_some(),
    };
    let volumes = list(request)?;
    if is_full {
        let pool = find_pool(request, &volumes)?;
        let chunk_size = Some(pool.chunk_size);
        return Ok(Missing { name, base: None, size: request.size, chunk_size });
    }
    let Some(base) = &request.named.volume else {
        let way_out = match foreign.starts {
            Start::Unknown => WayOut::NameBaseOrPool,
            _ => WayOut::NameBase,
        };
        let why = format!("{} does not name its base", foreign.format);
        return Err(Refusal::usage(why).but(way_out).into());
    };
    let base = find_volume(request, base, &volumes)?;
    let pool = volumes.iter().find(|volume| base.is_in(volume));
    Ok(Missing {
        name,
        base: Some(Volume { name: base.name.clone(), uuid: String::new(), size: base.size }),
        size: request.size,
        chunk_size: pool.map(|pool| pool.chunk_size),
    })
}
