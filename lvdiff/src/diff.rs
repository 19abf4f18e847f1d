//! The pipeline: Plan → changes → records → stream.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode, ReadAhead, ReadAt};
use cli::Sink;
use flow::{Interruptible, Output, Session, Task, Written, human};
use foreign::{Hyperlayer1, ThinSend};
use hyperlayer::{BaseDigest, Encoder, Header, RecordSink, Totals, Volume};
use lvm::{
    Activation, DeviceMapper, DeviceStatus, LogicalVolume, MetadataSnapshot, TemporarySnapshot,
    ThinDevice,
};
use thinmeta::{ExtentKind, Mappings, MetaBlock, Metadata, View};

use crate::changes::{Changes, Side};
use crate::cli::{MapFormat, StreamFormat};
use crate::compared;
use crate::list;
use crate::map::{self, Sizes};
use crate::offline::MappedVolume;
use crate::plan::{FilesSource, Outcome, Plan, PoolSource, Source, usage};
use crate::stream::{self, Content, Detail};
use crate::volumes;
use crate::watch::Watch;

/// Does what the plan says.
pub(crate) fn run(plan: &Plan, session: &Session<'_>) -> anyhow::Result<()> {
    let job = Job { session, plan };
    match (&plan.source, &plan.result) {
        (Source::Pool(source), _) => job.diff_pool(source),
        (Source::Classic(source), _) => job.diff_classic(source),
        (Source::Files(source), _) => job.diff_files(source),
        (Source::Volumes(source), result) => {
            let json = matches!(result, Outcome::List { format: Some(MapFormat::Json) });
            volumes::print(source, json, session.interrupt)
        }
    }
}

/// A run, and what all its stages need.
pub(crate) struct Job<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) plan: &'a Plan,
}

/// The two volumes as the header names them.
pub(crate) struct Names {
    pub(crate) base: Option<Volume>,
    pub(crate) target: Volume,
    /// The UUID of the volume that the base is a snapshot of; empty where it is none.
    pub(crate) base_origin: String,
}

