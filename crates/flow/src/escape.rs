//! Text from a stream, made safe for a terminal.

/// Escapes everything that a terminal would interpret, line feeds and tabs included.
pub fn escaped(text: &str) -> String {
    let escape = |character: char| match character {
        '\n' | '\r' | '\t' => character.escape_default().to_string(),
        character if is_obeyed(character) => character.escape_unicode().to_string(),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Like [`escaped`], but keeps line breaks.
pub fn escaped_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal interprets a character instead of showing it: control characters, and marks
/// that change the text direction.
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        assert_eq!(escaped("plain äß 文"), "plain äß 文");
        assert_eq!(escaped("\x1b[2J\n\u{9b}"), "\\u{1b}[2J\\n\\u{9b}");
        assert_eq!(escaped("a\u{202e}b\u{61c}"), "a\\u{202e}b\\u{61c}");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(escaped_lines("a\n\x1b\r\nb\n"), "a\n\\u{1b}\\r\nb\n");
    }
}
