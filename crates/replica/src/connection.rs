//! [`Connection`]: bytes to another side and back.

use std::io::{Read, Write};

use flow::Refusal;
use peer::{Answer, Error, Failure, Hello, PROTOCOL, Particulars, Request, read_line, write_line};

/// Bytes to another side and back: a child's pipes, or a pair of sockets.
pub struct Connection {
    /// What the other side says.
    pub from: Box<dyn Read + Send>,
    /// What it is told.
    pub to: Box<dyn Write + Send>,
}

impl Connection {
    /// Makes sure that the other side speaks the same protocol; `program` is this one, with its version.
    ///
    /// # Errors
    /// If it does not, or the connection breaks.
    pub fn greet(&mut self, program: &str) -> anyhow::Result<()> {
        let hello = Hello { protocol: PROTOCOL, program: program.into() };
        match self.ask(&Request::Hello(hello))? {
            Answer::Hello(hello) if hello.protocol == PROTOCOL => Ok(()),
            Answer::Hello(hello) => anyhow::bail!(
                "the other side is {}, which speaks version {} of lvsync's protocol, and this is {program}, with \
                 version {PROTOCOL}: install the same version on both",
                flow::escaped(&hello.program),
                hello.protocol
            ),
            other => Err(unexpected("a greeting", &other)),
        }
    }

    /// The copies on the other side, of the volumes with these UUIDs, or all of them.
    ///
    /// # Errors
    /// If the connection breaks, or the other side cannot tell.
    pub fn copies(&mut self, of: Vec<String>) -> anyhow::Result<Vec<Particulars>> {
        match self.ask(&Request::List { of })? {
            Answer::List { copies } => Ok(copies),
            other => Err(unexpected("a list of copies", &other)),
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// If the connection breaks, or the other side could not do it.
    pub fn ask(&mut self, request: &Request) -> anyhow::Result<Answer> {
        write_line(&mut self.to, request)?;
        answer(&mut self.from)
    }
}

/// Reads an answer.
///
/// # Errors
/// If the connection breaks, or the other side could not do it.
pub(crate) fn answer(from: &mut impl Read) -> anyhow::Result<Answer> {
    match read_line(from)?.ok_or(Error::Ended("the conversation"))? {
        Answer::Failed(failure) => {
            let keeps_part = failure.keeps_part;
            Err(anyhow::Error::new(Refused { refusal: refusal(&failure), keeps_part }))
        }
        answer => Ok(answer),
    }
}

/// The other side could not do what it was asked for: why, and whose turn it is, as if it had been tried here.
#[derive(Debug, thiserror::Error)]
#[error("the other side says")]
pub(crate) struct Refused {
    #[source]
    refusal: Refusal,
    /// Whether what has arrived of a stream stays there.
    pub(crate) keeps_part: bool,
}

/// A failure as an error of this side's.
pub(crate) fn refusal(failure: &Failure) -> Refusal {
    let text = flow::escaped(&failure.text);
    match failure.code {
        // It was cut off, and nothing was wrong with what has arrived.
        _ if failure.keeps_part => Refusal::unfit(text),
        2 => Refusal::usage(text),
        3 => Refusal::base_mismatch(text),
        4 => Refusal::unverifiable(text),
        7 => Refusal::no_space(text),
        9 => Refusal::busy(text),
        _ => Refusal::unfit(text),
    }
}

/// The error for an answer to another question.
pub(crate) fn unexpected(expected: &'static str, found: &Answer) -> anyhow::Error {
    let found = match found {
        Answer::Hello(_) => "a greeting",
        Answer::Points { .. } => "a list of points",
        Answer::List { .. } => "a list of copies",
        Answer::Received(_) => "a copy",
        Answer::Tree { .. } => "the top of a digest tree",
        Answer::Children { .. } => "digests",
        Answer::Holds(_) => "what is there",
        Answer::Leaves => "digests",
        Answer::Noted => "that it is noted",
        Answer::Failed(_) => "a failure",
    };
    Error::Unexpected { expected, found: found.into() }.into()
}
