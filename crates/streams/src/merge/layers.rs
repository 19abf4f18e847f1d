//! [`Layers`] of pieces: what streams do one after another.

use blockio::Range;

use super::piece::Piece;
use crate::change::{Change, push};

/// How much of a range is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Whole,
    Part,
    Nothing,
}

/// What streams do one after another: each layer covers the ones before it. The pieces of a layer ascend, and
/// do not overlap.
#[derive(Default)]
pub(super) struct Layers(Vec<Vec<Piece>>);

impl Layers {
    /// Puts a layer on top. Layers of similar size are merged at once, so that hidden pieces do not take
    /// memory for long, and no piece is copied more often than the logarithm of their number.
    pub(super) fn push(&mut self, layer: Vec<Piece>) {
        self.0.push(layer);
        while let [.., lower, upper] = self.0.as_slice()
            && lower.len() <= upper.len().saturating_mul(2)
        {
            self.merge_two();
        }
    }

    /// All layers as one.
    pub(super) fn merged(mut self) -> Vec<Piece> {
        while self.0.len() > 1 {
            self.merge_two();
        }
        self.0.pop().unwrap_or_default()
    }

    /// The visible part of the piece at a place, from there on. If no layer says what is there, the next
    /// place at which one does.
    pub(super) fn at(&self, place: u64) -> Result<Piece, u64> {
        let mut next = u64::MAX;
        for layer in self.0.iter().rev() {
            let index = layer.partition_point(|piece| piece.end() <= place);
            match layer.get(index) {
                None => {}
                Some(piece) if piece.offset > place => next = next.min(piece.offset),
                Some(piece) => {
                    let piece = piece.from(place);
                    return Ok(if piece.end() > next { piece.before(next) } else { piece });
                }
            }
        }
        Err(next)
    }

    /// How much of a range the layers know.
    pub(super) fn known(&self, offset: u64, length: u64) -> Known {
        let end = offset.saturating_add(length);
        let (mut place, mut known) = (offset, Known::Whole);
        while place < end {
            let (next, found) = match self.at(place) {
                Ok(piece) => (piece.end(), Known::Whole),
                Err(next) => (next, Known::Nothing),
            };
            if place > offset && found != known {
                return Known::Part;
            }
            (place, known) = (next, found);
        }
        known
    }

    /// The ranges with data before `end`: the rest of what is known reads as zeros.
    pub(super) fn data(&self, end: u64) -> Vec<Range> {
        let (mut place, mut ranges) = (0, Vec::<Range>::new());
        while place < end {
            let piece = match self.at(place) {
                Ok(piece) => piece,
                Err(next) => {
                    place = next;
                    continue;
                }
            };
            if piece.is_data() {
                match ranges.last_mut() {
                    Some(last) if last.offset + last.length == place => {
                        last.length += piece.length();
                    }
                    _ => ranges.push(Range { offset: place, length: piece.length() }),
                }
            }
            place = piece.end();
        }
        ranges
    }

    fn merge_two(&mut self) {
        if let (Some(upper), Some(lower)) = (self.0.pop(), self.0.pop()) {
            self.0.push(overlay(lower, &upper));
        }
    }
}

/// `lower`, covered by `upper`.
fn overlay(lower: Vec<Piece>, upper: &[Piece]) -> Vec<Piece> {
    let mut merged = Vec::new();
    let mut lower = lower.into_iter();
    let mut next = lower.next();
    for &top in upper {
        while let Some(piece) = next.filter(|piece| piece.offset < top.offset) {
            if piece.end() <= top.offset {
                push(&mut merged, piece);
                next = lower.next();
            } else {
                push(&mut merged, piece.before(top.offset));
                next = Some(piece.from(top.offset));
            }
        }
        push(&mut merged, top);
        while let Some(piece) = next.filter(|piece| piece.offset < top.end()) {
            let sticks_out = piece.end() > top.end();
            next = if sticks_out { Some(piece.from(top.end())) } else { lower.next() };
        }
    }
    next.into_iter().chain(lower).for_each(|piece| push(&mut merged, piece));
    merged
}

#[cfg(test)]
mod tests {
    use hyperlayer::Place;

    use super::*;

    fn data(offset: u64, length: u32, at: u64) -> Piece {
        Piece::data(offset, length, 0, Place { at, mark: 0 })
    }

    fn merged(layers: &[&[Piece]]) -> Vec<Piece> {
        let mut all = Layers::default();
        layers.iter().for_each(|layer| all.push(layer.to_vec()));
        all.merged()
    }

    #[test]
    fn what_came_last_is_in_front() {
        let long = data(0, 10, 1);
        assert_eq!(
            merged(&[&[long], &[data(2, 3, 2)]]),
            [data(0, 2, 1), data(2, 3, 2), data(5, 5, 1)]
        );
        assert_eq!(merged(&[&[long], &[Piece::zero(0, 10)]]), [Piece::zero(0, 10)]);
        assert_eq!(
            merged(&[&[data(0, 4, 1), data(6, 4, 2)], &[Piece::discard(3, 4)]]),
            [data(0, 3, 1), Piece::discard(3, 4), data(7, 3, 2)]
        );
        assert_eq!(merged(&[&[], &[long], &[]]), [long]);
        assert_eq!(merged(&[]), []);
    }

    #[test]
    fn neighbours_without_content_become_one() {
        let layers: &[&[Piece]] = &[
            &[Piece::zero(0, 4), data(4, 4, 1), Piece::discard(8, 4)],
            &[Piece::zero(4, 4), Piece::discard(12, 4)],
        ];
        assert_eq!(merged(layers), [Piece::zero(0, 8), Piece::discard(8, 8)]);
    }

    #[test]
    fn a_range_is_known_as_far_as_a_layer_says_it() {
        // Not merged: each layer is much shorter than the one below.
        let mut layers = Layers::default();
        layers.push((0..20).map(|number| data(number * 20, 10, number)).collect());
        layers.push(vec![Piece::discard(5, 10), data(45, 2, 99), Piece::zero(47, 13)]);
        assert_eq!(layers.0.len(), 2);
        assert_eq!(layers.at(3), Ok(data(3, 2, 0)));
        assert_eq!(layers.at(7), Ok(Piece::discard(7, 8)));
        assert_eq!(layers.at(15), Err(20));
        assert_eq!(layers.at(41), Ok(data(41, 4, 2)));
        assert_eq!(layers.at(1000), Err(u64::MAX));
        for (offset, length, known) in [
            (0, 15, Known::Whole),
            (0, 16, Known::Part),
            (15, 5, Known::Nothing),
            (15, 6, Known::Part),
            (40, 30, Known::Whole),
            (380, 20, Known::Part),
            (390, 1 << 40, Known::Nothing),
            (7, 0, Known::Whole),
        ] {
            assert_eq!(layers.known(offset, length), known, "{offset} {length}");
        }
        let expected = [(0, 5), (20, 10), (40, 7), (60, 10)];
        let expected = expected.map(|(offset, length)| Range { offset, length });
        assert_eq!(layers.data(75), expected);
    }
}
