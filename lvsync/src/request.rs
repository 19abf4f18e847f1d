//! Args → [`Request`]: what was asked for. Whatever is impossible is refused here, before anything is read.

use anyhow::Context;
use diff::Detail;
use flow::usage;
use policy::{Keep, Limits};
use replica::{Allowance, Depth, Full, Over, Place, Settings, SpotKind};

use crate::cli::{Args, Command, Promote, Pull, Push, Run, Sending, Serve, Status, Units};
use crate::config::{self, Job};
use crate::form::Form;
use crate::job_name::check_job;
use crate::offer::pool_of;
use crate::program::PROGRAM;
use crate::target::{Offer, Target, Where, is_path};
use crate::{status, units};

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
        /// How a device or an image is written, if it is one.
        over: Over,
    },
    /// Have another host bring volumes to a pool here.
    Pull {
        /// As ssh takes it.
        host: String,
        /// The words for lvsync on that host.
        words: Vec<String>,
        /// Where to.
        place: Place,
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
        /// What copies are made in.
        place: Where,
        /// What the other side may do there.
        allowance: Allowance,
    },
    /// Be the other side of a pull: bring volumes to whoever asked for them.
    Send {
        /// As they were named.
        volumes: Vec<String>,
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
    /// Be the process that freezes and thaws.
    Hold(Vec<String>),
}

impl Request {
    /// The request that the arguments make.
    pub(crate) fn new(args: &Args) -> anyhow::Result<Self> {
        match &args.command {
            Command::Push(push) => Self::push(push),
            Command::Verify(verify) => {
                let depth = if verify.read { Depth::Content } else { Depth::Presence };
                Self::verify(&verify.names, depth, verify.bwlimit)
            }
            Command::Repair(repair) => Self::verify(&repair.names, Depth::Repair, repair.bwlimit),
            Command::Run(Run { jobs, config, dry_run }) => {
                let jobs = config::named(config::read(config)?, jobs, config)?;
                Ok(Self::Run { jobs, is_dry: *dry_run })
            }
            Command::Hold(hold) => Ok(Self::Hold(hold.words.clone())),
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
            Command::Pull(pull) => Self::pull(pull),
            Command::Serve(serve) if serve.source.is_empty() => {
                let allowance = Allowance::new(serve.prefix.as_deref(), serve.append_only)
                    .with_context(|| {
                        format!("--prefix {:?}", serve.prefix.as_deref().unwrap_or(""))
                    })?;
                let place = offered(serve)?;
                if let Where::Pool(pool) = &place {
                    pool_of(pool)?;
                }
                Ok(Self::Serve { place, allowance })
            }
            Command::Serve(serve) => {
                Ok(Self::Send { volumes: serve.source.clone(), settings: settings(&serve.sending) })
            }
        }
    }

    /// Its name in a report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Push { .. } => "push",
            Self::Verify { depth: Depth::Repair, .. } => "repair",
            Self::Verify { .. } => "verify",
            Self::List { .. } => "list",
            Self::Promote { .. } => "promote",
            Self::Status(_) => "status",
            Self::Units(_) => "units",
            Self::Pull { .. } => "pull",
            Self::Serve { .. } | Self::Send { .. } => "serve",
            Self::Run { .. } => "run",
            Self::Hold(_) => "hold",
        }
    }

    fn verify(names: &[String], depth: Depth, rate: Option<u64>) -> anyhow::Result<Self> {
        let (target, volumes) = split(names)?;
        let target = Target::parse(target)?;
        if let Where::Spot(_) = target.place {
            return Err(usage(format!(
                "{target} is no pool: copies in pools are compared with points, and a device or an image is proved by each \
                 push"
            )));
        }
        Ok(Self::Verify { volumes: volumes.to_vec(), target, depth, bytes_per_second: rate })
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
        if units.calendar.chars().any(char::is_control) {
            return Err(usage(format!("--calendar {:?}: it is one line", units.calendar)));
        }
        let program = std::env::current_exe().context("where this program is")?;
        let program = program.to_str().context("the path of this program is no text")?;
        Ok(Self::Units(units::Settings {
            job: units.job.clone(),
            program: program.into(),
            calendar: units.calendar.clone(),
        }))
    }

    fn push(push: &Push) -> anyhow::Result<Self> {
        let (target, volumes) = split(&push.names)?;
        let mut target = Target::parse(target)?;
        match &mut target.place {
            Where::Pool(_) if push.overwrite || push.snapback.is_some() => {
                return Err(usage(
                    "--overwrite and --snapback are for a device or an image: in a pool nothing is overwritten",
                ));
            }
            Where::Pool(_) => {}
            Where::Spot(_) if volumes.len() > 1 => {
                return Err(usage(format!("{target} can be a copy of one volume only")));
            }
            Where::Spot(offer) => offer.snapback = push.snapback.clone().map(path).transpose()?,
        }
        Ok(Self::Push {
            volumes: volumes.to_vec(),
            target,
            settings: settings(&push.sending),
            over: Over {
                overwrite: push.overwrite,
                everything: false,
                detect_level: push.detect_level,
            },
        })
    }

    fn pull(pull: &Pull) -> anyhow::Result<Self> {
        let (pool, volumes) = split(&pull.names)?;
        let mut words = vec!["serve".into()];
        let (mut hosts, mut names) = (Vec::new(), Vec::new());
        for volume in volumes {
            let Ok(Target { host: Some(host), place: Where::Pool(name) }) = Target::parse(volume)
            else {
                return Err(usage(format!(
                    "{volume:?} is not a volume of another host: expected [user@]host:vg/lv"
                )));
            };
            names.extend(name.split_once('/').map(|(_, name)| name.to_owned()));
            words.extend(["--source".into(), name]);
            hosts.push(host);
        }
        let host = hosts.pop().filter(|host| hosts.iter().all(|other| other == host));
        let host = host.ok_or_else(|| usage("the volumes of one run are of one host"))?;
        words.extend(sending_words(&pull.sending));
        let allowance = Allowance::of_volumes(names);
        Ok(Self::Pull { host, words, place: Place { allowance, ..pool_of(pool)? } })
    }
}

