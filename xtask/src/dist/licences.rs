//! The licences of all that is in the programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::linked::{self, Linked};
use super::programs::Libc;
use crate::cargo::root;

/// A licence, in the order in which one is chosen where there are several. Those that `deny.toml` allows, but
/// for what is in no program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Licence {
    Mit,
    Bsd3,
    Apache2,
}

impl Licence {
    const ALL: [Self; 3] = [Self::Mit, Self::Bsd3, Self::Apache2];

    fn name(self) -> &'static str {
        match self {
            Self::Mit => "MIT",
            Self::Bsd3 => "BSD-3-Clause",
            Self::Apache2 => "Apache-2.0",
        }
    }

    /// A word in the names of files that hold its text, and a phrase in every copy of the text. None if the text
    /// names nobody and is the same everywhere.
    fn signs(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Mit => Some(("MIT", "Permission is hereby granted, free of charge")),
            Self::Bsd3 => Some(("BSD", "Redistribution and use in source and binary forms")),
            Self::Apache2 => None,
        }
    }

    /// The one that we use something under.
    fn choose(expression: &str) -> Result<Self> {
        let offered: Vec<_> = expression.split(" OR ").map(str::trim).collect();
        let chosen = Self::ALL.into_iter().find(|licence| offered.contains(&licence.name()));
        chosen.with_context(|| format!("{expression:?} is none of the licences that are known"))
    }
}

/// The file `copyright`: our licence, and those of all that the programs are linked with.
pub(super) fn notice(libc: Libc) -> Result<String> {
    let own = read(&root().join("LICENSE-MIT"))?;
    // Each text with what is under it: many are the same.
    let mut texts: BTreeMap<(Licence, String), Vec<String>> = BTreeMap::new();
    let mut add =
        |licence, text, name: String| texts.entry((licence, text)).or_default().push(name);
    for linked in linked::crates(&libc.target())? {
        let name = format!("{} {}", linked.name, linked.version);
        let licence = Licence::choose(&linked.licence).with_context(|| name.clone())?;
        add(licence, text(licence, &linked)?, name);
        if linked.name == "zstd-sys" {
            let text = read(&linked.folder.join("zstd/LICENSE"))?;
            add(Licence::Bsd3, text, "Zstandard, the library that zstd-sys has in it".into());
        }
    }
    let by = |holder| with_holder(&own, holder);
    let of_rust = by("Copyright (c) The Rust Project Contributors")?;
    add(Licence::Mit, of_rust, "the standard library of Rust".into());
    if libc == Libc::Musl {
        let of_musl = by("Copyright (c) 2005-2020 Rich Felker, et al.")?;
        add(Licence::Mit, of_musl, "musl, the C library".into());
    }
    page(&own, &texts)
}

fn page(own: &str, texts: &BTreeMap<(Licence, String), Vec<String>>) -> Result<String> {
    let mut page = format!(
        "lvdiff and lvpatch\n==================\n\n\
         Under the MIT licence, which follows, or under the Apache License, Version 2.0, as you choose.\n\n{}\n\n\
         The Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0 on Debian, elsewhere in\n\
         share/licenses/lvdiff/LICENSE-APACHE.\n\n\n\
         What the programs are linked with\n=================================\n",
        own.trim_end()
    );
    for ((licence, text), names) in texts {
        write!(page, "\n{}\n{}\n\n", names.join(", "), "-".repeat(40))?;
        match licence {
            Licence::Apache2 => page += "Under the Apache License, Version 2.0: see above.\n",
            _ => writeln!(page, "{}", text.trim_end())?,
        }
    }
    Ok(page)
}

/// All licences that something in the programs is under, as one expression.
pub(super) fn expression(libc: Libc) -> Result<String> {
    let mut names: Vec<_> = linked::crates(&libc.target())?
        .iter()
        .map(|linked| Ok(Licence::choose(&linked.licence)?.name()))
        .collect::<Result<_>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(format!("(MIT OR Apache-2.0) AND {}", names.join(" AND ")))
}

