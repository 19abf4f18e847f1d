//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use std::path::{Path, PathBuf};

use flow::usage;
use foreign::{Foreign, Missing};
use patch::{
    Chunking, Cut, Destination, Making, Named, Overwriting, Proof, Resuming, Unfinished, Whole,
};
use streams::{Rules, Until};

use crate::cli::Args;

/// The program, as an undo names it.
const TOOL: &str = concat!("lvpatch ", env!("CARGO_PKG_VERSION"));

/// What was asked for.
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) reading: Reading,
}

/// What is done with the streams.
pub(crate) enum Action {
    /// List them, in the order in which they follow one another.
    List(Detail),
    /// Describe the first one.
    Describe(Detail),
    /// Only read them.
    Verify,
    /// Each of these files is, by itself.
    VerifyEach(Vec<PathBuf>),
    /// The first one's base is looked at.
    Check(patch::Request),
    /// Apply them.
    Apply(patch::Request),
}

/// Whom a description is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// For people.
    Text(Digests),
    /// For scripts.
    Json,
}

/// What is shown of base digests, of which there may be tens of thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digests {
    /// How many there are.
    Counted,
    /// Each of them.
    Listed,
}

/// Where streams are read, and how.
pub(crate) struct Reading {
    /// Their files, or folders of them; empty for standard input.
    pub(crate) files: Vec<PathBuf>,
    /// The folder whose streams are put together, if one is.
    pub(crate) from: Option<PathBuf>,
    /// The disk that is meant in a folder.
    pub(crate) disk: Option<String>,
    /// Whether formats that guarantee less than ours are refused.
    pub(crate) is_strict: bool,
    proof: Proof,
    name: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) until: Option<Until>,
}

impl Request {
    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        check_names(args)?;
        check_overwriting(args)?;
        let new = New::of(args)?;
        let until = args.until.as_deref().map(Until::parse).transpose();
        let until = until.map_err(|why| usage(format!("--until: {why}")))?;
        let listed = listed(args);
        let detail = match (args.json, args.common.verbose) {
            (true, _) => Detail::Json,
            (false, 0) => Detail::Text(Digests::Counted),
            (false, _) => Detail::Text(Digests::Listed),
        };
        let action = match args {
            _ if listed.is_some() => Action::List(detail),
            _ if args.info => Action::Describe(detail),
            _ if args.verify && are_files(&named_files(args)) => {
                Action::VerifyEach(named_files(args))
            }
            _ if args.verify => Action::Verify,
            _ if args.check => Action::Check(applying(args, &new)),
            _ => Action::Apply(applying(args, &new)),
        };
        let reading = Reading {
            files: listed.unwrap_or_else(|| args.input.clone()),
            from: args.from.clone(),
            disk: args.disk.clone(),
            is_strict: args.strict,
            proof: proof(args),
            name: new.name,
            size: args.size,
            until,
        };
        Ok(Self { action, reading })
    }
}

impl Action {
    /// Its name in a report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List(_) | Self::Describe(_) => "info",
            Self::Verify | Self::VerifyEach(_) => "verify",
            Self::Check(_) => "check",
            Self::Apply(_) => "apply",
        }
    }

    fn applied(&self) -> Option<&patch::Request> {
        match self {
            Self::Check(request) | Self::Apply(request) => Some(request),
            Self::List(_) | Self::Describe(_) | Self::Verify | Self::VerifyEach(_) => None,
        }
    }
}

impl Reading {
    /// The rules for the chain of an action; `complete` finds what a stream does not say.
    pub(crate) fn rules<'a>(
        self,
        action: &Action,
        complete: &'a dyn Fn(&Foreign) -> anyhow::Result<Missing>,
    ) -> Rules<'a> {
        let applied = action.applied();
        Rules {
            is_strict: self.is_strict,
            accepts_cut: applied.is_some_and(|request| request.cut() == Cut::Applied),
            accepts_rest: applied.is_none_or(|request| request.resuming.part.is_some()),
            ignores_dates: self.proof == Proof::Skipped,
            must_ascend: applied.is_some_and(|request| request.backup().is_some()),
            name: self.name,
            size: self.size,
            until: self.until,
            complete,
        }
    }
}

