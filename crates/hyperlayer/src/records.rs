//! [`Records`]: anything that yields records in order.

use crate::{BaseChecksum, BaseDigest, Error, Header, Held, Record, Totals};

/// A source of verified records: a decoder of any format, as seen by the code that applies them.
pub trait Records {
    /// The stream's header.
    fn header(&self) -> &Header;

    /// What the base must hold, in ascending order; empty at detect level 0.
    fn base_digests(&self) -> &[BaseDigest];

    /// What the target already holds, if the stream is the rest of another one: in ascending order.
    fn held(&self) -> &[Held] {
        &[]
    }

    /// Further checksums of what the base must hold, in any order.
    fn base_checksums(&self) -> &[BaseChecksum] {
        &[]
    }

    /// Whether records ascend and do not overlap. If not, a later record replaces an earlier one, and the
    /// header's announcements may be too low.
    fn ascend(&self) -> bool {
        true
    }

    /// The next record, verified; `None` once the trailer has been read and verified.
    ///
    /// # Errors
    /// If the stream is cut, damaged, or cannot be read. After an error nothing more can be read.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, Error>;

    /// The totals of what has been handed out so far: of everything, once there is no next record.
    fn totals(&self) -> Totals;

    /// Makes sure that the whole stream has arrived and that nothing follows it, skipping records that have
    /// not been read.
    ///
    /// # Errors
    /// [`Error::Cut`] if the end has not been reached; [`Error::Damaged`] if the input continues after it.
    fn finish(&mut self) -> Result<Totals, Error>;
}
