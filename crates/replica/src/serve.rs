//! [`serve()`]: the side that has the copies.

use std::io::{Read, Write};

use flow::{Session, error_text, usage};
use peer::{Answer, BlockReader, Failure, Hello, PROTOCOL, Request, Told, read_line, write_line};

use crate::place::{Place, copy, in_pool};
use crate::receive::receive;

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
        let answer = match request {
            Request::Hello(_) => {
                Ok(Answer::Hello(Hello { protocol: PROTOCOL, program: place.program.clone() }))
            }
            Request::Points { of, snapshots } => points(place, &of, &snapshots),
            Request::Receive { source, base } => {
                let mut blocks = BlockReader::new(&mut from);
                let received = receive(place, &source, base.as_deref(), &mut blocks, session);
                // What comes after the stream is a message again.
                blocks.drain()?;
                received.map(Answer::Received)
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
        };
        let answer = answer.unwrap_or_else(|error| {
            Answer::Failed(Failure { code: (place.exit_code)(&error), text: error_text(&error) })
        });
        write_line(&mut to, &answer)?;
    }
    Ok(())
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
    Ok(Answer::Points { copies: copies.collect() })
}
