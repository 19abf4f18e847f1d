//! [`Ratio`]: theirs against ours, in turn.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Ratios of pairs of measurements.
pub(crate) struct Ratio {
    /// In ascending order.
    ratios: Vec<f64>,
}

impl Ratio {
    /// From the times of runs in turn, theirs and ours.
    pub(crate) fn between(theirs: &[Duration], ours: &[Duration]) -> Self {
        let pairs: Vec<_> = theirs.iter().copied().zip(ours.iter().copied()).collect();
        Self::of(&pairs)
    }

    /// From pairs of times, theirs and ours.
    pub(crate) fn of(pairs: &[(Duration, Duration)]) -> Self {
        let ratio = |(theirs, ours): &(Duration, Duration)| {
            theirs.as_secs_f64() / ours.as_secs_f64().max(1e-9)
        };
        let mut ratios: Vec<f64> = pairs.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        Self { ratios }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |ratio: f64| if ratio < 20.0 { 2 } else { 0 };
        let [low, middle, high] = [0, self.ratios.len() / 2, self.ratios.len() - 1]
            .map(|place| format!("{:.*}", digits(self.ratios[place]), self.ratios[place]));
        write!(formatter, "{middle} ({low} to {high})")
    }
}

/// The median of some times, or of anything else that has an order.
pub(crate) fn median<T: Ord + Copy>(values: &[T]) -> T {
    let mut values = values.to_vec();
    values.sort();
    values[values.len() / 2]
}

/// Runs commands in turn, as often as is told after a warm-up; yields the times of each.
pub(crate) fn in_turn<const N: usize>(
    commands: [(&str, &[&str]); N],
    runs: u32,
) -> Result<[Vec<Duration>; N]> {
    let mut times = [const { Vec::new() }; N];
    for number in 0..=runs {
        for (times, (program, arguments)) in times.iter_mut().zip(commands) {
            let took = time(program, arguments)?;
            if number > 0 {
                times.push(took);
            }
        }
    }
    Ok(times)
}

/// Runs a command on one core, its output thrown away; yields how long it took as a whole process.
fn time(program: &str, arguments: &[&str]) -> Result<Duration> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0", program]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    let took = begun.elapsed();
    ensure!(status.success(), "{program} {} failed: {status}", arguments.join(" "));
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_with_its_bounds() {
        let pair = |theirs, ours| (Duration::from_millis(theirs), Duration::from_millis(ours));
        let pairs = [pair(100, 50), pair(300, 100), pair(100, 1), pair(50, 50), pair(25, 10)];
        assert_eq!(Ratio::of(&pairs).to_string(), "2.50 (1.00 to 100)");
        let (theirs, ours) = (pairs.map(|(theirs, _)| theirs), pairs.map(|(_, ours)| ours));
        assert_eq!(Ratio::between(&theirs, &ours).to_string(), "2.50 (1.00 to 100)");
        assert_eq!(median(&theirs), Duration::from_millis(100));
    }
}
