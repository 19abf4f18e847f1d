//! What a scenario's script says of its tests: the lines `#@ …` in the comment at its top. The build
//! script makes the tests of it.
//!
//! | line | |
//! | --- | --- |
//! | `#@ guests: two` | it runs in guest a, and guest b serves it |
//! | `#@ parts: N` | it would keep one guest busy for too long: N tests, each of which runs a part |
//! | `#@ test: guests.rs` | its test is written by hand, in that file |
//! | `#@ also on: debian-13` | `cargo xtask test --full` runs it there too |
//! | `#@ quick` | `cargo xtask test --quick` runs it too |
//!
//! A script without any is one test, in one guest.

use anyhow::{Context, Result, bail, ensure};

/// How a line begins that is for the build script. It cannot be taken for prose, so that a line that is
/// not known is a mistake.
const MARK: &str = "#@";

/// What the tests of a script are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tests {
    /// One, in one guest.
    One,
    /// One, in two guests.
    OfTwoGuests,
    /// This many, each a part of the script.
    Parts(u32),
    /// What `guests.rs` makes of it.
    ByHand,
}

/// The header of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tests: Tests,
    /// Whether it runs in a guest of Debian 13 too.
    pub(crate) on_debian_13: bool,
    /// Whether it is one of the few that stand for all.
    pub(crate) is_quick: bool,
}

impl Header {
    /// Reads the header of a script.
    ///
    /// # Errors
    /// A line is not known, does not go with another one, or stands where nobody looks for it.
    pub(crate) fn parse(script: &str) -> Result<Self> {
        let mut header = Self { tests: Tests::One, on_debian_13: false, is_quick: false };
        let mut is_top = true;
        for line in script.lines() {
            is_top &= line.starts_with('#');
            if let Some(text) = line.strip_prefix(MARK) {
                ensure!(is_top, "`{line}` must be in the comment at the top");
                header.take(text.trim()).with_context(|| format!("`{line}`"))?;
            }
        }
        if header.on_debian_13 {
            ensure!(header.tests == Tests::One, "only a scenario in one guest runs on Debian 13");
        }
        if header.is_quick {
            ensure!(!matches!(header.tests, Tests::Parts(_)), "what is in parts is not quick");
        }
        Ok(header)
    }

    fn take(&mut self, text: &str) -> Result<()> {
        let (key, value) = text.split_once(": ").unwrap_or((text, ""));
        let tests = match (key, value) {
            ("also on", "debian-13") => {
                self.on_debian_13 = true;
                return Ok(());
            }
            ("quick", "") => {
                self.is_quick = true;
                return Ok(());
            }
            ("guests", "two") => Tests::OfTwoGuests,
            ("parts", number) => Tests::Parts(number.parse()?),
            ("test", "guests.rs") => Tests::ByHand,
            _ => bail!("src/header.rs knows no such line"),
        };
        ensure!(self.tests == Tests::One, "does not go with the line before");
        self.tests = tests;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(line: &str) -> Tests {
        Header::parse(&format!("# What it is.\n{line}\n\nmake_vgs\n# later: no header\n"))
            .expect("the header is right")
            .tests
    }

    fn error(script: &str) -> String {
        format!("{:#}", Header::parse(script).expect_err("the header is wrong"))
    }

    #[test]
    fn a_script_says_what_its_tests_are() {
        assert_eq!(tests("# lvpatch --device: prose"), Tests::One);
        assert_eq!(tests("#@ guests: two"), Tests::OfTwoGuests);
        assert_eq!(tests("#@ parts: 2"), Tests::Parts(2));
        assert_eq!(tests("#@ test: guests.rs"), Tests::ByHand);
        let header = Header::parse("#@ also on: debian-13\n#@ quick\n").expect("it is right");
        assert_eq!(header, Header { tests: Tests::One, on_debian_13: true, is_quick: true });
    }

    #[test]
    fn no_line_is_ignored() {
        for line in ["#@ guests: three", "#@ guest: two", "#@guests", "#@ also on: debian-11"] {
            assert!(error(line).contains("no such line"), "{line}");
        }
        assert!(error("#@ parts: all").contains("invalid digit"));
        assert!(error("# What it is.\nmake_vgs\n#@ parts: 2\n").contains("at the top"));
        assert!(error("#@ parts: 2\n#@ guests: two\n").contains("the line before"));
        assert!(error("#@ also on: debian-13\n#@ guests: two\n").contains("one guest"));
        assert!(error("#@ quick\n#@ parts: 2\n").contains("not quick"));
    }
}
