//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

/// Applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.
///
/// The stream comes on standard input. The base is proved to be the one that the diff was made
/// from, and is never written: the changes go to a snapshot of it, which becomes the new volume
/// once all of the stream has arrived and been verified. Whatever fails leaves nothing behind.
#[derive(Debug, Parser)]
#[command(name = "lvpatch", version, max_term_width = 100)]
#[command(override_usage = "lvpatch [OPTIONS] [NEW] < DIFF")]
#[command(after_help = concat!(
    "\
Examples:
  lvpatch -g vg1 -l sp0 < test.diff        makes vg1/vol0 of vg1/sp0 and the changes
  lvpatch -g vg1 -l sp0 tuesday < test.diff
  lvpatch --device disk.img < test.diff    changes an image, which must be the base
  lvpatch --info < test.diff

",
    include_str!("../../crates/cli/exit-codes.txt")
))]
pub(crate) struct Args {
    /// The new volume's name [default: the volume's name in the stream]
    pub(crate) new: Option<String>,

    /// The base is in this volume group
    #[arg(short = 'g', long, value_name = "VG")]
    pub(crate) lvgroup: Option<String>,

    /// The base: `lv`, `vg/lv`, `/dev/vg/lv` or `/dev/mapper/vg-lv` [default: the base's name in the
    /// stream]
    #[arg(short, long, value_name = "BASE")]
    pub(crate) lv: Option<String>,

    /// The base is in this thin pool
    #[arg(short, long)]
    pub(crate) pool: Option<String>,

    /// Apply to this block device or image file itself, which must be the base; no LVM is needed.
    /// There is no snapshot then: a stream in a file is verified whole before the first write, one
    /// in a pipe record by record
    #[arg(long, value_name = "PATH", conflicts_with_all = ["new", "lvgroup", "lv", "pool"])]
    pub(crate) device: Option<PathBuf>,

    /// Do not prove the base: a wrong one makes a wrong volume
    #[arg(long)]
    pub(crate) no_base_check: bool,

    /// Print the stream's header, pairs, base digests and counts, and nothing else is done
    #[arg(long, conflicts_with_all = ["new", "lvgroup", "lv", "pool", "device", "verify"])]
    pub(crate) info: bool,

    /// With --info: as JSON
    #[arg(long, requires = "info")]
    pub(crate) json: bool,

    /// Read the whole stream and say whether it is sound; nothing else is done
    #[arg(long, conflicts_with_all = ["new", "lvgroup", "lv", "pool", "device"])]
    pub(crate) verify: bool,

    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Say more (twice: even more)
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}
