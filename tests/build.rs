//! Makes a test of every script in `guest/scenarios`, and fails where one would be left without.

#[path = "src/header.rs"]
mod header;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::header::{Header, Tests};

const SCENARIOS: &str = "guest/scenarios";
/// What is written by hand, beside what is made here.
const GUESTS: &str = "tests/guests.rs";

fn main() -> Result<()> {
    for path in [SCENARIOS, GUESTS, "src/header.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let by_hand = fs::read_to_string(GUESTS).context(GUESTS)?;
    let (mut guests, mut release) = (String::new(), String::new());
    for path in scripts()? {
        scenario(&path, &by_hand, &mut guests, &mut release)
            .with_context(|| path.display().to_string())?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo names no OUT_DIR")?);
    fs::write(out.join("guests.rs"), guests)?;
    fs::write(out.join("release.rs"), release)?;
    Ok(())
}

/// All that is in the folder, in the order of the names.
fn scripts() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(SCENARIOS).context(SCENARIOS)?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>().context(SCENARIOS)?;
    paths.sort();
    Ok(paths)
}

/// Adds the tests of a script to those of `tests/guests.rs` and of `tests/release.rs`.
fn scenario(path: &Path, by_hand: &str, guests: &mut String, release: &mut String) -> Result<()> {
    let name = path.file_stem().and_then(|name| name.to_str()).context("a name must be UTF-8")?;
    let is_name = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    ensure!(is_name && path.extension() == Some("sh".as_ref()), "not a NAME.sh of [a-z0-9_]");
    let header = Header::parse(&fs::read_to_string(path)?)?;
    match header.tests {
        Tests::One => {
            write!(guests, "#[test]\nfn {name}() {{\n    scenario(\"{name}\");\n}}\n\n")?;
        }
        Tests::OfTwoGuests => {
            write!(guests, "#[test]\nfn {name}() {{\n    scenario_of_two(\"{name}\");\n}}\n\n")?;
        }
        Tests::Parts(parts) => {
            ensure!(parts > 1, "one part is no part");
            for part in 1..=parts {
                let of = format!("{name}_{part}_of_{parts}");
                let call = format!("scenario_part(\"{name}\", \"{part}/{parts}\");");
                write!(guests, "#[test]\nfn {of}() {{\n    {call}\n}}\n\n")?;
            }
        }
        Tests::ByHand => {
            let test = format!("#[test]\nfn {name}()");
            ensure!(by_hand.contains(&test), "{GUESTS} has no test of this name");
        }
    }
    if header.on_debian_13 {
        let ignored = "#[test]\n#[ignore = \"cargo xtask test --full\"]";
        write!(release, "{ignored}\nfn {name}() {{\n    scenario(\"{name}\");\n}}\n\n")?;
    }
    Ok(())
}
