//! Chains of streams of ours, read from files without names.

use std::fs::File;
use std::io::{Seek, Write};

use flow::{Interrupt, Kind, Refusal};
use hyperlayer::testing::header;
use hyperlayer::{Encoder, Header, Volume};
use streams::{Chain, Link, Rules, Sources, Until, accept_all, verify};

const SIZE: u64 = 1 << 20;

/// The bytes of a stream from one volume to another one.
fn stream(base: Option<&str>, target: &str) -> Vec<u8> {
    let volume = |name: &str| Volume { name: name.into(), uuid: format!("u-{name}"), size: SIZE };
    let (target, base) = (volume(target), base.map(volume));
    let header = Header { target, base, extents: 1, changed_bytes: 65536, ..header(SIZE) };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    encoder.data(65536, &[7; 65536]).unwrap();
    encoder.finish().unwrap().0
}

/// The first one is a full stream, and each of the others follows the one before.
fn sources(names: &[&str]) -> Sources {
    let mut sources = Sources::default();
    for (number, name) in names.iter().enumerate() {
        let base = number.checked_sub(1).map(|before| names[before]);
        sources.take(name, file(&stream(base, name)));
    }
    sources
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn rules() -> Rules<'static> {
    Rules {
        is_strict: false,
        accepts_cut: false,
        accepts_rest: false,
        ignores_dates: false,
        must_ascend: false,
        name: None,
        size: None,
        until: None,
        complete: &|foreign| panic!("a stream of {}", foreign.format),
    }
}

fn chain<'a>(sources: Sources, rules: &'a Rules<'a>) -> Chain<'a> {
    Chain::new(sources, rules, Box::leak(Box::default()))
}

#[test]
fn streams_that_follow_one_another_are_summed_up() {
    let found = verify(chain(sources(&["a", "b", "c"]), &rules())).unwrap();
    assert_eq!((found.streams, found.totals.data_bytes, found.is_open), (3, 3 * 65536, false));
}

#[test]
fn one_that_does_not_follow_is_refused() {
    let mut sources = sources(&["a", "b"]);
    sources.take("other", file(&stream(Some("c"), "d")));
    let error = verify(chain(sources, &rules())).unwrap_err();
    assert!(error.downcast_ref().map(Refusal::kind) == Some(Kind::BaseMismatch), "{error:#}");
}

#[test]
fn a_chain_ends_after_the_volume_that_is_wanted() {
    let until = |name: &str| Rules { until: Some(Until::parse(name).unwrap()), ..rules() };
    assert_eq!(verify(chain(sources(&["a", "b", "c"]), &until("u-b"))).unwrap().streams, 2);
    let error = verify(chain(sources(&["a", "b", "c"]), &until("d"))).unwrap_err();
    assert!(error.downcast_ref().map(Refusal::kind) == Some(Kind::Usage), "{error:#}");
}

#[test]
fn a_cut_ends_it_where_that_is_accepted_and_nothing_follows() {
    let cut = || {
        let (mut sources, whole) = (sources(&["a"]), stream(Some("a"), "b"));
        sources.take("b", file(&whole[..whole.len() - 1]));
        sources
    };
    let names = |sources: Sources, rules: &Rules<'_>| {
        let (mut chain, mut names) = (chain(sources, rules), Vec::new());
        let mut next: Option<Link> = Some(chain.first()?);
        while let Some(link) = next {
            names.push(link.name.clone());
            next = chain.next(link)?;
        }
        anyhow::Ok(names)
    };
    assert!(names(cut(), &rules()).unwrap_err().is::<hyperlayer::Error>());
    let accepts = Rules { accepts_cut: true, ..rules() };
    assert_eq!(names(cut(), &accepts).unwrap(), ["a", "b"]);
    let mut more = cut();
    more.take("c", file(&stream(Some("b"), "c")));
    assert!(names(more, &accepts).unwrap_err().is::<Refusal>());
}

#[test]
fn what_was_verified_can_be_read_once_more() {
    let (sources, rules) = (sources(&["a", "b"]), rules());
    let seen = std::cell::RefCell::new(Vec::new());
    accept_all(&sources, &rules, &Interrupt::default(), |count, link| {
        seen.borrow_mut().push((count, link.name.clone()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen.into_inner(), [(0, "a".into()), (1, "b".into())]);
    assert_eq!(verify(chain(sources, &rules)).unwrap().streams, 2);
}
