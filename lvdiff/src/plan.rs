//! Args → [`Plan`]: what there is to do, from look-ups that change nothing.

use std::path::{Path, PathBuf};

use anyhow::Context;
use lvm::{LogicalVolume, Reserve, Scope, VolumeName};
use thinmeta::ThinId;

use crate::classic::{self, ClassicSource};
use crate::cli::{Args, MapFormat, StreamFormat};
use crate::head;
use crate::stream::Detail;
use flow::{Interrupt, OutputOptions, Refusal};

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
        match &self.result {
            Outcome::Stream(options) => {
                self.detect_level > 0 || options.detail.granularity.is_some()
            }
            Outcome::List { .. } => false,
        }
    }
}

/// Where the volumes are.
pub(crate) enum Source {
    /// In a pool of this machine.
    Pool(Box<PoolSource>),
    /// A classic snapshot and its origin.
    Classic(Box<ClassicSource>),
    /// In two files.
    Files(FilesSource),
    /// None is named: those that there are.
    Volumes(VolumesSource),
}

impl Source {
    fn has_base(&self) -> bool {
        match self {
            Self::Pool(source) => source.base.is_some(),
            Self::Classic(_) => true,
            Self::Files(source) => source.base.is_some(),
            Self::Volumes(_) => false,
        }
    }
}

/// A volume in a thin pool, and perhaps another one to start from.
pub(crate) struct PoolSource {
    /// None for a diff from nothing.
    pub(crate) base: Option<LogicalVolume>,
    pub(crate) target: LogicalVolume,
    /// All volumes of this machine.
    pub(crate) volumes: Vec<LogicalVolume>,
    /// Diff a temporary snapshot of the target.
    pub(crate) snapshot: bool,
    pub(crate) reserve: Reserve,
}

impl PoolSource {
    /// The UUID of the volume that the base is a snapshot of, if that is there.
    pub(crate) fn base_origin(&self) -> Option<String> {
        let base = self.base.as_ref()?;
        let is_origin = |volume: &&LogicalVolume| base.is_snapshot_of(volume);
        self.volumes.iter().find(is_origin).map(|origin| origin.uuid.clone())
    }
}

/// The same in a pool whose metadata and data are files.
pub(crate) struct FilesSource {
    pub(crate) metadata: PathBuf,
    /// Not needed for a list.
    pub(crate) data: Option<PathBuf>,
    pub(crate) base: Option<ThinId>,
    pub(crate) target: ThinId,
    pub(crate) size: Option<u64>,
    /// The base's size, where it is another.
    pub(crate) base_size: Option<u64>,
    /// Read the metadata as that of a device is read.
    pub(crate) direct: bool,
}

/// The thin volumes of a volume group, of a pool, or of this machine.
pub(crate) struct VolumesSource {
    pub(crate) thin: Vec<LogicalVolume>,
    /// The pools that they are in.
    pub(crate) pools: Vec<LogicalVolume>,
    pub(crate) reserve: Reserve,
}

/// What is made of the changes.
pub(crate) enum Outcome {
    /// None: in lines, for people.
    List {
        format: Option<MapFormat>,
    },
    Stream(StreamOptions),
}

/// What the stream is like, and where it goes.
pub(crate) struct StreamOptions {
    pub(crate) format: StreamFormat,
    pub(crate) output: Option<PathBuf>,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) detail: Detail,
    pub(crate) writing: OutputOptions,
}

/// Looks up what the arguments name.
pub(crate) fn look_up(args: Args, interrupt: &Interrupt) -> anyhow::Result<Plan> {
    if args.size.is_some() && args.metadata.is_none() {
        return Err(usage("--size is for --metadata and --convert: volumes of a pool have one"));
    }
    if args.base_size.is_some() && args.size.is_none() {
        return Err(usage("--base-size is for --metadata, with --size, and for --convert"));
    }
    check_names(&args)?;
    check_format(&args)?;
    let result = outcome(&args, interrupt)?;
    let source = match &args.metadata {
        Some(metadata) => Source::Files(in_files(metadata, &args)?),
        None => on_this_machine(&args)?,
    };
    // A list carries no proof of the base, and nothing is proved by nothing.
    let detect_level = match source.has_base() {
        true if !args.list && args.format != StreamFormat::ThinSend => {
            args.detect_level.unwrap_or(2)
        }
        true => 0,
        false => {
            check_without_base(&args)?;
            0
        }
    };
    Ok(Plan { source, result, detect_level, quiet: args.quiet })
}

/// Refuses what the number of names makes impossible, whatever they name.
fn check_names(args: &Args) -> anyhow::Result<()> {
    match args.names() {
        (_, Some(_)) if args.metadata.is_none() => Ok(()),
        (None, None) if args.list && args.reverse => {
            Err(usage("--reverse needs the name of a classic snapshot"))
        }
        (None, None) if args.list && args.snapshot => {
            Err(usage("--snapshot needs the name of a volume"))
        }
        (None, None) if !args.list => Err(usage(
            "no volume is named: lvdiff BASE VOLUME says what changed, lvdiff VOLUME makes a full \
             stream, lvdiff --list says which volumes there are",
        )),
        (None, _) => check_without_base(args),
        _ => Ok(()),
    }
}

/// Refuses what needs a base, where there is none.
fn check_without_base(args: &Args) -> anyhow::Result<()> {
    let without = match args.names() {
        (_, Some(_)) => "of a single volume",
        _ => "for a list of the volumes",
    };
    let refused = |what: &str| Err(usage(format!("{what} {without}: there is no base")));
    match args.detect_level {
        Some(level @ 1..) => refused(&format!("-d {level}")),
        _ if args.granularity.is_some() => refused("--granularity"),
        _ if args.base_size.is_some() => refused("--base-size"),
        _ => Ok(()),
    }
}

