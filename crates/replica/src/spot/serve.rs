//! [`serve_spot`]: the side that has a device or an image.

use std::io::{Read, Write};

use flow::{Session, error_text, usage};
use peer::{Answer, BlockReader, Failure, Hello, PROTOCOL, Request, read_line, write_line};

use crate::spot::Spot;
use crate::spot::claimed::Claimed;

/// Answers requests until the other side ends. It has the device or image for itself from the first question for what
/// it holds until then.
///
/// # Errors
/// If the connection breaks, or the other side says what it must not. What could not be done is an answer, and no
/// error.
pub fn serve_spot(
    spot: &Spot,
    mut from: impl Read + Send,
    mut to: impl Write,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let mut claimed: Option<Claimed<'_>> = None;
    while let Some(request) = read_line::<Request>(&mut from)? {
        let mut stream = None;
        let answer = match request {
            Request::Hello(_) => {
                let program = spot.program.clone();
                Ok(Some(Answer::Hello(Hello { protocol: PROTOCOL, program })))
            }
            Request::Holds { overwrite } => {
                // The lock is let go of first.
                claimed = None;
                Claimed::claim(spot, overwrite, session).and_then(|new| {
                    let held = new.held()?;
                    claimed = Some(new);
                    Ok(Some(Answer::Holds(held)))
                })
            }
            Request::Leaves { size } => match &claimed {
                Some(claimed) => claimed.send_leaves(size, &mut to, session).map(|()| None),
                None => Err(too_early()),
            },
            Request::Replace { source, base, overwrite } => {
                let blocks = stream.insert(BlockReader::new(&mut from));
                let replaced = match &claimed {
                    Some(claimed) => {
                        claimed.replace(&source, base.as_ref(), overwrite, blocks, session)
                    }
                    None => Err(too_early()),
                };
                replaced.map(|copy| Some(Answer::Received(copy)))
            }
            Request::Receive { .. } | Request::Resume { .. } | Request::Repair { .. } => {
                stream = Some(BlockReader::new(&mut from));
                Err(no_pool(spot))
            }
            Request::Points { .. }
            | Request::List { .. }
            | Request::Verify { .. }
            | Request::Children { .. }
            | Request::Verified { .. } => Err(no_pool(spot)),
            Request::Told(_) => Ok(Some(Answer::Noted)),
        };
        let answer = answer.unwrap_or_else(|error| {
            let (code, text) = ((spot.exit_code)(&error), error_text(&error));
            Some(Answer::Failed(Failure { code, text, keeps_part: false }))
        });
        // Digests come with theirs.
        let Some(answer) = answer else { continue };
        // If it is a refusal, the sender need not send the rest.
        write_line(&mut to, &answer)?;
        // What comes after a stream is a message again, unless the sender has had enough.
        if stream.is_some_and(|mut stream| stream.drain().is_err()) {
            break;
        }
    }
    claimed.map_or(Ok(()), Claimed::release)
}

fn too_early() -> anyhow::Error {
    usage("nobody has asked what is there")
}

fn no_pool(spot: &Spot) -> anyhow::Error {
    usage(format!("only {} is offered here, and no pool", spot.path.display()))
}
