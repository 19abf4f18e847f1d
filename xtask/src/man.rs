//! `cargo xtask man`: man pages and shell completions, from templates and the programs' own arguments.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::{Command, CommandFactory};

use crate::cargo::root;
use crate::{completions, say};

#[path = "../../lvdiff/src/cli.rs"]
#[allow(dead_code, unreachable_pub, reason = "lvdiff's own file; only its Args is used here")]
mod lvdiff_cli;
#[path = "../../lvpatch/src/cli.rs"]
#[allow(dead_code, unreachable_pub, reason = "lvpatch's own file; only its Args is used here")]
mod lvpatch_cli;
#[path = "../../lvsync/src/cli.rs"]
#[allow(dead_code, unreachable_pub, reason = "lvsync's own file; only its Args is used here")]
mod lvsync_cli;

/// The pages. Each has a template in `man`, with `.in` after its name.
pub(crate) const PAGES: [&str; 4] = ["lvdiff.8", "lvpatch.8", "hyperlayer.5", "lvdiff-guide.7"];

/// Pages of what is in no package yet: they are tested, and not written anywhere.
#[cfg(test)]
const UNPACKAGED: [&str; 2] = ["lvsync.8", "lvsync.toml.5"];

/// What stands for the options of the program that a page is about, for its subcommands, and for the exit codes of all.
const OPTIONS: &str = ".SH OPTIONS\n.\\\" @OPTIONS@\n";
const COMMANDS: &str = ".\\\" @COMMANDS@\n";
const EXIT: &str = ".\\\" @EXIT@\n";

/// Writes the pages, and a completion of each program for bash, fish and zsh, to a folder.
pub(crate) fn write(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for page in PAGES {
        let path = dir.join(page);
        fs::write(&path, self::page(page)?).with_context(|| path.display().to_string())?;
    }
    for (name, mut command) in programs() {
        completions::write(name, &mut command, dir)?;
    }
    say(&format!("man pages and completions are in {}", dir.display()));
    Ok(())
}

pub(crate) fn programs() -> [(&'static str, Command); 2] {
    [("lvdiff", lvdiff_cli::Args::command()), ("lvpatch", lvpatch_cli::Args::command())]
}

/// Those, and what is in no package.
fn described() -> Vec<(&'static str, Command)> {
    programs().into_iter().chain([("lvsync", lvsync_cli::Args::command())]).collect()
}

/// A page, filled in.
fn page(name: &str) -> Result<String> {
    let path = root().join("man").join(format!("{name}.in"));
    let template = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut page =
        template.replace("@VERSION@", env!("CARGO_PKG_VERSION")).replace("@DATE@", &date()?);
    let program = described().into_iter().find(|(program, _)| name == format!("{program}.8"));
    if let Some((program, command)) = program {
        let has_commands = command.has_subcommands();
        ensure!(page.contains(OPTIONS), "{}: no place for the options", path.display());
        ensure!(
            page.contains(COMMANDS) == has_commands,
            "{}: a place for commands, or none, against what the program has",
            path.display()
        );
        page = page.replace(COMMANDS, &commands(program, &command)?);
        // Each command has its own place.
        let command = if has_commands { without_commands(command) } else { command };
        page = page.replace(OPTIONS, &options(command)?);
    }
    // Those of lvsync go on where the others end.
    let own = if name == "lvsync.8" { &["exit-codes-lvsync.txt"][..] } else { &[] };
    Ok(page.replace(EXIT, &exit_codes(own)?))
}

/// The same command line with its options alone.
fn without_commands(command: Command) -> Command {
    let options: Vec<_> = command.get_arguments().cloned().collect();
    Command::new("options").version(env!("CARGO_PKG_VERSION")).args(options)
}

/// The subcommands: what each is for, its own options, and what its help says at the end.
fn commands(program: &str, command: &Command) -> Result<String> {
    let mut text = String::new();
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        text += &format!(".SS \"{program} {name}\"\n{}.\n", wrapped(&escaped(&about)).trim_end());
        let options = options(command.clone().disable_help_flag(true))?;
        // Before the heading are definitions, which the page has already.
        text += options.split_once(".SH OPTIONS\n").map_or(options.as_str(), |(_, text)| text);
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for paragraph in after.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            text += &match paragraph.strip_prefix("  ") {
                Some(example) => format!(".PP\n.EX\n{}\n.EE\n", escaped(example)),
                None => format!(".PP\n{}", wrapped(&escaped(&paragraph.replace('\n', " ")))),
            };
        }
    }
    Ok(text)
}

/// A text that roff does not obey.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...").replace('`', "")
}

/// The options as clap knows them.
fn options(command: Command) -> Result<String> {
    let mut section = Vec::new();
    clap_mangen::Man::new(command).render_options_section(&mut section)?;
    let section = String::from_utf8(section).context("clap's options are no text")?;
    // An empty line is a paragraph already. Not every terminal has the character.
    let section = section.replace(".br\n\n.br\n", ".sp\n");
    Ok(section.replace('…', "...").lines().map(wrapped).collect())
}

