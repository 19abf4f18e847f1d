//! `cargo xtask fuzz`: the fuzz targets, under libFuzzer.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use system_tests::packages::Use;

use crate::cargo::{cargo, root, target_dir};
use crate::{corpus, say, setup};

/// What lets libFuzzer see which ways an input takes: the compiler's own pass, which the stable one
/// has too.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// The most that one input may take: MiB of memory, and a second.
const LIMITS: [&str; 3] = ["-rss_limit_mb=256", "-malloc_limit_mb=256", "-timeout=1"];

/// The most that an input has, in bytes.
const MAX_LEN: &str = "-max_len=16384";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Take what was found into the kept inputs, and leave out those that say nothing new
    #[arg(long)]
    keep: bool,
    /// What libFuzzer's chances follow from [default: a new one each time]
    #[arg(long)]
    seed: Option<u32>,
}

impl Options {
    /// What every change is tested with: the same seed each time, as far as that goes with time for a
    /// limit, so that what fails is mostly of the change.
    pub(crate) const OF_TESTS: Self =
        Self { seconds: 30, target: None, keep: false, seed: Some(1) };
}

/// Runs the targets, as many at once as there are cores.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::install_missing(Use::Tests)?;
    let mut names = names()?;
    if let Some(only) = &options.target {
        ensure!(names.contains(only), "there is no target {only}: {}", names.join(", "));
        names.retain(|name| name == only);
    }
    let programs = build()?;
    let crashes = target_dir()?.join("fuzz/crashes");
    let scratch = tempfile::tempdir().context("cannot make a folder")?;
    let target = |name: &String| Target {
        program: programs.join(name),
        archive: root().join("tests/fuzz/corpus").join(name).with_extension("tar"),
        kept: scratch.path().join("kept").join(name),
        regressions: root().join("tests/fuzz/regressions").join(name),
        found: scratch.path().join("found").join(name),
        crashes: crashes.join(name),
        name: name.clone(),
    };
    let targets: Vec<_> = names.iter().map(target).collect();
    let queue = Mutex::new(targets.iter().collect::<VecDeque<_>>());
    let failed = Mutex::new(Vec::new());
    let work = || {
        let next = || queue.lock().expect("no thread panics with it").pop_front();
        while let Some(target) = next() {
            if let Err(error) = target.run(options) {
                say(&format!("{}: {error:#}", target.name));
                failed.lock().expect("no thread panics with it").push(target.name.as_str());
            }
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| _ = scope.spawn(work));
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    ensure!(failed.is_empty(), "fuzz targets failed: {}", failed.join(", "));
    Ok(())
}

