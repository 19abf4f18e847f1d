//! Installing packages without starting the services in them.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Debian asks this program whether a package's service may be started.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While it is there, no package starts a service: the sshd is for guests, and must not open a port
/// of this machine. A machine that has a policy of its own keeps that.
#[derive(Debug)]
pub(crate) struct NoServices {
    made: Option<PathBuf>,
}

impl NoServices {
    /// # Errors
    /// The policy cannot be written.
    pub(crate) fn new() -> Result<Self> {
        Self::at(Path::new(POLICY))
    }

    fn at(path: &Path) -> Result<Self> {
        let mut options = fs::File::options();
        let mut file = match options.write(true).create_new(true).mode(0o755).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(Self { made: None });
            }
            file => file.with_context(|| format!("cannot make {}", path.display()))?,
        };
        let policy = Self { made: Some(path.into()) };
        // Left behind by a kill, it forbids nothing: 101 is no, 0 is yes.
        let process = std::process::id();
        write!(file, "#!/bin/sh\n# Made by cargo xtask.\n[ ! -d /proc/{process} ] || exit 101\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.made {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn answer(policy: &Path) -> Option<i32> {
        Command::new("sh").arg(policy).args(["ssh", "start"]).status().ok()?.code()
    }

    #[test]
    fn it_says_no_and_goes_away() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("policy");
        let services = NoServices::at(&path)?;
        assert_eq!(answer(&path), Some(101));
        // What a run leaves that was killed: its process is gone.
        let text = fs::read_to_string(&path)?;
        fs::write(folder.path().join("left"), text.replace("/proc/", "/proc/x"))?;
        assert_eq!(answer(&folder.path().join("left")), Some(0));
        drop(services);
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn another_policy_stays() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("policy");
        fs::write(&path, "exit 0\n")?;
        drop(NoServices::at(&path)?);
        assert_eq!(fs::read_to_string(&path)?, "exit 0\n");
        Ok(())
    }
}
