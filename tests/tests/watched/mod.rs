//! A program that is given hostile input: how it ends, and how much memory it takes.
#![allow(dead_code)] // each test file uses a part of it

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use system_tests::programs;

/// More than this is a hang. Nothing here takes as much as a second.
const LIMIT_S: &str = "20";

/// What hostile input may make a program take at the most.
pub(crate) const MEMORY_KIB: u64 = 64 << 10;

/// A program that is going to be run.
pub(crate) struct Watched {
    command: Command,
    peak: tempfile::NamedTempFile,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) peak_kib: u64,
}

impl Watched {
    /// One of the programs under test, with nothing on standard input.
    pub(crate) fn new(program: &str) -> Self {
        let peak = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peak"));
        command.arg(LIMIT_S).arg(peak.path());
        command.arg(programs::dir().unwrap().join(program)).stdin(Stdio::null());
        Self { command, peak }
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn stdin(mut self, path: &Path) -> Self {
        self.command.stdin(File::open(path).unwrap());
        self
    }

    pub(crate) fn folder(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs it. It may neither hang, nor die of a signal or a panic, nor take much memory.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let output = self.command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap();
        assert!(code < 124, "it hung (124) or was killed (126), {code}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        let peak_kib = fs::read_to_string(self.peak.path()).unwrap().parse().unwrap();
        assert!(peak_kib <= MEMORY_KIB, "{peak_kib} KiB: {:?}: {stderr}", self.command);
        Ended { code, stdout: output.stdout, stderr, peak_kib }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> String {
        assert_eq!(self.code, code, "{}", self.stderr);
        self.stderr.clone()
    }
}