/// The targets: a program each.
fn names() -> Result<Vec<String>> {
    let dir = root().join("tests/fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Builds the targets, and returns the folder where they are. It is one of its own, because these
/// are other flags than everything else is built with.
fn build() -> Result<PathBuf> {
    let dir = target_dir()?.join("fuzz");
    let flags = COVERAGE.join("\u{1f}");
    let environment =
        [("CARGO_ENCODED_RUSTFLAGS", flags.as_ref()), ("CARGO_TARGET_DIR", dir.as_path())];
    // With a target that is named, build scripts are built without the flags.
    let host = host()?;
    let arguments = ["build", "--package", "fuzz", "--bins", "--profile", "fuzz", "--target"];
    cargo(&[&arguments[..], &[&host]].concat(), &environment)?;
    Ok(dir.join(host).join("fuzz"))
}

/// The machine that the compiler runs on, by its name for it.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// A target, and where its inputs are.
struct Target {
    name: String,
    program: PathBuf,
    /// The kept inputs, as they are in the tree.
    archive: PathBuf,
    /// The same, unpacked.
    kept: PathBuf,
    regressions: PathBuf,
    /// Where libFuzzer writes the inputs that go where none has gone before.
    found: PathBuf,
    crashes: PathBuf,
}

impl Target {
    fn run(&self, options: &Options) -> Result<()> {
        let folders = [&self.kept, &self.regressions, &self.found, &self.crashes];
        for folder in folders {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        corpus::unpack(&self.archive, &self.kept)?;
        let begin = Instant::now();
        let all = Duration::from_secs(options.seconds);
        let mut runs = 0;
        loop {
            // The last second is lost to rounding.
            let left = all.saturating_sub(begin.elapsed()).as_secs().max(1);
            let (status, log) = self.fuzz(left, options.seed)?;
            runs += log.runs;
            let found = if status.success() { None } else { log.found };
            let state = match (status.success(), &found) {
                (true, _) => "ok".into(),
                // Another process may have had the processor for that second.
                (false, Some(path)) if self.is_quick(path)? => {
                    fs::remove_file(path)?;
                    if begin.elapsed() < all {
                        continue;
                    }
                    "ok".into()
                }
                (false, Some(path)) => format!("CRASH {}", path.display()),
                (false, None) => format!("CRASH {status}"),
            };
            let (name, seconds) = (&self.name, begin.elapsed().as_secs());
            let (cov, rss) = (log.coverage, log.peak_mib);
            say(&format!(
                "{name:14} {runs:>9} runs, cov {cov:>5}, {rss:>3} MiB, {seconds:>3} s: {state}"
            ));
            if state != "ok" {
                bail!("see {}", self.log().display());
            }
            break;
        }
        if options.keep {
            self.keep()?;
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.crashes.with_extension("log")
    }

    /// Runs libFuzzer once, for so long.
    fn fuzz(&self, seconds: u64, seed: Option<u32>) -> Result<(ExitStatus, Log)> {
        let mut command = Command::new(&self.program);
        command
            .args(LIMITS)
            .args([MAX_LEN, "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}"))
            .args(seed.map(|seed| format!("-seed={seed}")))
            .arg(format!("-artifact_prefix={}/", self.crashes.display()))
            .args([&self.found, &self.kept, &self.regressions]);
        let status = quiet(&mut command, &self.log())?;
        Ok((status, Log::read(&self.log())?))
    }

    /// Whether an input was found to take too long, and does not when it is run once more.
    fn is_quick(&self, input: &Path) -> Result<bool> {
        let is_slow =
            input.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"timeout-"));
        for _ in 0..if is_slow { 3 } else { 0 } {
            let mut command = Command::new(&self.program);
            command.args(LIMITS).arg(input);
            let log = self.crashes.with_extension("again.log");
            if quiet(&mut command, &log)?.success() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes of the kept inputs and those that were found as few as go everywhere that these go. How
    /// often they go there does not count, or a target would keep hundreds of KiB.
    fn keep(&self) -> Result<()> {
        let merged = self.found.with_extension("merged");
        fs::create_dir_all(&merged)?;
        let mut command = Command::new(&self.program);
        command.args([MAX_LEN, "-set_cover_merge=1", "-use_counters=0"]);
        command.args([&merged, &self.kept, &self.found]);
        let status = quiet(&mut command, &self.log())?;
        ensure!(status.success(), "merging failed: see {}", self.log().display());
        let count = corpus::pack(&merged, &self.archive)?;
        say(&format!("{:14} {count} inputs are kept", self.name));
        Ok(())
    }
}

/// Runs a command whose messages go to a file.
fn quiet(command: &mut Command, log: &Path) -> Result<ExitStatus> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// What libFuzzer says of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Log {
    runs: u64,
    coverage: u64,
    peak_mib: u64,
    /// The input that failed.
    found: Option<PathBuf>,
}

impl Log {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    fn parse(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.lines() {
            let number = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                rest.split_whitespace().next()?.parse().ok()
            };
            let path = line.split_once("Test unit written to ").map(|(_, path)| path.into());
            log.coverage = number(" cov: ").unwrap_or(log.coverage);
            log.runs = number("stat::number_of_executed_units:").unwrap_or(log.runs);
            log.peak_mib = number("stat::peak_rss_mb:").unwrap_or(log.peak_mib);
            log.found = path.or(log.found);
        }
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_by_its_messages() {
        let log = Log::parse(
            "#11\tINITED cov: 73 ft: 104 corp: 4/1476b exec/s: 0 rss: 27Mb\n\
             #443511\tDONE   cov: 101 ft: 225 corp: 26/5391b lim: 4378 exec/s: 49279 rss: 27Mb\n\
             artifact_prefix='./a/'; Test unit written to ./a/crash-4e17\n\
             stat::number_of_executed_units: 443511\n\
             stat::peak_rss_mb:              28\n",
        );
        let found = Some("./a/crash-4e17".into());
        assert_eq!(log, Log { runs: 443_511, coverage: 101, peak_mib: 28, found });
    }

    #[test]
    fn there_are_targets() {
        assert!(names().unwrap().contains(&"delta".into()));
    }
}