fn check_names(args: &Args) -> anyhow::Result<()> {
    if args.verify && !args.names.is_empty() && !args.input.is_empty() {
        return Err(usage("--verify reads the files that are named; leave out -i"));
    }
    if !args.info && !args.verify && args.names.len() > 1 {
        return Err(usage(format!(
            "only one volume is made, so NEW is one name, not {}; streams are read with -i",
            args.names.join(" ")
        )));
    }
    if args.info && !args.names.is_empty() && !args.input.is_empty() {
        return Err(usage("--info reads the files that are named; leave out -i"));
    }
    Ok(())
}

fn check_overwriting(args: &Args) -> anyhow::Result<()> {
    if (args.backup.is_some() || args.partial) && !args.in_place && args.device.is_none() {
        return Err(usage(
            "--backup and --partial are for --in-place and --device; elsewhere the base, which \
             is never written, is the way back",
        ));
    }
    Ok(())
}

/// The files that `--info` lists; standard input is read once, and described.
fn listed(args: &Args) -> Option<Vec<PathBuf>> {
    let files = match args.names.as_slice() {
        [] => args.input.clone(),
        _ => named_files(args),
    };
    (args.info && are_files(&files)).then_some(files)
}

/// Whether files are named; standard input alone is read once, from front to back.
fn are_files(files: &[PathBuf]) -> bool {
    !files.is_empty() && files != [Path::new("-")]
}

/// The new volume, as far as it is named, and the group of all volumes.
struct New {
    group: Option<String>,
    name: Option<String>,
}

impl New {
    /// Reads NEW, which may name its group as well.
    fn of(args: &Args) -> anyhow::Result<Self> {
        let group = args.lvgroup.clone();
        let Some(new) = args.names.first().filter(|_| !args.info && !args.verify) else {
            return Ok(Self { group, name: None });
        };
        let Some((named, name)) = new.split_once('/') else {
            return Ok(Self { group, name: Some(new.clone()) });
        };
        match &group {
            Some(given) if given != named => {
                Err(usage(format!("{new} is in volume group {named}, and -g names {given}")))
            }
            _ => Ok(Self { group: Some(named.into()), name: Some(name.into()) }),
        }
    }
}

fn named_files(args: &Args) -> Vec<PathBuf> {
    args.names.iter().map(PathBuf::from).collect()
}

fn applying(args: &Args, new: &New) -> patch::Request {
    let cut = if args.partial { Cut::Applied } else { Cut::Refused };
    let overwriting = || Overwriting { backup: args.backup.clone(), cut };
    let destination = match &args.device {
        Some(path) => Destination::Path(path.clone(), overwriting()),
        None if args.in_place => Destination::InPlace(overwriting()),
        None if args.each => Destination::NewVolume(Making::Each),
        None => Destination::NewVolume(Making::One(new.name.clone())),
    };
    patch::Request {
        destination,
        named: Named { group: new.group.clone(), pool: args.pool.clone(), volume: args.lv.clone() },
        proof: proof(args),
        chunks: if args.allow_chunk_mismatch { Chunking::Any } else { Chunking::Same },
        whole: if args.verify_root { Whole::Proved } else { Whole::Taken },
        resuming: resuming(args),
        size: args.size,
        tool: TOOL.into(),
    }
}

fn resuming(args: &Args) -> Resuming {
    let unfinished = match args.keep_part || args.part.is_some() {
        true => Unfinished::Kept,
        false => Unfinished::Removed,
    };
    Resuming { part: args.part.clone(), unfinished }
}

fn proof(args: &Args) -> Proof {
    if args.no_base_check { Proof::Skipped } else { Proof::Needed }
}
