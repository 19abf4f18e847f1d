//! [`Sink`]: where the stream goes.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::folder_of;
use cli::{Aside, Interrupt};

use crate::plan::usage;

/// Why, and what to do instead.
pub(crate) const NOT_TO_A_TERMINAL: &str = "the stream is binary; redirect it (lvdiff … > FILE), \
    pipe it (lvdiff … | ssh HOST lvpatch …), or use -o FILE";

/// Standard output, or a file.
pub(crate) enum Sink {
    /// Standard output, or something that is no regular file and can only be written to as it is.
    Open(File),
    /// A file of its own, which takes its place in the end. It goes away with this value, not with
    /// those that write to it: they may hang, this one does not.
    Aside { file: Aside, path: PathBuf },
}

impl Sink {
    /// Standard output without a path; else a file beside it, gone again unless it is kept.
    pub(crate) fn open(path: Option<&Path>, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            return Ok(Self::Open(File::from(stdout.context("standard output")?)));
        };
        let name = || path.display().to_string();
        let path = behind_links(path)?;
        if let Ok(metadata) = path.metadata()
            && !metadata.is_file()
        {
            if metadata.file_type().is_block_device() {
                return Err(usage(format!(
                    "{} is a block device: a stream written there would destroy what it holds",
                    path.display()
                )));
            }
            let file =
                cli::open(File::options().write(true), &path, interrupt).with_context(name)?;
            if file.is_terminal() {
                return Err(usage(format!(
                    "{} is a terminal: {NOT_TO_A_TERMINAL}",
                    path.display()
                )));
            }
            return Ok(Self::Open(file));
        }
        let file = Aside::new(&path, ".lvdiff-")
            .with_context(|| format!("a file beside {} cannot be made", path.display()))?;
        Ok(Self::Aside { file, path })
    }

    /// The open file, to write to.
    pub(crate) fn writer(&self) -> io::Result<File> {
        match self {
            Self::Open(file) => file.try_clone(),
            Self::Aside { file, .. } => file.file().try_clone(),
        }
    }

    /// Makes what was written last, under its own name.
    pub(crate) fn keep(self) -> anyhow::Result<()> {
        let (file, path) = match self {
            Self::Aside { file, path } => (file, path),
            Self::Open(file) => {
                // Some file systems tell of a write that failed only now.
                let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
                let synced = if regular { file.sync_all() } else { Ok(()) };
                return synced.context("standard output");
            }
        };
        file.replace().with_context(|| path.display().to_string())
    }
}

/// A link stays a link: the file that it leads to is replaced. Every link on the way there is looked at.
fn behind_links(path: &Path) -> anyhow::Result<PathBuf> {
    /// As many as the kernel follows.
    const MOST: usize = 40;
    let name = || path.display().to_string();
    let mut place = path.to_path_buf();
    for number in 0..MOST {
        match place.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {}
            Err(error) if number > 0 => return Err(error).with_context(name),
            _ => return Ok(place),
        }
        if cli::is_planted_link(&place).with_context(name)? {
            return Err(usage(format!(
                "{} is a link that another user made in a folder that anybody can write to: look \
                 who made it, and name the file itself",
                place.display()
            )));
        }
        let next = folder_of(&place).join(place.read_link().with_context(name)?);
        // A link of /proc leads to what is open, and its text need not be a path: a pipe has none.
        if identity(&next) != identity(&place) {
            return Ok(place);
        }
        place = next;
    }
    Err(usage(format!("{} leads to more than {MOST} links, one after another", path.display())))
}

/// Which file a path leads to, in the end; none where it leads nowhere.
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
