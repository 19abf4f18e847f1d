//! The command line.

use clap::builder::TypedValueParser;
use clap::{Parser, Subcommand};
use cli::Common;

/// Keeps copies of thin-provisioned LVM2 volumes in another pool, on this host or another one.
///
/// `lvsync push` takes a read-only snapshot of each volume, and sends what the other side lacks: everything the first time,
/// later what changed. The copy there is a volume of its own, read-only and inactive; every byte is proved before
/// it is there. Between the two sides is ssh, and lvsync must be installed on both.
#[derive(Debug, Parser)]
#[command(name = "lvsync", version = cli::version(), max_term_width = 100)]
#[command(after_help = concat!(
    "\
Examples:
  lvsync push vg0/vm-100-disk-0 root@b:vg1/pool0
  lvsync push vg0/db vg0/log vg9/pool0     to another group of this machine

",
    include_str!("../../crates/cli/exit-codes.txt"),
    include_str!("../../crates/cli/exit-codes-lvsync.txt")
))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a point of each volume, and bring it to another pool
    Push(Push),
    /// Compare the newest point that both sides have with its copy
    Verify(Verify),
    /// Compare what both hold, and replace a copy that differs: what differs is sent
    Repair(Repair),
    /// Be the other side: answer on standard output what is asked on standard input
    Serve(Serve),
}

/// What is pushed, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// The volumes, vg/lv, and where their copies go: [user@]host:vg/pool, or vg/pool on this machine
    #[arg(value_name = "VG/LV… TARGET", required = true, num_args = 2..)]
    pub(crate) names: Vec<String>,

    /// Compress what is sent: zstd, or zstd:LEVEL
    #[arg(long, value_name = "zstd[:LEVEL]")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::compression(&text)))]
    pub(crate) compress: Option<i32>,

    /// Send only the blocks of this many bytes that differ, in place of whole chunks
    #[arg(long, value_name = "SIZE")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::granularity(&text)))]
    pub(crate) granularity: Option<u64>,

    /// Send at most this many bytes a second
    #[arg(long, value_name = "RATE")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::rate(&text)))]
    pub(crate) bwlimit: Option<u64>,

    /// Send everything also if the other side has copies, but no increment can start from them
    #[arg(long)]
    pub(crate) full: bool,

    /// How many points of each volume stay on this side, beside the last two that the other side has
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,
}

/// What is compared, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The volumes, vg/lv, and where their copies are: [user@]host:vg/pool, or vg/pool on this machine
    #[arg(value_name = "VG/LV… TARGET", required = true, num_args = 2..)]
    pub(crate) names: Vec<String>,

    /// Read both, and compare what they hold; only digests are sent
    #[arg(long)]
    pub(crate) read: bool,

    /// Read at most this many bytes a second on either side
    #[arg(long, value_name = "RATE", requires = "read")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::rate(&text)))]
    pub(crate) bwlimit: Option<u64>,
}

/// What is repaired, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy is replaced only by one that was read again and found to be the same as the point.")]
pub(crate) struct Repair {
    /// The volumes, vg/lv, and where their copies are: [user@]host:vg/pool, or vg/pool on this machine
    #[arg(value_name = "VG/LV… TARGET", required = true, num_args = 2..)]
    pub(crate) names: Vec<String>,

    /// Read at most this many bytes a second on either side, and send no more
    #[arg(long, value_name = "RATE")]
    #[arg(value_parser = clap::builder::StringValueParser::new().try_map(|text| cli::rate(&text)))]
    pub(crate) bwlimit: Option<u64>,
}

/// Where copies are made.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The pool in which copies are made
    #[arg(long, value_name = "VG/POOL")]
    pub(crate) pool: String,
}
