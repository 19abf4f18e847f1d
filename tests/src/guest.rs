//! A guest: its disks, its folders, and its boot.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::cable::CableEnd;
use crate::memory;
use crate::outcome::Outcome;
use crate::process::{Running, run_on_terminal, terminal_size};
use crate::processor::Processor;
use crate::programs;

const INIT: &str = include_str!("../guest/init.sh");
/// What scenarios source, from `/run/guest`.
const LIBRARIES: [(&str, &str); 16] = [
    ("lib.sh", include_str!("../guest/lib.sh")),
    ("net.sh", include_str!("../guest/net.sh")),
    ("sync.sh", include_str!("../guest/sync.sh")),
    ("pids.sh", include_str!("../guest/pids.sh")),
    ("pairs.sh", include_str!("../guest/pairs.sh")),
    ("torture/round.sh", include_str!("../guest/torture/round.sh")),
    ("torture/devices.sh", include_str!("../guest/torture/devices.sh")),
    ("torture/lvdiff.sh", include_str!("../guest/torture/lvdiff.sh")),
    ("torture/lvpatch.sh", include_str!("../guest/torture/lvpatch.sh")),
    ("torture/input.sh", include_str!("../guest/torture/input.sh")),
    ("torture/impostor.sh", include_str!("../guest/torture/impostor.sh")),
    ("torture/pool.sh", include_str!("../guest/torture/pool.sh")),
    ("torture/power.sh", include_str!("../guest/torture/power.sh")),
    ("torture/merge.sh", include_str!("../guest/torture/merge.sh")),
    ("torture/sync.sh", include_str!("../guest/torture/sync.sh")),
    ("torture/threads.sh", include_str!("../guest/torture/threads.sh")),
];

/// Starts the kernel of another release: it wants that release's libraries, and its init lies in a folder of
/// the host. Both are mounted in a namespace of the guest's own: nothing of it is left on the host. The
/// arguments are the root, the folder of the libraries, and the guest's own folder.
const OTHER_RELEASE: &str = r#"set -e
mount --bind "$3" "$1/mnt"
mount --bind "$1/$2" "/$2"
kernel=$1/usr/bin/linux.uml
shift 3
exec "$kernel" "$@""#;

/// user-mode Linux has ubda to ubdh.
const MAX_DISKS: usize = 8;

/// A machine that can be booted: disks, memory, and the host's folders it sees.
///
/// The disks live in a temporary folder, which goes away with the value. One boot after another
/// sees the same disks.
#[derive(Debug)]
pub struct Guest {
    work: TempDir,
    disks: Vec<PathBuf>,
    shares: Vec<(String, PathBuf)>,
    host_name: String,
    cable: Option<CableEnd>,
    root: Option<Root>,
    memory_mb: u32,
    limit: Duration,
}

/// The root of another release, with its own kernel.
#[derive(Debug)]
struct Root {
    folder: PathBuf,
    /// Where its libraries are, in it and on the host.
    libraries: String,
}

impl Guest {
    /// A guest with 512 MB of memory, ten minutes for each boot, and no disk.
    ///
    /// # Errors
    /// The temporary folder cannot be made, or its path cannot be told to user-mode Linux.
    pub fn new() -> Result<Self> {
        let work = tempfile::Builder::new()
            .prefix("guest-")
            .tempdir()
            .context("cannot make a temporary folder for the guest")?;
        ensure_plain(work.path())?;
        for dir in ["lib", "lib/torture", "out", "state"] {
            fs::create_dir(work.path().join(dir))?;
        }
        Ok(Self {
            work,
            disks: Vec::new(),
            shares: Vec::new(),
            host_name: "guest".into(),
            cable: None,
            root: None,
            memory_mb: 512,
            limit: Duration::from_secs(600),
        })
    }

    /// Adds an empty sparse disk: the first is `/dev/ubda` in the guest, the second `/dev/ubdb`.
    ///
    /// # Errors
    /// The image cannot be made, or there are eight disks already.
    pub fn with_disk(mut self, megabytes: u64) -> Result<Self> {
        ensure!(self.disks.len() < MAX_DISKS, "a guest has at most {MAX_DISKS} disks");
        let path = self.work.path().join(format!("disk{}", self.disks.len()));
        File::create(&path)?.set_len(megabytes << 20)?;
        self.disks.push(path);
        Ok(self)
    }

