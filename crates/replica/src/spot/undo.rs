//! [`undo`]: what was there before a stream that did not arrive as a whole.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use flow::{Refusal, Session};
use hyperlayer::{Decoder, Error, Header, Records};
use nix::unistd::geteuid;
use patch::{Chunking, Cut, Destination, Named, Overwriting, Proof, Request, Resuming, Whole};
use streams::{Rules, Sources};

/// Reads the header of the undo at `path`; none if there is none, or it ends before anything was overwritten.
///
/// # Errors
/// If it cannot be read, or is not ours.
pub(super) fn header(path: &Path) -> anyhow::Result<Option<Header>> {
    let name = || path.display().to_string();
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.with_context(name)?,
    };
    // In a folder that is anybody's, so may be a file with this name.
    if !metadata.is_file() || metadata.uid() != geteuid().as_raw() {
        return Err(Refusal::unfit(format!(
            "{} should be the undo of an earlier run, and is another user's or no file: remove it",
            path.display()
        ))
        .into());
    }
    let file = File::open(path).with_context(name)?;
    let header = match Decoder::new(BufReader::new(file)) {
        Ok(decoder) if decoder.header().undo => Ok(Some(decoder.header().clone())),
        Ok(_) => Err(Refusal::unfit("it is a stream, but not one that leads back").into()),
        // The header is synced before anything is overwritten.
        Err(Error::Cut { .. }) => {
            std::fs::remove_file(path).with_context(name)?;
            Ok(None)
        }
        Err(error) => Err(anyhow::Error::from(error)),
    };
    header.with_context(name)
}

/// Applies the undo at `undo` to the device or image at `path`, as far as the undo goes.
///
/// # Errors
/// As [`patch::apply`]: somebody else has written there, say.
pub(super) fn undo(
    path: &Path,
    undo: &Path,
    program: &str,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let request = Request {
        destination: Destination::Path(
            path.into(),
            Overwriting { backup: None, cut: Cut::Applied },
        ),
        named: Named::default(),
        proof: Proof::Needed,
        chunks: Chunking::Same,
        whole: Whole::Taken,
        resuming: Resuming::default(),
        size: None,
        tool: program.into(),
    };
    let never = &|_: &_| Err(Refusal::unverifiable("another tool's stream is no undo").into());
    let rules = Rules { accepts_cut: true, ..Rules::strict(never) };
    let mut sources = Sources::default();
    sources.open(undo, session.interrupt)?;
    patch::apply(&request, &rules, sources, session, &mut |_| {})
}

/// Moves a complete undo to where somebody wants it, also into another file system.
///
/// # Errors
/// If there is a file already, or it cannot be written. The undo is where it was then.
pub(super) fn keep(undo: &Path, wanted: &Path) -> anyhow::Result<()> {
    let name = || format!("keeping what was overwritten in {}", wanted.display());
    let mut from = File::open(undo).with_context(name)?;
    match std::fs::hard_link(undo, wanted) {
        Ok(()) => blockio::sync_folder(wanted).with_context(name)?,
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let aside = flow::Aside::new(wanted, ".lvsync-").with_context(name)?;
            io::copy(&mut from, &mut aside.file()).with_context(name)?;
            aside.place().with_context(name)?;
        }
        Err(error) => return Err(error).with_context(name),
    }
    std::fs::remove_file(undo).with_context(name)
}

#[cfg(test)]
mod tests {
    use hyperlayer::Encoder;

    use super::*;

    fn stream(is_undo: bool) -> Vec<u8> {
        let header =
            Header { undo: is_undo, changed_bytes: 512, ..hyperlayer::testing::header(1 << 20) };
        let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
        encoder.data(0, &[1; 512]).unwrap();
        encoder.finish().unwrap().0
    }

    #[test]
    fn only_an_undo_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        assert_eq!(header(&path).unwrap(), None);
        std::fs::write(&path, stream(true)).unwrap();
        assert!(header(&path).unwrap().unwrap().undo);
        for bytes in [stream(false), vec![7; 100]] {
            std::fs::write(&path, bytes).unwrap();
            header(&path).unwrap_err();
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        header(&path).unwrap_err();
    }

    #[test]
    fn one_without_a_whole_header_has_nothing_to_undo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        for length in [0, 1, 20] {
            std::fs::write(&path, &stream(true)[..length]).unwrap();
            assert_eq!(header(&path).unwrap(), None);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_is_kept_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (undo, wanted) = (folder.path().join("undo"), folder.path().join("wanted"));
        std::fs::write(&undo, "undo").unwrap();
        std::fs::write(&wanted, "other").unwrap();
        keep(&undo, &wanted).unwrap_err();
        assert_eq!(std::fs::read(&wanted).unwrap(), b"other");
        std::fs::remove_file(&wanted).unwrap();
        keep(&undo, &wanted).unwrap();
        assert_eq!(std::fs::read(&wanted).unwrap(), b"undo");
        assert!(!undo.exists());
    }
}
