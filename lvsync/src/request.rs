//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use anyhow::Context;
use diff::Detail;
use flow::usage;
use lvm::VolumeName;
use policy::{Keep, Limits};
use replica::{Allowance, Full, Settings};

use crate::cli::{Args, Command, Promote, Push, Status, Units};
use crate::form::Form;
use crate::job_name::check_job;
use crate::target::Target;
use crate::{status, units};

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
    /// List points and copies.
    List {
        /// Volumes, and perhaps a target, as they were named.
        names: Vec<String>,
        /// How.
        form: Form,
    },
    /// Make a writable volume of a copy.
    Promote {
        /// The copy, as it was named.
        copy: String,
        /// The name of the new volume; with none, new points of the copy's volume are taken again.
        to: Option<String>,
    },
    /// Say how old the copies are.
    Status(status::Settings),
    /// Print systemd units.
    Units(units::Settings),
    /// Be the other side.
    Serve {
        /// The pool in which copies are made, with its group.
        pool: VolumeName,
        /// What the other side may do there.
        allowance: Allowance,
    },
}

impl Request {
    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        match &args.command {
            Command::Push(push) => Self::push(push),
            Command::List(list) => {
                let wide = args.common.verbose > 0;
                let form = if list.json { Form::Json } else { Form::Table { wide } };
                Ok(Self::List { names: list.names.clone(), form })
            }
            Command::Promote(Promote { copy, new, .. }) => {
                Ok(Self::Promote { copy: copy.clone(), to: new.clone() })
            }
            Command::Status(status) => Self::status(status),
            Command::Units(units) => Self::units(units),
            Command::Serve(serve) => {
                let pool = VolumeName::parse(&serve.pool)?;
                if pool.group().is_none() {
                    return Err(usage(format!(
                        "--pool {}: name its volume group as well",
                        serve.pool
                    )));
                }
                let allowance = Allowance::new(serve.prefix.as_deref(), serve.append_only)
                    .with_context(|| {
                        format!("--prefix {:?}", serve.prefix.as_deref().unwrap_or(""))
                    })?;
                Ok(Self::Serve { pool, allowance })
            }
        }
    }

    /// Its name in a report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Push { .. } => "push",
            Self::List { .. } => "list",
            Self::Promote { .. } => "promote",
            Self::Status(_) => "status",
            Self::Units(_) => "units",
            Self::Serve { .. } => "serve",
        }
    }

    fn status(status: &Status) -> anyhow::Result<Self> {
        for job in &status.jobs {
            check_job(job)?;
        }
        if status.warn > status.crit {
            let (warn, crit) = (status.warn, status.crit);
            return Err(usage(format!("--warn {warn} is more than --crit {crit}")));
        }
        let form = match &status.prometheus {
            Some(path) => status::Form::Prometheus(path.clone()),
            None if status.json => status::Form::Json,
            None if status.nagios => status::Form::Nagios,
            None => status::Form::Table,
        };
        Ok(Self::Status(status::Settings {
            jobs: status.jobs.clone(),
            folder: status.reports.clone(),
            limits: Limits { warn: Some(status.warn), crit: Some(status.crit) },
            form,
        }))
    }

    fn units(units: &Units) -> anyhow::Result<Self> {
        check_job(&units.job)?;
        let mode = match units.watch {
            Some(interval) if interval.seconds() == 0 => {
                return Err(usage("--watch: it would never rest"));
            }
            Some(interval) => units::Mode::Watch { interval },
            None if units.calendar.chars().any(char::is_control) => {
                return Err(usage(format!("--calendar {:?}: it is one line", units.calendar)));
            }
            None => units::Mode::Timer { calendar: units.calendar.clone() },
        };
        let program = std::env::current_exe().context("where this program is")?;
        let program = program.to_str().context("the path of this program is no text")?;
        Ok(Self::Units(units::Settings { job: units.job.clone(), program: program.into(), mode }))
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
