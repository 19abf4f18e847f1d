//! Parts: volumes in which the beginning of a stream has arrived, and no more.

use std::fmt;

use flow::Refusal;
use hyperlayer::Header;
use lvm::{LogicalVolume, check_new_name};

use crate::identity;
use crate::lookup::find_volume;
use crate::plan::{Plan, Start};
use crate::request::Request;

/// Before the offset up to which a part holds its stream.
const UP_TO: &str = "lvpatch.part=";
/// Before the UUID of the volume that it will be a copy of.
const OF: &str = "lvpatch.partof=";

/// What has arrived of a stream that ended early has been kept: the context of the error that ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPart {
    /// The volume that holds it.
    pub name: String,
    /// The offset up to which it holds the stream's target, in bytes.
    pub up_to: u64,
}

impl fmt::Display for KeptPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds what has arrived, up to offset {}", self.name, self.up_to)
    }
}

/// What a volume that was kept as a part holds, by its tags: the UUID of the volume that it will be a copy of, and up to
/// which offset it holds that, in bytes; none if it is no part, or of a volume without a UUID.
pub fn part_of(volume: &LogicalVolume) -> Option<(&str, u64)> {
    let value = |key| volume.tags.iter().find_map(|tag| tag.strip_prefix(key));
    Some((value(OF)?, value(UP_TO)?.parse().ok()?))
}

/// The name of the part of a volume that is to be called `name`; it must be free.
///
/// # Errors
/// If LVM's rules forbid it, or it is taken.
pub(crate) fn new_name(name: &str, plan: &Plan) -> anyhow::Result<String> {
    let part = format!("{name}.part");
    check_new_name(&part, plan.start.group(), &plan.volumes)?;
    Ok(part)
}

/// The tags of a part that holds a stream up to an offset.
pub(crate) fn tags(header: &Header, up_to: u64) -> Vec<String> {
    let mut tags = vec![format!("{UP_TO}{up_to}")];
    tags.extend(identity::of_uuid(OF, &header.target.uuid));
    tags
}

/// Finds the part that the rest of a stream is for.
///
/// # Errors
/// [`Refusal`]s if there is none, or if it cannot be what the stream needs, as far as LVM knows.
pub(crate) fn find(
    request: &Request,
    name: &str,
    plan: &Plan,
    header: &Header,
) -> anyhow::Result<LogicalVolume> {
    let part = find_volume(request, name, &plan.volumes)?;
    let full_name = part.full_name();
    if !part.tags.iter().any(|tag| tag.starts_with(UP_TO)) {
        return Err(Refusal::usage(format!(
            "{full_name} is not a kept part of a stream: it has no tag {UP_TO}…"
        ))
        .into());
    }
    let of = part.tags.iter().find_map(|tag| tag.strip_prefix(OF));
    let target = &header.target.uuid;
    if let Some(of) = of.filter(|of| !target.is_empty() && of != target) {
        return Err(Refusal::base_mismatch(format!(
            "{full_name} is a part of the volume with UUID {of}, and the stream leads to the one with UUID \
             {}",
            flow::escaped(target)
        ))
        .into());
    }
    let is_beside = match &plan.start {
        Start::Base(base) => part.pool_uuid.is_some() && part.pool_uuid == base.pool_uuid,
        Start::Pool(pool) => part.is_in(pool),
    };
    if !is_beside {
        return Err(Refusal::base_mismatch(format!(
            "{full_name} is not in the pool {} of the stream's base",
            plan.pool
        ))
        .into());
    }
    let before = header.base.as_ref().map_or(header.target.size, |base| base.size);
    if part.size != before.max(header.target.size) && part.size != before {
        return Err(Refusal::base_mismatch(format!(
            "{full_name} has {} bytes: expected {}",
            part.size,
            before.max(header.target.size)
        ))
        .into());
    }
    Ok(part.clone())
}
