//! [`Particulars`]: what is known about a point or a copy.

use serde::{Deserialize, Serialize};

/// What is known about a point or a copy of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Particulars {
    /// The UUID of the volume that the point was taken of.
    pub of: String,
    /// The UUID of the point.
    pub source: String,
    /// When that was taken, in seconds since 1970.
    pub at: i64,
    /// Its own name, with its group.
    pub name: String,
    /// Its own UUID: of a point the same as `source`.
    pub uuid: String,
    /// Its size, in bytes.
    pub size: u64,
    /// The UUID of the copy that it was made from, while that is there.
    pub base: Option<String>,
    /// The job that made it.
    pub job: Option<String>,
    /// Who holds it.
    pub holds: Vec<String>,
    /// Whether it stays until somebody says otherwise.
    pub is_pinned: bool,
    /// Whether it is incomplete.
    pub is_partial: bool,
    /// When it was last found to be the same as the point, in seconds since 1970.
    pub verified_at: Option<i64>,
    /// The UUID of the writable volume that was made of it.
    pub promoted: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}
