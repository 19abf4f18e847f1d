//! Carries out a request.

use cli::Outcome;
use diff::{Options, Stream, StreamFormat};
use flow::{Session, Written, usage};
use hyperlayer::{Finished, Header};
use source::{ClassicSource, Found, Pair, PoolSource, Source, Sums, Wants};

use crate::cli::MapFormat;
use crate::print::described::Described;
use crate::print::{devices, list, map, summary, volumes};
use crate::report::Wrote;
use crate::request::{Form, Location, Named, Request, StreamRequest, Subject, TOOL};
use crate::summary::{say_sums, summarize};
use crate::{convert, merge, survey, way_out};

/// How to read a volume that is being written to.
const WAY_OUT: &str = "--snapshot diffs a temporary snapshot instead";

/// Does what was asked for.
pub(crate) fn run(
    request: Request,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    outcome.begin(request.name());
    match request {
        Request::Volumes { scope, reserve, form } => {
            let listing = source::list(&scope, reserve, session.interrupt)?;
            for (pool, why) in &listing.unknown {
                let words = way_out::words(why).map(|words| format!("; {words}"));
                let words = words.unwrap_or_default();
                log::warn!("it is unknown what is mapped in the volumes of {pool}: {why:#}{words}");
            }
            volumes::print(&listing.volumes, form, (session.clock)())
        }
        Request::Survey { scope, reserve, form } => {
            survey::run(&scope, reserve, form, is_quiet, session)
        }
        Request::Devices { metadata, direct, json } => {
            let listed = source::list_devices(&metadata, direct, session.interrupt)?;
            devices::print(&listed, json)
        }
        Request::Map(subject, format) => print_map(subject, format, is_quiet, session),
        Request::Summary(subject, form) => print_summary(subject, form, session),
        Request::Stream(subject, stream) => {
            write_stream(subject, &stream, is_quiet, session, outcome)
        }
        Request::Merged(files, stream) => merge::run(&files, &stream, is_quiet, session, outcome),
        Request::Converted(from, stream) => convert::run(from, &stream, is_quiet, session, outcome),
    }
}

fn print_map(
    subject: Subject,
    format: Option<MapFormat>,
    is_quiet: bool,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let (source, pair) = open(subject, format == Some(MapFormat::ThinDelta), session)?;
    let mut sums = Sums::default();
    let printed = cli::print(|out| match format {
        Some(format) => map::print(&source.labels(), &pair, format, out),
        None => {
            sums = list::table(&pair.changes.extents, pair.names.target.size, out)?;
            Ok(())
        }
    });
    printed.map_err(|error| pair.explain(error))?;
    if format.is_none() && !is_quiet {
        say_sums(&pair.what, &sums, pair.names.target.size);
    }
    pair.release()
}

fn print_summary(subject: Subject, form: Form, session: &Session<'_>) -> anyhow::Result<()> {
    let (source, pair) = open(subject, false, session)?;
    let labels = source.labels();
    let printed = cli::print(|out| {
        let described = Described::new(&labels, &pair)?;
        match form {
            Form::Json => described.print_json(out),
            Form::Text { .. } => summary::print(&described, &pair, cli::columns(), out),
        }
    });
    printed.map_err(|error| pair.explain(error))?;
    pair.release()
}

/// Opens what is printed about, and reads no data.
fn open(
    subject: Subject,
    comparison: bool,
    session: &Session<'_>,
) -> anyhow::Result<(Source, Pair)> {
    let Subject { place, base_options } = subject;
    let source = look_up(place)?;
    base_options.detect_level(source.has_base(), 0)?;
    if comparison && matches!(source, Source::Classic(_)) {
        return Err(usage("--map thin-delta is for thin volumes, not for classic snapshots"));
    }
    let pair = source.open(&Wants { comparison, ..Wants::default() }, session)?;
    Ok((source, pair))
}

fn write_stream(
    subject: Subject,
    stream: &StreamRequest,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let Subject { place, base_options } = subject;
    cli::check_sink(stream.output.as_deref())?;
    let pairs = stream.pairs(session.interrupt)?;
    let source = look_up(place)?;
    let default = if stream.format == StreamFormat::ThinSend { 0 } else { 2 };
    let options = Options {
        format: stream.format,
        detail: stream.detail,
        detect_level: base_options.detect_level(source.has_base(), default)?,
        roots: stream.roots.clone(),
        rest_from: stream.rest_from,
        pairs,
        tool: TOOL.into(),
    };
    let mut pair = source.open(&options.wants(), session)?;
    let what = pair.what.clone();
    let written = put_out(&mut pair, &options, stream, session);
    let (header, finished, written) = written.map_err(|error| pair.explain(error))?;
    let streams = [(&header, &finished)];
    outcome.done(&Wrote::new(stream.format.name(), streams.into_iter(), &written))?;
    if !is_quiet {
        summarize(&what, &header, &finished.totals, &written, session);
    }
    pair.release()
}

fn look_up(place: Location) -> anyhow::Result<Source> {
    let Named { base, target, scope, reverse, snapshot, reserve } = match place {
        Location::Files(files) => return Ok(Source::Files(files)),
        Location::Machine(named) => named,
    };
    match source::find(base.as_deref(), &target, &scope)? {
        Found::Classic(found) if snapshot => Err(usage(format!(
            "--snapshot takes a thin snapshot, and {} is a classic one: stop whatever writes to {} \
             during the run",
            found.snapshot.full_name(),
            found.origin.full_name()
        ))),
        Found::Classic(found) => {
            let reverse = found.reverse || reverse;
            Ok(Source::Classic(Box::new(ClassicSource { reverse, ..found })))
        }
        Found::Other { target, .. } if reverse => Err(usage(format!(
            "--reverse is for a classic snapshot, which {} is not; of two volumes, name the \
             new one first",
            target.full_name()
        ))),
        Found::Other { base, target, volumes } => {
            let source = PoolSource::of(base, target, volumes)?;
            let way_out = WAY_OUT;
            Ok(Source::Pool(Box::new(PoolSource { snapshot, reserve, way_out, ..source })))
        }
    }
}

/// Finds what proves the base, opens the output, and writes.
fn put_out(
    pair: &mut Pair,
    options: &Options,
    to: &StreamRequest,
    session: &Session<'_>,
) -> anyhow::Result<(Header, Finished, Written)> {
    let mut stream = Stream::prove(pair, options, session)?;
    let path = to.output.as_deref();
    let (finished, written) =
        cli::deliver(path, to.writing, session.interrupt, |output, writing| {
            stream.write(output, session).map_err(|error| match error.is::<hyperlayer::Error>() {
                true => error.context(writing.to_owned()),
                false => error,
            })
        })?;
    Ok((stream.header().clone(), finished, written))
}
