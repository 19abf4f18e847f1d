//! The content of a report, for a program that started this one.

use cli::Counts;
use flow::Written;
use hyperlayer::{Finished, Header, Volume};
use serde::Serialize;

/// What was written.
#[derive(Serialize)]
pub(crate) struct Wrote<'a> {
    /// One, unless several were converted.
    streams: Vec<Stream<'a>>,
    /// The size of the whole output.
    bytes: u64,
    sha1: Option<&'a str>,
}

/// A stream.
#[derive(Serialize)]
struct Stream<'a> {
    format: &'a str,
    /// `None` for a full stream.
    base: Option<Named<'a>>,
    volume: Named<'a>,
    detect_level: u8,
    extents: u64,
    changed_bytes: u64,
    #[serde(flatten)]
    counts: Counts,
    /// BLAKE3 as in the trailer; `None` if the format has no digest.
    digest: Option<String>,
    /// The root digests of the base and the volume, if the stream has them.
    base_root: Option<String>,
    root: Option<String>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    uuid: &'a str,
    size: u64,
}

impl<'a> Wrote<'a> {
    /// `streams`: the header and the totals of each one.
    pub(crate) fn new(
        format: &'a str,
        streams: impl Iterator<Item = (&'a Header, &'a Finished)>,
        written: &'a Written,
    ) -> Self {
        let streams = streams.map(|(header, finished)| Stream {
            format,
            base: header.base.as_ref().map(Named::from),
            volume: Named::from(&header.target),
            detect_level: header.detect_level,
            extents: header.extents,
            changed_bytes: header.changed_bytes,
            counts: Counts::from(&finished.totals),
            digest: finished.digest.map(hex),
            base_root: finished.roots.base.map(hex),
            root: finished.roots.target.map(hex),
        });
        Self { streams: streams.collect(), bytes: written.bytes, sha1: written.sha1.as_deref() }
    }
}

impl<'a> From<&'a Volume> for Named<'a> {
    fn from(volume: &'a Volume) -> Self {
        Self { name: &volume.name, uuid: &volume.uuid, size: volume.size }
    }
}

fn hex(digest: [u8; 32]) -> String {
    blake3::Hash::from(digest).to_string()
}