    /// Shows a folder of the host, read-only, at `/run/<name>`. `/run/bin` is first on the PATH.
    ///
    /// # Errors
    /// The folder does not exist, or its path cannot be told to the guest's `mount`.
    pub fn with_share(mut self, name: &str, dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().with_context(|| format!("no folder {}", dir.display()))?;
        ensure_plain(&dir)?;
        self.shares.push((name.into(), dir));
        Ok(self)
    }

    /// Takes another root than the host's: a folder that debootstrap has made, with user-mode Linux in it,
    /// whose kernel and programs are the guest's. It stays as it is. To boot, this process must be root's.
    ///
    /// # Errors
    /// There is no such folder, or no kernel in it; or its path cannot be told to user-mode Linux.
    pub fn with_root(mut self, folder: &Path) -> Result<Self> {
        let folder =
            folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?;
        ensure_plain(&folder)?;
        let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        for file in ["usr/bin/linux.uml", &format!("{libraries}/libc.so.6")] {
            ensure!(folder.join(file).exists(), "{} has no {file}", folder.display());
        }
        self.root = Some(Root { folder, libraries });
        Ok(self)
    }

    /// Plugs a cable in: the guest's network card `vec0`, down and without an address at boot.
    #[must_use]
    pub fn with_cable(mut self, end: CableEnd) -> Self {
        self.cable = Some(end);
        self
    }

    /// Sets the guest's host name, which is `guest` otherwise.
    #[must_use]
    pub fn with_host_name(mut self, name: &str) -> Self {
        self.host_name = name.into();
        self
    }

    /// Sets the guest's memory. Its /tmp can take half of that.
    #[must_use]
    pub fn with_memory(mut self, megabytes: u32) -> Self {
        self.memory_mb = megabytes;
        self
    }

    /// Sets the time a boot may take, the scenario included.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The image of a disk, counted from 0. It must not be written while the guest runs.
    ///
    /// # Panics
    /// There is no such disk.
    #[must_use]
    pub fn disk(&self, index: usize) -> &Path {
        &self.disks[index]
    }

