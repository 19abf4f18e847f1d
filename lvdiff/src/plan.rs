//! Args → [`Plan`]: what there is to do, from look-ups that change nothing.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use lvm::{LogicalVolume, Scope, VolumeName};
use thinmeta::ThinId;

use crate::cli::{Args, MAX_PAIR_BYTES};
use crate::sink::NOT_TO_A_TERMINAL;
use crate::stream::Detail;
use cli::{OutputOptions, Refusal};

/// What there is to do.
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) result: Outcome,
    pub(crate) detect_level: u8,
    pub(crate) quiet: bool,
}

impl Plan {
    /// Whether data of the base is read, and not its mappings alone.
    pub(crate) fn reads_base(&self) -> bool {
        let compares = |options: &StreamOptions| options.detail.granularity.is_some();
        self.detect_level > 0 || matches!(&self.result, Outcome::Stream(o) if compares(o))
    }
}

/// Where the two volumes are.
pub(crate) enum Source {
    /// In a pool of this machine.
    Pool(Box<PoolSource>),
    /// In two files.
    Files(FilesSource),
}

/// Two volumes in one thin pool.
pub(crate) struct PoolSource {
    pub(crate) base: LogicalVolume,
    pub(crate) target: LogicalVolume,
    /// Diff a temporary snapshot of the target.
    pub(crate) snapshot: bool,
    pub(crate) force_release: bool,
}

/// Two thin devices in a pool whose metadata and data are files.
pub(crate) struct FilesSource {
    pub(crate) metadata: PathBuf,
    /// Not needed for a list.
    pub(crate) data: Option<PathBuf>,
    pub(crate) base: ThinId,
    pub(crate) target: ThinId,
    pub(crate) size: Option<u64>,
    /// Read the metadata as that of a device is read.
    pub(crate) direct: bool,
}

/// What is made of the changes.
pub(crate) enum Outcome {
    List { json: bool },
    Stream(StreamOptions),
}

/// What the stream is like, and where it goes.
pub(crate) struct StreamOptions {
    pub(crate) output: Option<PathBuf>,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) detail: Detail,
    pub(crate) writing: OutputOptions,
}

/// Looks up what the arguments name.
pub(crate) fn look_up(args: Args) -> anyhow::Result<Plan> {
    let result = match args.list {
        true => Outcome::List { json: args.json },
        false => Outcome::Stream(stream_options(&args)?),
    };
    let (base, volume) = args.names();
    let source = match args.metadata.clone() {
        Some(metadata) => {
            if args.data.is_none() && !args.list {
                return Err(usage("a stream needs the pool's data: add --data FILE, or --list"));
            }
            let id = |text: &str| {
                text.parse::<ThinId>().map_err(|error| {
                    usage(format!("with --metadata a volume is a thin id, not {text:?}: {error}"))
                })
            };
            let (base, target) = (id(base)?, id(volume)?);
            let (data, size, direct) = (args.data, args.size, args.direct);
            Source::Files(FilesSource { metadata, data, base, target, size, direct })
        }
        None => {
            let scope = Scope { group: args.lvgroup.as_deref(), pool: args.pool.as_deref() };
            let names = (VolumeName::parse(base)?, VolumeName::parse(volume)?);
            let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
            let (base, target) = (names.0.find(&volumes, scope)?, names.1.find(&volumes, scope)?);
            check_pair(base, target)?;
            if !args.list {
                check_sizes(base, target)?;
            }
            Source::Pool(Box::new(PoolSource {
                base: base.clone(),
                target: target.clone(),
                snapshot: args.snapshot,
                force_release: args.force_release,
            }))
        }
    };
    // A list carries no proof of the base.
    let detect_level = if args.list { 0 } else { args.detect_level };
    Ok(Plan { source, result, detect_level, quiet: args.quiet })
}

/// What the stream is to be like.
pub(crate) fn stream_options(args: &Args) -> anyhow::Result<StreamOptions> {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(usage(format!("standard output is a terminal: {NOT_TO_A_TERMINAL}")));
    }
    let bytes: usize = args.pairs.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    if bytes > MAX_PAIR_BYTES {
        return Err(usage(format!(
            "the pairs take {bytes} bytes in the header: {MAX_PAIR_BYTES} at most"
        )));
    }
    Ok(StreamOptions {
        output: args.output.clone(),
        pairs: args.pairs.clone(),
        detail: Detail { granularity: args.granularity, level: args.compress },
        writing: OutputOptions { sha1: !args.no_sha1, bytes_per_second: args.bwlimit },
    })
}

fn check_pair(base: &LogicalVolume, target: &LogicalVolume) -> anyhow::Result<()> {
    for volume in [base, target] {
        if volume.thin_id.is_none() {
            return Err(usage(format!(
                "{} is not a thin volume: its segment type is {}",
                volume.full_name(),
                volume.segment_type
            )));
        }
    }
    if base.uuid == target.uuid {
        return Err(usage(format!("{} is compared with itself", base.full_name())));
    }
    if (&base.group, &base.pool) != (&target.group, &target.pool) {
        let place = |volume: &LogicalVolume| {
            let pool = volume.pool.as_deref().unwrap_or("-");
            format!("{} is in pool {}/{pool}", volume.full_name(), volume.group)
        };
        return Err(usage(format!(
            "{}, {}: what changed is known only for two volumes of one pool",
            place(base),
            place(target)
        )));
    }
    Ok(())
}

/// What lvpatch would refuse is refused here, before anybody relies on the stream.
fn check_sizes(base: &LogicalVolume, target: &LogicalVolume) -> anyhow::Result<()> {
    if base.size == target.size {
        return Ok(());
    }
    Err(usage(format!(
        "{} has {} bytes, and {} has {}: a volume that was resized in between is not supported",
        base.full_name(),
        base.size,
        target.full_name(),
        target.size
    )))
}

pub(crate) fn usage(why: impl Into<String>) -> anyhow::Error {
    Refusal::Usage(why.into()).into()
}
