//! [`parse`]: the arguments, and a report for those that cannot be understood.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use flow::{Interrupt, escaped_lines, usage};

use crate::report::{Outcome, ReportTo};
use crate::{Common, ReportFormat, note};

/// What other programs call an option, and what this one does.
pub type Synonym = (&'static str, &'static str);

/// Parses this process's arguments. If they are wrong, the program says so in one line, and exits with code 2; but it
/// still writes the report if one was requested.
pub fn parse<A: Parser>(program: &'static str, synonyms: &[Synonym]) -> A {
    A::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            let message = escaped_lines(&message(&error, synonyms));
            note(format_args!("{program}: {message} (see {program} --help)"));
            let message = message.as_str();
            let common = asked_for(std::env::args_os().skip(1));
            let failure = usage(message);
            // It ends with the exit code that says the same.
            _ = ReportTo::open(&common, &Interrupt::default()).and_then(|to| {
                let failure = Some((&failure, message));
                to.write(program, &Outcome::default(), Duration::ZERO, failure)
            });
            process::exit(2);
        }
        error.exit()
    })
}

/// What is wrong with the arguments, in one line.
fn message(error: &clap::Error, synonyms: &[Synonym]) -> String {
    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    // The first paragraph says it, the others are advice and usage; items are in lines of their own.
    let mut lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let mut message = lines.next().unwrap_or_default().trim_end_matches(" found").to_owned();
    let items = lines.collect::<Vec<_>>().join(", ");
    if !items.is_empty() {
        message = format!("{message} {items}");
    }
    match meant(error, synonyms) {
        Some(meant) => format!("{message}: did you mean {meant}?"),
        None => message,
    }
}

/// What may have been meant instead of what is wrong.
fn meant(error: &clap::Error, synonyms: &[Synonym]) -> Option<String> {
    if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg)
        && let Some((_, own)) = synonyms.iter().find(|(other, _)| other == given)
    {
        return Some((*own).into());
    }
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    match suggested.into_iter().find_map(|kind| error.get(kind))? {
        ContextValue::String(one) => Some(one.clone()),
        ContextValue::Strings(several) => Some(several.join(" or ")).filter(|all| !all.is_empty()),
        _ => None,
    }
}

/// The report requested by arguments that cannot all be parsed.
fn asked_for(args: impl Iterator<Item = OsString>) -> Common {
    let mut common = Common::default();
    let mut args = args.take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        if let Some(value) = value_of(&arg, "--report", &mut args) {
            common.report = (value == "json").then_some(ReportFormat::Json);
        } else if let Some(value) = value_of(&arg, "--report-file", &mut args) {
            common.report_file = Some(PathBuf::from(value));
        }
    }
    common
}

fn value_of(
    arg: &OsStr,
    option: &str,
    rest: &mut impl Iterator<Item = OsString>,
) -> Option<OsString> {
    match arg.as_bytes().strip_prefix(option.as_bytes())? {
        [] => rest.next(),
        [b'=', value @ ..] => Some(OsStr::from_bytes(value).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Args {
        #[arg(long, conflicts_with_all = ["backup", "partial"])]
        check: bool,
        #[arg(long, requires = "lv")]
        in_place: bool,
        #[arg(long, value_name = "BASE")]
        lv: Option<String>,
        #[arg(long)]
        backup: Option<String>,
        #[arg(long)]
        partial: bool,
        #[arg(long, value_parser = ["json", "text"])]
        format: Option<String>,
    }

    #[test]
    fn what_is_wrong_is_one_line_with_the_right_option() {
        let said = |args: &[&str]| {
            let args = ["program"].iter().chain(args);
            message(&Args::try_parse_from(args).unwrap_err(), &[("--dry-run", "--check")])
        };
        assert_eq!(said(&["--dry-run"]), "unexpected argument '--dry-run': did you mean --check?");
        assert_eq!(said(&["--chek"]), "unexpected argument '--chek': did you mean --check?");
        assert_eq!(said(&["--quux"]), "unexpected argument '--quux'");
        assert_eq!(
            said(&["--in-place"]),
            "the following required arguments were not provided: --lv <BASE>"
        );
        assert_eq!(
            said(&["--check", "--partial"]),
            "the argument '--check' cannot be used with '--partial'"
        );
        assert_eq!(
            said(&["--check", "--partial", "--backup", "x"]),
            "the argument '--check' cannot be used with: --partial, --backup <BACKUP>"
        );
        assert_eq!(
            said(&["--format", "jsn"]),
            "invalid value 'jsn' for '--format <FORMAT>' [possible values: json, text]: did you \
             mean json?"
        );
        assert_eq!(said(&["--lv"]), "a value is required for '--lv <BASE>' but none was supplied");
    }

    #[test]
    fn a_report_is_found_among_arguments_that_are_wrong() {
        let asked = |args: &[&str]| {
            let common = asked_for(args.iter().map(OsString::from));
            (common.report.is_some(), common.report_file)
        };
        assert_eq!(asked(&["--nothing", "-x"]), (false, None));
        assert_eq!(asked(&["--report", "json", "--nothing"]), (true, None));
        assert_eq!(asked(&["--report=json"]), (true, None));
        assert_eq!(asked(&["--report=xml"]), (false, None));
        assert_eq!(asked(&["--report-file", "a", "x"]), (false, Some("a".into())));
        assert_eq!(asked(&["--report-file=a=b"]), (false, Some("a=b".into())));
        assert_eq!(asked(&["--", "--report=json"]), (false, None));
        assert_eq!(asked(&["--report"]), (false, None));
    }
}
