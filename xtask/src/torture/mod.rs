//! `cargo xtask torture`: rounds of random histories and faults, each in a guest, and a count of what
//! came of them.
//!
//! [`round::Round`] decides everything from the run's seed and the round's number; the scripts in
//! `tests/guest` carry it out and judge; here the guests are booted, and killed where the fault is a
//! power cut.

mod fault;
mod history;
mod round;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use system_tests::packages::Use;
use system_tests::{End, Guest, Outcome, host};

use self::fault::{FAULTS, Fault, Kind};
use self::round::Round;
use self::table::{Table, Verdict};
use crate::cargo::{Profile, build, root};
use crate::{say, setup};

/// A round takes some seconds on a machine that has little else to do.
const LIMIT: Duration = Duration::from_secs(600);
const DISK_MB: u64 = 512;
/// /tmp takes half of it, with every stream of the chain, and some twice.
const MEMORY_MB: u32 = 1024;

/// How long, and which rounds.
pub(crate) struct Settings {
    /// No round begins after that time.
    pub(crate) time: Duration,
    /// A random one, if none is said.
    pub(crate) seed: Option<u64>,
    /// Only this one, once.
    pub(crate) round: Option<u64>,
    /// Only rounds of lvsync.
    pub(crate) lvsync: bool,
    /// Guests at a time; one for each processor, if none is said.
    pub(crate) guests: Option<usize>,
}

/// Runs rounds until the time is over, and prints the table.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    setup::install_missing(Use::Tests)?;
    let programs = build(Profile::Dev)?;
    rounds(settings, &programs)
}

/// As [`run`], with programs that are built.
pub(crate) fn rounds(settings: &Settings, programs: &Path) -> Result<()> {
    let seed = settings.seed.unwrap_or_else(rand::random);
    say(&format!("torture with seed {seed}"));
    let wanted: fn(&Fault) -> bool = if settings.lvsync { |fault| fault.lvsync } else { |_| true };
    let state =
        State { seed, programs, wanted, next: AtomicU64::new(0), table: Mutex::new(Table::new()) };
    if let Some(number) = settings.round {
        state.play(number)?;
    } else {
        let guests = settings
            .guests
            .unwrap_or_else(|| thread::available_parallelism().map_or(2, usize::from).max(2));
        state.play_until(Instant::now() + settings.time, guests)?;
    }
    let table = state.table.into_inner().expect("no player panicked");
    print(&format!("Seed {seed}:\n\n{table}"));
    let (rounds, broken) = table.sums();
    ensure!(broken == 0, "{broken} of {rounds} rounds broke a promise");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this task makes")]
fn print(text: &str) {
    println!("{text}");
}

struct State<'a> {
    seed: u64,
    programs: &'a Path,
    wanted: fn(&Fault) -> bool,
    next: AtomicU64,
    table: Mutex<Table>,
}

impl State<'_> {
    fn play_until(&self, deadline: Instant, guests: usize) -> Result<()> {
        thread::scope(|scope| {
            let player = || {
                while Instant::now() < deadline {
                    self.play(self.next.fetch_add(1, Ordering::Relaxed))?;
                }
                Ok(())
            };
            let players: Vec<_> = (0..guests).map(|_| scope.spawn(player)).collect();
            players.into_iter().try_for_each(|player| player.join().expect("no player panics"))
        })
    }

    /// Plays a round, counts it, and says how it went.
    fn play(&self, number: u64) -> Result<()> {
        let round = Round::of(self.seed, number, self.wanted);
        let begun = Instant::now();
        let name = format!("round {number}");
        let is_broken =
            |played: &Result<Played>| played.as_ref().is_ok_and(|p| p.verdict == Verdict::Broken);
        let played = host::undisturbed(&name, is_broken, || played(&round, self.programs))?;
        self.table.lock().expect("no player panicked").count(round.fault, played.verdict);
        let seconds = begun.elapsed().as_secs_f32();
        let name = round.fault.name;
        let word = match played.verdict {
            Verdict::Refused => "refused",
            Verdict::Finished => "finished",
            Verdict::Broken => "BROKEN",
        };
        say(&format!("round {number}: {name}: {word} ({seconds:.0} s)"));
        if played.verdict == Verdict::Broken {
            let log = self.keep_log(number, &played.log)?;
            say(&format!("{}; all of it is in {}", played.why, log.display()));
            let only = if (self.wanted)(&FAULTS[0]) { "" } else { " --lvsync" };
            say(&format!("again: cargo xtask torture{only} --seed {} --round {number}", self.seed));
        }
        Ok(())
    }

    fn keep_log(&self, number: u64, log: &str) -> Result<PathBuf> {
        let folder = root().join("target/torture");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}-{number}.log", self.seed));
        fs::write(&path, log).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

