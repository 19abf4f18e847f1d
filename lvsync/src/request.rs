//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use diff::Detail;
use flow::usage;
use lvm::Scope;
use policy::Keep;
use replica::{Full, Settings};

use crate::cli::{Args, Command, Push, Run};
use crate::config::{self, Job};
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
    /// Carry out jobs.
    Run {
        /// What they are.
        jobs: Vec<Job>,
        /// Whether what they would do is printed instead.
        is_dry: bool,
    },
    /// Be the other side.
    Serve(Scope),
    /// Be the process that freezes and thaws.
    Hold(Vec<String>),
}

impl Request {
    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        match &args.command {
            Command::Push(push) => Self::push(push),
            Command::Run(Run { jobs, config, dry_run }) => {
                let jobs = config::named(config::read(config)?, jobs, config)?;
                Ok(Self::Run { jobs, is_dry: *dry_run })
            }
            Command::Hold(hold) => Ok(Self::Hold(hold.words.clone())),
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
            Self::Run { .. } => "run",
            Self::Serve(_) => "serve",
            Self::Hold(_) => "hold",
        }
    }

    fn push(push: &Push) -> anyhow::Result<Self> {
        let Some((target, volumes)) = push.names.split_last().filter(|(_, rest)| !rest.is_empty())
        else {
            return Err(usage("name the volumes, and last the target"));
        };
        let target = Target::parse(target)?;
        for (number, volume) in volumes.iter().enumerate() {
            if volumes[..number].contains(volume) {
                return Err(usage(format!("{volume} is named twice")));
            }
        }
        let settings = Settings {
            program: PROGRAM.into(),
            detail: Detail { granularity: push.granularity, level: push.compress },
            bytes_per_second: push.bwlimit,
            full: if push.full { Full::Allowed } else { Full::First },
            keep: Keep { last: push.keep, ..Keep::default() },
        };
        Ok(Self::Push { volumes: volumes.to_vec(), target, settings })
    }
}
