//! The pipeline: stream → header → plan → proof → snapshot → records → new volume.

use std::fs::File;
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use blockio::{Device, OpenMode};
use cli::{Input, Interrupt, Progress, Refusal, human};
use hyperlayer::{Decoder, Header, Records, Totals};
use lvm::{
    Activation, DeviceMapper, DeviceNumber, PoolTable, TemporarySnapshot, ThinDevice, WriteCount,
};

use crate::apply::{Applier, Ground};
use crate::cli::Args;
use crate::plan::Plan;
use crate::{info, plan, prove, space};

/// Does what the arguments say with the stream on standard input.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    if io::stdin().is_terminal() {
        return Err(Refusal::Usage(
            "a stream is expected on standard input: redirect a file (lvpatch … < FILE), or pipe \
             one (lvdiff … | lvpatch …)"
                .into(),
        )
        .into());
    }
    let job = Job { begun: Instant::now(), args, interrupt };
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned().context("standard input")?);
    match &args.device {
        _ if args.info => job.print_info(stdin),
        _ if args.verify => job.verify(stdin),
        Some(path) => job.patch_device(path, stdin),
        None => job.patch_volume(stdin),
    }
}

/// A run, and what all its stages need.
struct Job<'a> {
    begun: Instant,
    args: &'a Args,
    interrupt: &'a Interrupt,
}

impl Job<'_> {
    fn decoder(&self, stdin: File) -> anyhow::Result<Decoder<Input>> {
        cli::widen_pipe(&stdin);
        Decoder::new(Input::new(stdin, self.interrupt)).context("standard input")
    }

    fn print_info(&self, stdin: File) -> anyhow::Result<()> {
        let decoder = self.decoder(stdin)?;
        let (header, digests) = (decoder.header(), decoder.base_digests());
        let text = match self.args.json {
            true => info::json(header, digests),
            false => info::text(header, digests),
        };
        io::stdout().write_all(text.as_bytes()).context("standard output")
    }

    fn verify(&self, stdin: File) -> anyhow::Result<()> {
        let totals = self.decoder(stdin)?.finish().context("standard input")?;
        if !self.args.quiet {
            writeln!(io::stdout(), "the stream is sound: {}", describe(&totals))?;
        }
        Ok(())
    }

    fn patch_volume(&self, stdin: File) -> anyhow::Result<()> {
        let mut decoder = self.decoder(stdin)?;
        let mut plan = plan::look_up(self.args, decoder.header())?;
        let dm = DeviceMapper::open()?;
        let keep_waiting = || self.interrupt.is_absent();
        TemporarySnapshot::remove_leftovers(&mut plan.volumes, &plan.base.group)?;

        let base_active = Activation::ensure(&dm, &plan.base, &keep_waiting)?;
        let thin = ThinDevice::find(&dm, &plan.base)?;
        let pool = thin.pool(&dm)?;
        let in_use = thin.may_be_written();
        if in_use {
            log::warn!(
                "{} is in use: what is written to it meanwhile will be in the new volume, or make \
                 the base another one",
                plan.base.full_name()
            );
        }
        let written = self.prove_base(&dm, &thin, &plan, &decoder)?;
        let chunks = space::check(decoder.header(), &pool, &pool.status(&dm)?)?;
        self.interrupt.check()?;

        // From here on there is something to undo: the guard removes it on every way out.
        let snapshot = TemporarySnapshot::create(&plan.base)
            .with_context(|| format!("a snapshot of {}", plan.base.full_name()))?;
        let device_of_snapshot = snapshot.device(&dm)?;
        let device = cli::open_thin(&device_of_snapshot, OpenMode::WriteExclusive)?;
        // What was proved is the base; what is built on is the snapshot. Nobody else writes to
        // that, so it is proved in its own right where the base may have changed in between.
        if in_use || written.is_none() || thin.writes() != written {
            self.prove(&dm, &device_of_snapshot, &device, &plan, &decoder)?;
        }
        // The snapshot has the base's chunks, whether the base stays active or not.
        base_active.release()?;

        let name = format!("{}/{}", plan.base.group, plan.new);
        let PoolTable { chunk_size, zeroes, .. } = pool.table;
        let ground = Ground { chunk_size, zeroes, chunks };
        let totals = self.apply(&mut decoder, &device, &name, ground)?;
        device.sync().with_context(|| name.clone())?;
        // A device that is open can be renamed, but not removed should that fail.
        drop(device);
        self.interrupt.check()?;
        snapshot.keep_as(&plan.new)?;
        self.say_done(&name, &totals);
        Ok(())
    }

    /// Proves the base; yields what had been written to it before.
    fn prove_base(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        plan: &Plan,
        records: &impl Records,
    ) -> anyhow::Result<Option<WriteCount>> {
        let base = cli::open_thin(thin, OpenMode::Read)?;
        base.write_back().with_context(|| plan.base.full_name())?;
        let written = thin.writes();
        self.prove(dm, thin, &base, plan, records)?;
        Ok(written)
    }

    fn prove(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        device: &Device,
        plan: &Plan,
        records: &impl Records,
    ) -> anyhow::Result<()> {
        let digests = records.base_digests();
        if self.args.no_base_check || digests.is_empty() {
            return Ok(());
        }
        let mapped = match records.header().detect_level {
            3 => prove::mapped_ranges(dm, thin, self.interrupt)?,
            _ => None,
        };
        let name = plan.base.full_name();
        prove::prove(&name, device, digests, mapped.as_deref(), self.interrupt)
    }

    fn patch_device(&self, path: &Path, mut stdin: File) -> anyhow::Result<()> {
        let name = path.display().to_string();
        // There is no snapshot to throw away. A stream that can be read twice is verified whole
        // before the first byte is written.
        if stdin.metadata().context("standard input")?.is_file() {
            let begin = stdin.stream_position().context("standard input")?;
            let again = stdin.try_clone().context("standard input")?;
            self.decoder(again)?.finish().context("standard input")?;
            stdin.seek(SeekFrom::Start(begin)).context("standard input")?;
        }
        let mut decoder = self.decoder(stdin)?;
        let device = Device::open(path, OpenMode::WriteExclusive)
            .with_context(|| format!("opening {name} for writing; is it mounted, or in use?"))?;
        plan::check_base_size(decoder.header(), &name, size_of_volume(&device, decoder.header()))?;
        let ground = ground_of(&device, decoder.header())?;
        if !self.args.no_base_check {
            prove::prove(&name, &device, decoder.base_digests(), None, self.interrupt)?;
        }
        let totals = self.apply(&mut decoder, &device, &name, ground).with_context(|| {
            format!("{name} may be changed in part (there is no snapshot with --device)")
        })?;
        device.sync().with_context(|| name.clone())?;
        self.say_done(&name, &totals);
        Ok(())
    }

    fn apply(
        &self,
        records: &mut (impl Records + Send),
        device: &Device,
        name: &str,
        ground: Ground,
    ) -> anyhow::Result<Totals> {
        let header = records.header();
        let bytes = header.changed_bytes + header.unmapped_bytes;
        let progress = Progress::new("lvpatch", bytes, self.args.quiet);
        Applier::new(device, name, ground, self.interrupt).apply_all(records, &progress)
    }

    fn say_done(&self, name: &str, totals: &Totals) {
        if !self.args.quiet {
            let seconds = self.begun.elapsed().as_secs_f64();
            // The volume is there, whether anybody can be told or not.
            _ = writeln!(io::stderr(), "lvpatch: {name}: {} in {seconds:.1} s", describe(totals));
        }
    }
}

