//! Running LVM's own commands.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::error::Result;

/// The form of a report, whatever lvm.conf says of it: with compact output, fields that are empty are
/// left out, and what is put before messages is put before the report's lines, too.
const FORM: &str = r#"report { time_format="%s" compact_output=0 compact_output_cols="" list_item_separator=","
    prefixes=0 headings=1 columns_as_rows=0 buffered=1 binary_values_as_numeric=1 }
    log { report_command_log=0 prefix="" command_names=0 }"#;

/// Where LVM writes: a report's descriptor is the standard output, and has nothing else on it. Whatever
/// a command says beside its report ("Retrying metadata scan.", what log/verbose asks for) is a message.
const APART: [(&str, &str); 2] = [("LVM_REPORT_FD", "1"), ("LVM_OUT_FD", "2")];

#[derive(Deserialize)]
struct Answer<R> {
    report: Vec<Report<R>>,
}

/// A part of a report; its rows are called by the command's own word.
#[derive(Deserialize)]
struct Report<R> {
    #[serde(alias = "lv", alias = "pv", alias = "vg")]
    rows: Vec<R>,
}

/// Runs `lvs`, `pvs` or `vgs`: its rows, with sizes in bytes.
pub(crate) fn report<R: DeserializeOwned>(
    program: &'static str,
    fields: &str,
    options: &[&str],
) -> Result<Vec<R>> {
    let form = ["--config", FORM, "--reportformat", "json", "--units", "b", "--nosuffix"];
    let arguments = [&form[..], &["--options", fields], options].concat();
    rows(program, &run_with(program, &arguments, &APART)?)
}

/// Parses what [`report`] gets.
pub(crate) fn rows<R: DeserializeOwned>(program: &'static str, json: &[u8]) -> Result<Vec<R>> {
    let answer: Answer<R> = serde_json::from_slice(json).map_err(|error| Error::Parse {
        what: "a report from LVM",
        found: format!("{program}: {error}"),
    })?;
    Ok(answer.report.into_iter().flat_map(|report| report.rows).collect())
}

/// Runs `program` with `arguments`; yields its standard output.
///
/// The arguments go to the program as they are, through no shell. It gets no input, a process
/// group of its own (Ctrl-C at the terminal must not end it half-way), and messages in English.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    run_with(program, arguments, &[])
}

fn run_with(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut command = prepare(program, arguments);
    command.envs(environment.iter().copied());
    let output =
        patiently(|| command.output()).map_err(|error| Error::NotStarted(program.into(), error))?;
    let message = String::from_utf8_lossy(&output.stderr);
    for line in message.lines() {
        log::debug!("{program}: {}", line.trim());
    }
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(failure(program, arguments, output.status, message.lines()))
}

/// Runs a command of LVM's that tells in `words`, after the line that is there, what it does, step by
/// step. It holds that file open until it has ended, also where this process ends before it.
pub(crate) fn run_telling(program: &str, arguments: &[&str], words: &File) -> Result<()> {
    // Steps are indented then, and errors are not.
    let form = ["-v", "--config", r#"log { prefix="" indent=1 report_command_log=0 }"#];
    let arguments = [arguments, &form].concat();
    let run = || {
        let (stdout, stderr) = (words.try_clone()?, words.try_clone()?);
        prepare(program, &arguments).stdout(stdout).stderr(stderr).status()
    };
    let status = patiently(run).map_err(|error| Error::NotStarted(program.into(), error))?;
    if status.success() {
        return Ok(());
    }
    let mut told = vec![0; 1 << 16];
    let length = words.read_at(&mut told, 0).unwrap_or(0);
    let told = String::from_utf8_lossy(&told[..length]);
    let errors = told.lines().filter(|line| !line.starts_with(' '));
    // The first line is ours.
    Err(failure(program, &arguments, status, errors.skip(1)))
}

fn prepare(program: &str, arguments: &[&str]) -> Command {
    log::debug!("{program} {}", arguments.join(" "));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PATH", search_path(&std::env::var("PATH").unwrap_or_default()))
        .env("LC_ALL", "C")
        .env("LVM_SUPPRESS_FD_WARNINGS", "1")
        // What our caller has told LVM of descriptors is of its own ones.
        .env_remove("LVM_REPORT_FD")
        .env_remove("LVM_OUT_FD")
        .env_remove("LVM_ERR_FD")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

fn failure<'a>(
    program: &str,
    arguments: &[&str],
    status: ExitStatus,
    message: impl Iterator<Item = &'a str>,
) -> Error {
    if !nix::unistd::geteuid().is_root() {
        return Error::NeedsRoot(format!("`{program}`"));
    }
    let message = message.map(str::trim).collect::<Vec<_>>().join("; ");
    let message = if message.is_empty() { status.to_string() } else { message };
    Error::Command { command: format!("{program} {}", arguments.join(" ")), message }
}

/// How long a limit of processes is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs a command to its end. A thread that has ended counts as a process for a moment more, and this is
/// also how a run clears up that had no room for more threads.
fn patiently<T>(mut run: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let begun = Instant::now();
    loop {
        match run() {
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < PATIENCE =>
            {
                sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}

/// LVM's commands lie in sbin, which is not on everybody's path. They never lie in the current
/// folder, which is what an empty or relative element means: root must not run what lies there.
fn search_path(path: &str) -> String {
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    let folders: Vec<_> = folders.chain(["/usr/local/sbin", "/usr/sbin", "/sbin"]).collect();
    folders.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_folder_is_never_searched() {
        assert_eq!(search_path(""), "/usr/local/sbin:/usr/sbin:/sbin");
        assert_eq!(search_path(":/bin::.:x:"), "/bin:/usr/local/sbin:/usr/sbin:/sbin");
    }
}
