//! [`Claimed`]: a device or an image that this conversation has for itself, and that is whole.

use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::{Device, OpenMode, folder_of};
use flow::{Kind, Refusal, Session, escaped, usage};
use jiff::Timestamp;
use lvm::{Activation, DeviceMapper, DeviceNumber, LogicalVolume, Scope, VolumeName};
use patch::{
    ChangedInPart, Chunking, Cut, Destination, Named, Overwriting, Proof, Resuming, Whole,
};
use peer::{Answer, BlockReader, Copy, Failure, Held, Source, Start, write_line};

use crate::arriving::apply_blocks;
use crate::connection::refusal;
use crate::leaves::send_leaves;
use crate::spot::beside::Beside;
use crate::spot::ledger::Ledger;
use crate::spot::lock::Lock;
use crate::spot::record::Record;
use crate::spot::undo;
use crate::spot::{Spot, SpotKind};
use crate::tag;

/// A device or an image that this conversation has for itself. An earlier run that was cut is undone.
pub(super) struct Claimed<'s> {
    spot: &'s Spot,
    /// The device, or the image itself, whatever links led there.
    path: PathBuf,
    beside: Beside,
    ledger: Ledger,
    /// The UUID of the logical volume, if it is one.
    uuid: Option<String>,
    // Declared in the order in which they are let go.
    _lock: Lock,
    active: Option<Activation>,
}

impl<'s> Claimed<'s> {
    /// Takes the lock, and undoes what a run that was cut has left. `overwrite`: what is there may be replaced, so it
    /// is no error if it cannot be undone.
    ///
    /// # Errors
    /// If it is not what it should be, another run has it, or what a run left cannot be undone.
    pub(super) fn claim(
        spot: &'s Spot,
        overwrite: bool,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let (path, active) = match spot.kind {
            SpotKind::Device => device(&spot.path, session)?,
            SpotKind::Image => (image(&spot.path)?, None),
        };
        let volume = match spot.kind {
            SpotKind::Device => volume_of(&path)?,
            SpotKind::Image => None,
        };
        let uuid = volume.as_ref().map(|volume| volume.uuid.clone());
        let (beside, ledger) = match (spot.kind, volume) {
            (SpotKind::Image, _) => {
                let beside = Beside::of_image(&path);
                let ledger = Ledger::Image { beside: beside.record.clone() };
                (beside, ledger)
            }
            (SpotKind::Device, Some(volume)) => (
                Beside::of_device(&spot.state, &volume.uuid),
                Ledger::Tags { group: volume.group, uuid: volume.uuid },
            ),
            (SpotKind::Device, None) => {
                let beside = Beside::of_device(&spot.state, &spot.path.to_string_lossy());
                let ledger = Ledger::File(beside.record.clone());
                (beside, ledger)
            }
        };
        let folder = folder_of(&beside.lock);
        if spot.kind == SpotKind::Device {
            let made = std::fs::create_dir_all(folder);
            made.with_context(|| format!("the folder {}", folder.display()))?;
        }
        let lock = Lock::take(&beside.lock, &spot.path.display().to_string())?;
        let claimed = Self { spot, path, beside, ledger, uuid, _lock: lock, active };
        claimed.repair(overwrite, session)?;
        Ok(claimed)
    }

    /// Lets it go.
    ///
    /// # Errors
    /// If the volume cannot be deactivated again.
    pub(super) fn release(self) -> anyhow::Result<()> {
        let Self { active, _lock, .. } = self;
        drop(_lock);
        Ok(active.map_or(Ok(()), Activation::release)?)
    }

    /// Answers with the digests of its first `size` bytes.
    ///
    /// # Errors
    /// If it is smaller, or cannot be read before the answer is sent. An error after that breaks the digests off.
    pub(super) fn send_leaves(
        &self,
        size: u64,
        to: &mut impl Write,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        let device = Device::open(&self.path, OpenMode::Read).with_context(|| self.name())?;
        if device.size() < size {
            return Err(usage(format!("{} has {} bytes, not {size}", self.name(), device.size())));
        }
        device.write_back().with_context(|| self.name())?;
        write_line(to, &Answer::Leaves)?;
        if let Err(error) = send_leaves(&device, size, to, session) {
            log::warn!("{}: {error}", self.name());
        }
        Ok(())
    }

    /// What it holds.
    ///
    /// # Errors
    /// If that cannot be read.
    pub(super) fn held(&self) -> anyhow::Result<Held> {
        let size = match self.exists()? {
            true => {
                Some(Device::open(&self.path, OpenMode::Read).with_context(|| self.name())?.size())
            }
            false => None,
        };
        let record = self.ledger.read(&self.path)?;
        let (of, source) = record.map_or((None, None), |record| (Some(record.of), record.source));
        let is_device = self.spot.kind == SpotKind::Device;
        Ok(Held { path: self.name(), is_device, size, of, source })
    }

