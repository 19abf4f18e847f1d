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
use lvm::{Activation, DeviceMapper, PoolTable, TemporarySnapshot, ThinDevice};

use crate::apply::Applier;
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
        Decoder::new(Input::new(stdin, self.interrupt)).context("standard input")
    }

    fn print_info(&self, stdin: File) -> anyhow::Result<()> {
        let decoder = self.decoder(stdin)?;
        let (header, digests) = (decoder.header(), decoder.base_digests());
        let text = match self.args.json {
            true => format!("{:#}\n", info::json(header, digests)),
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
        let decoder = self.decoder(stdin)?;
        let plan = plan::look_up(self.args, decoder.header())?;
        let dm = DeviceMapper::open()?;
        let keep_waiting = || self.interrupt.is_absent();

        let base_active = Activation::ensure(&dm, &plan.base, &keep_waiting)?;
        let thin = ThinDevice::find(&dm, &plan.base)?;
        let pool = thin.pool(&dm)?;
        if thin.may_be_written() {
            log::warn!(
                "{} is in use: what is written to it meanwhile will be in the new volume",
                plan.base.full_name()
            );
        }
        space::check(decoder.header(), &pool, &pool.status(&dm)?)?;
        self.prove_volume(&dm, &thin, &plan, &decoder)?;
        self.interrupt.check()?;

        // From here on there is something to undo: the guard removes it on every way out.
        let snapshot = TemporarySnapshot::create(&plan.base)
            .with_context(|| format!("a snapshot of {}", plan.base.full_name()))?;
        // It has the base's chunks now, whether the base stays active or not.
        base_active.release()?;
        let node = snapshot.device(&dm)?.node()?;
        let device = Device::open(&node, OpenMode::WriteExclusive)
            .with_context(|| format!("opening {}", node.display()))?;
        let PoolTable { chunk_size, zeroes, .. } = pool.table;
        let mut applier = Applier::new(&device, chunk_size, zeroes, self.interrupt)?;
        let totals = self.apply(decoder, &mut applier)?;
        device.sync().context("the new volume")?;
        // A device that is open can be renamed, but not removed should that fail.
        drop(device);
        self.interrupt.check()?;
        snapshot.keep_as(&plan.new)?;
        self.say_done(&format!("{}/{}", plan.base.group, plan.new), &totals);
        Ok(())
    }

    fn prove_volume(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        plan: &Plan,
        decoder: &Decoder<Input>,
    ) -> anyhow::Result<()> {
        let digests = decoder.base_digests();
        if self.args.no_base_check || digests.is_empty() {
            return Ok(());
        }
        let name = plan.base.full_name();
        let node = thin.node()?;
        let base = Device::open(&node, OpenMode::Read).with_context(|| name.clone())?;
        base.sync().with_context(|| name.clone())?;
        let mapped = match decoder.header().detect_level {
            3 => prove::mapped_ranges(dm, thin, self.interrupt)?,
            _ => None,
        };
        prove::prove(&name, &base, digests, mapped.as_deref(), self.interrupt)
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
        let decoder = self.decoder(stdin)?;
        let device = Device::open(path, OpenMode::WriteExclusive)
            .with_context(|| format!("opening {name} for writing"))?;
        check_device(&name, &device, decoder.header())?;
        if !self.args.no_base_check {
            prove::prove(&name, &device, decoder.base_digests(), None, self.interrupt)?;
        }
        // What lies below a device is not known, so it is not relied on to zero anything.
        let chunk_size = decoder.header().chunk_size;
        let mut applier = Applier::new(&device, chunk_size, !device.is_block(), self.interrupt)?;
        let totals = self.apply(decoder, &mut applier).with_context(|| {
            format!("{name} may be changed in part (there is no snapshot with --device)")
        })?;
        device.sync().with_context(|| name.clone())?;
        self.say_done(&name, &totals);
        Ok(())
    }

    /// All records, in order; ends well only where the whole stream has arrived.
    fn apply(
        &self,
        mut decoder: Decoder<Input>,
        applier: &mut Applier<'_>,
    ) -> anyhow::Result<Totals> {
        let header = decoder.header();
        let bytes = header.changed_bytes + header.unmapped_bytes;
        let progress = Progress::new("lvpatch", bytes, self.args.quiet);
        while let Some(record) = decoder.next_record().context("standard input")? {
            self.interrupt.check()?;
            let (offset, length) = (record.offset(), record.length());
            applier
                .apply(record)
                .with_context(|| format!("writing {length} bytes at offset {offset}"))?;
            progress.add(length);
        }
        decoder.finish().context("standard input")
    }

    fn say_done(&self, name: &str, totals: &Totals) {
        if !self.args.quiet {
            let seconds = self.begun.elapsed().as_secs_f64();
            eprintln!("lvpatch: {name}: {} in {seconds:.1} s", describe(totals));
        }
    }
}

fn check_device(name: &str, device: &Device, header: &Header) -> anyhow::Result<()> {
    let base = plan::base_of(header)?;
    // A block device can be somewhat larger than the volume, because of its own units.
    let fits = match device.is_block() {
        true => device.size() >= base.size,
        false => device.size() == base.size,
    };
    if !fits {
        return Err(Refusal::BaseMismatch(format!(
            "{name} has {} bytes, but the stream starts from {}, which has {}",
            device.size(),
            base.name,
            base.size
        ))
        .into());
    }
    if header.target.size != base.size {
        anyhow::bail!(
            "the volume was resized from {} to {} bytes between base and target, which this version of \
             lvpatch does not support",
            base.size,
            header.target.size
        );
    }
    Ok(())
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
