//! What was done, in a line or two on stderr.

use flow::{Session, Written, counted, human, rate_text};
use hyperlayer::{Header, Totals};
use source::Sums;

use crate::print::figures::share;

/// Says what a stream holds.
pub(crate) fn summarize(
    what: &str,
    header: &Header,
    totals: &Totals,
    written: &Written,
    session: &Session<'_>,
) {
    // The stream is complete, even if this message cannot be written.
    cli::note(format_args!(
        "lvdiff: {what}: {}, {} changed, {} unmapped; {} of data and {} of zeros sent; {}",
        counted(header.extents, "extent"),
        human(header.changed_bytes),
        human(header.unmapped_bytes),
        human(totals.data_bytes),
        human(totals.zero_bytes),
        written_in(written, session)
    ));
    say_sha1(written);
}

/// How much was written, in which time, and how fast.
pub(crate) fn written_in(written: &Written, session: &Session<'_>) -> String {
    let took = session.begun.elapsed();
    let rate = rate_text(written.bytes, took).map_or(String::new(), |rate| format!(", {rate}"));
    format!("{} written in {:.1} s{rate}", counted(written.bytes, "byte"), took.as_secs_f64())
}

/// Says the SHA-1 of what was written, if it was computed.
pub(crate) fn say_sha1(written: &Written) {
    if let Some(sha1) = &written.sha1 {
        cli::note(format_args!("SHA1: {sha1}"));
    }
}

/// Says what a list comes to, in a volume of `size` bytes.
pub(crate) fn say_sums(what: &str, sums: &Sums, size: u64) {
    cli::note(format_args!(
        "lvdiff: {what}: {}, {} changed ({} of the volume), {} unmapped",
        counted(sums.extents, "extent"),
        human(sums.changed_bytes),
        share(sums.changed_bytes, size),
        human(sums.unmapped_bytes)
    ));
}