impl Job<'_> {
    fn diff_pool(&self, source: &PoolSource) -> anyhow::Result<()> {
        let dm = DeviceMapper::open()?;
        let interrupt = self.session.interrupt;
        let keep_waiting = || interrupt.is_absent();

        // Guards: what they do is undone in the reverse order on every way out.
        let mut volumes = source.volumes.clone();
        let group = &source.target.group;
        TemporarySnapshot::remove_leftovers(&dm, &mut volumes, group, &keep_waiting)?;
        let activate = |volume| Activation::ensure(&dm, volume, &keep_waiting);
        let base_active = source.base.as_ref().map(activate).transpose()?;
        // A snapshot is made by name.
        dm.check_names(&source.target)?;
        let snapshot = match source.snapshot {
            true => Some(
                TemporarySnapshot::create(&dm, &source.target, &keep_waiting)
                    .with_context(|| format!("a snapshot of {}", source.target.full_name()))?,
            ),
            false => None,
        };
        let target_volume = snapshot.as_ref().map_or(&source.target, TemporarySnapshot::volume);
        let target_active = activate(target_volume)?;
        interrupt.check()?;

        let base = source.base.as_ref().map(|base| OpenVolume::open(&dm, base)).transpose()?;
        let target = OpenVolume::open(&dm, target_volume)?;
        let pool = target.thin.pool(&dm)?;
        if let Some(base) = &base {
            check_pair(base, &target, pool == base.thin.pool(&dm)?)?;
        }
        // Nobody but this run has a temporary snapshot open.
        if snapshot.is_none() && target.thin.may_be_written() {
            log::warn!(
                "{} is in use: what is written to it meanwhile may be in the stream or not, and \
                 the result may be inconsistent; --snapshot diffs a temporary snapshot instead",
                source.target.full_name()
            );
        }
        let watched_base = base
            .as_ref()
            .zip(source.base.as_ref())
            .map(|(open, volume)| open.watch(volume.full_name(), "diff from a snapshot of it"));
        let watched_target = target
            .watch(source.target.full_name(), "--snapshot diffs a temporary snapshot instead");
        // Where that cannot be known afterwards, it is said before anything is read.
        let check_base = || watched_base.as_ref().map_or(Ok(()), |base| base.check(self.plan));
        check_base()?;

        let held = MetadataSnapshot::reserve(&dm, &pool, source.reserve, &keep_waiting)?;
        let node = pool.metadata(&dm)?;
        let changes = self.read_metadata(&node, held.root(), base.as_ref(), &target);
        // The pool is free before any data is copied. Where somebody else released it under us,
        // what was read may be of any time.
        let released = held.release();
        let changes = changes.with_context(|| format!("metadata of pool {}", pool.name))?;
        released?;
        if changes.chunk_size != pool.table.chunk_size {
            anyhow::bail!(
                "pool {} has chunks of {} bytes in its metadata, and of {} in its table",
                pool.name,
                changes.chunk_size,
                pool.table.chunk_size
            );
        }

        let name = |volume: &LogicalVolume, open: &OpenVolume| Volume {
            name: volume.name.clone(),
            uuid: volume.uuid.clone(),
            size: open.data.size(),
        };
        let names = Names {
            base: source.base.as_ref().zip(base.as_ref()).map(|(base, open)| name(base, open)),
            target: name(&source.target, &target),
            base_origin: source.base_origin().unwrap_or_default(),
        };
        let base_name = source.base.as_ref().map_or("nothing".into(), LogicalVolume::full_name);
        let what = format!("{base_name} -> {}", source.target.full_name());
        let check = || {
            check_base()?;
            // Nobody else writes to a temporary snapshot, counted or not.
            if !source.snapshot {
                watched_target.warn();
            }
            Ok(())
        };
        let base_data = base.as_ref().map(|base| &base.data);
        self.put_out(&changes, base_data, &target.data, names, &what, &check)?;

        drop((watched_base, watched_target));
        drop((base, target));
        target_active.release()?;
        snapshot.map(TemporarySnapshot::remove).transpose()?;
        base_active.map(Activation::release).transpose()?;
        Ok(())
    }

    fn read_metadata(
        &self,
        node: &DeviceStatus,
        held_root: u64,
        base: Option<&OpenVolume>,
        target: &OpenVolume,
    ) -> anyhow::Result<Changes> {
        let device = source::open_device(node, OpenMode::Read)?;
        let size = device.size();
        let reader =
            Interruptible { source: ReadAhead::new(device), interrupt: self.session.interrupt };
        let view = View::HeldAt(MetaBlock::new(held_root));
        let metadata = Metadata::open(reader, size, view)?;
        let base = base.map(OpenVolume::side).transpose()?;
        compared::collect(self.plan, &metadata, base.as_ref(), &target.side()?)
    }

    fn diff_files(&self, source: &FilesSource) -> anyhow::Result<()> {
        let path = &source.metadata;
        let context = || format!("metadata {}", path.display());
        for path in [Some(path), source.data.as_ref()].into_iter().flatten() {
            source::await_device(path, self.session.interrupt)?;
        }
        let (reader, size) = open_metadata(path, source.direct).with_context(context)?;
        let reader = Interruptible { source: reader, interrupt: self.session.interrupt };
        let metadata = Metadata::open(reader, size, View::Live).with_context(context)?;
        let chunk_size = metadata.superblock().data_block_size();
        let base = source.base.map(|base| metadata.mappings(base)).transpose()?;
        let target = metadata.mappings(source.target)?;
        let size = match source.size {
            Some(size) => size,
            None => {
                let base = base.as_ref().map_or(Ok(0), Mappings::end);
                base.and_then(|base| Ok(base.max(target.end()?))).with_context(context)?
            }
        };
        let base_size = source.base_size.unwrap_or(size);
        let side = |id, size| Side { id, size, external_origin: false };
        let base_side = source.base.map(|id| side(id, base_size));
        let target_side = side(source.target, size);
        let changes = compared::collect(self.plan, &metadata, base_side.as_ref(), &target_side)
            .with_context(context)?;
        let name = |side: &Side| Volume {
            name: format!("thin-{}", side.id),
            uuid: String::new(),
            size: side.size,
        };
        let names = Names {
            base: base_side.as_ref().map(name),
            target: name(&target_side),
            base_origin: String::new(),
        };
        let base_name = source.base.map_or("nothing".into(), |id| format!("thin id {id}"));
        let what = format!("{path:?} {base_name} -> thin id {}", source.target);
        let Some(data_path) = &source.data else {
            // The plan has no stream without data, and a list reads none.
            let nothing: &[u8] = &[];
            return self.put_out(&changes, Some(&nothing), &nothing, names, &what, &|| Ok(()));
        };
        let mode = if source.direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
        let data = Device::open(data_path, mode)
            .map_err(not_of_a_running_pool)
            .with_context(|| format!("data {}", data_path.display()))?;
        data.claim_for_reading()
            .with_context(|| format!("data {} is being written", data_path.display()))?;
        let volume = |mappings| MappedVolume { mappings, data: &data, chunk_size };
        let base = base.map(volume);
        self.put_out(&changes, base.as_ref(), &volume(target), names, &what, &|| Ok(()))
    }

    /// Changes → a list or a stream, whose end is written only if `check` finds nothing wrong.
    pub(crate) fn put_out(
        &self,
        changes: &Changes,
        base: Option<&(impl ReadAt + Sync)>,
        target: &(impl ReadAt + Sync),
        names: Names,
        what: &str,
        check: &dyn Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let options = match &self.plan.result {
            Outcome::List { format } => {
                let sizes = Sizes {
                    base: names.base.as_ref().map(|base| base.size),
                    target: names.target.size,
                };
                return cli::print(|out| match format {
                    Some(format) => map::print(changes, sizes, *format, out),
                    None => list::print(&changes.extents, false, out),
                });
            }
            Outcome::Stream(options) => options,
        };
        if let Some(granularity) = options.detail.granularity
            && granularity > changes.chunk_size
        {
            return Err(usage(format!(
                "a granularity of {granularity} bytes, where the chunks have {}",
                changes.chunk_size
            )));
        }
        let base_size = names.base.as_ref().map_or(0, |base| base.size);
        if options.format == StreamFormat::Hyperlayer1 && base_size != names.target.size {
            return Err(usage(format!(
                "--format hyperlayer-1.0, where the base has {base_size} bytes and the volume {}: \
                 that format cannot resize",
                names.target.size
            )));
        }
        let (mut digests, mut crcs) = (vec![], vec![]);
        match (base, options.format) {
            (Some(base), StreamFormat::Hyperlayer2) => {
                digests = self.prove(changes, base, base_size)?;
            }
            (Some(base), StreamFormat::Hyperlayer1) => {
                crcs = baseproof::checksum_ranges(base, &changes.sample, &|| {
                    self.session.interrupt.check()
                })
                .context("reading the base")?;
            }
            _ => {}
        }
        let content = Content { base, base_size, target };
        let target_size = names.target.size;
        let header = Header {
            target: names.target,
            base: names.base,
            chunk_size: changes.chunk_size,
            pairs: options.pairs.clone(),
            detect_level: match digests.is_empty() && crcs.is_empty() {
                true => 0,
                false => self.plan.detect_level,
            },
            extents: changes.extents.len() as u64,
            changed_bytes: changes.announced(target_size),
            unmapped_bytes: changes.bytes(ExtentKind::Unmapped),
            tool: concat!("lvdiff ", env!("CARGO_PKG_VERSION")).into(),
            created: (self.session.clock)(),
            undo: false,
            base_origin: names.base_origin,
        };
        let sink = Sink::open(options.output.as_deref(), self.session.interrupt)?;
        let writing = || match &options.output {
            Some(path) => format!("writing {}", path.display()),
            None => "writing to standard output".into(),
        };
        let writer = sink.writer().with_context(writing)?;
        flow::widen_pipe(&writer);
        let output =
            Output::new(writer, options.writing, self.session.interrupt).with_context(writing)?;
        let progress = self.session.progress.begin("lvdiff", header.changed_bytes);
        let fill = Fill { changes, content, detail: options.detail, progress: &*progress, check };
        let (output, totals) = match options.format {
            StreamFormat::Hyperlayer2 => {
                let sink = Encoder::new(output, &header, &digests).with_context(writing)?;
                self.fill(sink, &fill, &writing)
            }
            StreamFormat::Hyperlayer1 => {
                let sink = Hyperlayer1::new(output, &header, &crcs).with_context(writing)?;
                self.fill(sink, &fill, &writing)
            }
            StreamFormat::ThinSend => {
                let changed = changes.extents.iter();
                let changed = changed.filter(|extent| extent.kind() == ExtentKind::Changed);
                let ranges = changed.map(|extent| (extent.range().offset, extent.range().length));
                let sink = ThinSend::new(output, ranges).with_context(writing)?;
                self.fill(sink, &fill, &writing)
            }
        }?;
        let (writer, written) = output.finish().with_context(writing)?;
        sink.keep(writer)?;
        drop(progress);
        self.summarize(what, &header, &totals, &written);
        Ok(())
    }

    /// Writes all records and the end of a stream.
    fn fill<S: RecordSink>(
        &self,
        mut sink: S,
        from: &Fill<'_, impl ReadAt + Sync, impl ReadAt + Sync>,
        writing: &dyn Fn() -> String,
    ) -> anyhow::Result<(S::Output, Totals)> {
        let Fill { changes, content, detail, progress, check } = from;
        stream::write(&mut sink, changes, content, *detail, self.session.interrupt, *progress)
            .map_err(|error| match error.is::<hyperlayer::Error>() {
                true => error.context(writing()),
                false => error,
            })?;
        check()?;
        sink.finish().with_context(writing)
    }

    fn prove(
        &self,
        changes: &Changes,
        base: &(impl ReadAt + Sync),
        size: u64,
    ) -> anyhow::Result<Vec<BaseDigest>> {
        let base = Interruptible { source: base, interrupt: self.session.interrupt };
        let digests = match self.plan.detect_level {
            3 => baseproof::digest_whole(&base, size, changes.mapped.as_deref(), &|| {
                self.session.interrupt.check()
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
            self.session.begun.elapsed().as_secs_f64()
        );
        if let Some(sha1) = &written.sha1 {
            _ = writeln!(stderr, "SHA1: {sha1}");
        }
    }
}

/// What a stream is filled with.
struct Fill<'a, B, T> {
    changes: &'a Changes,
    content: Content<B, T>,
    detail: Detail,
    progress: &'a dyn Task,
    /// Whether the end may be written.
    check: &'a dyn Fn() -> anyhow::Result<()>,
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
            let data = source::open_thin(&thin, OpenMode::Read)?;
            // What others wrote to it through the page cache goes to the pool before the metadata
            // is frozen.
            source::write_back(dm, &thin, &data)?;
            anyhow::Ok(Self { thin, data })
        };
        open().with_context(|| format!("volume {}", volume.full_name()))
    }

    fn watch(&self, name: String, way_out: &'static str) -> Watch<'_> {
        Watch::begin(name, &self.thin.device, &self.data, way_out)
    }

    fn side(&self) -> anyhow::Result<Side> {
        Ok(Side {
            id: u64::from(self.thin.table.id).try_into()?,
            size: self.data.size(),
            external_origin: self.thin.table.external_origin.is_some(),
        })
    }
}

/// Refuses two volumes whose difference the metadata does not tell.
fn check_pair(base: &OpenVolume, target: &OpenVolume, one_pool: bool) -> anyhow::Result<()> {
    if !one_pool {
        return Err(usage("the two volumes are not in one pool"));
    }
    if base.thin.table.external_origin != target.thin.table.external_origin {
        return Err(usage(
            "the two volumes have different external origins, or only one of them has one: \
             what they read as where they are unmapped cannot be told from the metadata",
        ));
    }
    Ok(())
}

/// A file or device that holds metadata.
type Metafile = Box<dyn ReadAt + Send + Sync>;

/// A device, which may be live, is read past the page cache, many blocks at once. An image mostly is in
/// the page cache, where that would cost more than it saves.
fn open_metadata(path: &Path, direct: bool) -> io::Result<(Metafile, u64)> {
    // A running pool holds its devices, and what is read of them past it is of no one time.
    let mode = if direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
    let device = Device::open(path, mode).map_err(not_of_a_running_pool)?;
    if direct || device.is_block() {
        let size = device.size();
        return Ok((Box::new(ReadAhead::new(device)), size));
    }
    let size = device.size();
    Ok((Box::new(device), size))
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
