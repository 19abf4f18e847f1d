//! Shell completions: what clap makes of a program's options, and around it the names of this machine's volumes.
//!
//! clap_complete's own dynamic completion calls the program for every key. It is not stable yet, and a program
//! that opens devices should not run because of a key. So these are a few lines of shell that ask LVM.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Arg, Command};
use clap_complete::{Shell, generate};

/// What an option's value, or a name without an option, can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Groups,
    Pools,
    Volumes,
}

impl Names {
    /// As the shell's functions are called.
    fn word(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Pools => "pools",
            Self::Volumes => "volumes",
        }
    }

    /// What an option takes; `None` if it is no name of LVM's.
    fn of(option: &Arg) -> Option<Self> {
        match option.get_value_names()?.first()?.as_str() {
            "VG" => Some(Self::Groups),
            "POOL" => Some(Self::Pools),
            "BASE" | "PART" => Some(Self::Volumes),
            _ => None,
        }
    }

    /// What a name without an option is, in a program. A new volume has no name yet, but its group has one.
    fn without_option(program: &str) -> Self {
        if program == "lvdiff" { Self::Volumes } else { Self::Groups }
    }
}

/// The options with which names without an option are those of files, or of nothing that LVM knows.
const FILES: [&str; 5] = ["--info", "--verify", "--merge", "--convert", "--metadata"];

