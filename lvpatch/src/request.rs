//! Args → [`Request`]: what is asked for. Whatever cannot be is refused here, before anything is read.

use std::path::{Path, PathBuf};

use flow::usage;
use patch::request::{
    Chunking, Cut, Destination, Making, Named, Overwriting, Proof, Request as PatchRequest,
};
use streams::Until;

use crate::cli::Args;

/// The program, as an undo names it.
const TOOL: &str = concat!("lvpatch ", env!("CARGO_PKG_VERSION"));

/// What is asked for.
pub(crate) enum Request {
    /// What several files hold.
    Catalogue(Vec<PathBuf>, Describing),
    /// What one stream says of itself.
    Describe(Describing),
    /// Whether all streams are sound.
    Verify,
    /// Whether the base would be accepted.
    Check(PatchRequest),
    /// What streams hold, applied.
    Apply(PatchRequest),
}

/// How a description is printed.
#[derive(Clone, Copy)]
pub(crate) enum Describing {
    Text,
    Json,
}

impl Request {
    /// What the arguments ask for.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        check_names(args)?;
        check_overwriting(args)?;
        let describing = if args.json { Describing::Json } else { Describing::Text };
        let files = files(args);
        Ok(match args {
            _ if args.info && !files.is_empty() && files != [Path::new("-")] => {
                Self::Catalogue(files, describing)
            }
            _ if args.info => Self::Describe(describing),
            _ if args.verify => Self::Verify,
            _ if args.check => Self::Check(applying(args)),
            _ => Self::Apply(applying(args)),
        })
    }
}

/// Where the streams end, if that was said.
pub(crate) fn until(args: &Args) -> anyhow::Result<Option<Until>> {
    let until = args.until.as_deref().map(Until::parse).transpose();
    until.map_err(|why| usage(format!("--until: {why}")))
}

fn check_names(args: &Args) -> anyhow::Result<()> {
    if !args.info && args.names.len() > 1 {
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

/// The files that `--info` reads.
fn files(args: &Args) -> Vec<PathBuf> {
    match args.names.as_slice() {
        [] => args.input.clone(),
        names => names.iter().map(PathBuf::from).collect(),
    }
}

fn applying(args: &Args) -> PatchRequest {
    let cut = if args.partial { Cut::Applied } else { Cut::Refused };
    let overwriting = || Overwriting { backup: args.backup.clone(), cut };
    let destination = match &args.device {
        Some(path) => Destination::Path(path.clone(), overwriting()),
        None if args.in_place => Destination::InPlace(overwriting()),
        None if args.each => Destination::NewVolume(Making::Each),
        None => Destination::NewVolume(Making::One(args.names.first().cloned())),
    };
    PatchRequest {
        destination,
        named: Named {
            group: args.lvgroup.clone(),
            pool: args.pool.clone(),
            volume: args.lv.clone(),
        },
        proof: if args.no_base_check { Proof::Skipped } else { Proof::Needed },
        chunks: if args.allow_chunk_mismatch { Chunking::Any } else { Chunking::Same },
        size: args.size,
        tool: TOOL.into(),
    }
}
