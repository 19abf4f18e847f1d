//! [`serve()`]: the side that has the copies.

use std::io::{Read, Write};

use flow::{Session, error_text, usage};
use peer::{Answer, BlockReader, Failure, Hello, PROTOCOL, Request, read_line, write_line};

use crate::place::{Place, copy, in_pool};
use crate::receive::receive;
use crate::verify_serve::{Which, verify_served};

/// Answers requests until the other side ends.
///
/// # Errors
/// If the connection breaks, or the other side says what it must not. What could not be done is an answer, and no
/// error.
pub fn serve(
    place: &Place,
    mut from: impl Read + Send,
    mut to: impl Write,
    session: &Session<'_>,
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
            Request::Verify { source, copy, bytes_per_second } => {
                let which = Which { source: &source, copy: &copy, bytes_per_second };
                verify_served(place, &which, &mut from, &mut to, session)?
            }
            Request::Children { .. } | Request::Verified { .. } | Request::Repair { .. } => {
                Err(usage("no copy is being verified"))
            }
        };
        let answer = answer.unwrap_or_else(|error| {
            Answer::Failed(Failure { code: (place.exit_code)(&error), text: error_text(&error) })
        });
        write_line(&mut to, &answer)?;
    }
    Ok(())
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
