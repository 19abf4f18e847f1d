//! [`UndoFile`]: an undo stream in a file, and where its records are.

use std::fs::File;
use std::io::{BufReader, Seek};

use blockio::{Positioned, Range};
use flow::Interrupt;
use hyperlayer::{Decoder, Error, Header, Place, Record, Records};

/// Large enough that small records do not cost a system call per frame.
const BUFFER: usize = 256 << 10;

/// An undo stream in a file, and where its records are. Takes 40 bytes of memory per record.
pub(crate) struct UndoFile {
    pub(crate) header: Header,
    pub(crate) file: File,
    /// Where places in the file count from.
    pub(crate) begin: u64,
    /// In ascending order.
    pub(crate) pieces: Vec<Piece>,
}

/// The range of a record, and where its data is; `None` for zeros.
pub(crate) struct Piece {
    pub(crate) range: Range,
    pub(crate) data: Option<Place>,
}

impl UndoFile {
    /// Reads and verifies the undo streams at the beginning of a file, which may be cut if they are `partial`.
    pub(crate) fn read_all(
        file: &mut File,
        partial: bool,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        let begin = file.stream_position()?;
        let reader = BufReader::with_capacity(BUFFER, Positioned::new(file, begin));
        // Any problem with another stream is reported when its turn comes.
        let mut next = Decoder::new(reader).ok();
        while let Some(mut decoder) = next.filter(|decoder| decoder.header().undo) {
            let mut pieces = Vec::new();
            loop {
                interrupt.check()?;
                let record = match decoder.next_record() {
                    Err(Error::Cut { .. }) if partial => break,
                    record => record?,
                };
                let Some(record) = record else { break };
                let range = Range { offset: record.offset(), length: record.length() };
                let is_data = matches!(record, Record::Data { .. });
                pieces.push(Piece { range, data: is_data.then(|| decoder.place()) });
            }
            let header = decoder.header().clone();
            found.push(Self { header, file: file.try_clone()?, begin, pieces });
            next = decoder.next_stream().ok().flatten();
        }
        Ok(found)
    }

    /// The index of the first piece that ends after `offset`.
    pub(crate) fn first_behind(&self, offset: u64) -> usize {
        self.pieces.partition_point(|piece| piece.end() <= offset)
    }

    /// The ranges that the volume can have mapped once the undo is applied, given those it has mapped now.
    pub(crate) fn mapped(&self, mut ranges: Vec<Range>) -> Vec<Range> {
        ranges.extend(self.pieces.iter().map(|piece| piece.range));
        ranges.sort_by_key(|range| range.offset);
        let mut all: Vec<Range> = Vec::new();
        for range in ranges {
            let end = range.offset.saturating_add(range.length);
            match all.last_mut().filter(|last| range.offset <= last.offset + last.length) {
                Some(last) => last.length = last.length.max(end - last.offset),
                None => all.push(Range { offset: range.offset, length: end - range.offset }),
            }
        }
        all
    }
}

impl Piece {
    /// Does not overflow: the decoder has checked it against the volume's size.
    pub(crate) fn end(&self) -> u64 {
        self.range.offset + self.range.length
    }
}
