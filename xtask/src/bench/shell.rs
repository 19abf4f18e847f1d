//! Lines of shell, with pipes and redirections.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::pairs::Ratio;

/// Runs a line; yields its standard output.
pub(crate) fn run(line: &str) -> Result<String> {
    let mut bash = Command::new("bash");
    bash.args(["-o", "pipefail", "-c", line]).stdin(Stdio::null());
    let output = bash.stderr(Stdio::inherit()).output().context("cannot run bash")?;
    ensure!(output.status.success(), "{line} failed: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether there is a program of this name.
pub(crate) fn has(program: &str) -> bool {
    run(&format!("command -v {program}")).is_ok()
}

/// How many bytes a line writes.
pub(crate) fn bytes_of(line: &str) -> Result<u64> {
    let text = run(&format!("{line} | wc -c"))?;
    text.trim().parse().with_context(|| format!("{line} said: {text}"))
}

/// Theirs and ours in turn, as often as is told after a warm-up, and `before` each of them, untimed.
pub(crate) fn pairs(before: &str, theirs: &str, ours: &str, runs: u32) -> Result<Ratio> {
    let [theirs, ours] = in_turn(before, [theirs, ours], runs)?;
    Ok(Ratio::between(&theirs, &ours))
}

/// The times of lines in turn, as often as is told after a warm-up, and `before` each of them, untimed.
pub(crate) fn in_turn<const N: usize>(
    before: &str,
    lines: [&str; N],
    runs: u32,
) -> Result<[Vec<Duration>; N]> {
    let mut times = [const { Vec::new() }; N];
    for number in 0..=runs {
        for (times, line) in times.iter_mut().zip(lines) {
            run(before)?;
            let begun = Instant::now();
            run(line)?;
            if number > 0 {
                times.push(begun.elapsed());
            }
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fails_where_any_part_of_a_pipe_fails() {
        assert_eq!(run("echo text | cat").unwrap(), "text\n");
        assert!(run("false | cat").is_err());
        assert_eq!(bytes_of("printf 1234").unwrap(), 4);
        assert!(has("bash") && !has("no-such-program"));
    }
}
