//! [`JobReport`]: what the last run of a job came to.

use serde::{Deserialize, Serialize};

/// What the last run of a job came to: one file for each job. All times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    /// The job's name.
    pub job: String,
    /// When the last run began.
    pub last_try: i64,
    /// When the last one that succeeded began.
    pub last_success: Option<i64>,
    /// Why the last run failed.
    pub error: Option<String>,
    /// What it ended with.
    pub exit_code: u8,
    /// Each volume and target.
    pub volumes: Vec<VolumeReport>,
}

/// What the last run came to for a volume and a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VolumeReport {
    /// The volume's name, with its group.
    pub volume: String,
    /// Its UUID.
    pub uuid: String,
    /// The target, as the job names it.
    pub target: String,
    /// When it was last tried.
    pub last_try: i64,
    /// When it last succeeded.
    pub last_success: Option<i64>,
    /// When the newest point that the target has was taken.
    pub point_at: Option<i64>,
    /// How many bytes were sent last.
    pub sent_bytes: u64,
    /// How long that took.
    pub seconds: f64,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When the point was taken of which the target has an incomplete copy.
    pub partial_at: Option<i64>,
    /// When a copy was last verified.
    pub verified_at: Option<i64>,
    /// What that found: `equal` or `differs`.
    pub verification: Option<String>,
    /// How full the target's pool is.
    pub pool_data_percent: Option<f64>,
    /// How full the metadata of the target's pool is.
    pub pool_metadata_percent: Option<f64>,
}
