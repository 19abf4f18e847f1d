//! The pipeline: Plan → changes → records → stream.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::Context;
use blockio::{Device, Image, OpenMode, ReadAhead, ReadAt};
use cli::{Interrupt, Interruptible, Output, Progress, Written, human};
use hyperlayer::{BaseDigest, Encoder, Header, Totals, Volume};
use lvm::{
    Activation, DeviceMapper, LogicalVolume, MetadataSnapshot, Reserve, TemporarySnapshot,
    ThinDevice,
};
use thinmeta::{ExtentKind, MetaBlock, Metadata, View};

use crate::changes::{self, Changes, Side};
use crate::list;
use crate::offline::MappedVolume;
use crate::plan::{FilesSource, Outcome, Plan, PoolSource, Source, usage};
use crate::sink::Sink;
use crate::stream::{self, Content};

/// Does what the plan says.
pub(crate) fn run(plan: Plan, interrupt: &Interrupt) -> anyhow::Result<()> {
    let job = Job { begun: Instant::now(), interrupt, plan: &plan };
    match &plan.source {
        Source::Pool(source) => job.diff_pool(source),
        Source::Files(source) => job.diff_files(source),
    }
}

/// A run, and what all its stages need.
struct Job<'a> {
    begun: Instant,
    interrupt: &'a Interrupt,
    plan: &'a Plan,
}

/// The two volumes as the header names them: the base, then the target.
type Names = [Volume; 2];

