//! [`Line`]: the words of a command line, done by the libraries in this process.
//!
//! It knows the options that tables of cases use, and no other one. What only a program does is not here: it
//! prints, escapes, names the option that leads out, and has a memory of its own.

use std::fs::File;
use std::path::{Path, PathBuf};

use flow::{Interrupt, OutputOptions, Quiet, Refusal, Session, escaped};
use foreign::{Foreign, Missing};
use patch::{Chunking, Cut, Destination, Named, Overwriting, Proof, Purpose, Resuming, Whole};
use streams::{
    Chain, Conversion, ConvertOptions, Merge, MergeOptions, Rules, Sources, Until, in_chain_order,
};

const OUTPUT: OutputOptions = OutputOptions { sha1: false, bytes_per_second: None };

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Verify,
    Info,
    Check,
    Apply,
    Merge,
    Convert,
}

/// A line of words.
pub(super) struct Line {
    folder: PathBuf,
    action: Action,
    /// What `-i` names; empty for standard input.
    inputs: Vec<PathBuf>,
    /// What stands by itself.
    names: Vec<String>,
    device: Option<PathBuf>,
    backup: Option<PathBuf>,
    output: Option<PathBuf>,
    disk: Option<String>,
    until: Option<Until>,
    size: Option<u64>,
    base_size: Option<u64>,
    is_strict: bool,
    is_partial: bool,
    proof: Proof,
}

impl Line {
    /// Reads the words. Files are in `folder`, and standard input is its file `stream`.
    pub(super) fn new(folder: &Path, words: &[&str]) -> Self {
        let mut line = Self {
            folder: folder.into(),
            action: Action::Apply,
            inputs: Vec::new(),
            names: Vec::new(),
            device: None,
            backup: None,
            output: None,
            disk: None,
            until: None,
            size: None,
            base_size: None,
            is_strict: false,
            is_partial: false,
            proof: Proof::Needed,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || *words.next().expect("an option has its value");
            match *word {
                "--verify" => line.action = Action::Verify,
                "--info" => line.action = Action::Info,
                "--check" => line.action = Action::Check,
                "--merge" => line.action = Action::Merge,
                "--convert" => line.action = Action::Convert,
                "-i" => line.inputs.push(folder.join(value())),
                "--device" => line.device = Some(folder.join(value())),
                "--backup" => line.backup = Some(folder.join(value())),
                "-o" => line.output = Some(folder.join(value())),
                "--disk" => line.disk = Some(value().into()),
                "--until" => line.until = Some(Until::parse(value()).expect("a place to stop at")),
                "--size" => line.size = Some(cli::size(value()).expect("a size")),
                "--base-size" => line.base_size = Some(cli::size(value()).expect("a size")),
                "--strict" => line.is_strict = true,
                "--partial" => line.is_partial = true,
                "--no-base-check" => line.proof = Proof::Skipped,
                // What is printed is the program's.
                "-v" | "-q" | "--json" => {}
                option if option.starts_with('-') => panic!("{option} is not known here"),
                name => line.names.push(name.into()),
            }
        }
        line
    }