/// The size of the volume that a device holds: a block device can be larger than that, because of
/// its own units.
fn size_of_volume(device: &Device, header: &Header) -> u64 {
    match &header.base {
        Some(base) if device.is_block() => device.size().min(base.size),
        _ => device.size(),
    }
}

/// What a device lies on: a thin pool, where it is a thin volume; else nothing that matters.
fn ground_of(device: &Device, header: &Header) -> anyhow::Result<Ground> {
    let plain = Ground { chunk_size: header.chunk_size, zeroes: true, chunks: u64::MAX };
    let number = DeviceNumber::from_rdev(device.rdev());
    if !device.is_block() || !Path::new(&format!("/sys/dev/block/{number}/dm")).exists() {
        return Ok(plain);
    }
    let dm = DeviceMapper::open()?;
    Ok(match ThinDevice::find_by_number(&dm, number)? {
        None => plain,
        Some(thin) => {
            let table = thin.pool(&dm)?.table;
            Ground { chunk_size: table.chunk_size, zeroes: table.zeroes, ..plain }
        }
    })
}

fn describe(totals: &Totals) -> String {
    format!(
        "{} of data, {} of zeros, {} unmapped, in {} records",
        human(totals.data_bytes),
        human(totals.zero_bytes),
        human(totals.discard_bytes),
        totals.data_records + totals.zero_records + totals.discard_records
    )
}