impl Job<'_> {
    fn diff_pool(&self, source: &PoolSource) -> anyhow::Result<()> {
        let dm = DeviceMapper::open()?;
        let interrupt = self.interrupt;
        let keep_waiting = || interrupt.is_absent();

        // Guards: what they do is undone in the reverse order on every way out.
        let mut volumes = LogicalVolume::list()?;
        TemporarySnapshot::remove_leftovers(&mut volumes, &source.target.group)?;
        let base_active = Activation::ensure(&dm, &source.base, &keep_waiting)?;
        let snapshot = match source.snapshot {
            true => Some(
                TemporarySnapshot::create(&source.target)
                    .with_context(|| format!("a snapshot of {}", source.target.full_name()))?,
            ),
            false => None,
        };
        let target_volume = snapshot.as_ref().map_or(&source.target, TemporarySnapshot::volume);
        let target_active = Activation::ensure(&dm, target_volume, &keep_waiting)?;
        interrupt.check()?;

        let base = OpenVolume::open(&dm, &source.base)?;
        let target = OpenVolume::open(&dm, target_volume)?;
        let pool = base.thin.pool(&dm)?;
        if pool != target.thin.pool(&dm)? {
            return Err(usage("the two volumes are not in one pool"));
        }
        if base.thin.table.external_origin != target.thin.table.external_origin {
            return Err(usage(
                "the two volumes have different external origins, or only one of them has one: \
                 what they read as where they are unmapped cannot be told from the metadata",
            ));
        }
        if target.thin.may_be_written() {
            log::warn!(
                "{} is in use: what is written to it meanwhile may be in the stream or not, and \
                 the result may be inconsistent; --snapshot diffs a temporary snapshot instead",
                source.target.full_name()
            );
        }
        let written = [base.thin.writes(), target.thin.writes()];

        let how = if source.force_release { Reserve::EvenIfHeld } else { Reserve::IfFree };
        let held = MetadataSnapshot::reserve(&dm, &pool, how, &keep_waiting)?;
        let changes = self.read_metadata(&pool.metadata_node()?, held.root(), &base, &target);
        // The pool is free before any data is copied. Where somebody else released it under us,
        // what was read may be of any time.
        let released = held.release();
        let changes = changes.with_context(|| format!("metadata of pool {}", pool.name))?;
        released.context("the metadata snapshot was released while it was read")?;
        if changes.chunk_size != pool.table.chunk_size {
            anyhow::bail!(
                "pool {} has chunks of {} bytes in its metadata, and of {} in its table",
                pool.name,
                changes.chunk_size,
                pool.table.chunk_size
            );
        }

        let name = |volume: &LogicalVolume, size| Volume {
            name: volume.name.clone(),
            uuid: volume.uuid.clone(),
            size,
        };
        let names =
            [name(&source.base, base.data.size()), name(&source.target, target.data.size())];
        let what = format!("{} -> {}", source.base.full_name(), source.target.full_name());
        let check = || {
            if self.plan.reads_base() && base.thin.writes() != written[0] {
                anyhow::bail!(
                    "{} was written to while it was read: what was read of it is of no one time; \
                     diff from a snapshot of it",
                    source.base.full_name()
                );
            }
            if target.thin.writes() != written[1] {
                log::warn!(
                    "{} was written to while it was read: the stream may be inconsistent; \
                     --snapshot diffs a temporary snapshot instead",
                    source.target.full_name()
                );
            }
            Ok(())
        };
        self.put_out(&changes, &base.data, &target.data, names, &what, &check)?;

        drop((base, target));
        target_active.release()?;
        snapshot.map(TemporarySnapshot::remove).transpose()?;
        base_active.release()?;
        Ok(())
    }

    fn read_metadata(
        &self,
        node: &Path,
        held_root: u64,
        base: &OpenVolume,
        target: &OpenVolume,
    ) -> anyhow::Result<Changes> {
        let device = Device::open(node, OpenMode::Read)
            .with_context(|| format!("opening {}", node.display()))?;
        let size = device.size();
        let reader = Interruptible { source: ReadAhead::new(device), interrupt: self.interrupt };
        let view = View::HeldAt(MetaBlock::new(held_root));
        let metadata = Metadata::open(reader, size, view)?;
        changes::collect(&metadata, &base.side()?, &target.side()?, self.plan.detect_level)
    }

    fn diff_files(&self, source: &FilesSource) -> anyhow::Result<()> {
        let path = &source.metadata;
        let context = || format!("metadata {}", path.display());
        let (reader, size) = open_metadata(path, source.direct).with_context(context)?;
        let reader = Interruptible { source: reader, interrupt: self.interrupt };
        let metadata = Metadata::open(reader, size, View::Live).with_context(context)?;
        let chunk_size = metadata.superblock().data_block_size();
        let (base, target) = (metadata.mappings(source.base)?, metadata.mappings(source.target)?);
        let size = match source.size {
            Some(size) => size,
            None => {
                let last = base.last().and_then(|base| Ok(base.max(target.last()?)));
                let chunks = last.with_context(context)?.map_or(0, |last| last.saturating_add(1));
                chunks.saturating_mul(chunk_size)
            }
        };
        let side = |id| Side { id, size, external_origin: false };
        let (base_side, target_side) = (side(source.base), side(source.target));
        let changes = changes::collect(&metadata, &base_side, &target_side, self.plan.detect_level)
            .with_context(context)?;
        let name = |id| Volume { name: format!("thin-{id}"), uuid: String::new(), size };
        let names = [name(source.base), name(source.target)];
        let what = format!("{path:?} thin id {} -> {}", source.base, source.target);
        let Some(data_path) = &source.data else {
            // The plan has no stream without data, and a list reads none.
            let nothing: &[u8] = &[];
            return self.put_out(&changes, &nothing, &nothing, names, &what, &|| Ok(()));
        };
        let mode = if source.direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
        let data = Device::open(data_path, mode)
            .map_err(not_of_a_running_pool)
            .with_context(|| format!("data {}", data_path.display()))?;
        let volume = |mappings| MappedVolume { mappings, data: &data, chunk_size };
        self.put_out(&changes, &volume(base), &volume(target), names, &what, &|| Ok(()))
    }

    /// Changes → a list or a stream, whose end is written only if `check` finds nothing wrong.
    fn put_out(
        &self,
        changes: &Changes,
        base: &(impl ReadAt + Sync),
        target: &(impl ReadAt + Sync),
        [base_name, target_name]: Names,
        what: &str,
        check: &dyn Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let options = match &self.plan.result {
            Outcome::List { json } => {
                return list::print(&changes.extents, *json, io::stdout().lock())
                    .context("standard output");
            }
            Outcome::Stream(options) => options,
        };
        if let Some(granularity) = options.detail.granularity
            && granularity > changes.chunk_size
        {
            return Err(usage(format!(
                "a granularity of {granularity} bytes, where the pool's chunks have {}",
                changes.chunk_size
            )));
        }
        let digests = self.prove(changes, base, base_name.size)?;
        let content = Content { base, base_size: base_name.size, target };
        let header = Header {
            target: target_name,
            base: Some(base_name),
            chunk_size: changes.chunk_size,
            pairs: options.pairs.clone(),
            detect_level: if digests.is_empty() { 0 } else { self.plan.detect_level },
            extents: changes.extents.len() as u64,
            changed_bytes: changes.bytes(ExtentKind::Changed),
            unmapped_bytes: changes.bytes(ExtentKind::Unmapped),
            tool: concat!("lvdiff ", env!("CARGO_PKG_VERSION")).into(),
            created: now(),
            undo: false,
        };
        let sink = Sink::open(options.output.as_deref())?;
        let writing = || match &options.output {
            Some(path) => format!("writing {}", path.display()),
            None => "writing to standard output".into(),
        };
        let writer = sink.writer().with_context(writing)?;
        cli::widen_pipe(&writer);
        let output = Output::new(writer, options.writing, self.interrupt);
        let mut encoder = Encoder::new(output, &header, &digests).with_context(writing)?;
        let progress = Progress::new("lvdiff", header.changed_bytes, self.plan.quiet);
        stream::write(&mut encoder, changes, &content, options.detail, self.interrupt, &progress)
            .map_err(|error| match error.is::<hyperlayer::Error>() {
            true => error.context(writing()),
            false => error,
        })?;
        check()?;
        let (output, totals) = encoder.finish().with_context(writing)?;
        let (_, written) = output.finish().with_context(writing)?;
        sink.keep()?;
        drop(progress);
        self.summarize(what, &header, &totals, &written);
        Ok(())
    }

    fn prove(
        &self,
        changes: &Changes,
        base: &(impl ReadAt + Sync),
        size: u64,
    ) -> anyhow::Result<Vec<BaseDigest>> {
        let base = Interruptible { source: base, interrupt: self.interrupt };
        let digests = match self.plan.detect_level {
            3 => baseproof::digest_whole(&base, size, changes.mapped.as_deref(), &|| {
                self.interrupt.check()
            })
            .map(|digest| vec![digest]),
            _ => baseproof::digest_ranges(&base, &changes.sample),
        };
        digests.context("reading the base")
    }

    fn summarize(&self, what: &str, header: &Header, totals: &Totals, written: &Written) {
        if self.plan.quiet {
            return;
        }
        // The stream is there, whether anybody can be told or not.
        let mut stderr = io::stderr();
        _ = writeln!(
            stderr,
            "lvdiff: {what}: {} extents, {} changed, {} unmapped; {} of data and {} of zeros sent; \
             {} bytes written in {:.1} s",
            header.extents,
            human(header.changed_bytes),
            human(header.unmapped_bytes),
            human(totals.data_bytes),
            human(totals.zero_bytes),
            written.bytes,
            self.begun.elapsed().as_secs_f64()
        );
        if let Some(sha1) = &written.sha1 {
            _ = writeln!(stderr, "SHA1: {sha1}");
        }
    }
}

