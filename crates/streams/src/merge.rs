//! [`Merge`]: consecutive streams → one, without a device.
//!
//! First, all files are read and verified, which shows what every range becomes and where its content is
//! stored. Before each later stream, its base is checked against the content of the streams before it. The
//! second pass reads only content that no later stream replaces.

mod content;
mod copy;
mod layers;
mod merged_file;
pub(crate) mod piece;
mod proof;
mod reading;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use flow::{Session, Task};
use hyperlayer::{Encoder, Finished, Header, Identity};

use self::merged_file::MergedFile;
use self::piece::Piece;
use self::reading::ReadStreams;
use crate::settle::{Ends, Settled, settle};

/// What is added to the merged stream, and how it is written.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// Added to the pairs of the last stream.
    pub pairs: Vec<(String, String)>,
    /// Compress with zstd at this level.
    pub level: Option<i32>,
    /// The program that makes the stream, and its version.
    pub tool: String,
}

/// Streams that were read and verified, each following the one before.
pub struct Merge {
    inputs: Vec<MergedFile>,
    chain: ReadStreams,
    settled: Settled<Piece>,
}

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The header of the merged stream.
    pub header: Header,
    /// What its records hold, and its digest.
    pub finished: Finished,
}

impl Merge {
    /// Reads and verifies the streams in these files, in this order. The files stay open, because content that
    /// survives the merge is read again. `what` names the work in progress output.
    ///
    /// # Errors
    /// If a file cannot be read twice or is damaged, a stream cannot be merged or does not
    /// follow the one before, or a signal arrives.
    pub fn read(
        paths: &[PathBuf],
        what: &'static str,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let inputs = MergedFile::open_all(paths)?;
        let mut chain = ReadStreams::read(&inputs, what, session)?;
        let ends = Ends {
            chunk_size: chain.first.chunk_size,
            base_size: chain.first.base.as_ref().map_or(0, |base| base.size),
            target_size: chain.last.target.size,
        };
        let settled = settle(&std::mem::take(&mut chain.pieces), ends);
        Ok(Self { inputs, chain, settled })
    }

    /// How many streams there are.
    pub fn streams(&self) -> u64 {
        self.chain.streams
    }

    /// How many bytes of data the merged stream will hold.
    pub fn data_bytes(&self) -> u64 {
        let data = self.settled.changes.iter().filter(|piece| piece.is_data());
        data.map(Piece::length).sum()
    }

    /// Writes the merged stream, and returns the output. `writing` is the context of output
    /// errors; `task` counts the data.
    ///
    /// # Errors
    /// If the output cannot be written, a file has changed, or a signal arrives.
    pub fn write<W: Write>(
        &self,
        output: W,
        writing: &str,
        options: &MergeOptions,
        task: &dyn Task,
        session: &Session<'_>,
    ) -> anyhow::Result<(W, Merged)> {
        let writing = || writing.to_owned();
        let (header, digests) = (self.header(options), &self.chain.proof.digests);
        let mut encoder = Encoder::new(output, &header, digests).with_context(writing)?;
        let (pieces, interrupt) = (&self.settled.changes, session.interrupt);
        copy::write(&mut encoder, pieces, &self.inputs, options.level, interrupt, task, writing)?;
        encoder.roots(self.chain.roots);
        let (output, finished) = encoder.finish().with_context(writing)?;
        Ok((output, Merged { header, finished }))
    }

    /// Identifies the first base and the last target: checkpoints belong to one disk.
    fn identity(&self) -> Identity {
        let (first, last) = (&self.chain.first.identity, &self.chain.last.identity);
        let base_checkpoint = match first.disk == last.disk {
            true => first.base_checkpoint.clone(),
            false => String::new(),
        };
        Identity { base_checkpoint, previous: first.previous, ..last.clone() }
    }

    /// A header from the first base to the last target, with the last stream's pairs and those given.
    fn header(&self, options: &MergeOptions) -> Header {
        let Self { chain, settled, .. } = self;
        Header {
            target: chain.last.target.clone(),
            base: chain.first.base.clone(),
            chunk_size: chain.first.chunk_size,
            pairs: [&chain.last.pairs[..], &options.pairs].concat(),
            detect_level: chain.proof.level,
            extents: settled.extents,
            changed_bytes: settled.changed_bytes,
            unmapped_bytes: settled.unmapped_bytes,
            tool: options.tool.clone(),
            // The volume is as old as the last stream, for anyone who applies streams up to a point in time.
            created: chain.last.created,
            undo: false,
            base_origin: chain.first.base_origin.clone(),
            identity: self.identity(),
            rest: false,
        }
    }
}
