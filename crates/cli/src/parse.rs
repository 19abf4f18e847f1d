//! [`parse`]: the arguments, and a report for those that cannot be understood.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::Parser;
use flow::{Interrupt, usage};

use crate::report::{Outcome, ReportTo};
use crate::{Common, ReportFormat};

/// Parses this process's arguments. If they are wrong, the program exits with code 2, as clap does,
/// but still writes the report if one was requested.
pub fn parse<A: Parser>(program: &'static str) -> A {
    A::try_parse().unwrap_or_else(|error| {
        if error.use_stderr() {
            _ = error.print();
            let text = error.render().to_string();
            let message = text.trim().trim_start_matches("error: ");
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