    /// Brings it to a point with the stream in `blocks`; `base` is what the stream starts from. `overwrite`: whatever is
    /// there may be replaced.
    ///
    /// # Errors
    /// If the request is impossible, or the stream cannot be applied. It is as it was then, unless everything was
    /// being replaced.
    pub(super) fn replace<R: Read + Send>(
        &self,
        source: &Source,
        base: Option<&Start>,
        overwrite: bool,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<Copy> {
        let base_uuid = base.and_then(|base| base.uuid.as_ref());
        for uuid in [&source.of, &source.uuid].into_iter().chain(base_uuid) {
            if !tag::is_uuid(uuid) {
                return Err(usage(format!("{} is not a UUID of LVM's", escaped(uuid))));
            }
        }
        if self.uuid.as_ref().is_some_and(|uuid| [&source.of, &source.uuid].contains(&uuid)) {
            return Err(usage(format!("{} is the volume itself", self.name())));
        }
        Timestamp::from_second(source.at).with_context(|| format!("the time {}", source.at))?;
        if let Some(wanted) = &self.spot.snapback
            && wanted.symlink_metadata().is_ok()
        {
            return Err(usage(format!("{} exists already", wanted.display())));
        }
        let record =
            Record { of: source.of.clone(), source: Some(source.uuid.clone()), at: source.at };
        let before = self.ledger.read(&self.path)?;
        match base {
            Some(base) => {
                if !overwrite {
                    self.check_base(&before, source, base)?;
                }
                self.increment(&record, base.size == source.size, blocks, session)?;
            }
            None => {
                // A run that replaced everything was cut: nothing is left to lose.
                let is_begun =
                    before.as_ref().is_some_and(|it| it.of == source.of && it.source.is_none());
                let overwrite = overwrite || is_begun;
                match self.spot.kind {
                    SpotKind::Image => self.new_image(&record, overwrite, blocks, session)?,
                    SpotKind::Device => {
                        self.all_of_device(&record, before, overwrite, blocks, session)?;
                    }
                }
            }
        }
        Ok(Copy {
            of: record.of,
            source: source.uuid.clone(),
            at: record.at,
            name: self.name(),
            uuid: self.uuid.clone().unwrap_or_default(),
            size: source.size,
            pool: String::new(),
        })
    }

    /// Whatever is known must not contradict the base; the rest is for the digests to say.
    fn check_base(
        &self,
        before: &Option<Record>,
        source: &Source,
        base: &Start,
    ) -> anyhow::Result<()> {
        let Some(before) = before else { return Ok(()) };
        if before.of == source.of || before.source.is_some() && before.source == base.uuid {
            return Ok(());
        }
        Err(Refusal::base_mismatch(format!(
            "{} is a copy of the volume with UUID {}, not of {}",
            self.name(),
            before.of,
            escaped(&source.volume)
        ))
        .into())
    }

    /// Applies an increment. `has_undo`: if the size stays, what it overwrites is kept until it is complete.
    fn increment<R: Read + Send>(
        &self,
        record: &Record,
        has_undo: bool,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        if !has_undo {
            return self.resizing(record, blocks, session);
        }
        let backup = Some(self.beside.undo.clone());
        let request = self.request(self.path.clone(), backup, Proof::Needed);
        if let Err(error) = apply_blocks(&request, false, blocks, session) {
            // Nothing has been written, if there is none.
            if undo::header(&self.beside.undo)?.is_none() {
                return Err(error);
            }
            return Err(match self.undo(session) {
                Ok(()) => as_it_was(&error, self.spot),
                Err(left) => error.context(format!(
                    "what it held before is in {}, and the next run brings it back ({left:#})",
                    self.beside.undo.display()
                )),
            });
        }
        self.ledger.write(&self.path, Some(record))?;
        match &self.spot.snapback {
            Some(wanted) => undo::keep(&self.beside.undo, wanted),
            None => std::fs::remove_file(&self.beside.undo)
                .with_context(|| self.beside.undo.display().to_string()),
        }
    }

    /// An increment that changes the size: no undo leads back from that, so a run that is cut is followed by one that
    /// sends everything.
    fn resizing<R: Read + Send>(
        &self,
        record: &Record,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        if self.spot.snapback.is_some() {
            return Err(usage(format!(
                "the volume's size has changed: nothing leads {} back over that",
                self.name()
            )));
        }
        let before = self.ledger.read(&self.path)?;
        let request = self.request(self.path.clone(), None, Proof::Needed);
        self.without_undo(record, before, &request, blocks, session)
    }

    /// Writes everything to a device. Without `overwrite` it must be empty.
    fn all_of_device<R: Read + Send>(
        &self,
        record: &Record,
        before: Option<Record>,
        overwrite: bool,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        self.no_way_back()?;
        let proof = if overwrite { Proof::Skipped } else { Proof::Needed };
        let request = self.request(self.path.clone(), None, proof);
        self.without_undo(record, before, &request, blocks, session)
    }

    /// Applies a stream that nothing leads back from. Until it is complete, the record says whose it will be, and no
    /// more: the next run may replace everything then.
    fn without_undo<R: Read + Send>(
        &self,
        record: &Record,
        before: Option<Record>,
        request: &patch::Request,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        let begun = Record { source: None, ..record.clone() };
        self.ledger.write(&self.path, Some(&begun))?;
        if let Err(error) = apply_blocks(request, false, blocks, session) {
            if error.downcast_ref::<ChangedInPart>().is_none() {
                self.ledger.write(&self.path, before.as_ref())?;
            }
            return Err(error);
        }
        self.ledger.write(&self.path, Some(record))
    }

    /// Makes an image, and puts it in the place of the one that is there, if that may be.
    fn new_image<R: Read + Send>(
        &self,
        record: &Record,
        overwrite: bool,
        blocks: &mut BlockReader<R>,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        let name = || self.name();
        let old = match self.exists()? {
            true if !overwrite => {
                return Err(usage(format!(
                    "{} is there already, and nothing says what it is a copy of",
                    self.name()
                )));
            }
            true => {
                self.no_way_back()?;
                let mut old =
                    Device::open(&self.path, OpenMode::WriteExclusive).with_context(name)?;
                old.claim().with_context(name)?;
                Some(old)
            }
            false => None,
        };
        let new = &self.beside.new;
        apply_blocks(&self.request(new.clone(), None, Proof::Needed), false, blocks, session)?;
        let place = || -> anyhow::Result<()> {
            if old.is_some() {
                let like = self.path.metadata()?;
                std::os::unix::fs::chown(new, Some(like.uid()), Some(like.gid()))?;
                std::fs::set_permissions(new, PermissionsExt::from_mode(like.mode() & 0o7777))?;
            }
            self.ledger.write(new, Some(record))?;
            std::fs::rename(new, &self.path)?;
            Ok(blockio::sync_folder(&self.path)?)
        };
        place().with_context(name)
    }

    /// Refuses to lose what somebody wants to be able to go back to.
    fn no_way_back(&self) -> anyhow::Result<()> {
        match self.spot.snapback {
            Some(_) => Err(usage(format!(
                "all of {} is replaced, and nothing keeps what it holds",
                self.name()
            ))),
            None => Ok(()),
        }
    }

    fn repair(&self, overwrite: bool, session: &Session<'_>) -> anyhow::Result<()> {
        match std::fs::remove_file(&self.beside.new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.with_context(|| self.beside.new.display().to_string())?,
        }
        let Some(header) = undo::header(&self.beside.undo)? else { return Ok(()) };
        let record = self.ledger.read(&self.path)?;
        let source = record.and_then(|record| record.source);
        let is_complete =
            source.is_some() && source == header.base.as_ref().map(|base| base.uuid.clone());
        if is_complete {
            // Only its end was missing: everything was written, synced and recorded.
            return Ok(std::fs::remove_file(&self.beside.undo)?);
        }
        log::warn!("{}: an earlier run was cut; what it wrote is undone", self.name());
        match self.undo(session) {
            Err(error) if overwrite && is_mismatch(&error) => {
                log::warn!("{}: {error:#}", self.name());
                self.ledger.write(&self.path, None)?;
                Ok(std::fs::remove_file(&self.beside.undo)?)
            }
            undone => undone,
        }
    }

    /// Brings back what was there before the stream that the undo stands for.
    fn undo(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let path = &self.beside.undo;
        let Some(header) = undo::header(path)? else { return Ok(()) };
        let record = self.ledger.read(&self.path)?;
        undo::undo(&self.path, path, &self.spot.program, session)?;
        if let Some(record) = record {
            let source = Some(header.target.uuid).filter(|uuid| tag::is_uuid(uuid));
            self.ledger.write(&self.path, Some(&Record { source, ..record }))?;
        }
        std::fs::remove_file(path).with_context(|| path.display().to_string())
    }

    fn request(&self, path: PathBuf, backup: Option<PathBuf>, proof: Proof) -> patch::Request {
        patch::Request {
            destination: Destination::Path(path, Overwriting { backup, cut: Cut::Refused }),
            named: Named::default(),
            proof,
            chunks: Chunking::Same,
            whole: Whole::Taken,
            resuming: Resuming::default(),
            size: None,
            tool: self.spot.program.clone(),
        }
    }

    fn exists(&self) -> anyhow::Result<bool> {
        self.path.try_exists().with_context(|| self.name())
    }

    /// As it was named.
    fn name(&self) -> String {
        self.spot.path.display().to_string()
    }
}

/// The same error for a place where everything is as it was, although patching says that it may not be.
fn as_it_was(error: &anyhow::Error, spot: &Spot) -> anyhow::Error {
    let untrue = error.downcast_ref::<ChangedInPart>().map(ToString::to_string);
    let causes =
        error.chain().map(ToString::to_string).filter(|cause| Some(cause) != untrue.as_ref());
    let causes = causes.collect::<Vec<_>>().join(": ");
    let text = format!("{} is as it was: {causes}", spot.path.display());
    refusal(&Failure { code: (spot.exit_code)(error), text, keeps_part: false }).into()
}

fn is_mismatch(error: &anyhow::Error) -> bool {
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
    refusal.is_some_and(|refusal| refusal.kind() == Kind::BaseMismatch)
}

/// A block device. A logical volume that is not active is, as long as the guard lives.
fn device(path: &Path, session: &Session<'_>) -> anyhow::Result<(PathBuf, Option<Activation>)> {
    let name = || path.display().to_string();
    let active = match path.try_exists().with_context(name)? {
        true => None,
        false => Some(activate(path, session)?),
    };
    if !path.metadata().with_context(name)?.file_type().is_block_device() {
        return Err(usage(format!("{} is not a block device", path.display())));
    }
    Ok((path.into(), active))
}

fn activate(path: &Path, session: &Session<'_>) -> anyhow::Result<Activation> {
    let missing = || usage(format!("{} does not exist", path.display()));
    let name = VolumeName::parse(path.to_str().ok_or_else(missing)?).map_err(|_| missing())?;
    let scope = Scope::default();
    let volumes = VolumeName::candidates(&[&name], &scope)?;
    let volume = name.find(&volumes, &scope)?;
    let dm = DeviceMapper::open()?;
    Ok(Activation::ensure(&dm, volume, &|| session.keep_waiting())?)
}

/// The path of an image, which may be missing; its folder may not.
fn image(path: &Path) -> anyhow::Result<PathBuf> {
    let name = || path.display().to_string();
    let found = match path.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = folder_of(path).canonicalize().with_context(name)?;
            let file = path.file_name();
            let file = file.ok_or_else(|| usage(format!("{} is no file's name", name())))?;
            return Ok(folder.join(file));
        }
        Err(error) => return Err(error).with_context(name),
    };
    match found.metadata().with_context(name)?.is_file() {
        true => Ok(found),
        false => Err(usage(format!("{} is not a regular file", path.display()))),
    }
}