/// Refuses what the format of the stream, or of the map, cannot carry.
fn check_format(args: &Args) -> anyhow::Result<()> {
    let refused = |what: &str, why: &str| {
        Err(usage(format!("{what} with --format {}: {why}", args.format.name())))
    };
    let base = args.names().0;
    match args.map {
        Some(_) if args.names().1.is_none() => {
            return Err(usage("--map needs the name of a volume"));
        }
        Some(MapFormat::ThinDelta) if base.is_none() => {
            return Err(usage("--map thin-delta of a single volume: it tells two volumes apart"));
        }
        _ => {}
    }
    if args.format == StreamFormat::Hyperlayer2 {
        return Ok(());
    }
    if args.compress.is_some() {
        return refused("--compress", "its data is not compressed");
    }
    if args.granularity.is_some() {
        return refused("--granularity", "it is made of whole chunks");
    }
    match args.format {
        StreamFormat::Hyperlayer1 if base.is_none() => {
            refused("a single volume", "it starts from a base")
        }
        StreamFormat::ThinSend if args.detect_level.is_some() => {
            refused("-d", "it carries no proof of the base")
        }
        StreamFormat::ThinSend if !args.pairs.is_empty() || !args.head.is_empty() => {
            refused("--pair and --head", "it has no header")
        }
        _ => Ok(()),
    }
}

fn outcome(args: &Args, interrupt: &Interrupt) -> anyhow::Result<Outcome> {
    if args.list {
        let format = if args.json { Some(MapFormat::Json) } else { args.map };
        return Ok(Outcome::List { format });
    }
    stream_options(args, interrupt).map(Outcome::Stream)
}

/// What the stream is to be like.
pub(crate) fn stream_options(args: &Args, interrupt: &Interrupt) -> anyhow::Result<StreamOptions> {
    let output = args.output.clone().filter(|path| !cli::is_standard(path));
    cli::check_sink(output.as_deref())?;
    let pairs = head::pairs(&args.head, &args.pairs, interrupt)?;
    if args.format == StreamFormat::Hyperlayer1 {
        foreign::check_pairs_for_hyperlayer1(&pairs).map_err(|error| usage(error.to_string()))?;
    }
    Ok(StreamOptions {
        format: args.format,
        output,
        pairs,
        detail: Detail { granularity: args.granularity, level: args.compress },
        writing: OutputOptions { sha1: !args.no_sha1, bytes_per_second: args.bwlimit },
    })
}

fn in_files(metadata: &Path, args: &Args) -> anyhow::Result<FilesSource> {
    let (base, Some(target)) = args.names() else {
        return Err(usage("with --metadata, name volumes by their thin ids"));
    };
    if args.data.is_none() && !args.list {
        return Err(usage("a stream needs the pool's data: add --data FILE, or --list"));
    }
    let id = |text: &str| {
        text.parse::<ThinId>().map_err(|error| {
            usage(format!("with --metadata a volume is a thin id, not {text:?}: {error}"))
        })
    };
    Ok(FilesSource {
        metadata: metadata.into(),
        data: args.data.clone(),
        base: base.map(id).transpose()?,
        target: id(target)?,
        size: args.size,
        base_size: args.base_size,
        direct: args.direct,
    })
}

fn on_this_machine(args: &Args) -> anyhow::Result<Source> {
    let scope = Scope::new(args.lvgroup.as_deref(), args.pool.as_deref())?;
    let reserve = if args.force_release { Reserve::EvenIfHeld } else { Reserve::IfFree };
    let (base, target) = args.names();
    let base = base.map(VolumeName::parse).transpose()?;
    let target = target.map(VolumeName::parse).transpose()?;
    let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
    let Some(target) = target else {
        let pools: Vec<_> = scope.pools(&volumes)?.into_iter().cloned().collect();
        let mut thin = volumes;
        thin.retain(|volume| pools.iter().any(|pool| volume.is_in(pool)));
        return Ok(Source::Volumes(VolumesSource { thin, pools, reserve }));
    };
    let find = |name: VolumeName| match name.find(&volumes, &scope) {
        Ok(found) => Ok(found.clone()),
        Err(error) => Err(classic::merging(&name, &scope).unwrap_or_else(|| error.into())),
    };
    let (base, target) = (base.map(find).transpose()?, find(target)?);
    if let Some(source) = ClassicSource::of(base.as_ref(), &target, &volumes, args)? {
        return Ok(Source::Classic(Box::new(source)));
    }
    base.iter().chain([&target]).try_for_each(check_thin)?;
    if let Some(base) = &base {
        check_pair(base, &target)?;
    }
    let snapshot = args.snapshot;
    Ok(Source::Pool(Box::new(PoolSource { base, target, volumes, snapshot, reserve })))
}

fn check_thin(volume: &LogicalVolume) -> anyhow::Result<()> {
    if volume.thin_id.is_some() {
        return Ok(());
    }
    Err(usage(format!(
        "{} is not a thin volume: its segment type is {}; what changed is known of two thin volumes of \
         one pool, and of a classic snapshot and its origin",
        volume.full_name(),
        volume.segment_type
    )))
}

fn check_pair(base: &LogicalVolume, target: &LogicalVolume) -> anyhow::Result<()> {
    if base.uuid == target.uuid {
        return Err(usage(format!("{} is compared with itself", base.full_name())));
    }
    if base.pool_uuid != target.pool_uuid {
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

pub(crate) fn usage(why: impl Into<String>) -> anyhow::Error {
    Refusal::Usage(why.into()).into()
}
