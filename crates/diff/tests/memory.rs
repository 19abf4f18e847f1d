//! A new source is a constructor of `Pair`: two volumes in memory, which nothing here has heard of, by public
//! API alone. Their difference is found by comparing them, and the stream must make the one of the other.

use blockio::Range;
use diff::{Detail, Options, Stream, StreamFormat};
use flow::{Interrupt, Quiet, Session};
use hyperlayer::{Decoder, Finished, Header, Identity, Record, Records, Volume};
use proptest::prelude::*;
use source::{Changes, Content, Names, Pair};
use thinmeta::ExtentKind;

const CHUNK: usize = 4096;

/// Who can be asked for the base's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Readable,
    /// Only who it is, as of a disk whose changes alone are told.
    Known,
}

/// The source: volumes of one size, of whole sectors.
fn pair(old: &[u8], new: &[u8], base: Base, detect_level: u8) -> Pair {
    let volume = |name: &str, bytes: &[u8]| Volume {
        name: name.into(),
        uuid: format!("uuid-{name}"),
        size: bytes.len() as u64,
    };
    let mut changes = Changes::new(CHUNK as u64);
    for (number, (old, new)) in old.chunks(CHUNK).zip(new.chunks(CHUNK)).enumerate() {
        let range = Range { offset: (number * CHUNK) as u64, length: new.len() as u64 };
        if old == new {
            changes.sample.push(range);
            continue;
        }
        // A whole chunk of zeros is a hole.
        let is_hole = new.len() == CHUNK && new.iter().all(|&byte| byte == 0);
        changes
            .add(range, if is_hole { ExtentKind::Unmapped } else { ExtentKind::Changed })
            .unwrap();
    }
    if detect_level == 0 {
        changes.sample.clear();
    }
    let names = Names {
        base: Some(volume("old", old)),
        target: volume("new", new),
        base_origin: String::new(),
        identity: Identity::default(),
    };
    let base = (base == Base::Readable).then(|| Box::new(old.to_vec()) as Content);
    let content = (base, Box::new(new.to_vec()) as Content);
    Pair::new(names, "old -> new".into(), (changes, None), content, Box::new(()))
}

fn options(detect_level: u8, granularity: Option<u64>) -> Options {
    Options {
        format: StreamFormat::Hyperlayer2,
        detail: Detail { granularity, level: Some(3) },
        detect_level,
        roots: None,
        rest_from: None,
        pairs: vec![],
        tool: "test".into(),
    }
}

fn stream(mut pair: Pair, options: &Options) -> anyhow::Result<(Vec<u8>, Finished)> {
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let written = Stream::prove(&mut pair, options, &session)?.write(Vec::new(), &session)?;
    pair.release()?;
    Ok(written)
}

/// What a stream makes of a volume, and what it says of itself.
fn applied(stream: &[u8], volume: &mut [u8]) -> (Header, usize) {
    let mut decoder = Decoder::new(stream).unwrap();
    while let Some(record) = decoder.next_record().unwrap() {
        let range = record.offset() as usize..(record.offset() + record.length()) as usize;
        match record {
            Record::Data { bytes, .. } => volume[range].copy_from_slice(bytes),
            Record::Zero { .. } | Record::Discard { .. } => volume[range].fill(0),
        }
    }
    decoder.finish().unwrap();
    (decoder.header().clone(), decoder.base_digests().len())
}

proptest! {
    #[test]
    fn any_volume_in_memory_becomes_any_other(
        sectors in prop::collection::vec((0..4_u8, 0..4_u8), 1..100),
        detect_level in 0..=2_u8,
        granularity in prop::option::of(prop::sample::select(vec![512_u64, 1024, 4096])),
        is_known in any::<bool>(),
    ) {
        // A value is often kept, and 0 is a hole.
        let bytes = |of: fn(&(u8, u8)) -> u8| -> Vec<u8> {
            sectors.iter().flat_map(|pair| [of(pair); 512]).collect()
        };
        let (old, new) = (bytes(|pair| pair.0), bytes(|pair| if pair.1 == 3 { pair.0 } else { pair.1 }));
        let (base, detect_level, granularity) = match is_known {
            true => (Base::Known, 0, None),
            false => (Base::Readable, detect_level, granularity),
        };
        let pair = pair(&old, &new, base, detect_level);
        let (stream, finished) = stream(pair, &options(detect_level, granularity)).unwrap();
        let mut volume = old.clone();
        let (header, digests) = applied(&stream, &mut volume);
        prop_assert!(volume == new);
        prop_assert!(finished.totals.data_bytes <= header.changed_bytes);
        prop_assert_eq!(header.base.map(|base| base.uuid), Some("uuid-old".to_owned()));
        prop_assert_eq!(digests == 0, header.detect_level == 0);
    }
}

#[test]
fn of_a_base_that_cannot_be_read_nothing_is_said_that_only_its_bytes_tell() {
    let (old, new) = ([1; 3 * CHUNK], [0; 3 * CHUNK]);
    let refused = |detect_level, granularity| {
        let pair = pair(&old, &new, Base::Known, detect_level);
        let error = stream(pair, &options(detect_level, granularity)).unwrap_err();
        assert!(error.is::<flow::Refusal>(), "{error}");
        error.to_string()
    };
    assert!(refused(1, None).contains("cannot be read"));
    assert!(refused(2, None).contains("cannot be read"));
    // Compared with nothing, what has become zeros would look as if it had not changed.
    assert!(refused(0, Some(512)).contains("cannot be read"));
}

#[test]
fn a_base_that_is_elsewhere_is_proved_by_its_root_digest_alone() {
    let (old, mut new) = (vec![1; 3 * CHUNK], vec![1; 3 * CHUNK]);
    new[CHUNK..2 * CHUNK].fill(2);
    let root = baseproof::digest_whole(&old, old.len() as u64, None, &|| Ok(())).unwrap();
    let known = |detect_level| {
        let mut pair = pair(&old, &new, Base::Known, detect_level);
        pair.base_root = Some(root.digest);
        stream(pair, &options(detect_level, None))
    };
    let (bytes, _) = known(3).unwrap();
    let decoder = Decoder::new(bytes.as_slice()).unwrap();
    assert_eq!(decoder.header().detect_level, 3);
    assert_eq!(decoder.base_digests(), [root]);
    let mut volume = old.clone();
    applied(&bytes, &mut volume);
    assert!(volume == new);
    // It says nothing about places.
    known(2).unwrap_err();
}
