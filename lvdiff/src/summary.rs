//! What was done, in a line or two on stderr.

use std::io::{self, Write};

use flow::{Session, Written, human};
use hyperlayer::{Header, Totals};

/// Says what a stream holds.
pub(crate) fn summarize(
    what: &str,
    header: &Header,
    totals: &Totals,
    written: &Written,
    session: &Session<'_>,
) {
    // The stream is complete, even if this message cannot be written.
    _ = writeln!(
        io::stderr(),
        "lvdiff: {what}: {} extents, {} changed, {} unmapped; {} of data and {} of zeros sent; \
         {} bytes written in {:.1} s",
        header.extents,
        human(header.changed_bytes),
        human(header.unmapped_bytes),
        human(totals.data_bytes),
        human(totals.zero_bytes),
        written.bytes,
        session.begun.elapsed().as_secs_f64()
    );
    say_sha1(written);
}

/// Says the SHA-1 of what was written, if it was computed.
pub(crate) fn say_sha1(written: &Written) {
    if let Some(sha1) = &written.sha1 {
        _ = writeln!(io::stderr(), "SHA1: {sha1}");
    }
}
