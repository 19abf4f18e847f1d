//! [`apply_blocks`]: a stream that arrives in blocks, applied.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use anyhow::Context;
use flow::{Refusal, Session};
use patch::{Done, Request};
use peer::{BlockReader, is_given_up};
use streams::{Rules, Sources};

/// Applies the stream in `blocks`, or what is left of one; what of it is not read stays there.
///
/// # Errors
/// As [`patch::apply`]; if the sender gives up, or the connection breaks.
pub(crate) fn apply_blocks<R: Read + Send>(
    request: &Request,
    accepts_rest: bool,
    blocks: &mut BlockReader<R>,
    session: &Session<'_>,
) -> anyhow::Result<Done> {
    let mut rules = Rules::strict(&|foreign| {
        Err(Refusal::unverifiable(format!("a stream of {} cannot be received", foreign.format))
            .into())
    });
    rules.accepts_rest = accepts_rest;
    let mut made = None;
    let (reader, writer) = io::pipe().context("a pipe")?;
    let mut sources = Sources::default();
    sources.take("the stream", File::from(OwnedFd::from(reader)));
    std::thread::scope(|scope| {
        let pump = scope.spawn(move || {
            let mut writer = writer;
            io::copy(blocks, &mut writer).map(drop)
        });
        let tell = &mut |done: &Done| made = Some(done.clone());
        let applied = patch::apply(request, &rules, sources, session, tell);
        let pumped = pump.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        match (applied, pumped) {
            // Why the stream ended says more than that it did.
            (Err(applied), Err(pumped)) if is_given_up(&pumped) => Err(applied.context(pumped)),
            (Err(applied), Err(pumped)) if pumped.kind() == io::ErrorKind::UnexpectedEof => {
                Err(applied.context("the connection broke"))
            }
            (applied, _) => applied,
        }
    })?;
    made.context("nothing was made")
}
