//! What was noted → streams of ours: the files are read again.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;
use flow::{Session, Task};
use foreign::Missing;
use hyperlayer::{Encoder, Finished, MAX_RECORD, Packer, Record, Records};

use super::file::{Begun, Decoder, open};
use super::note::Noted;
use super::options::ConvertOptions;
use super::ranges::Range;

/// Reads the files again, and writes what was noted. `writing` is the context of output errors.
pub(super) fn write_all<W: Write>(
    noted: &[Noted],
    options: &ConvertOptions,
    mut output: W,
    writing: &str,
    task: &dyn Task,
    session: &Session<'_>,
) -> anyhow::Result<(W, Vec<Finished>)> {
    let writing = || writing.to_owned();
    let mut finished = Vec::with_capacity(noted.len());
    let mut packer = Packer::new(options.level)?;
    let mut next: Option<(usize, Option<Begun>)> = None;
    for noted in noted {
        let path = noted.path.as_path();
        let begun = match next.take() {
            Some((file, begun)) if file == noted.file => {
                begun.context("the file became shorter while it was read")?
            }
            _ => open(path)?.0,
        };
        let format = begun.foreign().context("the file changed")?.format;
        // The sizes are known by now; names are not needed for the records.
        let size = Some(noted.header.target.size);
        let missing = Missing { size, base: noted.header.base.clone(), ..Missing::default() };
        let mut decoder = begun.complete(&missing).context(format)?;
        let mut encoder = Encoder::new(output, &noted.header, &[]).with_context(writing)?;
        let mut put = |record: Record<'_>| {
            session.interrupt.check()?;
            if let Record::Data { offset, bytes } = record {
                let packed = packer.pack(bytes)?;
                encoder.packed_data(offset, bytes, &packed).with_context(writing)?;
                packer.take_back(packed);
                task.add(bytes.len() as u64);
                return anyhow::Ok(());
            }
            encoder.record(record).with_context(writing)
        };
        match noted.ascends {
            true => copy(noted, &mut decoder, session, &mut put)?,
            false => sort(noted, &mut decoder, &options.sort_in, session, &mut put)?,
        }
        let ended: Finished;
        (output, ended) = encoder.finish().with_context(writing)?;
        finished.push(ended);
        let following = decoder.next_stream().with_context(|| path.display().to_string())?;
        next = Some((noted.file, following));
    }
    Ok((output, finished))
}

/// Writes the data as it comes, and the rest as it was noted.
fn copy(
    noted: &Noted,
    decoder: &mut Decoder,
    session: &Session<'_>,
    put: &mut impl FnMut(Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut rest = noted.ranges.iter().filter_map(Range::without_data).peekable();
    while let Some(record) =
        decoder.next_record().with_context(|| noted.path.display().to_string())?
    {
        session.interrupt.check()?;
        if !matches!(record, Record::Data { .. }) {
            continue;
        }
        while let Some(before) = rest.next_if(|other| other.offset() < record.offset()) {
            put(before)?;
        }
        put(record)?;
    }
    rest.try_for_each(put)
}

/// Sorts records, with their data in a sparse file meanwhile.
fn sort(
    noted: &Noted,
    decoder: &mut Decoder,
    folder: &Path,
    session: &Session<'_>,
    put: &mut impl FnMut(Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let aside = tempfile::tempfile_in(folder).context("a file for records that do not ascend")?;
    while let Some(record) =
        decoder.next_record().with_context(|| noted.path.display().to_string())?
    {
        session.interrupt.check()?;
        if let Record::Data { offset, bytes } = record {
            aside.write_all_at(bytes, offset).context("keeping records to sort them")?;
        }
    }
    let mut buf = vec![0; MAX_RECORD];
    for range in &noted.ranges {
        if let Some(record) = range.without_data() {
            put(record)?;
            continue;
        }
        let (mut offset, end) = (range.begin, range.end);
        while offset < end {
            let piece = &mut buf[..(end - offset).min(MAX_RECORD as u64) as usize];
            aside.read_exact_at(piece, offset).context("reading sorted records")?;
            put(Record::Data { offset, bytes: piece })?;
            offset += piece.len() as u64;
        }
    }
    Ok(())
}
