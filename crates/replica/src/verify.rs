//! [`verify()`]: whether the other side's copy of a point is still the same, and its repair.

use std::io::{self, Write};
use std::time::Instant;

use blockio::{AlignedBuf, Range, is_zero};
use flow::{Refusal, Session};
use hyperlayer::LEAF_BYTES;
use lvm::LogicalVolume;
use peer::{Answer, BlockWriter, Copy, Digest as Sent, Request, write_line};
use source::Series;

use crate::connection::{Connection, answer, unexpected};
use crate::descent::{Digest, Tree, for_each_difference};
use crate::hashed::{Hashed, Reading, pause};
use crate::points::{LocalPoint, points_of};
use crate::repair::Piece;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// It is found out whether there is a copy of the same size.
    Presence,
    /// Both are read.
    Content,
    /// Both are read, and a copy that differs is replaced by one that does not.
    Repair,
}

/// What was found out about the newest point that both sides have.
pub struct Verified {
    /// The point, with its group.
    pub point: String,
    /// Its copy.
    pub copy: Copy,
    /// How many points both sides have.
    pub common: usize,
    /// What both hold.
    pub content: Content,
}

/// What a point and its copy hold.
pub enum Content {
    /// Both have the same size; neither was read.
    NotRead,
    /// The same bytes.
    Equal,
    /// Other bytes in these ranges, in ascending order, in whole leaves of 64 KiB of a digest tree.
    Differs(Series<Range>),
    /// The copy held other bytes in these ranges, and has been replaced by one that holds the same as the point.
    Repaired(Series<Range>),
}

/// Compares the newest point of a volume that both sides have: by UUID and size, and, where `depth` says so, by what
/// both hold. Then both sides read at most `bytes_per_second`, and only digests are sent, and for a repair what differs,
/// at that rate; the copy is marked as verified, or not so any more.
///
/// # Errors
/// If there is no such point, its copy has another size ([`flow::Kind::Differs`]), one of them cannot be read, or the
/// connection breaks. Nothing else can be asked over the connection then.
pub fn verify(
    volume: &LogicalVolume,
    connection: &mut Connection,
    depth: Depth,
    bytes_per_second: Option<u64>,
    session: &Session<'_>,
) -> anyhow::Result<Verified> {
    let volumes = LogicalVolume::list_in(&volume.group)?;
    let points = points_of(volume, &volumes);
    let snapshots = points.iter().map(|point| point.volume.uuid.clone()).collect();
    let copies = match connection.ask(&Request::Points { of: volume.uuid.clone(), snapshots })? {
        Answer::Points { copies, .. } => copies,
        other => return Err(unexpected("a list of points", &other)),
    };
    let common = common(&points, copies);
    let Some((point, mut copy)) = common.last().cloned() else {
        return Err(Refusal::unfit(format!(
            "the other side has no copy of a point of {} that is still here: there is nothing to compare",
            volume.full_name()
        ))
        .into());
    };
    if copy.size != point.volume.size {
        return Err(Refusal::differs(format!(
            "{} has {} bytes, and its copy {} has {}",
            point.volume.full_name(),
            point.volume.size,
            flow::escaped(&copy.name),
            copy.size
        ))
        .into());
    }
    let content = match depth {
        Depth::Presence => Content::NotRead,
        Depth::Content | Depth::Repair => {
            let both = Both { point, repairs: depth == Depth::Repair, bytes_per_second };
            compare(&both, &mut copy, volumes.clone(), connection, session)?
        }
    };
    Ok(Verified { point: point.volume.full_name(), copy, common: common.len(), content })
}

/// The points that both sides have, the oldest first.
fn common(points: &[LocalPoint], copies: Vec<Copy>) -> Vec<(&LocalPoint, Copy)> {
    let copy_of =
        |point: &LocalPoint| copies.iter().find(|copy| copy.source == point.volume.uuid).cloned();
    points.iter().filter_map(|point| Some((point, copy_of(point)?))).collect()
}

/// What is compared, and how.
struct Both<'a> {
    point: &'a LocalPoint,
    repairs: bool,
    bytes_per_second: Option<u64>,
}