struct Played {
    verdict: Verdict,
    log: String,
    /// For a broken promise, in a line.
    why: String,
}

/// Plays a round in a guest of its own. An error is one of this machine; whatever happens in the
/// guest is a verdict.
fn played(round: &Round, programs: &Path) -> Result<Played> {
    let mut guest = Guest::new()?
        .with_disk(DISK_MB)?
        .with_disk(DISK_MB)?
        .with_disk(DISK_MB)?
        .with_memory(MEMORY_MB)
        .with_share("bin", programs)?
        .with_time_limit(LIMIT);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let script = |name: &str, text: String| -> Result<PathBuf> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    };
    let first = script("round.sh", round.script())?;
    let (outcome, before) = match round.fault.kind {
        Kind::Plain => (guest.run(&first)?, String::new()),
        Kind::PowerCut => match until_power_cut(&mut guest, &first) {
            Ok(outcome) => {
                let second = script("again.sh", round.second_script())?;
                (guest.run(&second)?, outcome.to_string())
            }
            Err(error) => {
                let log = format!("{error:#}");
                let why = reason(&log, "the first boot did not come as far as the power cut");
                return Ok(Played { verdict: Verdict::Broken, log, why });
            }
        },
    };
    Ok(judged(&outcome, &before))
}

/// Kills the guest at the moment that its script tells.
fn until_power_cut(guest: &mut Guest, script: &Path) -> Result<Outcome> {
    let mut running = guest.boot(script)?;
    let told = running.wait_for("power cut in ")?;
    let Some(milliseconds) = told.strip_suffix(" ms").and_then(|number| number.parse().ok()) else {
        bail!("not a time: {told:?}");
    };
    thread::sleep(Duration::from_millis(milliseconds));
    running.power_cut()
}

fn judged(outcome: &Outcome, before: &str) -> Played {
    let log = format!("{before}{outcome}");
    let told = outcome.log.lines().rev().find_map(|line| line.strip_prefix("verdict: "));
    let (verdict, why) = match (outcome.end, told) {
        (End::Exit(0), Some("refused")) => (Verdict::Refused, String::new()),
        (End::Exit(0), Some("finished")) => (Verdict::Finished, String::new()),
        (End::Exit(0), _) => (Verdict::Broken, "the script ended and gave no verdict".to_owned()),
        (End::Exit(_), _) => (Verdict::Broken, reason(&outcome.log, &outcome.end.to_string())),
        // What a script says that cannot end says little: that it did not is the matter.
        (end, _) => (Verdict::Broken, end.to_string()),
    };
    Played { verdict, log, why }
}

/// The line in which a script says what failed.
fn reason(log: &str, otherwise: &str) -> String {
    log.lines().find(|line| line.starts_with("FAILED: ")).unwrap_or(otherwise).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(end: End, log: &str) -> Played {
        super::judged(&Outcome { end, log: log.to_owned(), console: String::new() }, "")
    }

    #[test]
    fn a_verdict_counts_where_the_script_came_to_its_end() {
        assert_eq!(judged(End::Exit(0), "verdict: refused").verdict, Verdict::Refused);
        assert_eq!(judged(End::Exit(0), "verdict: finished").verdict, Verdict::Finished);
        for (end, log, why) in [
            (End::Exit(0), "", "no verdict"),
            (End::Exit(1), "FAILED: this", "FAILED: this"),
            (End::Exit(1), "", "status 1"),
            (End::Died, "verdict: refused\nFAILED: this", "the guest died"),
            (End::TimedOut(LIMIT), "verdict: refused", "not done after"),
        ] {
            let played = judged(end, log);
            assert_eq!(played.verdict, Verdict::Broken, "{end}");
            assert!(played.why.contains(why), "{end}: {}", played.why);
        }
    }
}