    /// The folder that is `/run/out` in the guest, where a scenario can leave files for the host.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.work.path().join("out")
    }

    /// Boots the guest with a scenario, a bash script, and returns while it runs.
    ///
    /// # Errors
    /// The scenario cannot be read, or user-mode Linux cannot be started.
    pub fn boot(&mut self, scenario: &Path) -> Result<Running<'_>> {
        let init = self.write_init(scenario, "terminal=/dev/ttyS0\n")?;
        // Bound to a processor, a guest with a cable now and then does not see for seconds what
        // the other one sent.
        let processor = if self.cable.is_none() { Processor::take() } else { None };
        let mut command = self.command(&init, processor.as_ref())?;
        command.args(["con0=null,fd:2", "ssl0=null,fd:1"]);
        if let Some(cable) = &self.cable {
            command.arg(CableEnd::KERNEL_OPTION).stdin(cable.stdin()?);
        } else {
            command.stdin(Stdio::null());
        }
        Running::start(command, processor, self.work.path(), self.limit)
    }

    /// Boots the guest with a scenario and waits for its end.
    ///
    /// # Errors
    /// As [`Guest::boot`]. A scenario that fails is not an error, but an [`Outcome`].
    pub fn run(&mut self, scenario: &Path) -> Result<Outcome> {
        self.boot(scenario)?.wait()
    }

    /// Boots the guest with its console on the terminal of this process, without a time limit and
    /// without its cable.
    ///
    /// # Errors
    /// As [`Guest::boot`]; or the guest died.
    pub fn run_on_terminal(&mut self, scenario: &Path) -> Result<()> {
        let term = std::env::var("TERM").unwrap_or_else(|_| "linux".into());
        let settings = format!(
            "terminal=/dev/tty0\nTERM={}\nsize={}\n",
            quoted(&term),
            quoted(&terminal_size())
        );
        let init = self.write_init(scenario, &settings)?;
        let processor = Processor::take();
        let mut command = self.command(&init, processor.as_ref())?;
        command.arg("con0=fd:0,fd:1");
        run_on_terminal(command)
    }

    fn command(&self, init: &Path, processor: Option<&Processor>) -> Result<Command> {
        // An id of its own for every boot of every process.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("g{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let state = self.work.path().join("state");
        let mut command = Command::new("setpriv");
        // SIGTERM at the death of the thread that started it: user-mode Linux then takes its helper
        // processes with it, which it cannot do after SIGKILL.
        command.args(["--pdeathsig", "TERM", "--"]);
        if let Some(processor) = processor {
            command.args(["taskset", "--cpu-list", &processor.number().to_string()]);
        }
        let (root, init) = match &self.root {
            None => {
                command.arg("linux.uml");
                (Path::new("/"), init.to_path_buf())
            }
            Some(Root { folder, libraries }) => {
                command.args(["unshare", "--mount", "bash", "-c", OTHER_RELEASE, "bash"]);
                command.args([folder, Path::new(libraries), self.work.path()]);
                let name = init.file_name().expect("init is a file");
                (folder.as_path(), Path::new("/mnt").join(name))
            }
        };
        command
            .args(["quiet", "con=null", "ssl=null"])
            .args(["root=/dev/root", "rootfstype=hostfs", "ro"])
            .arg(format!("rootflags={}", root.display()))
            .arg(format!("umid={id}"))
            .arg(format!("uml_dir={}", state.display()))
            .arg(format!("mem={}M", self.memory_mb))
            .arg(format!("init={}", init.display()))
            .env("TMPDIR", memory::backing_dir(self.memory_mb, &state))
            .env("LD_PRELOAD", programs::wide_registers()?);
        for (index, disk) in self.disks.iter().enumerate() {
            command.arg(format!("ubd{index}={}", disk.display()));
        }
        Ok(command)
    }

    /// Writes the guest's init: a few settings, then `guest/init.sh` as it stands.
    fn write_init(&self, scenario: &Path, settings: &str) -> Result<PathBuf> {
        let work = self.work.path();
        let name = scenario.file_name().context("a scenario is a file")?;
        let target = work.join("lib").join(name);
        fs::copy(scenario, &target)
            .with_context(|| format!("cannot read the scenario {}", scenario.display()))?;
        for (name, text) in LIBRARIES {
            fs::write(work.join("lib").join(name), text)?;
        }

        let mut text = String::from("#!/bin/bash\n");
        let lib = work.join("lib");
        let shares = self.shares.iter().map(|(name, dir)| (name.as_str(), dir.as_path()));
        text += "shares=(";
        for (name, dir) in shares.chain([("guest", lib.as_path())]) {
            text += &format!("{} ", quoted(&format!("{name}={}", dir.display())));
        }
        text += ")\n";
        text += &format!("out={}\n", quoted(&self.out().display().to_string()));
        text += &format!("host={}\n", quoted(&self.host_name));
        text += settings;
        text += &format!("scenario={}\n", quoted(&name.to_string_lossy()));
        text += INIT;

        let init = work.join("init");
        fs::write(&init, text)?;
        fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
        Ok(init)
    }
}

/// Paths go to the kernel's command line and to mount's options, which know no quoting.
fn ensure_plain(path: &Path) -> Result<()> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    ensure!(
        !text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '"' | '\\')),
        "the path {text:?} cannot be told to a guest: it has a space, a comma or a colon"
    );
    Ok(())
}

/// The text as one word of bash.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_a_meaning_are_refused() {
        assert!(ensure_plain(Path::new("/tmp/guest-1")).is_ok());
        for path in ["/a b", "/a,b", "/a:b"] {
            assert!(ensure_plain(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_quote_is_quoted() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_root_has_a_kernel_and_its_libraries() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let error = Guest::new()?.with_root(folder.path()).expect_err("it is empty");
        assert!(error.to_string().contains("linux.uml"), "{error}");
        Ok(())
    }

    #[test]
    fn disks_are_sparse_and_addressable() -> Result<()> {
        let guest = Guest::new()?.with_disk(64)?.with_disk(1 << 20)?;
        assert_eq!(fs::metadata(guest.disk(0))?.len(), 64 << 20);
        assert_eq!(fs::metadata(guest.disk(1))?.len(), 1 << 40);
        Ok(())
    }
}