/// A line in pieces of at most 78 columns, which mean the same.
fn wrapped(line: &str) -> String {
    const COLUMNS: usize = 78;
    if line.len() <= COLUMNS || line.starts_with('.') {
        return format!("{line}\n");
    }
    let (mut text, mut column) = (String::new(), 0);
    for word in line.split(' ') {
        if column > 0 && column + word.len() >= COLUMNS {
            text.push('\n');
            column = 0;
        }
        // At the beginning of a line these begin a request.
        let guard = if column == 0 && word.starts_with(['.', '\'']) { "\\&" } else { "" };
        let space = if column == 0 { "" } else { " " };
        text += &format!("{space}{guard}{word}");
        column += space.len() + guard.len() + word.len();
    }
    text + "\n"
}

/// The table that the programs' help has, with that of more files.
fn exit_codes(more: &[&str]) -> Result<String> {
    let row = |line: &str| {
        let (code, meaning) = line.trim().split_once("  ")?;
        Some(format!(".TP\n.B {code}\n{}.\n", meaning.trim()))
    };
    let mut rows = String::new();
    for name in [&["exit-codes.txt"], more].concat() {
        let path = root().join("crates/cli").join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        rows.extend(text.lines().filter_map(row));
    }
    Ok(rows)
}

/// The day on which the pages' sources were changed last, or that of `SOURCE_DATE_EPOCH`: the same for the same sources.
fn date() -> Result<String> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH: {seconds:?} is no number of seconds"))?,
        Err(_) => match changed() {
            Some(seconds) => seconds,
            None => modified()?,
        },
    };
    let date = flow::time_text(seconds);
    Ok(date.split('T').next().unwrap_or_default().to_owned())
}

/// When the sources were changed last, in seconds since 1970, as git has it.
fn changed() -> Option<u64> {
    const SOURCES: [&str; 4] =
        ["man", "lvdiff/src/cli.rs", "lvpatch/src/cli.rs", "lvsync/src/cli.rs"];
    let mut git = std::process::Command::new("git");
    let git = git.args(["log", "-1", "--format=%ct", "--"]).args(SOURCES).current_dir(root());
    String::from_utf8(git.output().ok()?.stdout).ok()?.trim().parse().ok()
}

