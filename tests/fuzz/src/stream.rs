//! Streams of ours: read in every way, and written once more.

use std::io::Cursor;

use hyperlayer::{
    BaseDigest, Contents, Decoder, Encoder, Error, Header, Held, Outline, Place, Record, Records,
};

use crate::{convert, foreign, repair};

/// Leaves the checksums as they are.
const KEEP: u8 = 1;

/// A record, with its bytes where it has any, and where it stood.
pub(crate) type Kept = (char, u64, u64, Vec<u8>, Place);

/// A stream that was read to its end.
pub(crate) struct Whole {
    pub(crate) header: Header,
    base_digests: Vec<BaseDigest>,
    held: Vec<Held>,
    pub(crate) records: Vec<Kept>,
    digest: [u8; 32],
    end: u64,
}

/// Reads all streams of the input.
pub fn run(input: &[u8]) {
    let (mode, stream) = crate::mode(input);
    let mut stream = stream.to_vec();
    if mode & KEEP == 0 {
        repair::hyperlayer(&mut stream);
    }
    foreign::run(&stream, mode);
    let mut whole = Vec::new();
    if read(&stream, &mut whole).is_ok() {
        check_outlines(&stream, &whole);
        check_damage(&stream, &whole);
    }
    for one in &whole {
        check_contents(&stream, one);
        check_written(one);
        convert::check(one);
    }
}

fn read(stream: &[u8], whole: &mut Vec<Whole>) -> Result<(), Error> {
    let mut next = Some(Decoder::new(stream)?);
    while let Some(mut decoder) = next {
        let mut check = foreign::Check::new(&decoder);
        let mut records = Vec::new();
        while let Some(record) = decoder.next_record()? {
            let (kind, offset, length, _) = check.record(&record);
            let bytes = match record {
                Record::Data { bytes, .. } => bytes.to_vec(),
                _ => Vec::new(),
            };
            records.push((kind, offset, length, bytes, decoder.place()));
        }
        whole.push(Whole {
            header: decoder.header().clone(),
            base_digests: decoder.base_digests().to_vec(),
            held: decoder.held().to_vec(),
            records,
            digest: decoder.stream_digest().expect("its trailer was right"),
            end: decoder.position(),
        });
        next = decoder.next_stream()?;
    }
    Ok(())
}

/// A flipped bit is noticed, and so is a cut that is not between two streams. The place is one of
/// the stream's own: for each stream another.
fn check_damage(stream: &[u8], whole: &[Whole]) {
    let random = blake3::hash(stream);
    let random = random.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let place = random % stream.len() as u64;
    let (cut, _) = stream.split_at(place as usize);
    if !whole.iter().any(|whole| whole.end == place) {
        let error = read(cut, &mut Vec::new()).expect_err("a cut");
        assert!(matches!(error, Error::Cut { .. }), "cut at {place}: {error}");
    }
    let mut flipped = stream.to_vec();
    flipped[place as usize] ^= 1 << (random >> 61);
    read(&flipped, &mut Vec::new()).expect_err("a flipped bit");
}

/// What is whole has an outline, and the same one.
fn check_outlines(stream: &[u8], whole: &[Whole]) {
    let outlines = Outline::all(&mut Cursor::new(stream)).expect("the streams are whole");
    assert_eq!(outlines.len(), whole.len());
    let mut begin = 0;
    for (outline, whole) in outlines.iter().zip(whole) {
        assert_eq!((outline.begin, outline.end), (begin, whole.end));
        assert_eq!((&outline.header, outline.stream_digest), (&whole.header, whole.digest));
        assert_eq!(outline.base_digests, whole.base_digests);
        assert_eq!(outline.totals.data_records, count(whole, 'd'));
        assert_eq!(outline.totals.discard_records, count(whole, 'u'));
        begin = outline.end;
    }
}

fn count(whole: &Whole, kind: char) -> u64 {
    whole.records.iter().filter(|record| record.0 == kind).count() as u64
}

/// The contents of data are found again at their places.
fn check_contents(stream: &[u8], whole: &Whole) {
    let mut contents = Contents::default();
    for (kind, offset, _, bytes, place) in &whole.records {
        let at = usize::try_from(place.at).expect("it lies in the stream");
        let found = contents.read(&stream[at..], *place);
        match (kind, found) {
            ('d', found) => {
                let found = found.expect("it was there").at(*offset).map(|found| found.to_vec());
                assert_eq!(found.as_ref(), Some(bytes));
            }
            // Beside it in a group there may be data.
            (_, found) => {
                assert!(found.is_err() || found.is_ok_and(|found| found.at(*offset).is_none()))
            }
        }
    }
}

/// What was read can be written, and is read again as the same.
fn check_written(whole: &Whole) {
    let written = write(whole).expect("a decoder accepts nothing that an encoder refuses");
    let mut again = Vec::new();
    read(&written, &mut again).expect("it was written just now");
    let [again] = again.as_slice() else { panic!("one stream became {}", again.len()) };
    assert_eq!(again.header, whole.header);
    assert_eq!(again.base_digests, whole.base_digests);
    let same = |(one, other): (&Kept, &Kept)| {
        (one.0, one.1, one.2, &one.3) == (other.0, other.1, other.2, &other.3)
    };
    assert_eq!(again.records.len(), whole.records.len());
    assert!(again.records.iter().zip(&whole.records).all(same), "other records");
}

fn write(whole: &Whole) -> Result<Vec<u8>, Error> {
    let mut encoder = Encoder::rest(Vec::new(), &whole.header, &whole.base_digests, &whole.held)?;
    for (kind, offset, length, bytes, _) in &whole.records {
        let (offset, length) = (*offset, *length);
        encoder.record(match kind {
            'd' => Record::Data { offset, bytes },
            'z' => Record::Zero { offset, length },
            _ => Record::Discard { offset, length },
        })?;
    }
    encoder.finish().map(|(written, _)| written)
}
