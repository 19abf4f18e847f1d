//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use std::path::PathBuf;

use diff::{Detail, RootSearch, StreamFormat};
use flow::{Interrupt, OutputOptions, usage};
use lvm::{Reserve, Scope};
use source::FilesSource;
use thinmeta::ThinId;

use crate::cli::{Args, MapFormat};
use crate::pairs;

/// The program, as a stream names it.
pub(crate) const TOOL: &str = concat!("lvdiff ", env!("CARGO_PKG_VERSION"));

/// What was asked for.
pub(crate) enum Request {
    /// What changed, as a stream.
    Stream(Subject, StreamRequest),
    /// What changed, printed; `None` prints lines for people.
    Map(Subject, Option<MapFormat>),
    /// How much changed, and where.
    Summary(Subject, Form),
    /// A list of the thin volumes.
    Volumes { scope: Scope, reserve: Reserve, form: Form },
    /// How much each thin volume changed since its newest snapshot.
    Survey { scope: Scope, reserve: Reserve, form: Form },
    /// A list of the thin devices in a pool's metadata.
    Devices { metadata: PathBuf, direct: bool, json: bool },
    /// The streams in files, merged into one.
    Merged(Vec<PathBuf>, StreamRequest),
    /// Streams of another tool, converted to ours.
    Converted(Foreign, StreamRequest),
}

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text {
        /// All columns of a table, also those that few need.
        wide: bool,
    },
    /// For programs.
    Json,
}

/// Streams of another tool, and what they do not say.
pub(crate) struct Foreign {
    /// Files, or a folder of them.
    pub(crate) files: Vec<PathBuf>,
    /// The chosen disk in a folder.
    pub(crate) disk: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) volume: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) base_size: Option<u64>,
}

/// One or two volumes.
pub(crate) struct Subject {
    pub(crate) place: Location,
    pub(crate) base_options: BaseOptions,
}

/// What was said about the base, before it is known whether there is one.
pub(crate) struct BaseOptions {
    /// How to prove it, if that was said.
    detect_level: Option<u8>,
    /// An option that needs a base, if there is one.
    needs_base: Option<String>,
}

/// Where they are.
pub(crate) enum Location {
    /// On this machine, by their names.
    Machine(Named),
    /// In files.
    Files(FilesSource),
}

/// Volumes of this machine.
pub(crate) struct Named {
    pub(crate) base: Option<String>,
    pub(crate) target: String,
    pub(crate) scope: Scope,
    /// Diff from a classic snapshot's origin to the snapshot.
    pub(crate) reverse: bool,
    /// Diff a temporary snapshot of the target.
    pub(crate) snapshot: bool,
    pub(crate) reserve: Reserve,
}

/// How the stream is made, and where it goes.
pub(crate) struct StreamRequest {
    pub(crate) format: StreamFormat,
    /// `None` for standard output.
    pub(crate) output: Option<PathBuf>,
    /// Files of pairs, and further pairs.
    pub(crate) head: Vec<PathBuf>,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) detail: Detail,
    pub(crate) roots: Option<RootSearch>,
    /// Where the rest of a stream begins, if only that is made.
    pub(crate) rest_from: Option<u64>,
    pub(crate) writing: OutputOptions,
}

impl Request {
    /// Its name in a report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Stream(..) => "diff",
            Self::Map(..) | Self::Volumes { .. } | Self::Devices { .. } => "list",
            Self::Summary(..) | Self::Survey { .. } => "summary",
            Self::Merged(..) => "merge",
            Self::Converted(..) => "convert",
        }
    }

    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        if args.convert {
            return Ok(Self::Converted(in_streams(args), StreamRequest::new(args)));
        }
        if !args.merge.is_empty() {
            return Ok(Self::Merged(args.merge.clone(), StreamRequest::new(args)));
        }
        if args.size.is_some() && args.metadata.is_none() {
            return Err(usage(
                "--size is for --metadata and --convert: volumes of a pool have one",
            ));
        }
        if args.base_size.is_some() && args.size.is_none() {
            return Err(usage("--base-size is for --metadata, with --size, and for --convert"));
        }
        check_names(args)?;
        check_format(args)?;
        let reserve = if args.force_release { Reserve::EvenIfHeld } else { Reserve::IfFree };
        let scope = || Scope::new(args.lvgroup.as_deref(), args.pool.as_deref());
        let (base, target) = args.names();
        let place = match (&args.metadata, target) {
            (Some(metadata), None) => return devices(metadata.clone(), args),
            (Some(metadata), Some(target)) => {
                Location::Files(in_files(metadata.clone(), base, target, args)?)
            }
            (None, None) => {
                let (scope, form) = (scope()?, Form::new(args));
                return Ok(match args.summary {
                    true => Self::Survey { scope, reserve, form },
                    false => Self::Volumes { scope, reserve, form },
                });
            }
            (None, Some(target)) => Location::Machine(Named {
                base: base.map(Into::into),
                target: target.into(),
                scope: scope()?,
                reverse: args.reverse,
                snapshot: args.snapshot,
                reserve,
            }),
        };
        let (detect_level, needs_base) = (args.detect_level, needs_base(args));
        let subject = Subject { place, base_options: BaseOptions { detect_level, needs_base } };
        Ok(match (args.list, args.summary) {
            (true, _) if args.json => Self::Map(subject, Some(MapFormat::Json)),
            (true, _) => Self::Map(subject, args.map),
            (false, true) => Self::Summary(subject, Form::new(args)),
            (false, false) => Self::Stream(subject, StreamRequest::new(args)),
        })
    }
}

