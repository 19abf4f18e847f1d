//! What the programs do on files, without starting them: for tests that do it many times.

// Each test has one of its own, and uses a part of it.
#![allow(dead_code, unused_imports)]

mod ended;
mod limits;
mod line;

use std::fs::File;
use std::path::{Path, PathBuf};

use diff::{Detail, Options, RootSearch, Stream, StreamFormat};
use flow::{Interrupt, Quiet, Session};
use hyperlayer::Outline;
use patch::{Chunking, Cut, Destination, Named, Overwriting, Proof, Request, Resuming, Whole};
use source::FilesSource;
use streams::{Merge, MergeOptions, Rules, Sources};

pub(crate) use ended::Ended;
pub(crate) use limits::{alone, limited};

/// What a program does for a line of words: it looks for files in `folder`, and has the file `stream` there as
/// standard input, if it reads that.
pub(crate) fn run(folder: &Path, program: &str, words: &[&str]) -> Ended {
    let makes = words.contains(&"--merge") || words.contains(&"--convert");
    assert_eq!(program, if makes { "lvdiff" } else { "lvpatch" }, "{words:?}");
    let line = line::Line::new(folder, words);
    Ended::of(|| line.run())
}

/// `lvdiff --metadata`.
pub(crate) fn diff(
    files: &FilesSource,
    format: StreamFormat,
    detect_level: u8,
    detail: Detail,
) -> Vec<u8> {
    let tool = "test".into();
    let roots = Some(RootSearch::default()).filter(|_| format == StreamFormat::Hyperlayer2);
    let options =
        Options { format, detail, detect_level, roots, rest_from: None, pairs: vec![], tool };
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let mut pair = files.open(&options.wants(), &session).unwrap();
    let mut stream = Stream::prove(&mut pair, &options, &session).unwrap();
    let (stream, _) = stream.write(Vec::new(), &session).unwrap();
    pair.release().unwrap();
    stream
}

/// `lvpatch --device IMAGE < STREAM`.
pub(crate) fn apply(stream: &Path, image: &Path) -> anyhow::Result<patch::Done> {
    let request = Request {
        destination: Destination::Path(
            image.into(),
            Overwriting { backup: None, cut: Cut::Refused },
        ),
        named: Named { group: None, pool: None, volume: None },
        proof: Proof::Needed,
        chunks: Chunking::Same,
        whole: if has_root(stream) { Whole::Proved } else { Whole::Taken },
        resuming: Resuming::default(),
        size: None,
        tool: "test".into(),
    };
    let rules =
        Rules::strict(&|foreign| anyhow::bail!("{} is not what is read here", foreign.format));
    let mut sources = Sources::default();
    sources.take("stream", File::open(stream)?);
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let mut done = None;
    patch::apply(&request, &rules, sources, &session, &mut |made| done = Some(made.clone()))?;
    Ok(done.expect("it says what it made"))
}

/// `lvdiff --merge`.
pub(crate) fn merge(files: &[PathBuf], level: Option<i32>) -> Vec<u8> {
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let options = MergeOptions { pairs: vec![], level, tool: "test".into() };
    let merge = Merge::read(files, "verifying", &session).unwrap();
    let (stream, _) = merge.write(Vec::new(), "writing", &options, &Quiet, &session).unwrap();
    stream
}

/// Whether the last stream in a file says what its volume holds as a whole.
fn has_root(stream: &Path) -> bool {
    let outlines = Outline::all(&mut File::open(stream).unwrap());
    outlines.is_ok_and(|all| all.last().is_some_and(|last| last.roots.target.is_some()))
}
