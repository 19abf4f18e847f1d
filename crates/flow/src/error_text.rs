//! [`error_text`]: an error with its causes, for a line that people read.

/// An error and its causes in one line. The system's error numbers are left out, and what an error says that its cause
/// says as well is said once.
pub fn error_text(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = without_numbers(&cause.to_string());
        let is_said =
            parts.last().is_some_and(|last| *last == text || last.ends_with(&format!(": {text}")));
        if !is_said {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// A text without the ` (os error N)` that the standard library appends to the system's errors.
fn without_numbers(text: &str) -> String {
    const BEGIN: &str = " (os error ";
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once(BEGIN) {
        plain += before;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match after[digits..].strip_prefix(')') {
            Some(end) if digits > 0 => rest = end,
            _ => {
                plain += BEGIN;
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn numbers_and_repetitions_are_left_out() {
        let missing = || io::Error::from_raw_os_error(2);
        let error = anyhow::Error::new(missing()).context("image").context("lvpatch");
        assert_eq!(error_text(&error), "lvpatch: image: No such file or directory");
        let error = anyhow!("full (os error 28), then (os error x) and (os error 5)!");
        assert_eq!(error_text(&error), "full, then (os error x) and!");
        let error = anyhow!("cut").context("stream: cut").context("stream: cut");
        assert_eq!(error_text(&error), "stream: cut");
    }
}
