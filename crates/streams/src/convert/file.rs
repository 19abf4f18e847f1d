//! A file to be converted, which is read twice.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use flow::usage;
use foreign::{AnyDecoder, Checksum, Summed, Unfinished};
use hyperlayer::MAX_RECORD;

type Reader = BufReader<Summed<File>>;

/// A stream of the file, before what it does not say is known.
pub(super) type Begun = Unfinished<Reader>;

/// The decoder for one of its streams.
pub(super) type Decoder = AnyDecoder<Reader>;

/// Opens a file; also says whether it has a checksum next to it.
pub(super) fn open(path: &Path) -> anyhow::Result<(Begun, bool)> {
    let name = || path.display().to_string();
    // Opening a FIFO would wait for its other end, so check the file type first.
    if !std::fs::metadata(path).with_context(name)?.is_file() {
        return Err(usage(format!(
            "{} is not a regular file: what is converted is read twice",
            name()
        )));
    }
    let file = File::open(path).with_context(name)?;
    let checksum = Checksum::beside(path, &file)?;
    let has_checksum = checksum.is_some();
    let reader = BufReader::with_capacity(MAX_RECORD, Summed::new(file, checksum));
    Ok((Unfinished::begin(reader).with_context(name)?, has_checksum))
}