impl Form {
    fn new(args: &Args) -> Self {
        match args.json {
            true => Self::Json,
            false => Self::Text { wide: args.common.verbose > 0 },
        }
    }
}

/// Whether something is printed, and no stream made.
fn is_printed(args: &Args) -> bool {
    args.list || args.summary
}

impl StreamRequest {
    fn new(args: &Args) -> Self {
        Self {
            format: args.format,
            output: args.output.clone().filter(|path| !cli::is_standard(path)),
            head: args.head.clone(),
            pairs: args.pairs.clone(),
            detail: Detail { granularity: args.granularity, level: args.compress },
            roots: (args.roots || args.root_cache.is_some())
                .then(|| RootSearch { folder: args.root_cache.clone() }),
            rest_from: args.rest_from,
            writing: OutputOptions { sha1: !args.no_sha1, bytes_per_second: args.bwlimit },
        }
    }

    /// The header's pairs, including those in files.
    pub(crate) fn pairs(&self, interrupt: &Interrupt) -> anyhow::Result<Vec<(String, String)>> {
        let pairs = pairs::read(&self.head, &self.pairs, interrupt)?;
        if self.format == StreamFormat::Hyperlayer1 {
            foreign::check_pairs_for_hyperlayer1(&pairs)
                .map_err(|error| usage(error.to_string()))?;
        }
        Ok(pairs)
    }
}

/// Refuses what is impossible with this number of names, whatever they name.
fn check_names(args: &Args) -> anyhow::Result<()> {
    match args.names() {
        (_, Some(_)) if args.metadata.is_none() => Ok(()),
        (None, None) if args.summary && args.metadata.is_some() => Err(usage(
            "--summary with --metadata needs the thin ids of BASE and VOLUME: the metadata does not say \
             which volume is a snapshot of which",
        )),
        (None, None) if is_printed(args) && args.reverse => {
            Err(usage("--reverse needs the name of a classic snapshot"))
        }
        (None, None) if is_printed(args) && args.snapshot => {
            Err(usage("--snapshot needs the name of a volume"))
        }
        (None, None) if !is_printed(args) => Err(usage(
            "no volume is named: lvdiff BASE VOLUME says what changed, lvdiff VOLUME makes a full \
             stream, lvdiff --list says which volumes there are, and lvdiff --summary how much changed in them",
        )),
        (None, target) => {
            let what = if target.is_some() { OF_ONE } else { FOR_A_LIST };
            needs_base(args).map_or(Ok(()), |needs| Err(no_base(&needs, what)))
        }
        _ => Ok(()),
    }
}

const OF_ONE: &str = "of a single volume";
const FOR_A_LIST: &str = "for a list of the volumes";

/// An option among the arguments that needs a base.
fn needs_base(args: &Args) -> Option<String> {
    match args.detect_level {
        Some(level @ 1..) => Some(format!("-d {level}")),
        _ if args.granularity.is_some() => Some("--granularity".into()),
        _ if args.base_size.is_some() => Some("--base-size".into()),
        _ => None,
    }
}

fn no_base(needs: &str, what: &str) -> anyhow::Error {
    usage(format!("{needs} {what}: there is no base"))
}

impl BaseOptions {
    /// The detect level: the one that was given, or `default`; 0 without a base.
    ///
    /// # Errors
    /// If there is no base, and an option needs one.
    pub(crate) fn detect_level(&self, has_base: bool, default: u8) -> anyhow::Result<u8> {
        match (has_base, &self.needs_base) {
            (true, _) => Ok(self.detect_level.unwrap_or(default)),
            (false, None) => Ok(0),
            (false, Some(needs)) => Err(no_base(needs, OF_ONE)),
        }
    }
}

/// Refuses what the format of the stream or of the map cannot express.
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
            return Err(usage("--map thin-delta of a single volume: it compares two volumes"));
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
    if args.rest_from.is_some() {
        return refused("--rest-from", "it cannot say what has arrived already");
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

fn in_streams(args: &Args) -> Foreign {
    // Standard input that is redirected from a file can be read twice like that file.
    let files = args.input.iter().map(|path| match cli::is_standard(path) {
        true => PathBuf::from("/dev/stdin"),
        false => path.clone(),
    });
    let (base, volume) = args.names();
    Foreign {
        files: files.collect(),
        disk: args.disk.clone(),
        base: base.map(Into::into),
        volume: volume.map(Into::into),
        size: args.size,
        base_size: args.base_size,
    }
}

/// The thin devices in metadata. Options about a single volume, or about data, would mean nothing.
fn devices(metadata: PathBuf, args: &Args) -> anyhow::Result<Request> {
    let given = [("--data", args.data.is_some()), ("--size", args.size.is_some())];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(usage(format!("{option} needs the thin id of a volume"))),
        None => Ok(Request::Devices { metadata, direct: args.direct, json: args.json }),
    }
}

fn in_files(
    metadata: PathBuf,
    base: Option<&str>,
    target: &str,
    args: &Args,
) -> anyhow::Result<FilesSource> {
    if args.data.is_none() && !is_printed(args) {
        return Err(usage("a stream needs the pool's data: add --data FILE, or --list"));
    }
    let id = |text: &str| {
        text.parse::<ThinId>().map_err(|error| {
            usage(format!("with --metadata a volume is a thin id, not {text:?}: {error}"))
        })
    };
    Ok(FilesSource {
        metadata,
        data: args.data.clone(),
        base: base.map(id).transpose()?,
        target: id(target)?,
        size: args.size,
        base_size: args.base_size,
        direct: args.direct,
    })
}
