//! [`refused`]: whether a key may do what it was used for.

use std::fs::File;
use std::os::fd::AsFd;

use cli::Said;
use flow::{escaped, usage};
use peer::Failure;
use replica::refuse;

/// In the environment of a key's forced command: what the other side asked ssh to run.
const ASKED_FOR: &str = "SSH_ORIGINAL_COMMAND";

/// What is shown of such a command.
const SHOWN: usize = 100;

/// Why a key may not do what it was used for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// The other side is lvsync, which can be told why.
    Lvsync(String),
    /// It is something else.
    Other(String),
}

/// How much of a command must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// All of it.
    All,
    /// Its first words: the others are options, in place of which those of the forced command count.
    Beginning,
}

/// Why the key that the other side came with is not for that; none if it came with no such key, or may go on.
pub(crate) fn refused(words: &str, what: &str, how: Match) -> Option<NotAdmitted> {
    let asked_for = std::env::var_os(ASKED_FOR)?;
    admit(&asked_for.to_string_lossy(), words, what, how).err()
}

impl NotAdmitted {
    /// Tells the other side, in its own protocol if it is lvsync.
    pub(crate) fn answer(self) -> anyhow::Result<()> {
        match self {
            Self::Lvsync(text) => {
                let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
                let failure = Failure { code: 2, text: text.clone(), keeps_part: false };
                match refuse(failure, from, cli::standard_output()?)? {
                    true => Err(Said::new(2).into()),
                    false => Err(usage(text)),
                }
            }
            Self::Other(text) => Err(usage(text)),
        }
    }
}

/// Compares what the other side asked ssh for with the one command that lvsync asks for: `lvsync serve` and these
/// words. It is compared, and nothing else is ever done with it. `what` the key is for, in messages.
fn admit(asked_for: &str, words: &str, what: &str, how: Match) -> Result<(), NotAdmitted> {
    let is_it = |asked_for: &str| match asked_for.strip_prefix(words) {
        Some(rest) => rest.is_empty() || how == Match::Beginning && rest.starts_with(' '),
        None => false,
    };
    match asked_for.strip_prefix("lvsync serve ") {
        Some(asked_for) if is_it(asked_for) => Ok(()),
        Some(other) => Err(NotAdmitted::Lvsync(format!(
            "this key is for {what}, and it was used for {}",
            shown(other)
        ))),
        None => Err(NotAdmitted::Other(format!(
            "this key is for {what} with lvsync, and it was used to run {}",
            shown(asked_for)
        ))),
    }
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", escaped(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(asked_for: &str) -> Result<(), NotAdmitted> {
        admit(asked_for, "--pool vg1/pool0", "copies in vg1/pool0", Match::All)
    }

    #[test]
    fn only_what_lvsync_asks_for_is_admitted() {
        assert_eq!(pool("lvsync serve --pool vg1/pool0"), Ok(()));
        for (command, is_lvsync) in [
            ("lvsync serve --pool vg1/pool1", true),
            ("lvsync serve --pool vg1/pool0 --prefix b", true),
            ("lvsync serve --pool vg1/pool0; reboot", true),
            ("lvsync serve --pool vg1/pool0\nreboot", true),
            ("lvsync serve --pool  vg1/pool0", true),
            ("lvsync serve --pool vg1/pool0 ", true),
            ("lvsync serve", false),
            ("", false),
            (" lvsync serve --pool vg1/pool0", false),
            ("/tmp/lvsync serve --pool vg1/pool0", false),
            ("reboot", false),
        ] {
            match pool(command) {
                Err(NotAdmitted::Lvsync(text)) if is_lvsync => assert!(!text.contains('\n')),
                Err(NotAdmitted::Other(_)) if !is_lvsync => {}
                other => panic!("{command:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn options_may_follow_where_those_of_the_forced_command_count() {
        let source = |asked_for: &str| {
            admit(asked_for, "--source vg0/a", "the points of vg0/a", Match::Beginning)
        };
        assert_eq!(source("lvsync serve --source vg0/a"), Ok(()));
        assert_eq!(source("lvsync serve --source vg0/a --keep 2"), Ok(()));
        for other in
            ["--source vg0/ab", "--source vg0/b", "--keep 2 --source vg0/a", "--pool vg0/a"]
        {
            assert!(source(&format!("lvsync serve {other}")).is_err(), "{other}");
        }
    }

    #[test]
    fn a_command_is_shown_short_and_escaped() {
        let long = format!("\x1b[2J{}", "x".repeat(100_000));
        let Err(NotAdmitted::Other(text)) = pool(&long) else { panic!("admitted") };
        assert!(
            text.len() < 300 && !text.contains('\x1b') && text.contains("\\u{1b}[2J"),
            "{text}"
        );
        assert!(text.ends_with("…\""), "{text}");
    }
}
