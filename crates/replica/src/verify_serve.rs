//! [`verify_served`]: a copy is verified, on the side that has it.

use std::io::{Read, Write};

use flow::{Refusal, Session, escaped, usage};
use lvm::LogicalVolume;
use peer::{Answer, BlockReader, Digest, Error, MOST_NODES, Request, read_line, write_line};

use crate::hashed::{Hashed, Reading};
use crate::place::{Place, in_pool};
use crate::repair_serve::repair_served;
use crate::tag;

/// The copy that is verified.
pub(crate) struct Which<'a> {
    /// The UUID of the snapshot that it is a copy of.
    pub(crate) source: &'a str,
    /// Its own.
    pub(crate) copy: &'a str,
    /// At most this many bytes are read each second.
    pub(crate) bytes_per_second: Option<u64>,
}

/// Reads a copy, and answers requests about its digests. Yields the last answer. The copy is as inactive as before
/// then, on every way out.
///
/// # Errors
/// If the connection breaks, or the other side says what it must not. The inner one: why the copy cannot be verified.
pub(crate) fn verify_served(
    place: &Place,
    which: &Which<'_>,
    from: &mut impl Read,
    to: &mut impl Write,
    session: &Session<'_>,
) -> anyhow::Result<anyhow::Result<Answer>> {
    let read = || {
        let copy = find(place, which)?;
        let volumes = LogicalVolume::list_in(&copy.group)?;
        let hashed =
            Hashed::read(&copy, volumes, Reading::Itself, which.bytes_per_second, session)?;
        anyhow::Ok((copy, hashed))
    };
    let (copy, mut hashed) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(Err(error)),
    };
    write_line(to, &Answer::Tree { size: hashed.size, top: Digest(hashed.top) })?;
    loop {
        match read_line::<Request>(from)?.ok_or(Error::Ended("a verification"))? {
            Request::Children { level, nodes } => {
                write_line(to, &children(&mut hashed, level, &nodes)?)?;
            }
            Request::Verified { is_equal } => {
                return Ok(hashed.release().and_then(|()| {
                    note(place, which, &copy, is_equal.then(|| (session.clock)()))
                }));
            }
            Request::Repair { top } => {
                let mut blocks = BlockReader::new(&mut *from);
                let rate = which.bytes_per_second;
                let repaired = hashed
                    .release()
                    .and_then(|()| find(place, which))
                    .and_then(|damaged| {
                        place.allowance.may_remove(&damaged.full_name())?;
                        Ok(damaged)
                    })
                    .and_then(|damaged| repair_served(&damaged, top, &mut blocks, rate, session));
                blocks.drain()?;
                return Ok(repaired.map(Answer::Received));
            }
            _ => return Err(usage("a copy is being verified, and something else is asked")),
        }
    }
}

/// The copy that is meant, and nothing else.
fn find(place: &Place, which: &Which<'_>) -> anyhow::Result<LogicalVolume> {
    let is_it = |volume: &LogicalVolume| {
        volume.uuid == which.copy && patch::source_of(volume) == Some(which.source)
    };
    in_pool(place)?.1.into_iter().find(is_it).ok_or_else(|| {
        let (copy, source) = (escaped(which.copy), escaped(which.source));
        Refusal::unfit(format!(
            "there is no copy here with UUID {copy} of the volume with UUID {source}"
        ))
        .into()
    })
}

fn children(hashed: &mut Hashed, level: u8, nodes: &[u64]) -> anyhow::Result<Answer> {
    if nodes.len() > MOST_NODES {
        return Err(usage(format!("{} nodes are asked for, at most {MOST_NODES}", nodes.len())));
    }
    let mut digests = Vec::new();
    for node in nodes {
        let Some(found) = hashed.children_of(level.into(), *node)? else {
            return Err(usage(format!("node {node} of level {level} has no children")));
        };
        digests.push(found.into_iter().map(Digest).collect());
    }
    Ok(Answer::Children { digests })
}

/// Notes when the copy was found to be the same; with none, that it is not.
fn note(
    place: &Place,
    which: &Which<'_>,
    read: &LogicalVolume,
    at: Option<u64>,
) -> anyhow::Result<Answer> {
    // LVM is asked by name, and it can have changed while the copy was read.
    let mut copy = find(place, which)?;
    if copy.full_name() != read.full_name() {
        log::warn!("{} has another name by now: {}", read.full_name(), copy.full_name());
    }
    let tags = tag::verified(&copy, at);
    copy.change_tags(&tags)?;
    Ok(Answer::Noted)
}
