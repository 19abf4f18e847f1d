//! The cookbook's scripts and units, as files.

use anyhow::{Context, Result, ensure};

/// The files that the page marks with `<!-- file: NAME -->`, each with the code after its mark.
pub(super) fn of(page: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for part in page.split("<!-- file: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n").context("a mark without an end")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        ensure!(!name.is_empty() && name.chars().all(is_plain), "{name:?} is no file's name");
        let code = rest.strip_prefix("```").and_then(|rest| rest.split_once('\n'));
        let code = code.and_then(|(_, code)| code.split_once("\n```\n"));
        let (code, _) = code.with_context(|| format!("no code after the mark of {name}"))?;
        found.push((name.to_owned(), format!("{code}\n")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_after_a_mark_is_a_file() {
        let page = "a\n<!-- file: x@.timer -->\n```ini\n[Timer]\n\nA=b\n```\nc\n```sh\nno\n```\n";
        assert_eq!(of(page).unwrap(), [("x@.timer".into(), "[Timer]\n\nA=b\n".into())]);
        of("<!-- file: x -->\ntext\n").unwrap_err();
        of("<!-- file: ../x -->\n```\na\n```\n").unwrap_err();
    }

    #[test]
    fn the_cookbook_has_scripts_and_units() {
        let path = crate::cargo::root().join("docs/cookbook.md");
        let files = of(&std::fs::read_to_string(path).unwrap()).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["lv-backup", "lv-send", "lv-backup@.service", "lv-backup@.timer", "vol0.conf"]
        {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        let (_, script) = files.iter().find(|(name, _)| name == "lv-backup").unwrap();
        assert!(script.starts_with("#!/bin/bash\n") && script.ends_with("done\n"));
    }
}
