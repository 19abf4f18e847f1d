//! [`admit`]: whether a key may do what it was used for.

use flow::escaped;
use lvm::VolumeName;

/// In the environment of a key's forced command: what the other side asked ssh to run.
pub(crate) const ASKED_FOR: &str = "SSH_ORIGINAL_COMMAND";

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

/// Compares what the other side asked ssh for with the one command that lvsync asks for. It is compared, and nothing
/// else is ever done with it.
pub(crate) fn admit(asked_for: &str, pool: &VolumeName) -> Result<(), NotAdmitted> {
    let pool = format!("{}/{}", pool.group().unwrap_or_default(), pool.volume());
    match asked_for.strip_prefix("lvsync serve --pool ") {
        Some(asked_for) if asked_for == pool => Ok(()),
        Some(other) => Err(NotAdmitted::Lvsync(format!(
            "this key is for copies in {pool}, and it was used for {}",
            shown(other)
        ))),
        None => Err(NotAdmitted::Other(format!(
            "this key is for copies in {pool} that lvsync makes, and it was used to run {}",
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

    #[test]
    fn only_what_lvsync_asks_for_is_admitted() {
        let pool = VolumeName::parse("vg1/pool0").unwrap();
        assert_eq!(admit("lvsync serve --pool vg1/pool0", &pool), Ok(()));
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
            match admit(command, &pool) {
                Err(NotAdmitted::Lvsync(text)) if is_lvsync => assert!(!text.contains('\n')),
                Err(NotAdmitted::Other(_)) if !is_lvsync => {}
                other => panic!("{command:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_command_is_shown_short_and_escaped() {
        let pool = VolumeName::parse("vg1/pool0").unwrap();
        let long = format!("\x1b[2J{}", "x".repeat(100_000));
        let Err(NotAdmitted::Other(text)) = admit(&long, &pool) else { panic!("admitted") };
        assert!(
            text.len() < 300 && !text.contains('\x1b') && text.contains("\\u{1b}[2J"),
            "{text}"
        );
        assert!(text.ends_with("…\""), "{text}");
    }
}
