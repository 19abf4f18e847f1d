//! The content of a report, for a program that started this one.

use cli::Counts;
use patch::{Accepted, AcceptedPlace, Done};
use serde::Serialize;
use streams::Tally;

/// What was applied: one volume, device or image.
#[derive(Serialize)]
pub(crate) struct Applied {
    /// Its name, or the path of a device or an image.
    name: String,
    /// `None` if it is not a logical volume.
    uuid: Option<String>,
    #[serde(flatten)]
    read: Read,
    /// BLAKE3 of the last stream as in its trailer; `None` if its format has no digest.
    digest: Option<String>,
    /// The root digest of everything it holds, if that was proved.
    root: Option<String>,
}

/// What was read.
#[derive(Serialize)]
pub(crate) struct Read {
    streams: usize,
    /// Whether every stream is known to have arrived completely.
    end_is_verified: bool,
    #[serde(flatten)]
    counts: Counts,
}

/// Where a stream would be applied.
#[derive(Serialize)]
pub(crate) struct WouldApply<'a> {
    volume: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
}

impl From<&Done> for Applied {
    fn from(done: &Done) -> Self {
        Self {
            name: done.made.name.clone(),
            uuid: done.made.uuid.clone(),
            read: Read::from(&done.tally),
            digest: done.stream_digest.map(|digest| blake3::Hash::from(digest).to_string()),
            root: done.root.map(|root| blake3::Hash::from(root).to_string()),
        }
    }
}

impl From<&Tally> for Read {
    fn from(tally: &Tally) -> Self {
        let counts = Counts::from(&tally.totals);
        Self { streams: tally.streams, end_is_verified: !tally.is_open, counts }
    }
}

impl<'a> From<&'a Accepted> for WouldApply<'a> {
    fn from(accepted: &'a Accepted) -> Self {
        let (base, pool) = match &accepted.place {
            AcceptedPlace::On(name) => (Some(name.as_str()), None),
            AcceptedPlace::InPool(name) => (None, Some(name.as_str())),
        };
        Self { volume: &accepted.target, base, pool }
    }
}
