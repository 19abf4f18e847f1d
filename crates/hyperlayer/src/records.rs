//! [`Records`]: whatever yields records in order.

use crate::{BaseChecksum, BaseDigest, Error, Header, Held, Record, Totals};

/// A source of verified records: what a decoder of any format is to the one who applies them.
pub trait Records {
    /// The stream's header.
    fn header(&self) -> &Header;

    /// What the base must hold, in ascending order; empty at detect level 0.
    fn base_digests(&self) -> &[BaseDigest];

    /// What the target holds already, where the stream is the rest of another one: in ascending order.
    fn held(&self) -> &[Held] {
        &[]
    }

    /// What the base must hold besides, in any order.
    fn base_checksums(&self) -> &[BaseChecksum] {
        &[]
    }

    /// Whether records ascend and do not overlap. Where they do not, a later one covers an earlier one,
    /// and what the header announces need not be all.
    fn ascend(&self) -> bool {
        true
    }

    /// The next record, verified; `None` once the trailer has been read and found right.
    ///
    /// # Errors
    /// Where the stream is cut, damaged, or cannot be read. After an error there is nothing more.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, Error>;

    /// What has been handed out so far; all of it, once there is no next record.
    fn totals(&self) -> Totals;

    /// Makes sure that all of the stream has arrived and that nothing follows it, skipping
    /// records that have not been taken.
    ///
    /// # Errors
    /// [`Error::Cut`] where the end has not been reached; [`Error::Damaged`] where the input goes
    /// on after it.
    fn finish(&mut self) -> Result<Totals, Error>;
}