/// The logical volume whose device this is, if it is one.
fn volume_of(path: &Path) -> anyhow::Result<Option<LogicalVolume>> {
    let rdev = path.metadata().with_context(|| path.display().to_string())?.rdev();
    let number = DeviceNumber::from_rdev(rdev);
    if !number.is_volume() {
        return Ok(None);
    }
    let found = LogicalVolume::list()?.into_iter().find(|volume| volume.is_device(number));
    let missing = || format!("{} is a logical volume that `lvs` does not list", path.display());
    found.with_context(missing).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_it_was_is_not_said_to_have_changed() {
        let spot = Spot {
            path: "/dev/x".into(),
            kind: SpotKind::Device,
            snapback: None,
            state: "/state".into(),
            program: "test".into(),
            exit_code: |_| 7,
        };
        let changed = ChangedInPart { name: "/dev/x".into(), is_path: true, kept: None };
        let error = anyhow::anyhow!("no space").context(changed).context("the connection broke");
        let error = as_it_was(&error, &spot);
        assert_eq!(error.to_string(), "/dev/x is as it was: the connection broke: no space");
        let refusal = error.downcast_ref::<Refusal>().unwrap();
        assert_eq!(refusal.kind(), Kind::NoSpace);
    }

    #[test]
    fn an_image_can_be_missing_but_not_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let path = folder.join("disk.img");
        assert_eq!(image(&path).unwrap(), path);
        std::os::unix::fs::symlink(&path, folder.join("link")).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(image(&folder.join("link")).unwrap(), path);
        image(&folder).unwrap_err();
        image(&folder.join("nowhere/disk.img")).unwrap_err();
    }
}