/// A thin volume of this machine, open for reading.
struct OpenVolume {
    thin: ThinDevice,
    data: Device,
}

impl OpenVolume {
    fn open(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<Self> {
        let open = || {
            let thin = ThinDevice::find(dm, volume)?;
            let data = cli::open_thin(&thin, OpenMode::Read)?;
            // What others wrote to it through the page cache goes to the pool before the metadata
            // is frozen.
            data.write_back()?;
            anyhow::Ok(Self { thin, data })
        };
        open().with_context(|| format!("volume {}", volume.full_name()))
    }

    fn side(&self) -> anyhow::Result<Side> {
        Ok(Side {
            id: u64::from(self.thin.table.id).try_into()?,
            size: self.data.size(),
            external_origin: self.thin.table.external_origin.is_some(),
        })
    }
}

/// A file or device that holds metadata.
type Metafile = Box<dyn ReadAt + Send + Sync>;

/// An image is mapped into memory; a device, which may be live, is read past the page cache.
fn open_metadata(path: &Path, direct: bool) -> io::Result<(Metafile, u64)> {
    // A running pool holds its devices, and what is read of them past it is of no one time.
    let mode = if direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
    let device = Device::open(path, mode).map_err(not_of_a_running_pool)?;
    if direct || device.is_block() {
        let size = device.size();
        return Ok((Box::new(ReadAhead::new(device)), size));
    }
    let image = Image::open(path)?;
    let size = image.len() as u64;
    Ok((Box::new(image), size))
}

fn not_of_a_running_pool(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ResourceBusy => io::Error::new(
            error.kind(),
            "it is in use by a running pool, or mounted: name the volumes instead (lvdiff -g VG \
             BASE VOLUME), or deactivate the pool",
        ),
        _ => error,
    }
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    // Before 1970 only where the clock was never set.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
