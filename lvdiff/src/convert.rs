//! `--convert`: streams of another tool → ours.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use blockio::folder_of;
use flow::{Session, human};
use streams::{Conversion, ConvertOptions};

use crate::cli::Args;
use crate::request::StreamRequest;
use crate::run::TOOL;
use crate::summary::say_sha1;

/// Converts what the arguments name.
pub(crate) fn run(
    args: &Args,
    options: &StreamRequest,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    cli::check_sink(options.output.as_deref())?;
    let pairs = options.pairs(session.interrupt)?;
    // What is redirected from a file can be read twice like that file.
    let input = args.input.iter().map(|path| match cli::is_standard(path) {
        true => PathBuf::from("/dev/stdin"),
        false => path.clone(),
    });
    let paths = foreign::expand(&input.collect::<Vec<_>>(), args.disk.as_deref())?;
    let path = options.output.as_deref();
    let (base, volume) = args.names();
    let how = ConvertOptions {
        base: base.map(Into::into),
        volume: volume.map(Into::into),
        size: args.size,
        base_size: args.base_size,
        pairs,
        level: options.detail.level,
        tool: TOOL.into(),
        sort_in: path.map_or(Path::new("."), folder_of).into(),
    };
    let conversion = Conversion::note(&paths, &how, session)?;
    let ((), written) =
        cli::deliver(path, options.writing, session.interrupt, |output, writing| {
            let progress = session.progress.begin("lvdiff", conversion.changed_bytes());
            Ok((conversion.write(output, writing, &*progress, session)?, ()))
        })?;
    if args.quiet {
        return Ok(());
    }
    let mut stderr = io::stderr();
    // The stream is there, whether anybody can be told or not.
    _ = writeln!(
        stderr,
        "lvdiff: {} converted: {} changed, {} unmapped; {} bytes written in {:.1} s",
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        human(conversion.changed_bytes()),
        human(conversion.unmapped_bytes()),
        written.bytes,
        session.begun.elapsed().as_secs_f64()
    );
    say_sha1(&written);
    Ok(())
}
