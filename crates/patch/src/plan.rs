//! [`Plan`]: what to do, from look-ups that change nothing.

use anyhow::Context;
use flow::{Refusal, WayOut};
use hyperlayer::Header;
use lvm::{LogicalVolume, check_new_name};

/// What to do.
pub(crate) struct Plan {
    /// What the first stream starts from.
    pub(crate) start: Start,
    /// The new volume's name, if it is not the one in the stream.
    pub(crate) new: Option<String>,
    /// The pool's chunk size, if the stream's must be the same.
    pub(crate) chunk_size: Option<u64>,
    pub(crate) pool: String,
    /// All volumes that were listed.
    pub(crate) volumes: Vec<LogicalVolume>,
}

/// What a stream starts from.
#[derive(Clone)]
pub(crate) enum Start {
    /// A volume.
    Base(LogicalVolume),
    /// Nothing, in this thin pool.
    Pool(LogicalVolume),
}

impl Start {
    /// The volume group.
    pub(crate) fn group(&self) -> &str {
        let (Self::Base(volume) | Self::Pool(volume)) = self;
        &volume.group
    }
}

impl Plan {
    /// Refuses a stream from a pool with another chunk size, if that matters.
    pub(crate) fn check_chunk_size(&self, header: &Header) -> anyhow::Result<()> {
        let (ours, theirs) = (self.chunk_size, header.chunk_size);
        let Some(ours) = ours.filter(|&ours| ours != theirs) else { return Ok(()) };
        Err(Refusal::unfit(format!(
            "pool {} has chunks of {ours} bytes, but the stream comes from a pool with chunks of \
             {theirs}: make a pool with `lvcreate --chunksize {theirs}b`",
            self.pool
        ))
        .but(WayOut::AllowOtherChunks)
        .into())
    }

    /// The name of the volume that a stream makes.
    pub(crate) fn name(&self, header: &Header) -> String {
        self.new.as_ref().unwrap_or(&header.target.name).clone()
    }

    /// The same, after checking that the volume may be created.
    pub(crate) fn new_name(&self, header: &Header) -> anyhow::Result<String> {
        let new = self.name(header);
        let checked = check_new_name(&new, self.start.group(), &self.volumes);
        match &self.new {
            Some(_) => checked.context("the new volume")?,
            None => checked.map_err(|error| {
                let why = format!("the volume's name in the stream: {error}");
                Refusal::usage(why).but(WayOut::NameNew)
            })?,
        }
        Ok(new)
    }
}
