//! [`Options`]: how a stream is made.

use std::path::PathBuf;
use std::str::FromStr;

use source::Wants;

/// How a stream is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format in which it is written.
    pub format: StreamFormat,
    /// How its records are made.
    pub detail: Detail,
    /// How the base is proved, 0 to 3; 0 without a base.
    pub detect_level: u8,
    /// Whether and how the root digests of both volumes are found.
    pub roots: Option<RootSearch>,
    /// Make only the rest of the stream, from this offset on, in bytes: everything before has arrived, and the
    /// volume that holds it is proved by digests of what the target holds there.
    pub rest_from: Option<u64>,
    /// Keys and values for the header.
    pub pairs: Vec<(String, String)>,
    /// The program that makes it, and its version.
    pub tool: String,
}

/// How root digests are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootSearch {
    /// The folder in which the digests of volumes' leaves are kept, if they are, in files named after the volumes'
    /// UUIDs: if the base has a file there, only a sample of the base is read.
    pub folder: Option<PathBuf>,
}

/// How the records are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    /// Send only blocks of this many bytes that differ from the base.
    pub granularity: Option<u64>,
    /// Compress with zstd at this level.
    pub level: Option<i32>,
}

/// The format of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamFormat {
    /// Ours.
    #[default]
    Hyperlayer2,
    /// The format of the original lvpatch.
    Hyperlayer1,
    /// The format of thin_send 1.1.
    ThinSend,
}

impl StreamFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Hyperlayer2, Self::Hyperlayer1, Self::ThinSend];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hyperlayer2 => "hyperlayer-2.0",
            Self::Hyperlayer1 => "hyperlayer-1.0",
            Self::ThinSend => "thin-send",
        }
    }
}

impl FromStr for StreamFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| format!("there is no format {name}"))
    }
}

impl Options {
    /// What a source has to find for such a stream.
    pub fn wants(&self) -> Wants {
        Wants {
            detect_level: match self.format {
                StreamFormat::Hyperlayer2 => self.detect_level,
                // For these formats, the proof of the base is chosen from the comparison.
                StreamFormat::Hyperlayer1 | StreamFormat::ThinSend => 0,
            },
            base_data: self.detect_level > 0
                || self.detail.granularity.is_some()
                || self.roots.is_some(),
            base_mapped: self.roots.is_some(),
            comparison: match self.format {
                StreamFormat::Hyperlayer2 => false,
                StreamFormat::Hyperlayer1 => self.detect_level > 0,
                StreamFormat::ThinSend => true,
            },
        }
    }
}
