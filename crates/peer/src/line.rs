//! Messages as lines.

use std::io::{Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The longest line that is read, in bytes with its end: thousands of points fit.
pub const LONGEST_LINE: usize = 4 << 20;

/// Writes a message, and sends it off.
///
/// # Errors
/// If it cannot be written.
pub fn write_line(to: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message).map_err(std::io::Error::from)?;
    line.push(b'\n');
    to.write_all(&line)?;
    Ok(to.flush()?)
}

/// Reads a message, and not a byte after it; none if the other side has ended.
///
/// # Errors
/// If it cannot be read, is longer than [`LONGEST_LINE`], or is no such message.
pub fn read_line<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        match from.read(&mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Err(Error::Ended("a message")),
            Ok(_) if byte == *b"\n" => break,
            Ok(_) if line.len() + 1 >= LONGEST_LINE => return Err(unexpected(&line)),
            Ok(_) => line.extend(byte),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    serde_json::from_slice(&line).map(Some).map_err(|_| unexpected(&line))
}

/// The beginning of a line, as text that no terminal obeys.
fn unexpected(line: &[u8]) -> Error {
    let begin = &line[..line.len().min(80)];
    let found = String::from_utf8_lossy(begin).escape_debug().to_string();
    Error::Unexpected { expected: "a message", found: format!("\"{found}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Failure, Request};

    fn points() -> Request {
        Request::Points { of: "x".into(), snapshots: vec![] }
    }

    #[test]
    fn what_comes_after_a_line_stays() {
        let mut bytes = Vec::new();
        write_line(&mut bytes, &points()).unwrap();
        bytes.extend(b"rest");
        let mut from = bytes.as_slice();
        assert_eq!(read_line(&mut from).unwrap(), Some(points()));
        assert_eq!(from, b"rest");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let read = |bytes: &[u8]| read_line::<Answer>(&mut { bytes });
        assert!(matches!(read(b""), Ok(None)));
        assert!(matches!(read(b"{\"answer\""), Err(Error::Ended(_))));
        for line in [&b"\n"[..], b"{}\n", b"\x1b[2J\n", b"{\"answer\":\"unknown\"}\n", b"\xff\n"] {
            let error = read(line).unwrap_err();
            assert!(matches!(error, Error::Unexpected { .. }), "{error}");
            assert!(!error.to_string().contains('\x1b'), "{error}");
        }
        let endless = std::io::repeat(b'x');
        let error = read_line::<Answer>(&mut { endless }).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }

    #[test]
    fn an_answer_may_say_more_than_is_known() {
        let line = b"{\"answer\":\"failed\",\"code\":3,\"text\":\"no\",\"later\":[1]}\n";
        let failure = Failure { code: 3, text: "no".into(), keeps_part: false };
        assert_eq!(read_line(&mut &line[..]).unwrap(), Some(Answer::Failed(failure)));
    }
}
