//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::TypedValueParser;
use cli::Common;

/// Applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.
///
/// The stream comes on standard input, or from files. The base is proved to be the one that the
/// diff was made from, and is never written: the changes go to a snapshot of it, which becomes the
/// new volume once all of the stream has arrived and been verified. A failure leaves nothing
/// behind. A full stream needs no base, and makes its volume in a pool. Streams that follow one
/// another, for example a full one and its increments, are applied in one run.
#[derive(Debug, Parser)]
#[command(name = "lvpatch", version = cli::version(), max_term_width = 100)]
#[command(override_usage = "lvpatch [OPTIONS] [NEW] < DIFF\n       \
    lvpatch [OPTIONS] -i DIFF [-i DIFF]… [NEW]\n       \
    lvpatch --info [FILE]…")]
#[command(after_help = concat!(
    "\
Examples:
  lvpatch -g vg1 -l sp0 < test.diff        makes vg1/vol0 of vg1/sp0 and the changes
  lvpatch -g vg1 -l sp0 tuesday < test.diff
  lvpatch -g vg1 -p pool0 < full           makes the volume of a full stream in vg1/pool0
  cat full mon tue | lvpatch -g vg1 -p pool0 vol0
  lvpatch --in-place -g vg1 -l vol0 --backup undo.diff -i test.diff
  lvpatch --device disk.img < test.diff    changes an image, which must be the base
  lvpatch --info full mon tue              what they are, and whether they follow one another

",
    include_str!("../../crates/cli/exit-codes.txt")
))]
pub(crate) struct Args {
    /// The new volume, `lv` or `vg/lv` [default: the volume's name in the last stream]; with --info and --verify
    /// the files to read
    #[arg(value_name = "NEW")]
    pub(crate) names: Vec<String>,

    /// Read the stream from this file, `-` for standard input (repeatable: one after another), or
    /// those of a disk from a virtnbdbackup folder [default: standard input]
    #[arg(short, long, value_name = "FILE|FOLDER")]
    pub(crate) input: Vec<PathBuf>,

    /// Restore from the streams in this folder: the newest point, or the newest that --until allows. lvpatch finds the
    /// full stream and the increments that lead to it, whatever the files are called
    #[arg(long, value_name = "FOLDER")]
    #[arg(conflicts_with_all = ["input", "lv", "each", "in_place", "check", "info", "verify", "part", "keep_part"])]
    pub(crate) from: Option<PathBuf>,

    /// If -i names a virtnbdbackup folder: the disk whose streams are read, the full one and its
    /// increments [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub(crate) disk: Option<String>,

    /// The base is in this volume group
    #[arg(short = 'g', long, value_name = "VG")]
    pub(crate) lvgroup: Option<String>,

    /// The base: `lv`, `vg/lv`, `/dev/vg/lv` or `/dev/mapper/vg-lv` [default: the base's name in the
    /// stream]
    #[arg(short, long, value_name = "BASE")]
    pub(crate) lv: Option<String>,

    /// The base is in this thin pool, `pool` or `vg/pool`; a full stream's volume is made in it [default: the only pool
    /// of the group]
    #[arg(short, long)]
    pub(crate) pool: Option<String>,

    /// Of streams that follow one another, make a volume of each, under its own name: a snapshot of
    /// the one before. Those that are done stay, whatever comes after them
    #[arg(long, conflicts_with_all = ["names", "device", "in_place", "check"])]
    pub(crate) each: bool,

    /// Of streams that follow one another, stop after the one whose volume has this name or UUID,
    /// or after the last that was made on or before this date or time, by this machine's clock: 2026-11-21,
    /// 2026-11-21 03:00, or with a time zone 2026-11-21T03:00:00Z. What follows is not read
    #[arg(long, value_name = "NAME|UUID|TIME")]
    pub(crate) until: Option<String>,

    /// Write to the volume that -l names in place, thin or not. It must be the base, and not be
    /// mounted or in use otherwise. Without --backup there is no way back: a stream that is cut
    /// leaves a part of it applied
    #[arg(long, requires = "lv", conflicts_with_all = ["names", "device"])]
    pub(crate) in_place: bool,

    /// Apply to this block device or image file itself, which must be the base; no LVM is needed.
    /// There is no snapshot then: a stream in a file is verified whole before the first write, one
    /// in a pipe record by record. A full stream makes a new, sparse file, which is there only once
    /// it is complete, or goes to a block device that holds nothing but zeros
    #[arg(long, value_name = "PATH", conflicts_with_all = ["names", "lvgroup", "lv", "pool"])]
    pub(crate) device: Option<PathBuf>,

    /// With --in-place or --device: before anything is overwritten, keep it in this new file, a
    /// stream that leads back
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,

    /// With --in-place or --device: accept a stream from --backup that is cut, and apply the part
    /// that is there, which restores what was overwritten so far
    #[arg(long)]
    pub(crate) partial: bool,

    /// If the stream ends early, keep what has arrived: as a volume called after the new one, with `.part` after its
    /// name. The error says how the rest comes to it
    #[arg(long, conflicts_with_all = ["device", "in_place", "each", "check", "info", "verify"])]
    pub(crate) keep_part: bool,

    /// The stream is the rest of one (`lvdiff --rest-from`), and this volume, which --keep-part has kept, holds the
    /// beginning: it is proved to hold just that, and becomes the new volume. If the stream ends early again, the
    /// part stays, with what has arrived
    #[arg(long, value_name = "PART")]
    #[arg(conflicts_with_all = ["device", "in_place", "each", "check", "info", "verify"])]
    pub(crate) part: Option<String>,

    /// Say whether the base would be accepted, from the stream's header and digests, and do nothing
    /// else; the rest of the stream is not read
    #[arg(long, conflicts_with_all = ["backup", "partial"])]
    pub(crate) check: bool,

    /// The new volume's size, where a stream of another tool does not say it: in bytes or with a suffix
    /// KMGT [default: the base's size]. Refused where the stream says it
    #[arg(long, value_name = "SIZE", conflicts_with = "info")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text: String| cli::size(&text)))]
    pub(crate) size: Option<u64>,

    /// Refuse a stream whose format has no checksums, no end, or no identity of the base
    #[arg(long)]
    pub(crate) strict: bool,

    /// Do not prove the base, neither by its digests nor by its tags: a wrong one makes a wrong volume
    #[arg(long)]
    pub(crate) no_base_check: bool,

    /// Once all is written, read the new volume and check it against the root digest in the last
    /// stream (from `lvdiff --roots`): before it gets its name, where a new volume or image is made
    #[arg(long, conflicts_with_all = ["check", "info", "partial"])]
    pub(crate) verify_root: bool,

    /// Apply to a pool of a different chunk size than the stream's. Partial chunks there cannot be
    /// unmapped, and become zeros
    #[arg(long)]
    pub(crate) allow_chunk_mismatch: bool,

    /// Print the stream's header, pairs, base digests and counts, and nothing else is done; of several
    /// streams a table, in the order in which they follow one another, with -v also sizes, formats and UUIDs
    #[arg(long, conflicts_with_all = ["lvgroup", "lv", "pool", "device", "verify", "in_place", "each", "until", "check"])]
    pub(crate) info: bool,

    /// With --info: as JSON
    #[arg(long, requires = "info")]
    pub(crate) json: bool,

    /// Read all streams and say whether they are sound; nothing else is done. Of several files that are named, each
    /// has a line, and the last lines say what can be restored from them
    #[arg(long, conflicts_with_all = ["lvgroup", "lv", "pool", "device", "in_place", "each", "until", "check", "verify_root"])]
    pub(crate) verify: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
