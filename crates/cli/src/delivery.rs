//! [`deliver`]: a stream on its way to a file or to standard output.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use flow::{Interrupt, Output, OutputOptions, Written, widen_pipe};

use crate::fate::Fate;
use crate::sink::Sink;

/// Writes a stream to `path`, or to standard output without one. An existing file at `path` is replaced once the
/// whole stream is on stable storage; until then, and after an error, it is unchanged.
///
/// `write` does the writing, and returns the output and its result. It also gets the context of output
/// errors, which says where the stream goes: only `write` can tell output errors from
/// read errors.
///
/// # Errors
/// Those of `write`; if the output cannot be opened, written or kept; if a signal arrives.
pub fn deliver<T>(
    path: Option<&Path>,
    options: OutputOptions,
    interrupt: &Interrupt,
    write: impl FnOnce(Output<File>, &str) -> anyhow::Result<(Output<File>, T)>,
) -> anyhow::Result<(T, Written)> {
    let sink = Sink::open(path, interrupt)?;
    let fate = Fate::of(path, &sink);
    let delivered = write_to(sink, path, options, interrupt, write);
    delivered.map_err(|error| fate.explain(error))
}

fn write_to<T>(
    sink: Sink,
    path: Option<&Path>,
    options: OutputOptions,
    interrupt: &Interrupt,
    write: impl FnOnce(Output<File>, &str) -> anyhow::Result<(Output<File>, T)>,
) -> anyhow::Result<(T, Written)> {
    let writing = match path {
        Some(path) => format!("writing {}", path.display()),
        None => "writing to standard output".into(),
    };
    let context = || writing.clone();
    let writer = sink.writer().with_context(context)?;
    widen_pipe(&writer);
    let output = Output::new(writer, options, interrupt).with_context(context)?;
    let (output, said) = write(output, &writing)?;
    let (writer, written) = output.finish().with_context(context)?;
    sink.keep(writer)?;
    Ok((said, written))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_there_is_replaced_by_a_whole_stream_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream");
        std::fs::write(&path, "before").unwrap();
        let put = |fails: bool| {
            let options = OutputOptions { sha1: true, bytes_per_second: None };
            deliver(Some(&path), options, &Interrupt::default(), |mut output, writing| {
                output.write_all(b"abc").context(writing.to_owned())?;
                anyhow::ensure!(!fails, "{writing}");
                Ok((output, 1))
            })
        };
        let said = put(true).unwrap_err().to_string();
        assert_eq!(said, format!("writing {}", path.display()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");

        let (said, written) = put(false).unwrap();
        assert_eq!((said, written.bytes, written.sha1.map(|sha1| sha1.len())), (1, 3, Some(40)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
