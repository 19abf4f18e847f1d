//! The rest of a stream: with what came before it, it makes the same volume.

use blockio::Range;
use diff::{Detail, Options, RootSearch, Stream, StreamFormat};
use flow::{Interrupt, Quiet, Session};
use hyperlayer::{Decoder, Record, Records, Volume};
use proptest::prelude::*;
use source::{Changes, Names, Pair};
use thinmeta::ExtentKind;

const CHUNK: usize = 4096;

/// The stream from one content to another, or the rest of it.
fn stream(base: &[u8], target: &[u8], detail: Detail, rest_from: Option<u64>) -> Option<Vec<u8>> {
    let volume = |name: &str, content: &[u8]| Volume {
        name: name.into(),
        uuid: name.into(),
        size: content.len() as u64,
    };
    let names = Names {
        base: Some(volume("mon", base)),
        target: volume("tue", target),
        base_origin: String::new(),
        identity: hyperlayer::Identity::default(),
    };
    let mut changes = Changes::new(CHUNK as u64);
    let chunks = target.chunks(CHUNK).zip(base.chunks(CHUNK));
    for (number, (after, before)) in chunks.enumerate().filter(|(_, (one, other))| one != other) {
        let zeros = after.iter().all(|byte| *byte == 0) && before.len() == CHUNK;
        let kind = if zeros { ExtentKind::Unmapped } else { ExtentKind::Changed };
        let range = Range { offset: (number * CHUNK) as u64, length: after.len() as u64 };
        changes.add(range, kind).unwrap();
    }
    let content = (Some(Box::new(base.to_vec()) as _), Box::new(target.to_vec()) as _);
    let mut pair = Pair::new(names, "test".into(), (changes, None), content, Box::new(()));
    let options = Options {
        format: StreamFormat::Hyperlayer2,
        detail,
        detect_level: 0,
        roots: Some(RootSearch::default()),
        rest_from,
        pairs: vec![],
        tool: "test".into(),
    };
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let mut stream = Stream::prove(&mut pair, &options, &session).ok()?;
    Some(stream.write(Vec::new(), &session).unwrap().0)
}

/// Applies at most N records; returns where the last of them ends.
fn apply(content: &mut [u8], stream: &[u8], most: usize) -> u64 {
    let mut decoder = Decoder::new(stream).unwrap();
    let mut up_to = 0;
    for _ in 0..most {
        let Some(record) = decoder.next_record().unwrap() else { break };
        let range = record.offset() as usize..(record.offset() + record.length()) as usize;
        up_to = range.end as u64;
        match record {
            Record::Data { bytes, .. } => content[range].copy_from_slice(bytes),
            Record::Zero { .. } | Record::Discard { .. } => content[range].fill(0),
        }
    }
    up_to
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_stream_can_be_cut_after_any_record(
        (changed, sectors) in (prop::collection::vec((0..400_usize, 0..4_u8), 1..60), 3000..3200_usize),
        granularity in prop::option::of(Just(512_u64)),
        level in prop::option::of(Just(1)),
        most in 1..50_usize,
    ) {
        let base: Vec<u8> = (0..sectors * 512).map(|at| (at / 700 % 250) as u8).collect();
        let mut target = base.clone();
        for (chunk, what) in changed {
            let range = chunk * CHUNK..((chunk + 1) * CHUNK).min(target.len());
            if range.start >= target.len() {
                continue;
            }
            match what {
                0 => target[range].fill(0),
                1 => target[range].fill(77),
                // The last chunk can be shorter.
                _ => target[range].iter_mut().skip(512).take(512).for_each(|byte| *byte = what),
            }
        }
        let detail = Detail { granularity, level };
        let whole = stream(&base, &target, detail, None).unwrap();
        let mut content = base.clone();
        let up_to = apply(&mut content, &whole, most);
        prop_assume!(up_to > 0);

        let rest = stream(&base, &target, detail, Some(up_to)).unwrap();
        let mut decoder = Decoder::new(rest.as_slice()).unwrap();
        prop_assert!(decoder.header().rest && !decoder.held().is_empty());
        for held in decoder.held() {
            let range = held.offset as usize..(held.offset + held.length) as usize;
            prop_assert!(range.end as u64 <= up_to);
            prop_assert_eq!(held.digest, *blake3::hash(&content[range]).as_bytes());
        }
        // No byte before that differs outside of what is held.
        for (at, (before, after)) in base.iter().zip(&target).enumerate().take(up_to as usize) {
            let at = at as u64;
            let is_held = |held: &hyperlayer::Held| held.offset <= at && at < held.offset + held.length;
            prop_assert!(before == after || decoder.held().iter().any(is_held), "{at}");
        }
        decoder.finish().unwrap();
        let mut all = Decoder::new(whole.as_slice()).unwrap();
        all.finish().unwrap();
        prop_assert_eq!(decoder.roots(), all.roots());
        apply(&mut content, &rest, usize::MAX);
        prop_assert!(content == target);
    }
}

#[test]
fn a_rest_begins_after_something() {
    let (base, mut target) = (vec![1; 8 * CHUNK], vec![1; 8 * CHUNK]);
    target[5 * CHUNK] = 2;
    assert!(stream(&base, &target, Detail::default(), Some(5 * CHUNK as u64)).is_none());
    assert!(stream(&base, &target, Detail::default(), Some(5 * CHUNK as u64 + 512)).is_some());
}
