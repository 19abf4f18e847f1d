//! [`Sink`]: where the stream goes.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::folder_of;
use flow::{Aside, Interrupt, usage};

use crate::{standard_output, sync};

/// Why, and what to do instead.
const NOT_TO_A_TERMINAL: &str = "the stream is binary; redirect it (lvdiff … > FILE), \
    pipe it (lvdiff … | ssh HOST lvpatch …), or use -o FILE";

/// Standard output, or a file.
pub enum Sink {
    /// Standard output, or something that is no regular file and can only be written to as it is.
    Open(File),
    /// A separate file, which gets its name at the end. It is removed when this value is dropped, not by its
    /// writers: they may hang, this value does not.
    Aside {
        /// What is written to.
        file: Aside,
        /// Where it will be.
        path: PathBuf,
    },
}

/// Refuses what no stream is written to, before anything is read for one: terminals and block devices.
/// Without a path it is standard output.
///
/// # Errors
/// A [`flow::Refusal::usage`], or where the path cannot be looked at.
pub fn check_sink(path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else {
        let (file, name) = (standard_output()?, "standard output");
        refuse_terminal(name, &file)?;
        return refuse_device(name, &file.metadata().context(name)?);
    };
    // These lead to whatever has replaced the closed descriptor.
    if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new).contains(&path) {
        standard_output()?;
    }
    match behind_links(path)?.metadata() {
        Ok(metadata) => refuse_device(&path.display().to_string(), &metadata),
        Err(_) => Ok(()), // a new file; what is wrong with the path is said when it is made
    }
}

impl Sink {
    /// Standard output without a path; else a file beside it, gone again unless it is kept.
    ///
    /// # Errors
    /// Where there is no such output, it is one that no stream is written to, or that of a signal.
    pub fn open(path: Option<&Path>, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::Open(standard_output()?)) };
        let name = || path.display().to_string();
        let path = behind_links(path)?;
        if let Ok(metadata) = path.metadata()
            && !metadata.is_file()
        {
            refuse_device(&name(), &metadata)?;
            let file =
                flow::open(File::options().write(true), &path, interrupt).with_context(name)?;
            refuse_terminal(&name(), &file)?;
            return Ok(Self::Open(file));
        }
        let file = Aside::new(&path, ".lvdiff-")
            .with_context(|| format!("a file next to {} cannot be created", path.display()))?;
        Ok(Self::Aside { file, path })
    }

    /// The open file, to write to.
    ///
    /// # Errors
    /// Where the system has no descriptor left for it.
    pub fn writer(&self) -> io::Result<File> {
        match self {
            Self::Open(file) => file.try_clone(),
            Self::Aside { file, .. } => file.file().try_clone(),
        }
    }

    /// Makes what was written last, under its own name. The writer is closed after that.
    ///
    /// # Errors
    /// Where it cannot be written or named.
    pub fn keep(self, writer: File) -> anyhow::Result<()> {
        match self {
            Self::Aside { file, path } => {
                file.replace().with_context(|| path.display().to_string())?;
            }
            Self::Open(file) => sync(&file).context("standard output")?,
        }
        drop(writer);
        Ok(())
    }
}

fn refuse_device(name: &str, metadata: &Metadata) -> anyhow::Result<()> {
    match metadata.file_type().is_block_device() {
        false => Ok(()),
        true => Err(usage(format!(
            "{name} is a block device: a stream written there would destroy what it holds"
        ))),
    }
}

fn refuse_terminal(name: &str, file: &File) -> anyhow::Result<()> {
    match file.is_terminal() {
        false => Ok(()),
        true => Err(usage(format!("{name} is a terminal: {NOT_TO_A_TERMINAL}"))),
    }
}

/// A link stays a link: the file that it leads to is replaced. Every link on the way there is looked at.
fn behind_links(path: &Path) -> anyhow::Result<PathBuf> {
    /// The number of links that the kernel follows.
    const MOST: usize = 40;
    let name = || path.display().to_string();
    let mut place = path.to_path_buf();
    for number in 0..MOST {
        match place.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {}
            Err(error) if number > 0 => return Err(error).with_context(name),
            _ => return Ok(place),
        }
        if flow::is_planted_link(&place).with_context(name)? {
            return Err(usage(format!(
                "{} is a link that another user created in a world-writable folder: check who \
                 created it, and name the file itself",
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

/// The file that a path finally leads to; `None` if it leads nowhere.
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
