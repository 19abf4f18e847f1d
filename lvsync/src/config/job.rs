//! [`Job`]: a job, as its file has it.

use policy::{Keep, Limits, Period};

use super::keep::{keep, max_age, period};
use super::value::Value;
use crate::job_name::check_job;
use crate::target::{Target, Where};

const KEYS: [&str; 12] = [
    "volumes",
    "to",
    "keep",
    "bwlimit",
    "compress",
    "granularity",
    "full",
    "max_age",
    "freeze",
    "pause",
    "hook",
    "on_failure",
];

/// How long a hook may take if nobody says.
const TIMEOUT: Period = Period::from_seconds(30);

/// How many points stay if nobody says.
const LAST: u32 = 2;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// Names and patterns, `vg/lv`.
    pub(crate) volumes: Vec<Named>,
    pub(crate) to: Vec<Target>,
    /// Which points stay on this side.
    pub(crate) keep: Keep,
    pub(crate) bytes_per_second: Option<u64>,
    /// zstd's, if what is sent is compressed.
    pub(crate) level: Option<i32>,
    pub(crate) granularity: Option<u64>,
    /// Whether everything is sent also if a target has copies.
    pub(crate) full: bool,
    pub(crate) max_age: Limits,
    pub(crate) quiet: Option<Quiet>,
    pub(crate) hooks: Vec<Hook>,
    /// A shell's command.
    pub(crate) on_failure: Option<String>,
}

/// A name or a pattern, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// File and line.
    pub(crate) place: String,
}

/// How volumes come to rest while their snapshots are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// The file systems that are mounted from them are frozen.
    Mount,
    /// The guest agent of this domain freezes its file systems.
    Freeze(String),
    /// This domain is paused.
    Pause(String),
}

/// Commands before and after the snapshots, for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) pre: Option<String>,
    pub(crate) post: Option<String>,
    pub(crate) timeout: Period,
    /// Whether nothing is taken if `pre` fails.
    pub(crate) fatal: bool,
}

impl Job {
    pub(super) fn new(name: &str, value: &Value<'_>) -> anyhow::Result<Self> {
        check_job(name).map_err(|error| value.error_of_key(error))?;
        let what = format!("job {name}");
        let table = value.table(&what, &KEYS)?;
        let freeze = table.optional("freeze", freeze)?;
        let pause = table.optional("pause", pause)?;
        let quiet = match (&freeze, table.get("pause")) {
            (Some(_), Some(pause)) => return Err(pause.error("there is a freeze as well")),
            _ => freeze.or(pause),
        };
        let full = table.optional("full", |value| value.word(["first", "allow"]))?;
        let hooks = table.optional("hook", |value| value.list()?.iter().map(hook).collect())?;
        Ok(Self {
            name: name.into(),
            volumes: each(&table.required("volumes", &what)?, volume)?,
            to: each(&table.required("to", &what)?, target)?,
            keep: table.optional("keep", keep)?.unwrap_or(Keep { last: LAST, ..Keep::default() }),
            bytes_per_second: table.optional("bwlimit", |value| value.parsed(cli::rate))?,
            level: table.optional("compress", |value| value.parsed(cli::compression))?,
            granularity: table.optional("granularity", |value| value.parsed(cli::granularity))?,
            full: full == Some("allow"),
            max_age: table.optional("max_age", max_age)?.unwrap_or_default(),
            quiet,
            hooks: hooks.unwrap_or_default(),
            on_failure: table.optional("on_failure", Value::command)?,
        })
    }
}

fn target(value: &Value<'_>) -> anyhow::Result<Target> {
    let target = value.parsed(Target::parse)?;
    match target.place {
        Where::Pool(_) => Ok(target),
        Where::Spot(_) => {
            Err(value.error("a job's points go to a pool, [user@]host:vg/pool or vg/pool"))
        }
    }
}

/// What `read` makes of each of a list, in which none is twice.
fn each<T>(
    value: &Value<'_>,
    read: impl Fn(&Value<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let list = value.list()?;
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for one in &list {
        all.push(read(one)?);
        let text = one.text()?;
        if seen.contains(&text) {
            return Err(one.error(format!("{text:?} is there twice")));
        }
        seen.push(text);
    }
    Ok(all)
}

fn volume(value: &Value<'_>) -> anyhow::Result<Named> {
    let text = value.text()?;
    let is_sound = |part: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-*?".contains(&byte);
        !part.is_empty() && !part.starts_with('-') && part.bytes().all(is_known)
    };
    match text.split_once('/') {
        Some((group, name)) if is_sound(group) && is_sound(name) => {
            Ok(Named { name: text.into(), place: value.place() })
        }
        _ => Err(value.error(format!(
            "{text:?} is no volume: expected vg/lv, in which * and ? stand for others"
        ))),
    }
}

fn freeze(value: &Value<'_>) -> anyhow::Result<Quiet> {
    match value.text()? {
        "mount" => Ok(Quiet::Mount),
        text => domain(text).map(Quiet::Freeze).ok_or_else(|| {
            value.error(format!("expected mount or libvirt:DOMAIN, found {text:?}"))
        }),
    }
}

fn pause(value: &Value<'_>) -> anyhow::Result<Quiet> {
    let text = value.text()?;
    domain(text)
        .map(Quiet::Pause)
        .ok_or_else(|| value.error(format!("expected libvirt:DOMAIN, found {text:?}")))
}

/// A domain's name that virsh takes for nothing else.
fn domain(text: &str) -> Option<String> {
    let name = text.strip_prefix("libvirt:")?;
    let is_sound = !name.is_empty() && !name.starts_with('-') && !name.contains(char::is_control);
    is_sound.then(|| name.into())
}

fn hook(value: &Value<'_>) -> anyhow::Result<Hook> {
    let table = value.table("a hook", &["pre", "post", "timeout", "fatal"])?;
    let hook = Hook {
        pre: table.optional("pre", Value::command)?,
        post: table.optional("post", Value::command)?,
        timeout: table.optional("timeout", period)?.unwrap_or(TIMEOUT),
        fatal: table.optional("fatal", Value::boolean)?.unwrap_or(true),
    };
    if hook.pre.is_none() && hook.post.is_none() {
        return Err(value.error("expected pre, post or both"));
    }
    if let Some(timeout) = table.get("timeout").filter(|_| hook.timeout.seconds() == 0) {
        return Err(timeout.error("it would have no time at all"));
    }
    Ok(hook)
}
