//! YAML scalars that fit on one line.

/// The text as a scalar that every YAML reader reads back unchanged: plain if it cannot mean anything else, and
/// quoted otherwise. It must not contain control characters.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.into();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Whether the text needs no quotes: it has only letters, digits and characters that never begin anything
/// else, and is no number, no date and no word that stands for a value.
fn is_plain(text: &str) -> bool {
    let harmless = |character: char| character.is_alphanumeric() || " _-+./@".contains(character);
    // A letter that occurs in no number of any base, nor in those with exponents.
    let no_number = |character: char| {
        character.is_alphabetic() && !character.is_ascii_hexdigit() && !"xXoO".contains(character)
    };
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    text.starts_with(char::is_alphanumeric)
        && !text.ends_with(' ')
        && text.chars().all(harmless)
        && text.chars().any(no_number)
        && !words.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        for text in ["new", "thin-3", "hello world", "oklnYd-csbs-fF5B", "vm.disk_0+1", "Größe 5"]
        {
            assert_eq!(scalar(text), text);
        }
        for text in [
            "",
            "1",
            "0x1F",
            "1e3",
            "1_000",
            "0o17",
            "2024-01-01",
            "deadbeef",
            "No",
            "null",
            "~",
            ".inf",
            "-",
            "- a",
            "a: b",
            "a #b",
            "a ",
            " a",
            "*a",
            "&a",
            "!a",
            "{a}",
            "[a]",
            "%a",
            "'a'",
            "a,b",
        ] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
        assert_eq!(scalar(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
