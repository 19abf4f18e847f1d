//! The pipeline: streams → what the arguments ask for.

use std::cell::OnceCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::Args;
use crate::print::{info, table};
use crate::{input, missing};
use flow::{Interrupt, Refusal, Session, human};
use foreign::Foreign;
use hyperlayer::{Records, Totals};
use patch::{Applier, Extras, UndoFiles};
use streams::{Chain, Link, Rules, Sources, Tally, Until};

/// Does what the arguments say.
pub(crate) fn run(args: &Args, session: &Session<'_>) -> anyhow::Result<()> {
    args.check().map_err(Refusal::Usage)?;
    let files = match args.names.as_slice() {
        [] => args.input.clone(),
        names => names.iter().map(PathBuf::from).collect(),
    };
    if args.info && !files.is_empty() && files != [Path::new("-")] {
        let entries = streams::catalogue(&files, args.disk.as_deref(), args.strict)?;
        return print(&table::text(&entries, args.json)?);
    }
    let until = args.until.as_deref().map(Until::parse).transpose();
    let until = until.map_err(|why| Refusal::Usage(format!("--until: {why}")))?;
    let complete = |foreign: &Foreign| missing::find(args, foreign);
    let rules = Rules {
        is_strict: args.strict,
        accepts_cut: args.partial,
        ignores_dates: args.no_base_check,
        must_ascend: args.backup.is_some(),
        name: args.new_name().map(Into::into),
        size: args.size,
        until,
        complete: &complete,
    };
    let sources = input::open(args, session.interrupt)?;
    let (interrupt, undo_files) = (session.interrupt, OnceCell::new());
    let job = Job { session, args, rules, interrupt, undo_files };
    match &args.device {
        _ if args.info => job.print_info(sources),
        _ if args.verify => job.verify(sources),
        Some(path) if args.check => job.check_device(path, sources),
        None if args.check => job.check_volume(sources),
        Some(path) => job.patch_device(path, sources),
        None if args.in_place => job.patch_in_place(sources),
        None => job.patch_volume(sources),
    }
}

/// A run, and what all its stages need.
pub(crate) struct Job<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) args: &'a Args,
    /// How streams are read.
    pub(crate) rules: Rules<'a>,
    pub(crate) interrupt: &'a Interrupt,
    /// What the input's undo streams bring back.
    pub(crate) undo_files: OnceCell<UndoFiles>,
}

impl Job<'_> {
    /// The input's streams, up to where the arguments say.
    pub(crate) fn chain(&self, sources: Sources) -> Chain<'_> {
        Chain::new(sources, &self.rules, self.interrupt)
    }

    fn print_info(&self, sources: Sources) -> anyhow::Result<()> {
        let link = self.chain(sources).first()?;
        let (header, as_json) = (link.header(), self.args.json);
        print(&match link.decoder.foreign() {
            Some(foreign) => info::other(foreign, header, link.has_checksum, as_json)?,
            None => info::own(header, link.decoder.base_digests(), as_json)?,
        })
    }

    fn verify(&self, sources: Sources) -> anyhow::Result<()> {
        let sound = streams::verify(self.chain(sources))?;
        if self.args.quiet {
            return Ok(());
        }
        let what = match sound.streams {
            1 => "the stream is sound".into(),
            count => format!("the {count} streams are sound, and follow one another"),
        };
        let ended = match sound.is_open {
            true => " as far as it goes (its end cannot be verified)",
            false => "",
        };
        cli::tell(|out| writeln!(out, "{what}{ended}: {}", describe(&sound.totals)))
    }

    /// Applies one stream's records; ends well only where all of it has arrived.
    pub(crate) fn apply(
        &self,
        link: &mut Link,
        applier: &Applier<'_>,
        extras: Extras<'_>,
    ) -> anyhow::Result<Totals> {
        let header = link.header();
        let bytes = header.changed_bytes + header.unmapped_bytes;
        let progress = self.session.progress.begin("lvpatch", bytes);
        applier.apply_all(&link.name, &mut link.decoder, &*progress, extras)
    }

    /// Says what was done.
    pub(crate) fn say_done(&self, name: &str, done: &Tally) {
        if self.args.quiet {
            return;
        }
        let streams = match done.streams {
            1 => String::new(),
            count => format!("{count} streams, "),
        };
        let seconds = self.session.begun.elapsed().as_secs_f64();
        // The volume is there, whether anybody can be told or not.
        _ = writeln!(
            io::stderr(),
            "lvpatch: {name}: {streams}{} in {seconds:.1} s{}",
            describe(&done.totals),
            if done.is_open { "; the stream's end cannot be verified" } else { "" }
        );
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    cli::print(|out| out.write_all(text.as_bytes()))
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
