//! A request, done.

use std::io::{self, Write};

use anyhow::Context;
use diff::{Options, Stream, StreamFormat};
use flow::{Output, Session, Written, human, usage};
use hyperlayer::{Header, Totals};
use source::{ClassicSource, Found, Pair, PoolSource, Source, Wants};

use crate::cli::MapFormat;
use crate::print::{list, map, volumes};
use crate::request::{Named, Place, Request, StreamRequest, Subject};
use crate::sink::{self, Sink};

/// The program, as a stream names it.
pub(crate) const TOOL: &str = concat!("lvdiff ", env!("CARGO_PKG_VERSION"));

/// How a volume is read that somebody writes to.
const WAY_OUT: &str = "--snapshot diffs a temporary snapshot instead";

/// Does what is asked for.
pub(crate) fn run(request: Request, is_quiet: bool, session: &Session<'_>) -> anyhow::Result<()> {
    match request {
        Request::Volumes { scope, reserve, json } => {
            volumes::print(&source::list(&scope, reserve, session.interrupt)?, json)
        }
        Request::Map(subject, format) => print_map(subject, format, session),
        Request::Stream(subject, stream) => write_stream(subject, &stream, is_quiet, session),
    }
}

fn print_map(
    subject: Subject,
    format: Option<MapFormat>,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let Subject { place, base_options } = subject;
    let source = look_up(place)?;
    base_options.detect_level(source.has_base(), 0)?;
    let comparison = format == Some(MapFormat::ThinDelta);
    if comparison && matches!(source, Source::Classic(_)) {
        return Err(usage("--map thin-delta tells of thin volumes, not of classic snapshots"));
    }
    let pair = source.open(&Wants { comparison, ..Wants::default() }, session)?;
    let printed = cli::print(|out| match format {
        Some(format) => map::print(&pair, format, out),
        None => list::print(&pair.changes.extents, false, out),
    });
    printed.map_err(|error| pair.explain(error))?;
    pair.release()
}

fn write_stream(
    subject: Subject,
    stream: &StreamRequest,
    is_quiet: bool,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let Subject { place, base_options } = subject;
    sink::check(stream.output.as_deref())?;
    let pairs = stream.pairs(session.interrupt)?;
    let source = look_up(place)?;
    let default = if stream.format == StreamFormat::ThinSend { 0 } else { 2 };
    let options = Options {
        format: stream.format,
        detail: stream.detail,
        detect_level: base_options.detect_level(source.has_base(), default)?,
        pairs,
        tool: TOOL.into(),
    };
    let mut pair = source.open(&options.wants(), session)?;
    let what = pair.what.clone();
    let written = put_out(&mut pair, &options, stream, session);
    let (header, totals, written) = written.map_err(|error| pair.explain(error))?;
    if !is_quiet {
        summarize(&what, &header, &totals, &written, session);
    }
    pair.release()
}

fn look_up(place: Place) -> anyhow::Result<Source> {
    let Named { base, target, scope, reverse, snapshot, reserve } = match place {
        Place::Files(files) => return Ok(Source::Files(files)),
        Place::Machine(named) => named,
    };
    match source::find(base.as_deref(), &target, &scope)? {
        Found::Classic(found) if snapshot => Err(usage(format!(
            "--snapshot takes a thin snapshot, and {} is a classic one: of that, stop \
             whatever writes to {} for the time of the run",
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

/// Proves, opens the output, and writes.
fn put_out(
    pair: &mut Pair,
    options: &Options,
    to: &StreamRequest,
    session: &Session<'_>,
) -> anyhow::Result<(Header, Totals, Written)> {
    let stream = Stream::prove(pair, options, session)?;
    let sink = Sink::open(to.output.as_deref(), session.interrupt)?;
    let writing = || match &to.output {
        Some(path) => format!("writing {}", path.display()),
        None => "writing to standard output".into(),
    };
    let writer = sink.writer().with_context(writing)?;
    flow::widen_pipe(&writer);
    let output = Output::new(writer, to.writing, session.interrupt).with_context(writing)?;
    let (output, totals) =
        stream.write(output, session).map_err(|error| match error.is::<hyperlayer::Error>() {
            true => error.context(writing()),
            false => error,
        })?;
    let (writer, written) = output.finish().with_context(writing)?;
    sink.keep(writer)?;
    Ok((stream.header().clone(), totals, written))
}

fn summarize(
    what: &str,
    header: &Header,
    totals: &Totals,
    written: &Written,
    session: &Session<'_>,
) {
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
        session.begun.elapsed().as_secs_f64()
    );
    if let Some(sha1) = &written.sha1 {
        _ = writeln!(stderr, "SHA1: {sha1}");
    }
}
