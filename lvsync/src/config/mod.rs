//! The job file: [`read`].

mod job;
mod keep;
mod value;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use flow::usage;
use lvm::did_you_mean;

pub(crate) use job::{Hook, Job, Named, Quiet};
use value::Source;

/// Larger files are mistakes.
const LARGEST: u64 = 1 << 20;

/// The jobs of a file, in the order of their names.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Job>> {
    let name = path.display().to_string();
    let about = std::fs::metadata(path).map_err(|error| usage(format!("{name}: {error}")))?;
    // Anyone who can write to it can have commands run as this user.
    if about.mode() & 0o002 != 0 {
        let mode = about.mode() & 0o7777;
        return Err(usage(format!(
            "{name}: everyone can write to it (mode {mode:o}), and so decide which commands are run: `chmod o-w` it"
        )));
    }
    if !about.is_file() || about.len() > LARGEST {
        return Err(usage(format!("{name} is no job file: expected a file of at most 1 MiB")));
    }
    let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
    parse(&name, &text)
}

/// The jobs that were asked for; all if none was named.
pub(crate) fn named(jobs: Vec<Job>, names: &[String], path: &Path) -> anyhow::Result<Vec<Job>> {
    for name in names {
        if !jobs.iter().any(|job| job.name == *name) {
            let others = did_you_mean(name, jobs.iter().map(|job| job.name.as_str()));
            let others = others.map_or(String::new(), |others| format!("; {others}"));
            let path = path.display();
            return Err(usage(format!("there is no job {name:?} in {path}{others}")));
        }
    }
    let is_wanted = |job: &Job| names.is_empty() || names.contains(&job.name);
    Ok(jobs.into_iter().filter(is_wanted).collect())
}

fn parse(name: &str, text: &str) -> anyhow::Result<Vec<Job>> {
    let source = Source { name, text };
    let all = toml::de::DeTable::parse(text).map_err(|error| {
        source.error(error.span().map_or(0, |span| span.start), error.message().trim())
    })?;
    let root = source.table(all.get_ref(), all.span().start, "the file", &["job"])?;
    let Some(jobs) = root.get("job") else {
        return Err(usage(format!("{name}: there is no job: expected [job.NAME]")));
    };
    jobs.entries()?.into_iter().map(|(name, value)| Job::new(name, &value)).collect()
}

#[cfg(test)]
mod tests {
    use policy::{Keep, Limits};

    use super::*;

    const WHOLE: &str = r#"
[job.nightly]
volumes = ["vg0/db", "vg0/vm-*-disk-*"]
to = ["root@b:vg1/pool0", "vg9/pool0"]
freeze = "libvirt:db"
keep = { last = 3, within = "2d" }
bwlimit = "20M"
compress = "zstd:5"
granularity = "4K"
full = "allow"
max_age = { warn = "26h", crit = "50h" }
hook = [{ pre = "true", post = "false", timeout = "10s", fatal = false }, { pre = "x" }]
on_failure = "mail"

[job.a]
volumes = ["vg0/a"]
to = "vg1/pool0"
"#;

    #[test]
    fn a_job_is_what_its_keys_say() {
        let jobs = parse("f", WHOLE).unwrap();
        let [a, nightly] = jobs.as_slice() else { panic!("{jobs:?}") };
        assert_eq!((a.name.as_str(), a.volumes.len(), a.to.len()), ("a", 1, 1));
        assert_eq!(a.keep, Keep { last: 2, ..Keep::default() });
        assert_eq!((a.full, a.quiet.clone(), a.max_age), (false, None, Limits::default()));
        assert_eq!(
            nightly.volumes[1],
            Named { name: "vg0/vm-*-disk-*".into(), place: "f:3".into() }
        );
        assert_eq!(nightly.to[0].to_string(), "root@b:vg1/pool0");
        assert_eq!(nightly.quiet, Some(Quiet::Freeze("db".into())));
        let keep = Keep { last: 3, within: "2d".parse().ok(), ..Keep::default() };
        assert_eq!(nightly.keep, keep);
        assert_eq!(nightly.bytes_per_second, Some(20 << 20));
        assert_eq!((nightly.level, nightly.granularity), (Some(5), Some(4096)));
        assert_eq!((nightly.full, nightly.on_failure.as_deref()), (true, Some("mail")));
        let limits = Limits { warn: "26h".parse().ok(), crit: "50h".parse().ok() };
        assert_eq!(nightly.max_age, limits);
        let [first, second] = nightly.hooks.as_slice() else { panic!("{:?}", nightly.hooks) };
        assert_eq!((first.post.as_deref(), first.timeout.seconds()), (Some("false"), 10));
        assert_eq!((first.fatal, second.fatal, second.post.clone()), (false, true, None));
    }

    /// A job of these lines, which begin with line 2.
    fn error(lines: &str) -> String {
        let text = format!("[job.x]\n{lines}");
        parse("f", &text).map(|jobs| format!("{jobs:?}")).unwrap_err().to_string()
    }