/// The last name, and those before it, each of which is there once.
fn split(names: &[String]) -> anyhow::Result<(&String, &[String])> {
    let Some((last, volumes)) = names.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(usage("name the volumes, and last the target"));
    };
    for (number, volume) in volumes.iter().enumerate() {
        if volumes[..number].contains(volume) {
            return Err(usage(format!("{volume} is named twice")));
        }
    }
    Ok((last, volumes))
}

fn settings(sending: &Sending) -> Settings {
    Settings {
        program: PROGRAM.into(),
        detail: Detail { granularity: sending.granularity, level: sending.compress },
        bytes_per_second: sending.bwlimit,
        full: if sending.full { Full::Allowed } else { Full::First },
        keep: Keep { last: sending.keep, ..Keep::default() },
    }
}

/// The words that ask another lvsync to send in this way.
fn sending_words(sending: &Sending) -> Vec<String> {
    let Sending { compress, granularity, bwlimit, full, keep } = sending;
    let mut words = vec!["--keep".into(), keep.to_string()];
    let mut add = |option: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    };
    add("--compress", compress.map(|level| format!("zstd:{level}")));
    add("--granularity", granularity.map(|size| size.to_string()));
    add("--bwlimit", bwlimit.map(|rate| rate.to_string()));
    words.extend(full.then(|| "--full".to_owned()));
    words
}

/// What is offered to whoever asks; clap has made sure that it is one of them.
fn offered(serve: &Serve) -> anyhow::Result<Where> {
    let snapback = || serve.snapback.clone().map(path).transpose();
    let offer = |kind, name: &String| {
        let offer = Offer { kind, path: path(name.clone())?, snapback: snapback()? };
        Ok(Where::Spot(offer))
    };
    match (&serve.pool, &serve.device, &serve.image) {
        (Some(pool), _, _) => Ok(Where::Pool(pool.clone())),
        (_, Some(device), _) => offer(SpotKind::Device, device),
        (_, _, Some(image)) => offer(SpotKind::Image, image),
        _ => Err(usage("name what is offered")),
    }
}

fn path(text: String) -> anyhow::Result<String> {
    match is_path(&text) {
        true => Ok(text),
        false => Err(usage(format!(
            "{text:?} is no path that every shell leaves alone: expected one from / on, of letters, digits and _+./@:=-"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn request(words: &[&str]) -> anyhow::Result<Request> {
        let words = ["lvsync"].iter().chain(words).copied();
        Request::new(&Args::try_parse_from(words)?)
    }

    #[test]
    fn what_one_side_asks_for_the_other_understands() {
        let asked = ["pull", "root@b:vg0/a", "root@b:vg0/b", "vg1/pool0", "--compress", "zstd:5"];
        let more = ["--granularity", "4096", "--bwlimit", "1000", "--full", "--keep", "3"];
        let Request::Pull { host, words, .. } = request(&[&asked[..], &more].concat()).unwrap()
        else {
            panic!("it is a pull");
        };
        assert_eq!(host, "root@b");
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let Request::Send { volumes, settings } = request(&words).unwrap() else {
            panic!("it is for the sending side");
        };
        assert_eq!(volumes, ["vg0/a", "vg0/b"]);
        assert_eq!((settings.detail.level, settings.detail.granularity), (Some(5), Some(4096)));
        assert_eq!((settings.bytes_per_second, settings.keep.last), (Some(1000), 3));
        assert_eq!(settings.full, Full::Allowed);
    }

    #[test]
    fn a_device_that_is_asked_for_is_offered() {
        let words = ["push", "vg0/a", "b:/dev/vg1/x", "--snapback", "/srv/back", "--overwrite"];
        let Request::Push { target, over, .. } = request(&words).unwrap() else {
            panic!("it is a push");
        };
        assert!(over.overwrite && over.detect_level == 3);
        let words = target.place.words();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let Request::Serve { place: Where::Spot(offer), .. } = request(&words).unwrap() else {
            panic!("it is a device");
        };
        assert_eq!(offer.path, "/dev/vg1/x");
        assert_eq!(offer.snapback.as_deref(), Some("/srv/back"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for words in [
            &["push", "vg0/a", "vg1/pool0", "--overwrite"][..],
            &["push", "vg0/a", "vg1/pool0", "--snapback", "/x"],
            &["push", "vg0/a", "vg0/b", "/dev/x"],
            &["push", "vg0/a", "/dev/x", "--snapback", "x"],
            &["serve", "--device", "/dev/x", "--append-only"],
            &["serve", "--image", "/x", "--prefix", "a"],
            &["push", "vg0/a", "/dev/x", "--snapback", "/x y"],
            &["pull", "vg0/a", "vg1/pool0"],
            &["pull", "b:/dev/vg0/a", "vg1/pool0"],
            &["pull", "b:vg0/a", "c:vg0/a", "vg1/pool0"],
            &["pull", "b:vg0/a", "pool0"],
            &["pull", "b:vg0/$(x)", "vg1/pool0"],
            &["serve"],
            &["serve", "--pool", "vg1/pool0", "--device", "/dev/x"],
            &["serve", "--source", "vg0/a", "--snapback", "/x"],
            &["serve", "--device", "x"],
            &["serve", "--image", "/x;y"],
        ] {
            assert!(request(words).is_err(), "{words:?}");
        }
    }
}
