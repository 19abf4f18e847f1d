//! Fuzz targets: each takes any bytes as input to something that reads what is not ours, and panics
//! where that does what it must never do.
//!
//! A target is a module here with a function `run`, and a program of its name in `targets/`, made by
//! [`target!`]. Under `cargo xtask fuzz` the program is libFuzzer's; built any other way it runs the
//! files that it is given, once each. A target does two things beyond calling what it is for. It
//! repairs checksums, unless the input says otherwise, because no fuzzer guesses them and
//! anyone who damages on purpose makes them right too. And it checks the result against a second,
//! simpler way to it, so that a wrong answer is found, not only a crash.

mod convert;
pub mod delta;
pub mod exceptions;
mod foreign;
pub mod hyperlayer1;
mod image;
pub mod lvbackup;
pub mod lvmsync;
pub mod messages;
pub mod node;
pub mod outline;
mod repair;
pub mod report;
pub mod stream;
pub mod superblock;
pub mod tables;
pub mod thin_send;
pub mod virtnbdbackup;

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("superblock", superblock::run),
    ("node", node::run),
    ("delta", delta::run),
    ("stream", stream::run),
    ("outline", outline::run),
    ("tables", tables::run),
    ("report", report::run),
    ("exceptions", exceptions::run),
    ("hyperlayer1", hyperlayer1::run),
    ("thin_send", thin_send::run),
    ("lvmsync", lvmsync::run),
    ("lvbackup", lvbackup::run),
    ("virtnbdbackup", virtnbdbackup::run),
    ("messages", messages::run),
];

/// Makes a program of a target.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::$name::run(input));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($crate::$name::run)
        }
    };
}

/// Runs a target on the files that the program was given.
///
/// # Errors
/// A file cannot be read.
pub fn replay(run: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|input| run(&input)))
}

/// Splits the byte off an input that says how the rest is taken.
fn mode(input: &[u8]) -> (u8, &[u8]) {
    input.split_first().map_or((0, input), |(mode, rest)| (*mode, rest))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// What an archive of kept inputs holds: the inputs' names, and the inputs.
    fn unpacked(archive: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut archive = tar::Archive::new(File::open(archive).unwrap());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut input = Vec::new();
            entry.read_to_end(&mut input).unwrap();
            (entry.path().unwrap().into_owned(), input)
        });
        entries.collect()
    }

    /// Without libFuzzer, and so with every test: what was found once stays found.
    #[test]
    fn kept_inputs_are_sound() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, run) in TARGETS {
            let archive = here.join("corpus").join(name).with_extension("tar");
            let kept = unpacked(&archive);
            assert!(!kept.is_empty(), "{name} has no kept inputs");
            for (path, input) in kept {
                eprintln!("{}: {}", archive.display(), path.display());
                run(&input);
            }
            for path in files(&here.join("regressions").join(name)) {
                eprintln!("{}", path.display());
                run(&std::fs::read(path).unwrap());
            }
        }
    }

    /// An input that is elsewhere would never run.
    #[test]
    fn kept_inputs_are_in_an_archive_of_their_target() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = files(&here.join("corpus"));
        let mut archives =
            TARGETS.map(|(name, _)| here.join("corpus").join(name).with_extension("tar"));
        found.sort_unstable();
        archives.sort_unstable();
        assert_eq!(found, archives);
        for folder in files(&here.join("regressions")) {
            assert!(TARGETS.iter().any(|(name, _)| folder.ends_with(name)), "{}", folder.display());
        }
    }

    #[test]
    fn every_target_has_a_program() {
        let programs = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("targets"));
        let mut found: Vec<_> = programs.iter().map(|path| path.file_stem().unwrap()).collect();
        let mut names = TARGETS.map(|(name, _)| name);
        found.sort_unstable();
        names.sort_unstable();
        assert_eq!(found, names);
    }
}
