//! [`Arriving`]: records of a stream that may end early, of which what has arrived is kept.

use flow::Interrupt;
use hyperlayer::{BaseDigest, Error, Header, Record, Records, Totals};

/// Hands out records until the stream ends, well or not: what went wrong is kept, so that all that was handed out
/// is applied first.
pub(crate) struct Arriving<'a, R> {
    records: &'a mut R,
    interrupt: &'a Interrupt,
    /// Where the last record that was handed out ends, in bytes.
    up_to: u64,
    stopped: Option<Error>,
}

impl<'a, R: Records> Arriving<'a, R> {
    /// Of these records.
    pub(crate) fn new(records: &'a mut R, interrupt: &'a Interrupt) -> Self {
        let up_to = records.held().last().map_or(0, |held| held.offset.saturating_add(held.length));
        Self { records, interrupt, up_to, stopped: None }
    }

    /// Why the stream ended early, if it did, and up to which offset it was handed out.
    pub(crate) fn stopped(self) -> Option<(Error, u64)> {
        let up_to = self.up_to;
        self.stopped.map(|error| (error, up_to))
    }
}

impl<R: Records> Records for Arriving<'_, R> {
    fn header(&self) -> &Header {
        self.records.header()
    }

    fn base_digests(&self) -> &[BaseDigest] {
        self.records.base_digests()
    }

    fn ascend(&self) -> bool {
        self.records.ascend()
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        if self.stopped.is_some() {
            return Ok(None);
        }
        if let Err(error) = self.interrupt.check() {
            self.stopped = Some(Error::Io(error));
            return Ok(None);
        }
        match self.records.next_record() {
            Ok(Some(record)) => {
                self.up_to = record.offset().saturating_add(record.length());
                Ok(Some(record))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.stopped = Some(error);
                Ok(None)
            }
        }
    }

    fn totals(&self) -> Totals {
        self.records.totals()
    }

    fn finish(&mut self) -> Result<Totals, Error> {
        self.records.finish()
    }
}