/// The same without git: when the folder of templates was.
fn modified() -> Result<u64> {
    let modified = fs::metadata(root().join("man"))?.modified()?;
    Ok(modified.duration_since(std::time::UNIX_EPOCH)?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs' own lines in the examples of a page, without pipes and redirections.
    fn examples(page: &str) -> Vec<Vec<String>> {
        let mut inside = false;
        let mut found = Vec::new();
        for line in page.lines() {
            match line {
                ".EX" => inside = true,
                ".EE" => inside = false,
                line if inside => found.extend(line.split('|').filter_map(words)),
                _ => {}
            }
        }
        found
    }

    /// The words of one command, if it is one of ours; `ssh HOST` before it is ignored.
    fn words(command: &str) -> Option<Vec<String>> {
        let command = command.replace("\\-", "-");
        let command = command.split(['<', '>']).next()?.trim().to_owned();
        let (mut words, mut quoted) = (vec![String::new()], false);
        for character in command.chars() {
            match character {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                character => words.last_mut()?.push(character),
            }
        }
        words.retain(|word| !word.is_empty());
        let first =
            words.iter().position(|word| described().iter().any(|(name, _)| name == word))?;
        Some(words.split_off(first))
    }

    #[test]
    fn lines_are_wrapped_and_begin_no_request() {
        let line = format!("{} .so 'x' {}", "a".repeat(76), "b ".repeat(40));
        let text = wrapped(&line);
        assert!(
            text.lines().all(|line| line.len() <= 78 && !line.starts_with(['.', '\''])),
            "{text}"
        );
        assert_eq!(text.replace('\n', " ").replace("\\&", "").trim_end(), line.trim_end());
    }

    #[test]
    fn every_example_is_understood() {
        let mut count = 0;
        for name in PAGES.iter().chain(&UNPACKAGED) {
            for words in examples(&page(name).unwrap()) {
                let (_, command) =
                    described().into_iter().find(|(program, _)| *program == words[0]).unwrap();
                command.try_get_matches_from(&words).unwrap_or_else(|error| {
                    panic!("{name}: {}: {error}", words.join(" "));
                });
                count += 1;
            }
        }
        assert!(count > 30, "{count} examples");
    }

    /// A line without what is of one run only: an offset, and the numbers of thin devices.
    fn of_any_run(line: &str) -> String {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(place) = words.iter().position(|word| *word == "--rest-from") {
            words[place + 1] = "N";
        }
        if words.contains(&"--metadata") && words.contains(&"--data") {
            words.retain(|word| !matches!(*word, "2" | "3" | "$OFFLINE"));
        }
        words.join(" ")
    }

    #[test]
    fn every_example_is_run_by_a_scenario() {
        let path = root().join("tests/guest/scenarios/manual.sh");
        let scenario = std::fs::read_to_string(path).unwrap();
        let step = |line: &str| {
            // One of them is about a stream that is cut.
            let line =
                line.strip_prefix("step ").or_else(|| line.strip_prefix("expect_exit 4 "))?;
            Some(of_any_run(line.trim_matches(['\'', '"'])))
        };
        let steps: Vec<_> = scenario.lines().filter_map(step).collect();
        let mut count = 0;
        for name in PAGES {
            let page = page(name).unwrap();
            let examples =
                page.split("\n.EX\n").skip(1).filter_map(|rest| rest.split("\n.EE").next());
            for line in examples.flat_map(str::lines) {
                let line = of_any_run(&line.replace("\\-", "-"));
                assert!(steps.contains(&line), "{name}: no step of manual.sh runs: {line}");
                count += 1;
            }
        }
        assert!(count > 30, "{count} examples");
    }

    /// Checks a command's own options, and those of its subcommands.
    fn check_described(program: &str, command: &Command, page: &str) {
        for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
            let (name, command) = (option.get_id(), command.get_name());
            assert!(option.get_help().is_some(), "{program}: {command}: {name} has no description");
            if let Some(long) = option.get_long() {
                assert!(page.contains(&format!("--{long}")), "{program}: --{long} is missing");
            }
        }
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name();
            let heading = format!(".SS \"{program} {name}\"\n");
            let part = page.split(&heading).nth(1).unwrap_or_else(|| panic!("{program} {name}"));
            let part = part.split("\n.S").next().unwrap_or(part);
            check_described(program, command, part);
        }
    }

    #[test]
    fn every_option_is_described_on_its_programs_page() {
        for (program, command) in described() {
            let page = page(&format!("{program}.8")).unwrap().replace("\\-", "-");
            check_described(program, &command, &page);
        }
    }

    #[test]
    fn every_command_is_in_the_synopsis() {
        let page = page("lvsync.8").unwrap();
        let synopsis = page.split(".SH ").find(|section| section.starts_with("SYNOPSIS")).unwrap();
        for command in lvsync_cli::Args::command().get_subcommands() {
            let line = format!(".B lvsync {}\n", command.get_name());
            assert!(command.is_hide_set() || synopsis.contains(&line), "{line}");
        }
    }

    #[test]
    fn every_key_of_a_job_is_on_its_page() {
        let page = page("lvsync.toml.5").unwrap();
        let bold: Vec<_> = page.lines().filter(|line| line.starts_with(".B")).collect();
        let mut count = 0;
        for name in ["job.rs", "keep.rs"] {
            let path = root().join("lvsync/src/config").join(name);
            let source = std::fs::read_to_string(path).unwrap();
            // Tables are read with lists of their keys: `const KEYS`, or in brackets where a table is read.
            let lists =
                source.lines().skip_while(|line| !line.starts_with("use ")).collect::<String>();
            let lists = ["= [", "&[", "keys = ["]
                .map(|begin| lists.split(begin).skip(1).collect::<Vec<_>>());
            for list in lists.iter().flatten().filter_map(|rest| rest.split(']').next()) {
                for key in list.split('"').skip(1).step_by(2) {
                    let is_there = bold
                        .iter()
                        .any(|line| line.split([' ', ',', '\\']).any(|word| word == key));
                    assert!(is_there, "{name}: {key}");
                    count += 1;
                }
            }
        }
        assert!(count > 20, "{count} keys");
    }

    #[test]
    fn pages_have_all_their_sections_and_nothing_that_is_not_filled_in() {
        for name in PAGES.iter().chain(&UNPACKAGED) {
            let page = page(name).unwrap();
            assert!(!page.contains('@') || !page.contains("@OPTIONS@"), "{name}");
            for left in ["@DATE@", "@VERSION@", "@EXIT@", "@OPTIONS@", "@COMMANDS@"] {
                assert!(!page.contains(left), "{name}: {left}");
            }
            let sections = match name.ends_with('8') {
                true => &["NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS", "FILES"][..],
                false => &["NAME", "SEE ALSO"],
            };
            for section in sections {
                assert!(page.contains(&format!(".SH {section}\n")), "{name}: {section}");
            }
        }
    }

    #[test]
    fn man_has_nothing_to_complain_of() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        for name in UNPACKAGED {
            std::fs::write(folder.path().join(name), page(name).unwrap()).unwrap();
        }
        for name in PAGES.iter().chain(&UNPACKAGED) {
            for (program, arguments) in [
                ("mandoc", &["-T", "lint", "-W", "all"][..]),
                ("groff", &["-ww", "-man", "-Tutf8", "-z"]),
            ] {
                let mut command = std::process::Command::new(program);
                let output = command.args(arguments).arg(folder.path().join(name)).output();
                let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
                let said = [output.stdout, output.stderr].concat();
                assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
            }
        }
    }
}
