//! A FIFO whose other end nobody opens: a signal ends the waiting. No kernel, no LVM, no root.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use system_tests::forge::{Frame, Header, stream};
use system_tests::programs;

/// A folder with a stream and a FIFO.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let stream = stream(&Header::of_size(1 << 20), &[Frame::data(0, &[1; 65536])]);
        fs::write(place.path("stream"), stream).unwrap();
        mkfifo(&place.path("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Child {
        let mut command = Command::new(programs::dir().unwrap().join(program));
        command.args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Waits for its end, and kills it where that does not come.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(5));
    }
    _ = child.kill();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether a process catches a signal (proc_pid_status(5), SigCgt).
fn catches(child: &Child, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    mask & 1 << (signal as i32 - 1) != 0
}

/// Whether a thread of its opens a file: the signal must not come before that.
fn opens(child: &Child) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm"));
    threads
        .flatten()
        .filter_map(|thread| name(thread).ok())
        .any(|name| name.trim_end() == "opening it")
}

#[test]
fn a_signal_ends_the_waiting_for_its_other_end() {
    let place = Place::new();
    for (program, arguments) in [
        ("lvpatch", &["--verify", "-i", "fifo"][..]),
        ("lvpatch", &["--verify", "-i", "stream", "-i", "fifo"]),
        ("lvdiff", &["--merge", "stream", "-o", "fifo"]),
        ("lvdiff", &["--merge", "stream", "-o", "out", "--head", "fifo"]),
    ] {
        let child = place.start(program, arguments);
        let begun = Instant::now();
        while !catches(&child, Signal::SIGTERM) || !opens(&child) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{program} {arguments:?}");
            sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let (code, stderr) = ended(child);
        assert_eq!(code, Some(1), "{program} {arguments:?}: {stderr}");
        assert!(stderr.contains("fifo: interrupted by SIGTERM"), "{stderr}");
        assert!(!place.path("out").exists());
    }
}

#[test]
fn what_comes_through_it_is_taken() {
    let place = Place::new();
    let reader = place.start("lvpatch", &["--verify", "-i", "fifo"]);
    let writer = place.start("lvdiff", &["--merge", "stream", "-o", "fifo"]);
    let (reader, writer) = (ended(reader), ended(writer));
    assert_eq!((reader.0, writer.0), (Some(0), Some(0)), "{reader:?} {writer:?}");
    let head = place.start("lvdiff", &["--merge", "stream", "-o", "out", "--head", "fifo"]);
    fs::write(place.path("fifo"), "Note: through a FIFO\n").unwrap();
    assert_eq!(ended(head).0, Some(0));
    let out = fs::read(place.path("out")).unwrap();
    assert!(out.windows(14).any(|bytes| bytes == b"through a FIFO"));
}

#[test]
fn a_list_of_streams_does_not_wait_for_it() {
    let place = Place::new();
    let (code, stderr) = ended(place.start("lvpatch", &["--info", "stream", "fifo"]));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("fifo is no regular file"), "{stderr}");
}
