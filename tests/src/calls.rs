//! The system calls of a program, as strace writes them down.
//!
//! What a program asks of the kernel is the same on every machine, fast or slow, busy or idle: it is counted where
//! a time would have to be measured.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};

use crate::processor::Processor;

/// What is written down. A call that is not among these costs the program no stop.
const TRACED: &str = "trace=read,readv,pread64,preadv,preadv2,write,writev,pwrite64,pwritev,pwritev2,lseek,\
                      fsync,fdatasync,syncfs,sync_file_range,mmap,munmap,mremap,brk,\
                      madvise,mprotect,futex,clone,clone3";

const READS: [&str; 5] = ["read", "readv", "pread64", "preadv", "preadv2"];
const WRITES: [&str; 5] = ["write", "writev", "pwrite64", "pwritev", "pwritev2"];
const SYNCS: [&str; 4] = ["fsync", "fdatasync", "syncfs", "sync_file_range"];
const MEMORY: [&str; 6] = ["mmap", "munmap", "mremap", "brk", "madvise", "mprotect"];
const THREADS: [&str; 2] = ["clone", "clone3"];

/// One call of a program's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    name: String,
    /// What its first argument names, where that is a descriptor.
    file: Option<String>,
    /// What it came to; nothing where it failed or never returned.
    result: Option<u64>,
}

/// The calls of a program and all of its threads.
#[derive(Clone, Debug, Default)]
pub struct Calls(Vec<Call>);

impl Calls {
    /// Runs a program to its end, on one processor; yields what it said and what it called.
    ///
    /// # Errors
    /// strace cannot be run, or writes what is not known here.
    pub fn of(program: &Path, arguments: &[&str], stdin: Stdio) -> Result<(Output, Self)> {
        let log = tempfile::NamedTempFile::new()?;
        // The filter in the kernel: no stop for a call that is not written down, so that threads take turns nearly
        // as they do without it.
        let options =
            ["-f", "--seccomp-bpf", "-qq", "-y", "-s", "0", "-e", "signal=none", "-e", TRACED];
        let processor = Processor::take();
        let mut command = match &processor {
            Some(processor) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &processor.number().to_string(), "strace"]);
                command
            }
            None => Command::new("strace"),
        };
        command.args(options).arg("-o").arg(log.path()).arg(program).args(arguments);
        let output = command.stdin(stdin).output().context("cannot run strace")?;
        Ok((output, Self::parse(&std::fs::read_to_string(log.path())?)?))
    }

    fn parse(log: &str) -> Result<Self> {
        let mut calls = Vec::new();
        // Which call each thread is in.
        let mut begun = HashMap::new();
        for line in log.lines() {
            let (thread, call) = line.split_once(' ').with_context(|| line.to_owned())?;
            let call = call.trim_start();
            if call.starts_with("<... ") {
                if let Some(number) = begun.remove(thread) {
                    let call: &mut Call = &mut calls[number];
                    call.result = result(line);
                }
                continue;
            }
            // `--- SIGSEGV …`, `+++ exited …`
            let Some((name, arguments)) = call.split_once('(') else { continue };
            if line.ends_with("<unfinished ...>") {
                begun.insert(thread, calls.len());
            }
            calls.push(Call { name: name.into(), file: file(arguments), result: result(line) });
        }
        Ok(Self(calls))
    }

    /// Those whose descriptor is of this file.
    #[must_use]
    pub fn on(&self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.those(|call| call.file.as_ref().is_some_and(|file| OsStr::new(file) == path))
    }

    /// Those whose descriptor is of a file in this folder, or of one that had no name there.
    #[must_use]
    pub fn in_folder(&self, folder: &Path) -> Self {
        let folder = folder.as_os_str();
        self.those(|call| {
            call.file.as_ref().is_some_and(|file| Path::new(file).starts_with(folder))
        })
    }

    fn those(&self, are: impl Fn(&Call) -> bool) -> Self {
        Self(self.0.iter().filter(|call| are(call)).cloned().collect())
    }

    fn named(&self, names: &[&str]) -> Self {
        self.those(|call| names.contains(&call.name.as_str()))
    }

    /// Those that read something, or an end. Some fail where the page cache lacks what they ask for, and another
    /// one follows: how many is nothing that a program decides.
    #[must_use]
    pub fn reads(&self) -> Self {
        self.named(&READS).those(|call| call.result.is_some())
    }

    /// Those that wrote something.
    #[must_use]
    pub fn writes(&self) -> Self {
        self.named(&WRITES).those(|call| call.result.is_some())
    }

    /// Those that wait until something is on a disk.
    #[must_use]
    pub fn syncs(&self) -> Self {
        self.named(&SYNCS)
    }

    /// Those by which a thread sleeps or wakes another one.
    #[must_use]
    pub fn futexes(&self) -> Self {
        self.named(&["futex"])
    }

    /// Those that take memory from the kernel, or give it back.
    #[must_use]
    pub fn memory(&self) -> Self {
        self.named(&MEMORY)
    }

    /// Those that go elsewhere in a file.
    #[must_use]
    pub fn seeks(&self) -> Self {
        self.named(&["lseek"])
    }

    /// Those that started a thread or a process.
    #[must_use]
    pub fn threads(&self) -> Self {
        // A kernel or a container without clone3 refuses it, and clone follows.
        self.named(&THREADS).those(|call| call.result.is_some())
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// How many bytes they read or wrote.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().filter_map(|call| call.result).sum()
    }
}

/// `… = 4096`; not `… = -1 EAGAIN (…)` or `… = ?`.
fn result(line: &str) -> Option<u64> {
    let (_, result) = line.rsplit_once(") = ").or_else(|| line.rsplit_once(" = "))?;
    result.split(['<', ' ']).next()?.parse().ok()
}

/// `3</path/of/it>, …`
fn file(arguments: &str) -> Option<String> {
    let (descriptor, rest) = arguments.split_once('<')?;
    descriptor.parse::<u32>().ok()?;
    let (file, _) = rest.split_once('>')?;
    Some(file.trim_end_matches(" (deleted)").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
10 openat(AT_FDCWD</>, \"a\", O_RDONLY|O_CLOEXEC) = 3</dir/a>
10 clone3({flags=CLONE_VM, stack_size=0x20000} => {parent_tid=[0]}, 88) = -1 ENOSYS (Function not implemented)
10 clone(child_stack=0x7f, flags=CLONE_VM) = 11
10 pread64(3</dir/a>,  <unfinished ...>
11 futex(0x7ffe, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>
10 <... pread64 resumed>\"\"..., 4096, 0) = 4096
11 <... futex resumed>) = -1 EAGAIN (Resource temporarily unavailable)
11 preadv2(3</dir/a>, [{iov_base=\"\"..., iov_len=4096}], 1, 8192, RWF_NOWAIT) = -1 EAGAIN (Resource temporarily unavailable)
11 write(4</dir/b (deleted)>, \"\"..., 100) = 100
11 futex(0x7ffe, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>
10 exit_group(0) = ?
";

    #[test]
    fn calls_are_told_by_their_files_and_results() -> Result<()> {
        let calls = Calls::parse(LOG)?;
        assert_eq!((calls.reads().count(), calls.reads().bytes()), (1, 4096));
        assert_eq!(calls.on("/dir/a").count(), 2);
        assert_eq!((calls.on("/dir/b").writes().count(), calls.writes().bytes()), (1, 100));
        assert_eq!((calls.futexes().count(), calls.threads().count()), (2, 1));
        assert_eq!(calls.syncs().count() + calls.seeks().count(), 0);
        Ok(())
    }
}