/// The text of a crate's licence, from its sources; empty where it is [everywhere](Licence::signs) the same.
fn text(licence: Licence, linked: &Linked) -> Result<String> {
    let Some((mark, words)) = licence.signs() else { return Ok(String::new()) };
    let (mut special, mut general) = (Vec::new(), Vec::new());
    for path in files(&linked.folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if name.contains(mark) {
            special.push(path);
        } else if !name.contains(['-', '_']) {
            general.push(path);
        }
    }
    for path in special.iter().chain(&general) {
        let text = read(path)?;
        if in_one_line(&text).contains(words) {
            return Ok(text);
        }
    }
    bail!("{} has no text of its licence, {}", linked.folder.display(), licence.name())
}

/// The files in a folder whose names are those of licences.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_one = ["LICENSE", "LICENCE", "COPYING"].iter().any(|word| name.starts_with(word));
        if is_one && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The MIT licence of another holder: the same words.
fn with_holder(own: &str, holder: &str) -> Result<String> {
    let line = own.lines().find(|line| line.starts_with("Copyright"));
    Ok(own.replace(line.context("LICENSE-MIT names no holder")?, holder))
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.replace('\r', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_offered_is_chosen() {
        let chosen = |expression| Licence::choose(expression).unwrap();
        assert_eq!(chosen("Apache-2.0 OR MIT"), Licence::Mit);
        assert_eq!(chosen("Unlicense OR MIT"), Licence::Mit);
        assert_eq!(
            chosen("CC0-1.0 OR Apache-2.0 OR Apache-2.0 WITH LLVM-exception"),
            Licence::Apache2
        );
        assert_eq!(chosen("BSD-3-Clause"), Licence::Bsd3);
        for unknown in ["GPL-3.0-only", "MIT AND GPL-2.0-only", "MIT-0", ""] {
            Licence::choose(unknown).unwrap_err();
        }
    }

    #[test]
    fn a_text_is_taken_for_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let linked = Linked {
            name: "a".into(),
            version: "1.0.0".into(),
            licence: "MIT OR Apache-2.0".into(),
            folder: dir.path().into(),
        };
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("LICENSE", "MIT OR Apache-2.0");
        text(Licence::Mit, &linked).unwrap_err();
        write("license-mit.txt", "(c) A\r\nPermission is hereby\r\ngranted, free of charge, …");
        assert!(text(Licence::Mit, &linked).unwrap().starts_with("(c) A\nPermission"));
        text(Licence::Bsd3, &linked).unwrap_err();
    }

    #[test]
    fn the_notice_has_everybody_and_every_holder() {
        for libc in [Libc::Gnu, Libc::Musl] {
            let page = notice(libc).unwrap();
            for words in [
                "anyhow 1",
                "blake3 1",
                "bincode 1.3.3",
                "zstd-sys 2",
                "Copyright (c) 2014 Ty Overby",
                "Copyright (c) Meta Platforms",
                "The Rust Project Contributors",
                "the lvdiff authors",
            ] {
                assert!(page.contains(words), "{words} is missing");
            }
            // What builds, or tests, is in no program.
            for words in ["syn 2", "proptest", "criterion", "cc 1", "zerocopy-derive"] {
                assert!(!page.contains(words), "{words} is there");
            }
            assert_eq!(page.contains("musl, the C library"), libc == Libc::Musl);
        }
    }

    #[test]
    fn licences_are_those_that_deny_toml_allows() {
        let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
        for licence in Licence::ALL {
            assert!(deny.contains(&format!("\n    \"{}\",", licence.name())), "{}", licence.name());
        }
        let all = expression(Libc::Gnu).unwrap();
        assert_eq!(all, "(MIT OR Apache-2.0) AND Apache-2.0 AND BSD-3-Clause AND MIT");
    }
}
