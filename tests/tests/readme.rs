//! What the READMEs say, checked against what the tests run.

use std::path::Path;

const README: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a document, each with whether it is code.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut inside = false;
    text.lines().map(str::trim).filter_map(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        (!fence && !line.is_empty()).then_some((inside, line))
    })
}

/// The lines of code in the section of this heading.
fn code<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let mut here = false;
    let mut found = Vec::new();
    for (is_code, line) in lines(text) {
        if !is_code && line.starts_with("## ") {
            here = line == heading;
        } else if is_code && here {
            found.push(line);
        }
    }
    assert!(!found.is_empty(), "no code under {heading}");
    found
}

/// The lines of documents that a scenario runs.
fn steps(scenario: &str) -> Vec<String> {
    let step = |line: &'_ str| Some(line.strip_prefix("step '")?.strip_suffix('\'')?.to_owned());
    read(scenario).lines().filter_map(step).collect()
}

#[test]
fn the_migration_is_the_scenario_line_by_line() {
    let steps = steps("tests/guest/scenarios/migrate.sh");
    assert_eq!(code(&read(README), "## Migrate a volume"), steps);
}

#[test]
fn backing_up_and_what_changed_are_steps_of_the_scenario() {
    let steps = steps("tests/guest/scenarios/manual.sh");
    let readme = read(README);
    let backing_up = code(&readme, "## Back up");
    assert_eq!(backing_up, steps[..backing_up.len()]);
    for line in code(&readme, "## What changed") {
        assert!(steps.iter().any(|step| step == line), "no step of manual.sh runs: {line}");
    }
}

#[test]
fn both_readmes_have_the_same_code_and_as_many_headings() {
    let (english, chinese) = (read(README), read(CHINESE));
    let code = |text: &str| -> Vec<String> {
        lines(text).filter(|(is_code, _)| *is_code).map(|(_, line)| line.into()).collect()
    };
    assert_eq!(code(&english), code(&chinese));
    let headings = |text: &str| -> Vec<usize> {
        let level = |line: &str| line.split(' ').next().map_or(0, str::len);
        let is_heading = |(is_code, line): &(bool, &str)| !is_code && line.starts_with('#');
        lines(text).filter(is_heading).map(|(_, line)| level(line)).collect()
    };
    assert_eq!(headings(&english), headings(&chinese));
}

#[test]
fn the_readme_is_no_manual() {
    let words = read(README).split_whitespace().count();
    assert!((1000..=1500).contains(&words), "{words} words: options belong to the man pages");
}
