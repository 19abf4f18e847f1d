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
    let mut generated = Generated::default();
    for path in scripts()? {
        generated.add(&path, &by_hand).with_context(|| path.display().to_string())?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo names no OUT_DIR")?);
    fs::write(out.join("guests.rs"), generated.guests)?;
    fs::write(out.join("release.rs"), generated.release)?;
    fs::write(out.join("quick.rs"), format!("&{:?}", generated.quick))?;
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

/// What is made of the scripts.
#[derive(Default)]
struct Generated {
    /// The tests in `tests/guests.rs`.
    guests: String,
    /// The tests in `tests/release.rs`.
    release: String,
    /// The names of those that `cargo xtask test --quick` runs.
    quick: Vec<String>,
}

impl Generated {
    /// Adds the tests of a script.
    fn add(&mut self, path: &Path, by_hand: &str) -> Result<()> {
        let name = path.file_stem().and_then(|name| name.to_str()).context("not UTF-8")?;
        let is_name = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        ensure!(is_name && path.extension() == Some("sh".as_ref()), "not a NAME.sh of [a-z0-9_]");
        let header = Header::parse(&fs::read_to_string(path)?)?;
        let guests = &mut self.guests;
        match header.tests {
            Tests::One => test(guests, "", name, &format!("scenario(\"{name}\")"))?,
            Tests::OfTwoGuests => {
                test(guests, "", name, &format!("scenario_of_two(\"{name}\")"))?;
            }
            Tests::Parts(parts) => {
                ensure!(parts > 1, "one part is no part");
                for part in 1..=parts {
                    let call = format!("scenario_part(\"{name}\", \"{part}/{parts}\")");
                    test(guests, "", &format!("{name}_{part}_of_{parts}"), &call)?;
                }
            }
            Tests::ByHand => {
                let test = format!("#[test]\nfn {name}()");
                ensure!(by_hand.contains(&test), "{GUESTS} has no test of this name");
            }
        }
        if header.on_debian_13 {
            let ignore = "#[ignore = \"cargo xtask test --full\"]\n";
            test(&mut self.release, ignore, name, &format!("scenario(\"{name}\")"))?;
        }
        if header.is_quick {
            self.quick.push(name.into());
        }
        Ok(())
    }
}

/// Writes a test.
fn test(code: &mut String, attribute: &str, name: &str, call: &str) -> Result<()> {
    Ok(write!(code, "#[test]\n{attribute}fn {name}() {{\n    {call};\n}}\n\n")?)
}
