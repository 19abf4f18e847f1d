//! [`serve()`]: the side that has the copies.

use std::io::{Read, Write};

use flow::{Session, error_text, usage};
use peer::{
    Answer, BlockReader, Copy, Failure, Hello, PROTOCOL, Request, Told, read_line, write_line,
};

use crate::listing::local_copies;
use crate::partial;
use crate::place::{Place, copy, in_pool};
use crate::receive::{receive, resume};
use crate::verify_serve::{Which, verify_served};

/// Answers the first request with a refusal, as the only one; false if the other side asked for nothing.
///
/// # Errors
/// If the connection breaks, or the other side says what it must not.
pub fn refuse(failure: Failure, mut from: impl Read, mut to: impl Write) -> anyhow::Result<bool> {
    let has_asked = read_line::<Request>(&mut from)?.is_some();
    if has_asked {
        write_line(&mut to, &Answer::Failed(failure))?;
    }
    Ok(has_asked)
}

/// Answers requests until the other side ends.
///
/// # Errors
/// If the connection breaks, or the other side says what it must not. What could not be done is an answer, and no
/// error.
pub fn serve(
    place: &Place,
    from: impl Read + Send,
    to: impl Write,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    serve_and_note(place, from, to, session, &mut |_| {})
}

/// The same for a side that asked for copies: `note` gets what the other side says that it did.
///
/// # Errors
/// As [`serve`].
pub fn serve_and_note(
    place: &Place,
    mut from: impl Read + Send,
    mut to: impl Write,
    session: &Session<'_>,
    note: &mut dyn FnMut(Told),
) -> anyhow::Result<()> {
    while let Some(request) = read_line::<Request>(&mut from)? {
        let done = match request {
            Request::Hello(_) => {
                Ok(Answer::Hello(Hello { protocol: PROTOCOL, program: place.program.clone() }))
            }
            Request::Points { of, snapshots } => points(place, &of, &snapshots),
            Request::List { of } => list(place, &of),
            Request::Receive { .. } | Request::Resume { .. } => {
                let mut blocks = BlockReader::new(&mut from);
                let received = take_stream(place, &request, &mut blocks, session);
                let has_failed = received.is_err();
                write_line(&mut to, &answer(place, received.map(Answer::Received)))?;
                // What comes after the stream is a message again, if the other side wants to say more: it knows
                // already that the rest of the stream is of no use.
                match blocks.drain() {
                    Err(_) if has_failed => return Ok(()),
                    drained => drained?,
                }
                continue;
            }
            Request::Holds { .. } | Request::Leaves { .. } => Err(no_device()),
            Request::Replace { .. } => {
                BlockReader::new(&mut from).drain()?;
                Err(no_device())
            }
            Request::Told(told) => {
                note(told);
                Ok(Answer::Noted)
            }
            Request::Verify { source, copy, bytes_per_second } => {
                let which = Which { source: &source, copy: &copy, bytes_per_second };
                verify_served(place, &which, &mut from, &mut to, session)?
            }
            Request::Children { .. } | Request::Verified { .. } | Request::Repair { .. } => {
                Err(usage("no copy is being verified"))
            }
        };
        write_line(&mut to, &answer(place, done))?;
    }
    Ok(())
}

/// Makes a copy from the stream after a request for one.
fn take_stream<R: Read + Send>(
    place: &Place,
    request: &Request,
    blocks: &mut BlockReader<R>,
    session: &Session<'_>,
) -> anyhow::Result<Copy> {
    let (Request::Receive { source, base } | Request::Resume { source, base, .. }) = request else {
        anyhow::bail!("no stream follows this request");
    };
    place.allowance.may_add(&source.volume)?;
    match request {
        Request::Resume { partial, .. } => {
            resume(place, source, base.as_deref(), partial, blocks, session)
        }
        _ => receive(place, source, base.as_deref(), blocks, session),
    }
}

/// What the other side is told.
fn answer(place: &Place, done: anyhow::Result<Answer>) -> Answer {
    done.unwrap_or_else(|error| {
        let texts = [Some(error_text(&error)), (place.way_out)(&error)];
        let text = texts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let keeps_part = partial::is_kept(&error);
        Answer::Failed(Failure { code: (place.exit_code)(&error), text, keeps_part })
    })
}

/// What is known about the copies of some volumes, or all.
fn list(place: &Place, of: &[String]) -> anyhow::Result<Answer> {
    let mut copies = local_copies(&in_pool(place)?.1);
    copies.retain(|copy| of.is_empty() || of.contains(&copy.of));
    Ok(Answer::List { copies })
}

fn no_device() -> anyhow::Error {
    usage("a pool is offered here, and no device or image")
}

/// The copies of a volume's points, and those of certain snapshots, which could lack our tags.
fn points(place: &Place, of: &str, snapshots: &[String]) -> anyhow::Result<Answer> {
    let volumes = in_pool(place)?.1;
    let copies = volumes.iter().filter_map(|volume| {
        let copy = copy(volume)?;
        let is_wanted = copy.of == of || snapshots.contains(&copy.source);
        is_wanted.then_some(copy)
    });
    let partials = partial::all(&volumes, of, snapshots);
    Ok(Answer::Points { copies: copies.collect(), partials })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_is_told() {
        let failure = || Failure { code: 2, text: "no".into(), keeps_part: false };
        let mut request = Vec::new();
        write_line(&mut request, &Request::List { of: vec![] }).unwrap();
        let mut answered = Vec::new();
        assert!(refuse(failure(), request.as_slice(), &mut answered).unwrap());
        let answer = read_line::<Answer>(&mut answered.as_slice()).unwrap();
        assert_eq!(answer, Some(Answer::Failed(failure())));
        let mut answered = Vec::new();
        assert!(!refuse(failure(), &b""[..], &mut answered).unwrap());
        assert!(refuse(failure(), &b"reboot\n"[..], &mut answered).is_err());
        assert!(answered.is_empty());
    }
}