/// Writes the completions of a program for bash, fish and zsh, under the names that clap gives them.
pub(crate) fn write(program: &str, command: &mut Command, dir: &Path) -> Result<()> {
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        let text = of(program, command, shell)?;
        let path = dir.join(file(program, shell));
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn file(program: &str, shell: Shell) -> String {
    match shell {
        Shell::Zsh => format!("_{program}"),
        shell => format!("{program}.{shell}"),
    }
}

fn of(program: &str, command: &mut Command, shell: Shell) -> Result<String> {
    let mut generated = Vec::new();
    generate(shell, command, program, &mut generated);
    let generated = String::from_utf8(generated).context("a completion is no text")?;
    Ok(match shell {
        Shell::Bash => generated + &bash(program, command),
        Shell::Fish => generated + &fish(program, command),
        _ => zsh(program, &generated),
    })
}

fn bash(program: &str, command: &Command) -> String {
    let options = |wanted: Option<Names>| {
        let of_kind = command.get_opts().filter(|option| Names::of(option) == wanted);
        let words: Vec<_> = of_kind.flat_map(spellings).collect();
        // A pattern that nothing matches.
        if words.is_empty() { "''".to_owned() } else { words.join(" | ") }
    };
    include_str!("names.bash")
        .replace("@PROGRAM@", program)
        .replace("@GROUPS@", &options(Some(Names::Groups)))
        .replace("@POOLS@", &options(Some(Names::Pools)))
        .replace("@VOLUMES@", &options(Some(Names::Volumes)))
        .replace("@OTHERS@", &options(None))
        .replace("@FILES@", &FILES.join(" | "))
        .replace("@POSITIONAL@", Names::without_option(program).word())
}

/// How an option can be written.
fn spellings(option: &Arg) -> Vec<String> {
    let short = option.get_short_and_visible_aliases().unwrap_or_default();
    let long = option.get_long_and_visible_aliases().unwrap_or_default();
    let short = short.into_iter().map(|letter| format!("-{letter}"));
    short.chain(long.into_iter().map(|name| format!("--{name}"))).collect()
}

fn fish(program: &str, command: &Command) -> String {
    let mut text = include_str!("names.fish").replace("@PROGRAM@", program);
    for option in command.get_opts() {
        let Some(names) = Names::of(option) else { continue };
        let short = option.get_short().map_or(String::new(), |letter| format!(" -s {letter}"));
        let long = option.get_long().map_or(String::new(), |name| format!(" -l {name}"));
        _ = writeln!(
            text,
            "complete -c {program}{short}{long} -x -a '(__{program}_lvm {})'",
            names.word()
        );
    }
    let files = FILES.map(|option| option.trim_start_matches('-')).join(" ");
    let names = Names::without_option(program).word();
    _ = writeln!(
        text,
        "complete -c {program} -n 'not __fish_contains_opt {files}' -f -a '(__{program}_lvm {names})'"
    );
    text
}

/// clap's own script asks a function for the values of each option: for some it becomes one of ours.
fn zsh(program: &str, generated: &str) -> String {
    const BEGIN: &str = "autoload -U is-at-least\n";
    let positional = Names::without_option(program).word();
    let functions = include_str!("names.zsh")
        .replace("@PROGRAM@", program)
        .replace("@FILES@", &FILES.join("|"))
        .replace("@POSITIONAL@", &format!("_{program}_{positional}"));
    let mut text = generated.replace(BEGIN, &format!("{BEGIN}{functions}"));
    for (value, names) in [
        ("VG", Names::Groups),
        ("POOL", Names::Pools),
        ("BASE", Names::Volumes),
        ("PART", Names::Volumes),
    ] {
        text = text.replace(
            &format!(":{value}:_default'"),
            &format!(":{value}:_{program}_{}'", names.word()),
        );
    }
    let line = |line: &str| match line.strip_suffix(":_default' \\") {
        Some(begin) if begin.starts_with("'::") || begin.starts_with("'*::") => {
            format!("{begin}:_{program}_positional' \\\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::man::programs;

    /// The completions, and stubs of LVM's commands that know two groups, two pools and four volumes.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            for (program, mut command) in programs() {
                write(program, &mut command, dir.path()).unwrap();
            }
            let stub = |name: &str, script: &str| {
                let path = dir.path().join(name);
                fs::write(&path, format!("#!/bin/bash\n{script}")).unwrap();
                fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
            };
            stub("vgs", "printf '  %s\\n' pve vg0");
            stub(
                "lvs",
                "case \"$*\" in
                *-S\\ segtype=thin-pool) printf '  %s\\n' pve/data vg0/pool0 ;;
                *-S\\ segtype!=thin-pool) printf '  %s\\n' pve/root pve/vm-100-disk-0 vg0/sp0 vg0/vol0 ;;
                *) exit 5 ;;
                esac",
            );
            Self(dir)
        }

        /// What bash offers for the last word of a line, as readline parts it: `=` is a word.
        fn bash(&self, line: &[&str]) -> Vec<String> {
            let last = line.len() - 1;
            let script = format!(
                "source '{dir}/{program}.bash'
                set -- $(complete -p {program})
                while [ \"$1\" != -F ]; do shift; done
                COMP_WORDS=({line}) COMP_CWORD={last}
                \"$2\" {program} \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last} - 1]}}\"
                printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                dir = self.0.path().display(),
                program = line[0],
                line = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            );
            let path = format!("{}:/usr/bin:/bin", self.0.path().display());
            let output = std::process::Command::new("bash")
                .args(["--norc", "-c", &script])
                .env("PATH", path)
                .output()
                .unwrap();
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().filter(|line| !line.is_empty()).map(Into::into).collect()
        }
    }

    #[test]
    fn bash_offers_the_names_that_lvm_has() {
        let place = Place::new();
        for (line, expected) in [
            (&["lvdiff", "-g", ""][..], &["pve", "vg0"][..]),
            (&["lvdiff", "--lvgroup", "=", "p"], &["pve"]),
            (&["lvdiff", "--pool", "="], &["pve/data", "vg0/pool0"]),
            (&["lvdiff", "-g", "vg0", "-p", ""], &["pool0"]),
            (&["lvdiff", ""], &["pve/root", "pve/vm-100-disk-0", "vg0/sp0", "vg0/vol0"]),
            (&["lvdiff", "vg0/sp0", "vg0/v"], &["vg0/vol0"]),
            (&["lvdiff", "-q", "-g", "vg0", "sp0", ""], &["sp0", "vol0"]),
            (&["lvdiff", "-gvg0", "v"], &["vol0"]),
            (&["lvdiff", "--list", "pve/vm"], &["pve/vm-100-disk-0"]),
            (&["lvdiff", "--li"], &["--list"]),
            (&["lvdiff", "--list", "--map", "bo"], &["borg"]),
            (&["lvpatch", "-l", "pve/r"], &["pve/root"]),
            (&["lvpatch", "-g", "vg1", "--lv", ""], &[]),
            (&["lvpatch", "--part", "vg0/s"], &["vg0/sp0"]),
            (&["lvpatch", "-p", "v"], &["vg0/pool0"]),
            (&["lvpatch", "v"], &["vg0"]),
        ] {
            assert_eq!(place.bash(line), expected, "{line:?}");
        }
    }

    #[test]
    fn names_that_are_no_volumes_are_left_to_the_shell() {
        let place = Place::new();
        for line in [
            &["lvdiff", "--merge", "mon", ""][..],
            &["lvdiff", "--metadata", "tmeta", ""],
            &["lvpatch", "--info", ""],
            &["lvpatch", "--verify", "full", ""],
        ] {
            assert_eq!(place.bash(line), [""; 0], "{line:?}");
        }
    }

    #[test]
    fn every_option_that_takes_a_name_offers_it_in_every_shell() {
        let mut count = 0;
        for (program, mut command) in programs() {
            let texts =
                [Shell::Fish, Shell::Zsh].map(|shell| of(program, &mut command, shell).unwrap());
            for option in command.get_opts() {
                let Some(names) = Names::of(option) else { continue };
                let long = option.get_long().unwrap();
                let [fish, zsh] = &texts;
                let wanted = format!("-l {long} -x -a '(__{program}_lvm {})'", names.word());
                assert!(fish.contains(&wanted), "{program}: {wanted}");
                let offers = format!(":_{program}_{}'", names.word());
                assert!(
                    zsh.lines()
                        .any(|line| line.contains(&format!("--{long}=")) && line.contains(&offers)),
                    "{program}: --{long}"
                );
                count += 1;
            }
            let [_, zsh] = &texts;
            assert!(zsh.contains(&format!(":_{program}_positional'")), "{program}");
            for names in [Names::Groups, Names::Pools, Names::Volumes] {
                assert!(zsh.contains(&format!("_{program}_{}() {{", names.word())), "{program}");
            }
        }
        assert!(count >= 6, "{count} options");
    }

    /// bash is wherever the tests are; of the others the syntax is checked where they are installed.
    #[test]
    fn every_shell_can_read_its_own() {
        let place = Place::new();
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            for (program, _) in programs() {
                let path = place.0.path().join(file(program, shell));
                match std::process::Command::new(shell.to_string()).arg("-n").arg(path).output() {
                    Ok(output) => assert!(
                        output.status.success() && output.stderr.is_empty(),
                        "{}",
                        String::from_utf8_lossy(&output.stderr)
                    ),
                    Err(error)
                        if error.kind() == std::io::ErrorKind::NotFound && shell != Shell::Bash =>
                    {
                        crate::say(&format!(
                            "{shell} is not installed: the completion of {program} is not read"
                        ));
                    }
                    Err(error) => panic!("{shell}: {error}"),
                }
            }
        }
    }
}