/// Compares what a point and its copy hold; the copy is the repaired one then.
fn compare(
    both: &Both<'_>,
    copy: &mut Copy,
    volumes: Vec<LogicalVolume>,
    connection: &mut Connection,
    session: &Session<'_>,
) -> anyhow::Result<Content> {
    let Both { point, repairs, bytes_per_second } = *both;
    let (source, copy_uuid) = (point.volume.uuid.clone(), copy.uuid.clone());
    let request = Request::Verify { source, copy: copy_uuid, bytes_per_second };
    write_line(&mut connection.to, &request)?;
    // Both sides read at the same time.
    let hashed = Hashed::read(&point.volume, volumes, Reading::Itself, bytes_per_second, session);
    let theirs = match answer(&mut connection.from)? {
        Answer::Tree { size, top } => (size, top.0),
        other => return Err(unexpected("the top of a digest tree", &other)),
    };
    let mut hashed = hashed?;
    let (mut differing, size, top) = (Differing::default(), hashed.size, hashed.top);
    let mut peer = Peer { connection, session };
    let compared = match theirs {
        (their_size, _) if their_size != size => Err(Refusal::differs(format!(
            "{} has {size} bytes, and its copy {} has {their_size}",
            point.volume.full_name(),
            flow::escaped(&copy.name)
        ))
        .into()),
        (_, their_top) => {
            let mut found = |leaf| differing.leaf(leaf, size);
            for_each_difference(size, (&mut hashed, top), (&mut peer, their_top), &mut found)
        }
    };
    compared?;
    let ranges = differing.finish()?;
    if repairs && !ranges.is_empty() {
        *copy = send(&hashed, &ranges, connection, bytes_per_second, session)?;
        hashed.release()?;
        return Ok(Content::Repaired(ranges));
    }
    let released = hashed.release();
    match connection.ask(&Request::Verified { is_equal: ranges.is_empty() })? {
        Answer::Noted => {}
        other => return Err(unexpected("a confirmation", &other)),
    }
    released?;
    Ok(if ranges.is_empty() { Content::Equal } else { Content::Differs(ranges) })
}

/// Sends what differs, and waits until the copy is replaced.
fn send(
    hashed: &Hashed,
    ranges: &Series<Range>,
    connection: &mut Connection,
    bytes_per_second: Option<u64>,
    session: &Session<'_>,
) -> anyhow::Result<Copy> {
    write_line(&mut connection.to, &Request::Repair { top: Sent(hashed.top) })?;
    let mut blocks = BlockWriter::new(&mut connection.to, || true);
    let (begun, mut sent) = (Instant::now(), 0);
    let mut leaf = AlignedBuf::new(LEAF_BYTES)?;
    for range in ranges.iter() {
        let range = range?;
        let (mut offset, end) = (range.offset, range.offset + range.length);
        while offset < end {
            let length = (end - offset).min(LEAF_BYTES as u64);
            let bytes = &mut leaf[..length as usize];
            hashed.read_at(offset, bytes)?;
            let is_data = !is_zero(bytes);
            Piece { offset, length, is_data }.write(&mut blocks)?;
            if is_data {
                sent += length;
                pause(sent, bytes_per_second, begun, session.interrupt)?;
                blocks.write_all(bytes)?;
            }
            session.interrupt.check()?;
            offset += length;
        }
    }
    blocks.finish()?;
    match answer(&mut connection.from)? {
        Answer::Received(copy) => Ok(copy),
        other => Err(unexpected("a repaired copy", &other)),
    }
}

/// The tree of the other side.
struct Peer<'a> {
    connection: &'a mut Connection,
    session: &'a Session<'a>,
}

impl Tree for Peer<'_> {
    fn children(&mut self, level: usize, nodes: &[u64]) -> anyhow::Result<Vec<Vec<Digest>>> {
        self.session.interrupt.check()?;
        // No tree has more than 7 levels.
        let request = Request::Children { level: level as u8, nodes: nodes.to_vec() };
        match self.connection.ask(&request)? {
            Answer::Children { digests } => Ok(digests
                .into_iter()
                .map(|below| below.into_iter().map(|digest| digest.0).collect())
                .collect()),
            other => Err(unexpected("digests", &other)),
        }
    }
}

/// Leaves in ascending order, joined to ranges.
#[derive(Default)]
struct Differing {
    ranges: Series<Range>,
    open: Option<Range>,
}

impl Differing {
    fn leaf(&mut self, number: u64, size: u64) -> io::Result<()> {
        let leaf = LEAF_BYTES as u64;
        let offset = number.saturating_mul(leaf);
        let length = size.saturating_sub(offset).min(leaf);
        match &mut self.open {
            Some(open) if open.offset + open.length == offset => open.length += length,
            open => {
                if let Some(done) = open.replace(Range { offset, length }) {
                    self.ranges.push(done)?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Series<Range>> {
        if let Some(open) = self.open {
            self.ranges.push(open)?;
        }
        Ok(self.ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_the_last_one_ends_with_the_volume() {
        let leaf = LEAF_BYTES as u64;
        let size = 9 * leaf + 512;
        let mut differing = Differing::default();
        for number in [0, 1, 2, 5, 8, 9] {
            differing.leaf(number, size).unwrap();
        }
        let ranges: Vec<_> = differing.finish().unwrap().iter().map(Result::unwrap).collect();
        let range = |offset, length| Range { offset, length };
        assert_eq!(
            ranges,
            [range(0, 3 * leaf), range(5 * leaf, leaf), range(8 * leaf, leaf + 512)]
        );
        assert!(Differing::default().finish().unwrap().is_empty());
    }
}
