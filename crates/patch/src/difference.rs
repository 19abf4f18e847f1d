//! [`first_difference`]: where two volumes hold different bytes.

use std::io;

use blockio::{AlignedBuf, Range, ReadAt, Spare, Width, in_order, is_zero};
use flow::Interrupt;

/// How much is compared at once, in bytes.
const PIECE: u64 = 1 << 20;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// The offset of the first piece, of at most a MiB, in which two volumes differ within some ranges. `other` comes with its size
/// in bytes; after that, and without it, zeros are expected.
///
/// # Errors
/// If one of the two cannot be read, or a signal arrived.
pub(crate) fn first_difference(
    one: &(impl ReadAt + Sync),
    other: Option<(&(impl ReadAt + Sync), u64)>,
    ranges: &[Range],
    interrupt: &Interrupt,
) -> io::Result<Option<u64>> {
    let pieces = |range: &Range| {
        let end = range.offset.saturating_add(range.length);
        let piece = move |begin: u64| (begin, (end - begin).min(PIECE) as usize);
        (range.offset..end).step_by(PIECE as usize).map(piece)
    };
    let mut pieces = ranges.iter().flat_map(pieces);
    let buffers = Spare::default();
    let buffer = || buffers.take(|| AlignedBuf::new(PIECE as usize));
    let mut difference = None;
    in_order(
        WIDTH,
        || {
            interrupt.check()?;
            Ok(pieces.next())
        },
        |(offset, length)| {
            let mut bytes = buffer()?;
            one.read_at(offset, &mut bytes[..length])?;
            let common = other.map_or(0, |(_, size)| size.saturating_sub(offset));
            let common = common.min(length as u64) as usize;
            let mut same = is_zero(&bytes[common..length]);
            if let Some((other, _)) = other.filter(|_| common > 0) {
                let mut expected = buffer()?;
                other.read_at(offset, &mut expected[..common])?;
                same &= bytes[..common] == expected[..common];
                buffers.give(expected);
            }
            buffers.give(bytes);
            io::Result::Ok((!same).then_some(offset))
        },
        |found| {
            difference = difference.or(found);
            Ok(())
        },
    )?;
    Ok(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_expected_where_the_other_one_ends() {
        let range = |offset, length| Range { offset, length };
        let of = |one: &Vec<u8>, other: Option<&Vec<u8>>, ranges: &[Range]| {
            let other = other.map(|other| (other, other.len() as u64));
            first_difference(one, other, ranges, &Interrupt::default()).unwrap()
        };
        let size = 3 * PIECE;
        let zeros = vec![0; size as usize];
        let mut data = zeros.clone();
        data[2 * PIECE as usize + 7] = 1;
        assert_eq!(of(&data, None, &[range(0, size)]), Some(2 * PIECE));
        assert_eq!(of(&data, None, &[range(0, 2 * PIECE)]), None);
        assert_eq!(of(&data, Some(&zeros), &[range(512, size - 512)]), Some(PIECE + 512));
        assert_eq!(of(&data, Some(&data), &[range(0, size)]), None);
        // Past its end the other one counts as zeros.
        let short = data[..2 * PIECE as usize + 4].to_vec();
        assert_eq!(
            of(&data, Some(&short), &[range(0, PIECE), range(2 * PIECE, 8)]),
            Some(2 * PIECE)
        );
        assert_eq!(of(&zeros, Some(&short), &[range(0, size)]), None);
    }
}
