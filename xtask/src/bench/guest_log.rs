//! [`GuestLog`]: the figures that a script in a guest measured.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use system_tests::{End, Guest};

use super::pairs::Ratio;
use crate::guest::own_script;

/// What a script printed: among other lines those that begin with a name and end in two numbers.
pub(crate) struct GuestLog(String);

impl GuestLog {
    /// Runs a script of the project to its end.
    pub(crate) fn of(guest: &mut Guest, script: &str) -> Result<Self> {
        let mut log = Vec::new();
        let outcome = guest.boot(&own_script(script))?.wait_copying(&mut log)?;
        let log = String::from_utf8_lossy(&log).into_owned();
        ensure!(outcome.end == End::Exit(0), "{}: {log}", outcome.end);
        Ok(Self(log))
    }

    /// Theirs against ours, as `pair NAME` told it.
    pub(crate) fn ratio(&self, name: &str) -> Result<Ratio> {
        let (theirs, ours) = self.times(name)?;
        Ok(Ratio::between(&theirs, &ours))
    }

    /// The times of both, as `pair NAME` told them.
    pub(crate) fn times(&self, name: &str) -> Result<(Vec<Duration>, Vec<Duration>)> {
        let pairs = self.numbers(&format!("pair {name} "))?;
        ensure!(!pairs.is_empty(), "the guest measured no {name}");
        let times =
            pairs.into_iter().map(|[theirs, ours]| [theirs, ours].map(Duration::from_nanos));
        Ok(times.map(|[theirs, ours]| (theirs, ours)).unzip())
    }

    /// Bytes in a second, as `rate NAME` told them.
    pub(crate) fn rate(&self, name: &str) -> Result<f64> {
        let [bytes, nanoseconds] = self.only(&format!("rate {name} "))?;
        Ok(bytes as f64 / Duration::from_nanos(nanoseconds).as_secs_f64().max(1e-9))
    }

    /// Whether a line begins so.
    pub(crate) fn has(&self, begin: &str) -> bool {
        self.lines(begin).next().is_some()
    }

    /// The two numbers after the first line that begins so.
    pub(crate) fn only(&self, begin: &str) -> Result<[u64; 2]> {
        let numbers = self.numbers(begin)?;
        numbers.first().copied().with_context(|| format!("the guest told no {begin}"))
    }

    /// The two numbers after each line that begins so.
    fn numbers(&self, begin: &str) -> Result<Vec<[u64; 2]>> {
        self.lines(begin)
            .map(|line| match line.split(' ').map(str::parse).collect::<Vec<_>>().as_slice() {
                [Ok(theirs), Ok(ours)] => Ok([*theirs, *ours]),
                _ => bail!("not two numbers: {line}"),
            })
            .collect()
    }

    /// What follows in the lines that begin so.
    fn lines(&self, begin: &str) -> impl Iterator<Item = &str> {
        self.0.lines().filter_map(move |line| line.trim().strip_prefix(begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_among_other_lines() {
        let log =
            GuestLog("$ run\r\npair a 300 100\r\npair ab 1 1\npair a 100 100\nrate w 8 2\n".into());
        assert_eq!(log.ratio("a").unwrap().to_string(), "3.00 (1.00 to 3.00)");
        assert!((log.rate("w").unwrap() / 4e9 - 1.0).abs() < 1e-9);
        assert!(log.has("pair ab") && !log.has("pair b"));
        assert!(log.ratio("b").is_err() && log.only("$ ").is_err());
    }
}
