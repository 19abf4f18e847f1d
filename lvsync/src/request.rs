//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use diff::Detail;
use flow::usage;
use lvm::Scope;
use policy::Keep;
use replica::{Depth, Full, Settings};

use crate::cli::{Args, Command, Push};
use crate::target::Target;

/// The program, as headers and the other side know it.
pub(crate) const PROGRAM: &str = concat!("lvsync ", env!("CARGO_PKG_VERSION"));

/// What was asked for.
pub(crate) enum Request {
    /// Bring volumes to a target.
    Push {
        /// As they were named.
        volumes: Vec<String>,
        /// Where to.
        target: Target,
        /// How.
        settings: Settings,
    },
    /// Compare volumes' points with their copies.
    Verify {
        /// As they were named.
        volumes: Vec<String>,
        /// Where the copies are.
        target: Target,
        /// What is done.
        depth: Depth,
        /// At most this many bytes are read each second, on either side, and sent.
        bytes_per_second: Option<u64>,
    },
    /// Be the other side.
    Serve(Scope),
}

impl Request {
    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        match &args.command {
            Command::Push(push) => Self::push(push),
            Command::Verify(verify) => {
                let (volumes, target) = volumes_and_target(&verify.names)?;
                let depth = if verify.read { Depth::Content } else { Depth::Presence };
                Ok(Self::Verify { volumes, target, depth, bytes_per_second: verify.bwlimit })
            }
            Command::Repair(repair) => {
                let (volumes, target) = volumes_and_target(&repair.names)?;
                let (depth, bytes_per_second) = (Depth::Repair, repair.bwlimit);
                Ok(Self::Verify { volumes, target, depth, bytes_per_second })
            }
            Command::Serve(serve) => {
                let scope = Scope::new(None, Some(&serve.pool))?;
                if scope.group().is_none() {
                    return Err(usage(format!(
                        "--pool {}: name its volume group as well",
                        serve.pool
                    )));
                }
                Ok(Self::Serve(scope))
            }
        }
    }

    /// Its name in a report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Push { .. } => "push",
            Self::Verify { depth: Depth::Repair, .. } => "repair",
            Self::Verify { .. } => "verify",
            Self::Serve(_) => "serve",
        }
    }

    fn push(push: &Push) -> anyhow::Result<Self> {
        let (volumes, target) = volumes_and_target(&push.names)?;
        let settings = Settings {
            program: PROGRAM.into(),
            detail: Detail { granularity: push.granularity, level: push.compress },
            bytes_per_second: push.bwlimit,
            full: if push.full { Full::Allowed } else { Full::First },
            keep: Keep { last: push.keep, ..Keep::default() },
        };
        Ok(Self::Push { volumes, target, settings })
    }
}

/// The volumes that are named, and last the target.
fn volumes_and_target(names: &[String]) -> anyhow::Result<(Vec<String>, Target)> {
    let Some((target, volumes)) = names.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(usage("name the volumes, and last the target"));
    };
    let target = Target::parse(target)?;
    for (number, volume) in volumes.iter().enumerate() {
        if volumes[..number].contains(volume) {
            return Err(usage(format!("{volume} is named twice")));
        }
    }
    Ok((volumes.to_vec(), target))
}
