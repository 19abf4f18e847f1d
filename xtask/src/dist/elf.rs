//! What a program needs of the system's libraries.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::tool;

/// The libraries, and the version of the C library.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Needs {
    pub(super) libraries: Vec<String>,
    /// The newest version of glibc's symbols: (2, 34), say.
    pub(super) glibc: (u32, u32),
}

impl Needs {
    /// What a program needs.
    pub(super) fn of(program: &Path) -> Result<Self> {
        let text = tool(Command::new("objdump").arg("-p").arg(program))?;
        Self::parse(&String::from_utf8_lossy(&text))
            .with_context(|| format!("objdump -p {}", program.display()))
    }

    /// The same from the text of `objdump -p`.
    fn parse(text: &str) -> Result<Self> {
        let mut needs = Self::default();
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                ["NEEDED", library] => needs.libraries.push(library.to_owned()),
                // A hash, flags, an index and the name.
                [_, _, _, version] => {
                    let Some(version) = version.strip_prefix("GLIBC_") else { continue };
                    let mut numbers = version.split('.').map(str::parse);
                    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next())
                    else {
                        bail!("{version:?} is no version of glibc");
                    };
                    needs.glibc = needs.glibc.max((major, minor));
                }
                _ => {}
            }
        }
        Ok(needs)
    }

    /// What two programs need together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.libraries.extend(other.libraries);
        self.libraries.sort();
        self.libraries.dedup();
        self.glibc = self.glibc.max(other.glibc);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
Dynamic Section:
  NEEDED               libgcc_s.so.1
  NEEDED               libc.so.6
  INIT                 0x000000000002a000

Version References:
  required from libgcc_s.so.1:
    0x0b792653 0x00 11 GCC_3.3
  required from libc.so.6:
    0x069691b4 0x00 08 GLIBC_2.34
    0x09691a75 0x00 06 GLIBC_2.2.5
    0x06969189 0x00 05 GLIBC_2.9
";

    #[test]
    fn the_newest_version_counts_as_a_number() {
        let needs = Needs::parse(TEXT).unwrap();
        assert_eq!(needs.libraries, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(needs.glibc, (2, 34));
        assert_eq!(Needs::parse("").unwrap(), Needs::default());
    }

    #[test]
    fn two_programs_need_what_either_does() {
        let other =
            Needs { libraries: vec!["libc.so.6".into(), "libm.so.6".into()], glibc: (2, 36) };
        let both = Needs::parse(TEXT).unwrap().and(other);
        assert_eq!(both.libraries, ["libc.so.6", "libgcc_s.so.1", "libm.so.6"]);
        assert_eq!(both.glibc, (2, 36));
    }
}
