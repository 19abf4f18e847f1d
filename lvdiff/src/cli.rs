//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Parser, ValueEnum};
use cli::Common;
use diff::StreamFormat;

/// Says what changed between two thin-provisioned LVM2 volumes, as a stream for lvpatch.
///
/// The order is that of diff(1): the old volume, then the new one. Applied to a volume that is
/// identical to BASE, the stream makes a volume that is identical to VOLUME. What changed is
/// read from the thin pool's metadata, so the cost follows the changes and not the volumes' size.
/// With VOLUME alone it is a full stream, of all that is mapped: lvpatch makes a volume of nothing
/// else. A classic (thick) snapshot alone is the base, and its origin the volume: what changed is
/// read from the snapshot's exception store.
#[derive(Debug, Parser)]
#[command(name = "lvdiff", version = cli::version(), max_term_width = 100)]
#[command(group = ArgGroup::new("printed").args(["list", "summary"]))]
#[command(override_usage = "lvdiff [OPTIONS] BASE VOLUME > DIFF\n       \
    lvdiff [OPTIONS] VOLUME > FULL\n       \
    lvdiff [OPTIONS] [-R] SNAPSHOT > DIFF\n       \
    lvdiff --metadata FILE --data FILE [OPTIONS] [BASE_ID] VOLUME_ID > DIFF\n       \
    lvdiff --list [OPTIONS] [[BASE] VOLUME]\n       \
    lvdiff --summary [OPTIONS] [[BASE] VOLUME]\n       \
    lvdiff --merge FILE FILE... [OPTIONS] > DIFF\n       \
    lvdiff --convert -i FILE [-i FILE]... [OPTIONS] [[BASE] VOLUME] > DIFF")]
#[command(after_help = concat!(
    "\
Examples:
  lvdiff -g vg0 sp0 vol0 > test.diff       what changed from snapshot sp0 to vol0
  lvdiff vg0/mon vg0/tue | ssh root@b lvpatch -g vg1 -l mon
  lvdiff vg0/sp0 > full.diff               all of sp0: a volume can be made of it on any host
  lvdiff --list -g vg0 sp0 vol0            only where, without reading any data
  lvdiff --list -g vg0 -p pool0            which thin volumes there are
  lvdiff --summary -g vg0                  how much changed in each since its newest snapshot
  lvdiff --merge mon.diff tue.diff -o both.diff
  lvdiff --convert -i old.lvmsync --size 64G mon tue -o tue.diff

",
    include_str!("../../crates/cli/exit-codes.txt")
))]
pub(crate) struct Args {
    /// The old volume: `lv`, `vg/lv`, `/dev/vg/lv` or `/dev/mapper/vg-lv`; a thin id with
    /// --metadata. Left out for a full stream of VOLUME
    #[arg(value_name = "BASE")]
    first: Option<String>,

    /// The new volume, named likewise. A single name is VOLUME
    #[arg(value_name = "VOLUME")]
    second: Option<String>,

    /// Look the names up in this volume group (default: all)
    #[arg(short = 'g', long, value_name = "VG")]
    pub(crate) lvgroup: Option<String>,

    /// Look the names up in this thin pool only: `pool` or `vg/pool`
    #[arg(short, long)]
    pub(crate) pool: Option<String>,

    /// How lvpatch will prove its base: 0 not at all, 1 by the first chunk, 2 by a random sample of
    /// 64 chunks, 3 by all of it (reads all that is mapped) [default: 2; without BASE 0]
    #[arg(short, long, value_name = "0..3", hide_possible_values = true)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=3))]
    pub(crate) detect_level: Option<u8>,

    /// Put a key and a value into the stream's header, for lvpatch --info (repeatable)
    #[arg(long = "pair", visible_alias = "meta", value_name = "KEY:VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,

    /// Put the pairs in FILE, lines `KEY: VALUE`, before those of --pair (repeatable); empty lines
    /// and those that begin with # are ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Vec<PathBuf>,

