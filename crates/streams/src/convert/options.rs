//! [`ConvertOptions`]: how streams are converted.

use std::path::PathBuf;

/// What streams of other tools do not say, and how ours is written.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// The base's name, if there is one.
    pub base: Option<String>,
    /// The volume's name.
    pub volume: Option<String>,
    /// The volume's size in bytes.
    pub size: Option<u64>,
    /// The base's size in bytes.
    pub base_size: Option<u64>,
    /// Added to the pairs of each stream.
    pub pairs: Vec<(String, String)>,
    /// Compress with zstd at this level.
    pub level: Option<i32>,
    /// The program that makes it, and its version.
    pub tool: String,
    /// The folder of a sparse file for records that do not ascend.
    pub sort_in: PathBuf,
}
