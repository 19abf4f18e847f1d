//! The pairs of a stream's header: from files, and from the command line.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::{Input, Interrupt, usage};

use crate::cli::pair;

type Pair = (String, String);

/// The most bytes that all pairs may take: the header has a limit, and everything else in it is small.
const MAX_PAIR_BYTES: usize = 512 << 10;

/// The pairs of all `files` in their order, and then `more`.
pub(crate) fn read(
    files: &[PathBuf],
    more: &[Pair],
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for path in files {
        pairs.extend(from_text(path, &read_file(path, interrupt)?)?);
    }
    pairs.extend_from_slice(more);
    // Besides its text, each pair takes two lengths.
    let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len() + 16).sum();
    if bytes > MAX_PAIR_BYTES {
        return Err(usage(format!(
            "the pairs take {bytes} bytes in the header: {MAX_PAIR_BYTES} at most"
        )));
    }
    Ok(pairs)
}

fn read_file(path: &Path, interrupt: &Interrupt) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flow::open(File::options().read(true), path, interrupt)
        .and_then(|file| Input::new(file, interrupt))
        .and_then(|input| input.take(MAX_PAIR_BYTES as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("--head {}", path.display()))?;
    if bytes.len() > MAX_PAIR_BYTES {
        return Err(usage(format!(
            "--head {}: it has more than {MAX_PAIR_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Parses the pairs in a file's lines; empty lines and those that begin with # are ignored.
fn from_text(path: &Path, bytes: &[u8]) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let refused = |why: &str| {
            let line = String::from_utf8_lossy(line);
            let line: String = line.trim_end().chars().take(80).collect();
            usage(format!("--head {}, line {number}: {why}: {line:?}", path.display()))
        };
        let text = str::from_utf8(line).map_err(|_| refused("it is not UTF-8"))?.trim();
        if !text.is_empty() && !text.starts_with('#') {
            pairs.push(pair(text).map_err(|why| refused(&why))?);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pairs_and_those_that_are_none_are_named() {
        let parsed = |text: &[u8]| from_text(Path::new("notes"), text);
        let text = "# a comment\n\nHost: a:b \r\n  Größe: 5 GiB\nempty:\n  # another\nlast: 1";
        let expected = [("Host", "a:b"), ("Größe", "5 GiB"), ("empty", ""), ("last", "1")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(parsed(text.as_bytes()).unwrap(), expected);
        assert_eq!(parsed(b"").unwrap(), []);
        for (text, why) in [
            (&b"a: 1\n\nno colon\n"[..], "notes, line 3: there is no colon in it: \"no colon\""),
            (b": x", "notes, line 1: there is no key"),
            (b"# fine\n\xff: x", "notes, line 2: it is not UTF-8"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