    /// Does what it asks for.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let interrupt = Interrupt::default();
        let session = Session::new(&interrupt, &Quiet);
        match self.action {
            Action::Info if self.named().is_empty() && self.inputs.is_empty() => {
                let complete = |_: &Foreign| Ok(Missing { size: self.size, ..Missing::default() });
                Chain::new(self.sources(&interrupt)?, &self.rules(&complete), &interrupt)
                    .first()
                    .map(drop)
            }
            Action::Info => self.list(),
            Action::Verify => {
                assert!(self.names.is_empty(), "files that are verified one by one");
                let complete = |_: &Foreign| Ok(Missing { size: self.size, ..Missing::default() });
                let rules = self.rules(&complete);
                let chain = Chain::new(self.sources(&interrupt)?, &rules, &interrupt);
                streams::verify(chain).map(drop)
            }
            Action::Check => {
                let request = self.request();
                let complete =
                    |foreign: &Foreign| patch::find_missing(&request, Purpose::Check, foreign);
                let sources = self.sources(&interrupt)?;
                patch::check(&request, &self.rules(&complete), sources, &session).map(drop)
            }
            Action::Apply => {
                let request = self.request();
                let complete =
                    |foreign: &Foreign| patch::find_missing(&request, Purpose::Apply, foreign);
                let sources = self.sources(&interrupt)?;
                let rules = self.rules(&complete);
                patch::apply(&request, &rules, sources, &session, &mut |_| {})
            }
            Action::Merge => self.merge(&session),
            Action::Convert => self.convert(&session),
        }
    }

    fn named(&self) -> Vec<PathBuf> {
        self.names.iter().map(|name| self.folder.join(name)).collect()
    }

    fn sources(&self, interrupt: &Interrupt) -> anyhow::Result<Sources> {
        let mut sources = Sources::default();
        for path in &in_chain_order(foreign::expand(&self.inputs, self.disk.as_deref())?) {
            sources.open(path, interrupt)?;
        }
        if sources.is_empty() {
            sources.take("standard input", File::open(self.folder.join("stream"))?);
        }
        Ok(sources)
    }

    fn rules<'a>(&self, complete: &'a dyn Fn(&Foreign) -> anyhow::Result<Missing>) -> Rules<'a> {
        Rules {
            is_strict: self.is_strict,
            accepts_cut: self.is_partial,
            accepts_rest: !matches!(self.action, Action::Apply | Action::Check),
            ignores_dates: self.proof == Proof::Skipped,
            must_ascend: self.backup.is_some(),
            name: None,
            size: self.size,
            until: self.until.clone(),
            complete,
        }
    }

    fn request(&self) -> patch::Request {
        let cut = if self.is_partial { Cut::Applied } else { Cut::Refused };
        let overwriting = Overwriting { backup: self.backup.clone(), cut };
        let device = self.device.clone().expect("--device");
        patch::Request {
            destination: Destination::Path(device, overwriting),
            named: Named { group: None, pool: None, volume: None },
            proof: self.proof,
            chunks: Chunking::Same,
            whole: Whole::Taken,
            resuming: Resuming::default(),
            size: self.size,
            tool: "test".into(),
        }
    }

    /// Lists streams, of which none may say that it does not follow the one before it.
    fn list(&self) -> anyhow::Result<()> {
        let files = if self.names.is_empty() { self.inputs.clone() } else { self.named() };
        let entries = streams::catalogue(&files, self.disk.as_deref(), self.is_strict)?;
        let Some(entry) = entries.iter().find(|entry| entry.is_broken) else { return Ok(()) };
        let why = escaped(entry.breaks.as_deref().unwrap_or_default());
        let why = format!("the chain breaks before {}: {why}", entry.place);
        Err(Refusal::base_mismatch(why).into())
    }

    fn merge(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let merge = Merge::read(&self.named(), "verifying", session)?;
        let options = MergeOptions { tool: "test".into(), ..MergeOptions::default() };
        let Some(path) = self.output.as_deref() else {
            return merge.write(Vec::new(), "", &options, &Quiet, session).map(drop);
        };
        let written = cli::deliver(Some(path), OUTPUT, session.interrupt, |output, writing| {
            merge.write(output, writing, &options, &Quiet, session)
        });
        written.map(drop)
    }

    fn convert(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let files = foreign::expand(&self.inputs, self.disk.as_deref())?;
        let (base, volume) = match &self.names[..] {
            [base, volume] => (Some(base), Some(volume)),
            names => (None, names.first()),
        };
        let options = ConvertOptions {
            base: base.cloned(),
            volume: volume.cloned(),
            size: self.size,
            base_size: self.base_size,
            tool: "test".into(),
            sort_in: self.folder.clone(),
            ..ConvertOptions::default()
        };
        let conversion = Conversion::note(&files, &options, session)?;
        let written =
            cli::deliver(self.output.as_deref(), OUTPUT, session.interrupt, |output, writing| {
                conversion.write(output, writing, &Quiet, session)
            });
        written.map(drop)
    }
}