    #[test]
    fn an_error_says_where_it_is_and_what_may_be_meant() {
        const MOST: &str = "volumes = ['vg0/a']\nto = 'vg1/p'\n";
        for (line, expected) in [
            ("volume = ['vg0/a']", "f:2: \"volume\" is no key of job x; did you mean volumes?"),
            ("zzz = 1", "f:2: \"zzz\" is no key of job x: expected volumes, to, keep, "),
            ("volumes = ['vg0/a']", "f:1: job x has no \"to\""),
            ("to = 'vg1/p'", "f:1: job x has no \"volumes\""),
            ("volumes = 'vg0/a'\n to = 5", "f:3: to: expected a text, found an integer"),
            ("volumes = []\nto = 'vg1/p'", "f:2: volumes: expected at least one"),
            ("volumes = ['vg0/a',\n'a']\nto = 'vg1/p'", "f:3: volumes: \"a\" is no volume: "),
            (
                "volumes = ['vg0/a',\n'vg0/a']\nto = 'vg1/p'",
                "f:3: volumes: \"vg0/a\" is there twice",
            ),
            ("volumes = ['vg0/$(x)']\nto = 'vg1/p'", "f:2: volumes: \"vg0/$(x)\" is no volume: "),
            ("volumes = ['vg0/a']\nto = 'p'", "f:3: to: \"p\" is not a target: "),
            ("volumes = ['vg0/a']\nto = ['vg1/p',\n'vg1/p']", "f:4: to: \"vg1/p\" is there twice"),
            ("volumes = ['vg0/a'\nto = 1", "f:3: "),
        ] {
            let error = error(line);
            assert!(error.starts_with(expected), "{line}: {error}");
        }
        for (line, expected) in [
            ("keep = { lats = 3 }", "\"lats\" is no key of keep; did you mean last?"),
            ("keep = { last = 0 }", "last: expected a number from 1 to 100000, found 0"),
            ("keep = { last = -1 }", "last: expected a number from 1 to 100000, found -1"),
            ("keep = { within = '2 d' }", "within: expected a time like 30s"),
            ("keep = {}", "keep: expected at least one rule"),
            ("keep = 3", "keep: expected a table, found an integer"),
            ("bwlimit = 'fast'", "bwlimit: "),
            ("compress = 'gzip'", "compress: expected zstd or zstd:LEVEL"),
            ("granularity = '3K'", "granularity: expected a power of two"),
            (
                "full = 'frist'",
                "full: expected first or allow, found \"frist\"; did you mean first?",
            ),
            ("full = true", "full: expected a text, found a boolean"),
            ("max_age = { wran = '1h' }", "\"wran\" is no key of max_age; did you mean warn?"),
            ("max_age = { warn = '2h', crit = '1h' }", "max_age: warn, 2h, is more than crit, 1h"),
            ("freeze = 'mounted'", "freeze: expected mount or libvirt:DOMAIN, found \"mounted\""),
            ("freeze = 'libvirt:-x'", "freeze: expected mount or libvirt:DOMAIN"),
            ("pause = 'mount'", "pause: expected libvirt:DOMAIN, found \"mount\""),
            ("freeze = 'mount'\npause = 'libvirt:x'", "pause: there is a freeze as well"),
            ("hook = [{ per = 'x' }]", "\"per\" is no key of a hook; did you mean pre?"),
            ("hook = [{ timeout = '1s' }]", "hook: expected pre, post or both"),
            ("hook = [{ pre = 'x', timeout = '0s' }]", "timeout: it would have no time at all"),
            (
                "hook = [{ pre = 'x', fatal = 'yes' }]",
                "fatal: expected true or false, found a text",
            ),
            ("on_failure = ''", "on_failure: it is empty"),
        ] {
            let error = error(&format!("{MOST}{line}"));
            let at = if line.contains("\npause") { 5 } else { 4 };
            assert!(error.starts_with(&format!("f:{at}: {expected}")), "{line}: {error}");
        }
        for (text, expected) in [
            ("", "f: there is no job"),
            ("[jobs.x]", "f:1: \"jobs\" is no key of the file; did you mean job?"),
            ("\n[job.'a/b']", "f:2: \"a/b\" cannot be the name of a job"),
            ("[job]\nx = 1", "f:2: x: expected a table, found an integer"),
            ("[job.x]\nto = 1\nto = 2", "f:3: "),
        ] {
            let error = parse("f", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_job_that_is_not_there_is_refused() {
        let jobs = || parse("f", WHOLE).unwrap();
        let path = Path::new("f");
        assert_eq!(named(jobs(), &[], path).unwrap().len(), 2);
        assert_eq!(named(jobs(), &["a".into()], path).unwrap().len(), 1);
        let error = named(jobs(), &["nigthly".into()], path).unwrap_err().to_string();
        assert_eq!(error, "there is no job \"nigthly\" in f; did you mean nightly?");
    }
}
