//! `--convert`: streams of another tool → ours.

use std::path::Path;

use blockio::folder_of;
use cli::Outcome;
use flow::{Session, human};
use streams::{Conversion, ConvertOptions};

use crate::report::Wrote;
use crate::request::{Foreign, StreamRequest, TOOL};
use crate::summary::{say_sha1, written_in};

/// Converts streams of another tool.
pub(crate) fn run(
    from: Foreign,
    options: &StreamRequest,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    cli::check_sink(options.output.as_deref())?;
    let pairs = options.pairs(session.interrupt)?;
    let paths = foreign::expand(&from.files, from.disk.as_deref())?;
    let path = options.output.as_deref();
    let how = ConvertOptions {
        base: from.base,
        volume: from.volume,
        size: from.size,
        base_size: from.base_size,
        pairs,
        level: options.detail.level,
        tool: TOOL.into(),
        sort_in: path.map_or(Path::new("."), folder_of).into(),
    };
    let conversion = Conversion::note(&paths, &how, session)?;
    for (path, size) in conversion.assumed_base_sizes() {
        log::warn!(
            "{}: the base is assumed to have {size} bytes, like the volume: give --base-size if it \
             grew",
            path.display()
        );
    }
    let (finished, written) =
        cli::deliver(path, options.writing, session.interrupt, |output, writing| {
            let progress = session.progress.begin("converting", conversion.changed_bytes());
            conversion.write(output, writing, &*progress, session)
        })?;
    let streams = conversion.headers().zip(&finished);
    outcome.done(&Wrote::new(options.format.name(), streams, &written))?;
    if is_quiet {
        return Ok(());
    }
    // The stream is complete, even if this message cannot be written.
    cli::note(format_args!(
        "lvdiff: {} converted: {} changed, {} unmapped; {}",
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        human(conversion.changed_bytes()),
        human(conversion.unmapped_bytes()),
        written_in(&written, session)
    ));
    say_sha1(&written);
    Ok(())
}
