//! [`json_text`] and [`json_line`]: JSON that is safe to print to a terminal.

use std::fmt::Write as _;

use anyhow::Context;
use flow::is_obeyed;
use serde::Serialize;

/// A value as JSON over several lines, with everything escaped that a terminal would interpret.
///
/// # Errors
/// If the value cannot be expressed as JSON.
pub fn json_text(value: &impl Serialize) -> anyhow::Result<String> {
    shown(&serde_json::to_string_pretty(value).context("writing JSON")?)
}

/// Like [`json_text`], but on one line.
///
/// # Errors
/// As [`json_text`].
pub fn json_line(value: &impl Serialize) -> anyhow::Result<String> {
    shown(&serde_json::to_string(value).context("writing JSON")?)
}

fn shown(plain: &str) -> anyhow::Result<String> {
    let mut text = String::with_capacity(plain.len() + 1);
    for character in plain.chars() {
        match character {
            '\n' => text.push('\n'), // between the lines; within strings JSON escapes it already
            character if is_obeyed(character) => {
                write!(text, "\\u{:04x}", u32::from(character)).context("writing JSON")?;
            }
            character => text.push(character),
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_means_the_same() {
        let value = serde_json::json!({ "name": "a\x1b[2J\n\u{202e}\u{9b}", "list": [1, 2] });
        for text in [json_text(&value).unwrap(), json_line(&value).unwrap()] {
            assert!(!text.chars().any(|character| character != '\n' && is_obeyed(character)));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        assert_eq!(json_line(&value).unwrap().matches('\n').count(), 1);
    }
}
