//! `--merge`: the streams in files → one.

use std::path::PathBuf;

use cli::Outcome;
use flow::{Session, counted, escaped, human};
use streams::{Merge, MergeOptions};

use crate::report::Wrote;
use crate::request::{StreamRequest, TOOL};
use crate::summary::{say_sha1, written_in};

/// Merges the streams in these files, in this order.
pub(crate) fn run(
    paths: &[PathBuf],
    options: &StreamRequest,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    cli::check_sink(options.output.as_deref())?;
    let pairs = options.pairs(session.interrupt)?;
    let merge = Merge::read(paths, "verifying", session)?;
    let how = MergeOptions { pairs, level: options.detail.level, tool: TOOL.into() };
    let path = options.output.as_deref();
    let ((merged, progress), written) =
        cli::deliver(path, options.writing, session.interrupt, |output, writing| {
            let progress = session.progress.begin("merging", merge.data_bytes());
            let (output, merged) = merge.write(output, writing, &how, &*progress, session)?;
            Ok((output, (merged, progress)))
        })?;
    drop(progress);
    let streams = [(&merged.header, &merged.finished)];
    outcome.done(&Wrote::new(options.format.name(), streams.into_iter(), &written))?;
    if is_quiet {
        return Ok(());
    }
    // The stream is complete, even if this message cannot be written.
    let (header, totals) = (&merged.header, &merged.finished.totals);
    let base = header.base.as_ref().map_or("nothing".into(), |base| escaped(&base.name));
    cli::note(format_args!(
        "lvdiff: {} merged, {base} -> {}: {} changed, {} unmapped; {} of data and {} of zeros; {}",
        counted(merge.streams(), "stream"),
        escaped(&header.target.name),
        human(header.changed_bytes),
        human(header.unmapped_bytes),
        human(totals.data_bytes),
        human(totals.zero_bytes),
        written_in(&written, session)
    ));
    say_sha1(&written);
    Ok(())
}
