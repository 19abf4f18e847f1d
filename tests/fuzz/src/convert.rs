//! Writes what was read as other tools' streams, which must say the same.

use foreign::{Hyperlayer1, Missing, ThinSend, Unfinished};
use hyperlayer::{Packer, Record, RecordSink, Records};

use crate::stream::Whole;

/// These formats write zeros out: more of them say nothing more.
const MOST: u64 = 128 << 10;
const SECTOR: usize = 512;

/// What a volume holds in a sector; `None` where it is unmapped.
type Sector = (u64, Option<Vec<u8>>);

/// Writes a stream in each format, and reads it again.
pub(crate) fn check(whole: &Whole) {
    if whole.records.iter().map(|record| record.2).sum::<u64>() <= MOST {
        thin_send(whole);
        hyperlayer1(whole);
    }
}

fn thin_send(whole: &Whole) {
    let extents = whole.records.iter().filter(|record| record.0 != 'u');
    let extents = extents.map(|record| Ok((record.1, record.2)));
    let sink = ThinSend::new(Vec::new(), extents).expect("memory does not fail");
    let stream = write(sink, whole).expect("all that was announced comes");
    let missing = Missing { size: Some(whole.header.target.size), ..Missing::default() };
    let begun = Unfinished::begin(stream.as_slice()).expect("it was written just now");
    let decoder = begun.complete(&missing).expect("the size is one of a volume");
    assert!(sectors_of(decoder) == sectors(whole), "thin_send says something else");
}

fn hyperlayer1(whole: &Whole) {
    let header = &whole.header;
    // Only whole chunks can be written, and no stream that resizes.
    let Ok(sink) = Hyperlayer1::new(Vec::new(), header, &[]) else { return };
    let Ok(stream) = write(sink, whole) else { return };
    let begun = Unfinished::begin(stream.as_slice()).expect("it was written just now");
    let decoder = begun.complete(&Missing::default()).expect("it says everything");
    let found = decoder.header();
    assert_eq!(found.target, header.target);
    let uuid = |base: &Option<hyperlayer::Volume>| base.as_ref().map(|base| base.uuid.clone());
    assert_eq!(uuid(&found.base), uuid(&header.base));
    assert_eq!((found.chunk_size, &found.pairs), (header.chunk_size, &header.pairs));
    let mut expected = sectors(whole);
    // It has no word for what is unmapped.
    expected.iter_mut().for_each(|sector| _ = sector.1.get_or_insert(vec![0; SECTOR]));
    assert!(sectors_of(decoder) == expected, "HYPERLAYER/1.0 says something else");
}

fn write<S: RecordSink>(mut sink: S, whole: &Whole) -> Result<S::Output, hyperlayer::Error> {
    let mut packer = Packer::new(None)?;
    for (kind, offset, length, bytes, _) in &whole.records {
        match kind {
            'd' => sink.packed_data(*offset, bytes, &packer.pack(bytes)?)?,
            'z' => sink.zero(*offset, *length)?,
            _ => sink.discard(*offset, *length)?,
        }
    }
    sink.finish().map(|(output, _)| output)
}

fn sectors(whole: &Whole) -> Vec<Sector> {
    let mut found = Vec::new();
    for (kind, offset, length, bytes, _) in &whole.records {
        let (offset, length) = (*offset, *length);
        add(
            &mut found,
            match kind {
                'd' => Record::Data { offset, bytes },
                'z' => Record::Zero { offset, length },
                _ => Record::Discard { offset, length },
            },
        );
    }
    found
}

fn sectors_of(mut records: impl Records) -> Vec<Sector> {
    let mut found = Vec::new();
    while let Some(record) = records.next_record().expect("it was written just now") {
        add(&mut found, record);
    }
    records.finish().expect("it was written just now");
    found
}

fn add(sectors: &mut Vec<Sector>, record: Record<'_>) {
    for (index, at) in (0..record.length()).step_by(SECTOR).enumerate() {
        let content = match record {
            Record::Data { bytes, .. } => Some(bytes[index * SECTOR..][..SECTOR].to_vec()),
            Record::Zero { .. } => Some(vec![0; SECTOR]),
            Record::Discard { .. } => None,
        };
        sectors.push((record.offset() + at, content));
    }
}
