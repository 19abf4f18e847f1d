//! [`repair_served`]: a copy is repaired, on the side that has it.

use std::io::Read;

use anyhow::Context;
use blockio::{AlignedBuf, Device, OpenMode};
use flow::{Refusal, Session};
use hyperlayer::LEAF_BYTES;
use lvm::{DeviceMapper, LogicalVolume, TemporarySnapshot};
use peer::{Copy, Digest};

use crate::hashed::{Hashed, Reading};
use crate::place::copy;
use crate::repair::Piece;
use crate::tag;

/// After the name of a copy, until it takes that of the damaged one.
const REPAIRED: &str = ".repaired";

/// Writes pieces onto a snapshot of a damaged copy, which takes its place if all that it holds then is what the digest
/// `top` is of.
///
/// # Errors
/// If the pieces are impossible or do not lead to that, or LVM fails. Then the damaged copy is as it was.
pub(crate) fn repair_served(
    damaged: &LogicalVolume,
    top: Digest,
    pieces: &mut impl Read,
    bytes_per_second: Option<u64>,
    session: &Session<'_>,
) -> anyhow::Result<Copy> {
    let dm = DeviceMapper::open()?;
    let keep_waiting = || session.keep_waiting();
    let aside = format!("{}{REPAIRED}", damaged.name);
    let mut volumes = LogicalVolume::list_in(&damaged.group)?;
    let is_left = |volume: &LogicalVolume| {
        volume.name == aside && patch::source_of(volume) == patch::source_of(damaged)
    };
    if let Some(left) = volumes.iter().position(is_left).map(|at| volumes.remove(at)) {
        left.remove()?;
        log::warn!(
            "{} is removed: a repair was cut off before it took its place",
            left.full_name()
        );
    }
    lvm::check_new_name(&aside, &damaged.group, &volumes)?;
    let snapshot = TemporarySnapshot::create(&dm, damaged, &keep_waiting)
        .with_context(|| format!("a snapshot of {}", damaged.full_name()))?;
    let device = source::open_thin(&snapshot.device(&dm)?, OpenMode::WriteExclusive)?;
    write(&device, pieces, session)
        .with_context(|| format!("the repair of {}", damaged.full_name()))?;
    drop(device);
    // What was written is not trusted, and neither is what was there.
    let volumes = LogicalVolume::list_in(&damaged.group)?;
    let hashed =
        Hashed::read(snapshot.volume(), volumes, Reading::Snapshot, bytes_per_second, session)?;
    let found = hashed.top;
    hashed.release()?;
    if found != top.0 {
        return Err(Refusal::unverifiable(format!(
            "{} would not be the same as its point after the repair: it stays as it was",
            damaged.full_name()
        ))
        .into());
    }
    let tags = tag::verified(damaged, Some((session.clock)()));
    let repaired = snapshot.keep_as(&dm, &aside, &tags)?;
    repaired.lay_aside(&[])?;
    damaged.remove()?;
    repaired.rename(&dm, &damaged.name)?;
    let now = LogicalVolume::list_in(&repaired.group)?;
    let now = now.iter().find(|volume| volume.uuid == repaired.uuid);
    now.and_then(copy).with_context(|| format!("{} is gone", damaged.full_name()))
}

/// Writes all pieces. In a pool that does not zero new chunks, and has larger ones than a piece, the rest of such a chunk
/// shows old data: that is not looked for here, since the result is proved.
fn write(device: &Device, pieces: &mut impl Read, session: &Session<'_>) -> anyhow::Result<()> {
    let mut bytes = AlignedBuf::new(LEAF_BYTES)?;
    while let Some(piece) = Piece::read(pieces, device.size())? {
        session.interrupt.check()?;
        let bytes = &mut bytes[..piece.length as usize];
        match piece.is_data {
            true => {
                pieces.read_exact(bytes)?;
                device.write_at(piece.offset, bytes)?;
            }
            false => device.zero_out(piece.offset, piece.length)?,
        }
    }
    Ok(device.sync()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use flow::{Interrupt, Quiet};

    use super::*;

    const LEAF: u64 = LEAF_BYTES as u64;

    #[test]
    fn pieces_are_written_where_they_belong_and_a_cut_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        let mut expected = vec![1; 3 * LEAF_BYTES + 512];
        fs::write(&path, &expected).unwrap();
        let mut pieces = Vec::new();
        for (offset, length, is_data) in
            [(0, LEAF, false), (LEAF, LEAF, true), (3 * LEAF, 512, true)]
        {
            Piece { offset, length, is_data }.write(&mut pieces).unwrap();
            let byte = if is_data { 7 } else { 0 };
            expected[offset as usize..][..length as usize].fill(byte);
            if is_data {
                pieces.extend(vec![7; length as usize]);
            }
        }
        let interrupt = Interrupt::default();
        let session = Session::new(&interrupt, &Quiet);
        let device = Device::open(&path, OpenMode::WriteExclusive).unwrap();
        write(&device, &mut pieces.as_slice(), &session).unwrap();
        assert!(fs::read(&path).unwrap() == expected);
        for cut in [pieces.len() - 1, pieces.len() - 512, pieces.len() - 520] {
            assert!(write(&device, &mut &pieces[..cut], &session).is_err(), "{cut}");
        }
    }
}