    /// Write the stream to FILE, which is there once it is complete (readable by its owner only);
    /// `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Compare inside the chunks that changed, and send only blocks of SIZE that differ: a power of
    /// two from 512 up to the chunk size, with or without a suffix K or M. Reads the base as well
    #[arg(long, value_name = "SIZE", conflicts_with = "printed")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::granularity(&text)))]
    pub(crate) granularity: Option<u64>,

    /// Compress the data in pieces of up to 1 MiB; a piece that gets no smaller is sent as it is [default level: 3]
    #[arg(long, value_name = "zstd[:LEVEL]", conflicts_with = "printed")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::compression(&text)))]
    pub(crate) compress: Option<i32>,

    /// Write no more than RATE bytes per second (suffix KMGT)
    #[arg(long, value_name = "RATE", conflicts_with = "printed")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::rate(&text)))]
    pub(crate) bwlimit: Option<u64>,

    /// Do not compute the SHA-1 of the stream, which limits the rate on fast disks
    #[arg(long, conflicts_with = "printed")]
    pub(crate) no_sha1: bool,

    /// Put the root digests of BASE and VOLUME into the stream: with them `lvpatch --verify-root` proves the new
    /// volume as a whole, and --merge that streams belong together. All of BASE is read
    #[arg(long, conflicts_with = "printed")]
    pub(crate) roots: bool,

    /// Keep the digests of volumes in FOLDER, 32 bytes for each 64 KiB of data; implies --roots. If
    /// BASE has a file there, only a sample of it is read
    #[arg(long, value_name = "FOLDER", conflicts_with = "printed")]
    pub(crate) root_cache: Option<PathBuf>,

    /// Make only the rest of a stream, from this offset on: `lvpatch --keep-part` has kept what came before it, and
    /// says where it ends
    #[arg(long, value_name = "OFFSET", conflicts_with = "printed")]
    pub(crate) rest_from: Option<u64>,

    /// Take a temporary snapshot of VOLUME and diff that: for a volume in use
    #[arg(long, conflicts_with = "metadata")]
    pub(crate) snapshot: bool,

    /// With a classic snapshot alone: the other way round, from the origin to the snapshot
    #[arg(short = 'R', long, conflicts_with_all = ["metadata", "merge", "second"])]
    pub(crate) reverse: bool,

    /// Print the extents that differ instead of a stream, with VOLUME alone those that are mapped; no
    /// data is read. Without a name: the thin volumes that there are, with -v all that is known of each; with
    /// --metadata the thin devices in it
    #[arg(long, conflicts_with_all = ["output", "pairs", "head"])]
    pub(crate) list: bool,

    /// Print how much changed, and where, instead of a stream; no data is read. Without a name: a line for each thin
    /// volume of all groups, or of -g and -p, compared with its newest snapshot, those first in which most changed
    #[arg(long, conflicts_with_all = ["output", "pairs", "head"])]
    pub(crate) summary: bool,

    /// With --list or --summary: as JSON
    #[arg(long, requires = "printed")]
    pub(crate) json: bool,

    /// With --list: for tools that take a map of what changed. json is that of --json. thin-delta is
    /// the XML of thin_delta, same blocks included, which reads all mappings. borg has lines `START
    /// LENGTH data|zero|same` without gaps. rbd is what `rbd diff --format json` prints
    #[arg(long, value_name = "FORMAT", requires = "list", conflicts_with_all = ["json", "merge", "summary"])]
    pub(crate) map: Option<MapFormat>,

    /// The stream's format: ours, the original lvpatch's (whole chunks, all of them data), or that
    /// of thin_send 1.1 for thin_recv (no proof of the base). The last two have no checksums of
    /// data, and no --compress and --granularity
    #[arg(long, value_name = "FORMAT", default_value = "hyperlayer-2.0")]
    #[arg(value_parser = formats(), conflicts_with_all = ["printed", "merge"])]
    pub(crate) format: StreamFormat,

