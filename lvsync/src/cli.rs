//! The command line.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Parser, Subcommand};
use cli::Common;
use policy::Period;

/// Keeps copies of thin-provisioned LVM2 volumes in another pool, on this host or another one.
///
/// `lvsync push` takes a read-only snapshot of each volume, and sends what the other side lacks: everything the first time,
/// later what changed. The copy there is a volume of its own, read-only and inactive; every byte is proved before
/// it is there. A target can also be a device or an image, which is brought from point to point and has no history.
/// Between the two sides is ssh, and lvsync must be installed on both.
#[derive(Debug, Parser)]
#[command(name = "lvsync", version = cli::version(), max_term_width = 100)]
#[command(after_help = concat!(
    "\
Examples:
  lvsync push vg0/vm-100-disk-0 root@b:vg1/pool0
  lvsync push vg0/db vg0/log vg9/pool0     to another group of this machine
  lvsync push vg0/db root@b:/srv/db.img    to an image, which is made
  lvsync pull root@a:vg0/db vg9/pool0      from another host
  lvsync run nightly                       the job of this name in /etc/lvsync.toml

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
    /// The same, asked for by the side that the copies go to
    Pull(Pull),
    /// Carry out jobs of a file: points of several volumes as a set, brought to several targets
    Run(Run),
    /// List points and their copies
    List(List),
    /// Compare the newest point that both sides have with its copy
    Verify(Verify),
    /// Compare what both hold, and replace a copy that differs: what differs is sent
    Repair(Repair),
    /// Make a writable volume of a copy, to be used in place of the original
    Promote(Promote),
    /// Say how old the copies are, and what is wrong
    Status(Status),
    /// Print systemd units that run a job
    Units(Units),
    /// Be the other side: answer on standard output what is asked on standard input
    Serve(Serve),
    /// Be the process that freezes and thaws
    #[command(hide = true)]
    Hold(Hold),
}

/// What is pushed, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// The volumes, vg/lv, and where their copies go: [user@]host:vg/pool, or vg/pool on this machine. One volume, or a
    /// classic snapshot, also goes to a device in place, [user@]host:/dev/vg/lv, or an image, [user@]host:/path/image
    #[arg(value_name = "VG/LV… TARGET", required = true, num_args = 2..)]
    pub(crate) names: Vec<String>,

    #[command(flatten)]
    pub(crate) sending: Sending,

    /// For a device or an image: replace whatever is there, if it is not known to be a copy of the volume
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// For a device or an image: keep what is overwritten in FILE, a new file on the target's side, with which lvpatch
    /// brings it back
    #[arg(long, value_name = "FILE")]
    pub(crate) snapback: Option<String>,

    /// For a device or an image: how it is proved that it still holds what was sent last; 3 reads all of it, 2 some
    /// chunks, 1 fewer
    #[arg(long, value_name = "LEVEL", default_value = "3", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) detect_level: u8,
}

/// What is pulled, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Pull {
    /// The volumes of another host, [user@]host:vg/lv, and the pool of this machine where their copies go, vg/pool
    #[arg(value_name = "HOST:VG/LV… VG/POOL", required = true, num_args = 2..)]
    pub(crate) names: Vec<String>,

    #[command(flatten)]
    pub(crate) sending: Sending,
}

/// How volumes are sent.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sending {
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

    /// How many points of each volume stay beside it, with the last two that the other side has
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

/// Which jobs are carried out.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The jobs; all of the file if none is named
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<String>,

    /// The file that has the jobs
    #[arg(short, long, value_name = "FILE", default_value = "/etc/lvsync.toml")]
    pub(crate) config: PathBuf,

    /// Print what would be done, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// What is frozen.
#[derive(Debug, clap::Args)]
pub(crate) struct Hold {
    /// How, and what
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
}

