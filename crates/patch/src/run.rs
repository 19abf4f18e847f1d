//! Streams → what they are applied to.

use anyhow::Context;
use flow::Session;
use hyperlayer::Totals;
use streams::{Chain, Link, Rules, Sources, Tally};

use crate::accept::{makes_file, verify_first};
use crate::check::wrong_base;
use crate::given::{Given, undo_files};
use crate::lookup::look_up;
use crate::request::{Cut, Destination, Making, Request, Whole};
use crate::target::image::Image;
use crate::target::in_place::InPlace;
use crate::target::new_volume::NewVolume;
use crate::target::{Made, Target};
use crate::whole::{Said, prove};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What the streams made.
    pub made: Made,
    /// How many streams there were, what was in them, and whether an end could not be verified.
    pub tally: Tally,
    /// The digest of the last stream, if its format has one.
    pub stream_digest: Option<[u8; 32]>,
    /// The root digest of the result, if that was proved.
    pub root: Option<[u8; 32]>,
}

/// Applies all streams as the request says, and reports each volume, device or image as soon as it is done.
///
/// # Errors
/// [`Refusal`](flow::Refusal)s, problems with a stream, and failures of LVM or of writing. Whatever was
/// reported to `tell` stays; of the rest, nothing temporary does.
pub fn apply(
    request: &Request,
    rules: &Rules<'_>,
    sources: Sources,
    session: &Session<'_>,
    tell: &mut dyn FnMut(&Done),
) -> anyhow::Result<()> {
    let making = match &request.destination {
        Destination::NewVolume(making) => making,
        _ => {
            let done = overwrite(request, rules, sources, session)?;
            tell(&done);
            return Ok(());
        }
    };
    // Finding it reads the whole last file, so only if its name is used.
    let last = match making {
        Making::One(None) => sources.last_header()?,
        Making::One(Some(_)) | Making::Each => None,
    };
    let undo_files = undo_files(request, &sources, session.interrupt)?;
    let given = Given { request, session, undo_files: &undo_files };
    let mut chain = Chain::new(sources, rules, session.interrupt);
    let first = chain.first()?;
    let plan = look_up(request, first.header()).with_context(|| first.name.clone())?;
    // Only the last stream's name is used, unless each makes a volume. A pipe most often holds a single stream:
    // its name is checked before anything is done.
    let expected = match last {
        Some(_) if rules.until.is_some() => Ok(None),
        Some(last) => plan.new_name(&last).map(Some),
        None => plan.new_name(first.header()).map(Some).with_context(|| first.name.clone()),
    };
    let expected = expected.map_err(|error| wrong_base(given, &first, &plan).unwrap_or(error))?;
    let target = NewVolume::open(given, plan, expected.as_deref())?;
    match making {
        Making::Each => run_each(target, &mut chain, first, request.whole, tell),
        Making::One(_) => {
            tell(&run(target, &mut chain, first, Cut::Refused, request.whole)?);
            Ok(())
        }
    }
}

fn overwrite(
    request: &Request,
    rules: &Rules<'_>,
    sources: Sources,
    session: &Session<'_>,
) -> anyhow::Result<Done> {
    let interrupt = session.interrupt;
    let is_new = makes_file(request);
    let ascends = !is_new && verify_first(request, &sources, rules, interrupt)?;
    let undo_files = undo_files(request, &sources, interrupt)?;
    let given = Given { request, session, undo_files: &undo_files };
    let mut chain = Chain::new(sources, rules, interrupt).ascends(ascends);
    let first = chain.first()?;
    match &request.destination {
        Destination::Path(path, how) => {
            let image = Image::open(given, path, &first, is_new)?;
            run(image, &mut chain, first, how.cut, request.whole)
        }
        _ => run(InPlace::open(given, &first)?, &mut chain, first, request.cut(), request.whole),
    }
}

/// Applies all streams of a chain to a target; `first` is its first one.
///
/// # Errors
/// Whatever the chain and the target report. The target has been abandoned then.
pub fn run(
    mut target: impl Target,
    chain: &mut Chain<'_>,
    first: Link,
    cut: Cut,
    whole: Whole,
) -> anyhow::Result<Done> {
    let (mut link, mut tally) = (first, Tally::default());
    loop {
        match step(&mut target, &mut link, tally.streams) {
            Ok(totals) => tally.add(&link, totals),
            Err(error) => return Err(target.abandon(error, tally.streams)),
        }
        let stream_digest = link.decoder.stream_digest();
        // Of streams applied one after another, the last counts.
        let said = Said::by(&link);
        let next = match cut == Cut::Applied && stream_digest.is_none() {
            true => chain.end_cut(&link.name).map(|()| None),
            false => chain.next(link),
        };
        match next {
            Ok(Some(next)) => link = next,
            Ok(None) => {
                let root = match whole {
                    Whole::Taken => Ok(None),
                    Whole::Proved => prove(&mut target, &said).map(Some),
                };
                let root = match root {
                    Ok(root) => root,
                    Err(error) => return Err(target.abandon(error, tally.streams)),
                };
                return Ok(Done { made: target.finish()?, tally, stream_digest, root });
            }
            Err(error) => return Err(target.abandon(error, tally.streams)),
        }
    }
}

/// Makes a volume from each stream, a snapshot of the previous one. Complete volumes stay, whatever follows.
fn run_each(
    mut target: NewVolume<'_>,
    chain: &mut Chain<'_>,
    first: Link,
    whole: Whole,
    tell: &mut dyn FnMut(&Done),
) -> anyhow::Result<()> {
    let (mut link, mut tally) = (first, Tally::default());
    loop {
        let totals = match step(&mut target, &mut link, 0) {
            Ok(totals) => totals,
            Err(error) => return Err(target.abandon(error, 0)),
        };
        tally.add(&link, totals);
        // A complete volume stays, so it must not be wrong.
        link.check_root()?;
        let stream_digest = link.decoder.stream_digest();
        let root = match whole {
            Whole::Taken => None,
            Whole::Proved => Some(prove(&mut target, &Said::by(&link))?),
        };
        let kept = target.keep()?;
        let made = Made { name: kept.full_name(), uuid: Some(kept.uuid.clone()) };
        tell(&Done { made, tally: Tally { streams: 1, totals, ..tally }, stream_digest, root });
        let Some(next) = chain.next(link)? else { return Ok(()) };
        link = next;
        target.go_on_from(kept, &link)?;
    }
}

/// Applies one stream.
fn step(target: &mut impl Target, link: &mut Link, count: usize) -> anyhow::Result<Totals> {
    target.begin(link, count)?;
    let ground = target.ground(link, count)?;
    target.write(link, ground, count)
}