    /// Put the streams in these files into one, which leads from the first one's base to the last
    /// one's target: each must follow the one before. Its base is proved as far as the earlier
    /// streams determine its content: always after a full stream; otherwise a warning says what is
    /// not proved. Needs no volume and no root. Works with -o, --pair, --compress, --bwlimit and
    /// --no-sha1
    #[arg(long, value_name = "FILE", num_args = 1..)]
    #[arg(conflicts_with_all = ["first", "second", "lvgroup", "pool", "detect_level", "granularity"])]
    #[arg(conflicts_with_all = ["snapshot", "printed", "force_release", "metadata", "roots", "root_cache", "rest_from"])]
    pub(crate) merge: Vec<PathBuf>,

    /// Turn another tool's stream in the file that -i names into one of ours, with checksums. BASE and
    /// VOLUME are names, where it has none; VOLUME alone makes a full stream. Works with --size,
    /// --base-size, -o, --pair, --compress, --bwlimit and --no-sha1
    #[arg(long, requires = "input")]
    #[arg(conflicts_with_all = ["lvgroup", "pool", "detect_level", "granularity", "merge"])]
    #[arg(conflicts_with_all = ["snapshot", "printed", "force_release", "metadata", "roots", "root_cache", "rest_from"])]
    pub(crate) convert: bool,

    /// With --convert: the other tool's stream (repeatable: they must follow one another), or a
    /// virtnbdbackup folder
    #[arg(short, long, value_name = "FILE|FOLDER", requires = "convert")]
    pub(crate) input: Vec<PathBuf>,

    /// If -i names a virtnbdbackup folder: the disk whose streams are read, the full one and its
    /// increments [default: the only one]
    #[arg(long, value_name = "NAME", requires = "input")]
    pub(crate) disk: Option<String>,

    /// Release the pool's metadata snapshot if somebody else holds it: breaks what they read
    #[arg(long, conflicts_with = "metadata")]
    pub(crate) force_release: bool,

    /// Offline: read the pool's metadata from this file, or from a device that no pool uses; BASE
    /// and VOLUME are thin ids, of volumes without an external origin, which the metadata does not
    /// tell
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lvgroup", "pool"])]
    pub(crate) metadata: Option<PathBuf>,

    /// Offline: read the pool's data from this file (not needed with --list and --summary)
    #[arg(long, value_name = "FILE", requires = "metadata")]
    pub(crate) data: Option<PathBuf>,

    /// Offline: read the files bypassing the page cache, like devices
    #[arg(long, requires = "metadata")]
    pub(crate) direct: bool,

    /// Offline: the volumes' size, which the metadata does not say, in bytes or with a suffix KMGT
    /// [default: up to the last mapped chunk]. Also with --convert, where the stream does not say it
    #[arg(long, value_name = "SIZE")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::size(&text)))]
    pub(crate) size: Option<u64>,

    /// Offline: the base's size, if the volume was resized since [default: that of --size]. Also with
    /// --convert
    #[arg(long, value_name = "SIZE", conflicts_with = "merge")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::size(&text)))]
    pub(crate) base_size: Option<u64>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The format of a list for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapFormat {
    Json,
    ThinDelta,
    Borg,
    Rbd,
}

impl Args {
    /// The names of the base and the volume, if given.
    pub(crate) fn names(&self) -> (Option<&str>, Option<&str>) {
        match (self.first.as_deref(), self.second.as_deref()) {
            (only, None) => (None, only),
            both => both,
        }
    }
}

/// The names of the formats, for help and errors.
fn formats() -> impl TypedValueParser<Value = StreamFormat> {
    PossibleValuesParser::new(StreamFormat::ALL.map(StreamFormat::name))
        .try_map(|name| name.parse::<StreamFormat>())
}

/// Parses a pair, split at the first colon.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once(':').ok_or("there is no colon in it")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err("there is no key before the colon".into());
    }
    Ok((key.into(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_parted_at_the_first_colon_and_trimmed() {
        assert_eq!(pair("Author:Someone").unwrap(), ("Author".into(), "Someone".into()));
        assert_eq!(pair(" At : 12:30 ").unwrap(), ("At".into(), "12:30".into()));
        assert_eq!(pair("Empty:").unwrap(), ("Empty".into(), String::new()));
        assert!(pair("none").is_err());
        assert!(pair(" : x").is_err());
    }
}