/// What is listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
WHERE says what is there: the point, its copy in the target, or both. BASE is the copy that a copy was made from, while
that is there. VERIFIED says how long ago the copy was last found to be the same as its point.")]
pub(crate) struct List {
    /// Volumes, vg/lv, and last a target, [user@]host:vg/pool or vg/pool on this machine; a target alone is asked for
    /// all that it has, and without one what is on this machine is listed
    #[arg(value_name = "VG/LV… TARGET")]
    pub(crate) names: Vec<String>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is promoted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
NEW is a snapshot of the copy, active and writable; the copy stays as it is. From then on, new points of its volume are
refused in this pool, so that the old volume and the new one do not both go on. --release allows them again.")]
pub(crate) struct Promote {
    /// The copy, vg/lv
    #[arg(value_name = "VG/POINT")]
    pub(crate) copy: String,

    /// The new volume's name, without its group
    #[arg(value_name = "NEW", required_unless_present = "release")]
    pub(crate) new: Option<String>,

    /// Allow new points of the copy's volume again; the volume that was made stays
    #[arg(long, conflicts_with = "new")]
    pub(crate) release: bool,
}

/// What is told of the jobs, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A copy is too old when the newest point that the target has was taken too long ago. With --nagios the exit code says it:
0 ok, 1 warning, 2 critical, 3 unknown.")]
pub(crate) struct Status {
    /// The jobs; without one, all that have run on this machine
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<String>,

    /// Print one JSON object
    #[arg(long, group = "form")]
    pub(crate) json: bool,

    /// Print one line for Nagios, Icinga and their like
    #[arg(long, group = "form")]
    pub(crate) nagios: bool,

    /// Write metrics to FILE, for the textfile collector of Prometheus's node_exporter
    #[arg(long, value_name = "FILE", group = "form")]
    pub(crate) prometheus: Option<PathBuf>,

    /// From which age of the newest copy on someone should look
    #[arg(long, value_name = "AGE", default_value = "26h")]
    pub(crate) warn: Period,

    /// From which age of the newest copy on someone must act
    #[arg(long, value_name = "AGE", default_value = "50h")]
    pub(crate) crit: Period,

    /// Where runs leave their reports
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/lvsync")]
    pub(crate) reports: PathBuf,
}

/// What systemd runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Units {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: String,

    /// Run it at these times, as systemd's OnCalendar= takes them
    #[arg(long, value_name = "TIMES", default_value = "daily")]
    pub(crate) calendar: String,
}

/// What is offered to the other side.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`lvsync push` starts this by ssh. A key that can do nothing else has, in authorized_keys, on one line:

  restrict,command=\"lvsync serve --pool vg1/pool0 --append-only\" ssh-ed25519 AAAA… root@a

What the other side asked ssh to run is compared with what lvsync asks for, which names the same pool, and never run.")]
#[command(group = clap::ArgGroup::new("offered").required(true).args(["pool", "device", "image", "source"]))]
pub(crate) struct Serve {
    /// The pool in which copies are made
    #[arg(long, value_name = "VG/POOL")]
    pub(crate) pool: Option<String>,

    /// Begin the names of copies with PREFIX, and let the other side see no other ones: several machines can then have
    /// copies of volumes of the same name in one pool
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["device", "image", "source"])]
    pub(crate) prefix: Option<String>,

    /// Let the other side add copies, but never remove or replace any
    #[arg(long, conflicts_with_all = ["device", "image", "source"])]
    pub(crate) append_only: bool,

    /// A block device or volume that is written in place
    #[arg(long, value_name = "PATH")]
    pub(crate) device: Option<String>,

    /// An image that is written, and made if it is missing
    #[arg(long, value_name = "PATH")]
    pub(crate) image: Option<String>,

    /// With --device or --image: the new file that keeps what is overwritten
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pool", "source"])]
    pub(crate) snapback: Option<String>,

    /// A volume of which a point is taken and sent; may be given several times
    #[arg(long, value_name = "VG/LV")]
    pub(crate) source: Vec<String>,

    #[command(flatten)]
    pub(crate) sending: Sending,
}
