//! [`Piece`]: what a range of the merged volume becomes.

use hyperlayer::{Place, Record};

use crate::change::Change;

/// What a range of the volume becomes, in 32 bytes: there can be many millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where the range begins, in bytes.
    pub(super) offset: u64,
    pub(super) what: What,
}
const _: () = assert!(size_of::<Piece>() == 32);

/// How long a range is, in bytes, and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The content of a data record, or a part of it: the record says where in the volume it begins.
    Data {
        length: u32,
        file: u32,
        mark: u32,
        at: u64,
    },
    Zero {
        length: u64,
    },
    Discard {
        length: u64,
    },
}

impl Piece {
    /// The content of the record at `place` of an input; a record has 1 MiB at most.
    pub(super) fn data(offset: u64, length: u32, file: u32, place: Place) -> Self {
        Self { offset, what: What::Data { length, file, mark: place.mark, at: place.at } }
    }

    pub(super) fn length(&self) -> u64 {
        match self.what {
            What::Data { length, .. } => length.into(),
            What::Zero { length } | What::Discard { length } => length,
        }
    }

    /// Whether it has content, which is in a record.
    pub(super) fn is_data(&self) -> bool {
        matches!(self.what, What::Data { .. })
    }

    /// Its record, if that needs no data.
    pub(super) fn without_data(&self) -> Option<Record<'static>> {
        let offset = self.offset;
        match self.what {
            What::Data { .. } => None,
            What::Zero { length } => Some(Record::Zero { offset, length }),
            What::Discard { length } => Some(Record::Discard { offset, length }),
        }
    }

    /// The part from `begin` on, which lies inside.
    pub(super) fn from(mut self, begin: u64) -> Self {
        self.set_length(self.end() - begin);
        self.offset = begin;
        self
    }

    fn set_length(&mut self, new: u64) {
        match &mut self.what {
            What::Data { length, .. } => {
                *length = new.try_into().expect("a part is no longer than the whole");
            }
            What::Zero { length } | What::Discard { length } => *length = new,
        }
    }
}

impl Change for Piece {
    fn zero(offset: u64, length: u64) -> Self {
        Self { offset, what: What::Zero { length } }
    }

    fn discard(offset: u64, length: u64) -> Self {
        Self { offset, what: What::Discard { length } }
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn end(&self) -> u64 {
        self.offset + self.length()
    }

    fn is_discard(&self) -> bool {
        matches!(self.what, What::Discard { .. })
    }

    fn before(mut self, end: u64) -> Self {
        self.set_length(end - self.offset);
        self
    }

    fn join(&mut self, next: &Self) -> bool {
        let follows = self.end() == next.offset;
        match (&mut self.what, next.what) {
            (What::Zero { length }, What::Zero { length: more })
            | (What::Discard { length }, What::Discard { length: more })
                if follows =>
            {
                *length += more;
                true
            }
            _ => false,
        }
    }
}
