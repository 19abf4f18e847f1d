//! `--merge`: consecutive streams → one, without a device.
//!
//! All files are read and verified first; then it is known what every range becomes, and where its
//! content stands. The second time, only what is still to be seen in the end is read. In between, what
//! proves the base of a later stream is read of those before it.

mod content;
mod copy;
mod inputs;
mod piece;
mod proof;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use flow::{Session, escaped, human};
use hyperlayer::{Encoder, Header};

use self::inputs::{Chain, Input};
pub(crate) use self::piece::Piece;
use crate::plan::StreamOptions;
use crate::settle::{Ends, Settled, settle};

/// Merges the streams in these files, in this order.
pub(crate) fn run(
    paths: &[PathBuf],
    options: &StreamOptions,
    quiet: bool,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let interrupt = session.interrupt;
    let inputs = Input::open_all(paths)?;
    let mut chain = Chain::read(&inputs, session)?;
    let ends = Ends {
        chunk_size: chain.first.chunk_size,
        base_size: chain.first.base.as_ref().map_or(0, |base| base.size),
        target_size: chain.last.target.size,
    };
    let settled = settle(&std::mem::take(&mut chain.pieces), ends);
    let header = header(&chain, &settled, options);

    let output = options.output.as_deref();
    let ((totals, progress), written) =
        cli::deliver(output, options.writing, interrupt, |output, writing| {
            let context = || writing.to_owned();
            let mut encoder =
                Encoder::new(output, &header, &chain.proof.digests).with_context(context)?;
            let progress = session.progress.begin("lvdiff", data_bytes(&settled));
            let (level, task) = (options.detail.level, &*progress);
            copy::write(&mut encoder, &settled.changes, &inputs, level, interrupt, task, context)?;
            let (output, totals) = encoder.finish().with_context(context)?;
            Ok((output, (totals, progress)))
        })?;
    drop(progress);
    if quiet {
        return Ok(());
    }
    // The stream is there, whether anybody can be told or not.
    let mut stderr = io::stderr();
    let base = header.base.as_ref().map_or("nothing".into(), |base| escaped(&base.name));
    _ = writeln!(
        stderr,
        "lvdiff: {} streams merged, {base} -> {}: {} changed, {} unmapped; {} of data and {} of \
         zeros; {} bytes written in {:.1} s",
        chain.streams,
        escaped(&header.target.name),
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
    Ok(())
}

/// From the first base to the last target, with the pairs of the last stream and those given.
fn header(chain: &Chain, settled: &Settled<Piece>, options: &StreamOptions) -> Header {
    Header {
        target: chain.last.target.clone(),
        base: chain.first.base.clone(),
        chunk_size: chain.first.chunk_size,
        pairs: [&chain.last.pairs[..], &options.pairs].concat(),
        detect_level: chain.proof.level,
        extents: settled.extents,
        changed_bytes: settled.changed_bytes,
        unmapped_bytes: settled.unmapped_bytes,
        tool: concat!("lvdiff ", env!("CARGO_PKG_VERSION")).into(),
        // The volume is as old as that: --until compares it.
        created: chain.last.created,
        undo: false,
        base_origin: chain.first.base_origin.clone(),
    }
}

fn data_bytes(settled: &Settled<Piece>) -> u64 {
    let has_content = |piece: &&Piece| matches!(piece.what, piece::What::Data { .. });
    settled.changes.iter().filter(has_content).map(Piece::length).sum()
}
