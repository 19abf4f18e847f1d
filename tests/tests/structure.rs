//! The workspace's structure, read from the code's own `use` lines: no file imports in a circle, no crate
//! depends on one above it, and what belongs to a terminal stays in `cli`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates from the ground up: each depends on those before it only.
const ORDER: [&str; 17] = [
    "blockio",
    "hyperlayer",
    "thinmeta",
    "cowmeta",
    "lvm",
    "baseproof",
    "flow",
    "foreign",
    "source",
    "diff",
    "streams",
    "patch",
    "peer",
    "policy",
    "replica",
    "cli",
    "programs",
];

/// Only `cli` and the programs may know of these.
const TERMINAL: [&str; 5] = ["clap", "clap_complete", "clap_mangen", "indicatif", "env_logger"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace")
}

/// The folders of the product's crates, by their names.
fn crates() -> BTreeMap<String, PathBuf> {
    let folders =
        fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let programs = ["lvdiff", "lvpatch", "lvsync"].map(|name| workspace().join(name));
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    folders.chain(programs).map(|path| (name(&path), path)).collect()
}

/// The Rust files of a folder, by their module paths; the crate's own file has an empty one. Files of tests
/// alone are left out.
fn modules(src: &Path) -> BTreeMap<Vec<String>, PathBuf> {
    fn walk(folder: &Path, module: &[String], found: &mut BTreeMap<Vec<String>, PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut of_it = module.to_vec();
            if path.is_dir() {
                of_it.push(stem);
                walk(&path, &of_it, found);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            if !matches!(stem.as_str(), "lib" | "main" | "mod") {
                of_it.push(stem);
            }
            found.insert(of_it, path);
        }
    }
    let mut found = BTreeMap::new();
    walk(src, &[], &mut found);
    let of_tests: BTreeSet<Vec<String>> = found
        .iter()
        .flat_map(|(module, path)| {
            let text = fs::read_to_string(path).unwrap();
            let names =
                text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.split_once(';'));
            let names: Vec<_> = names.map(|(name, _)| name.to_owned()).collect();
            let of_it = move |name| [module.clone(), vec![name]].concat();
            names.into_iter().filter(|name| !name.contains(' ')).map(of_it)
        })
        .collect();
    found.retain(|module, _| !of_tests.contains(module));
    found
}

/// What a file has before its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that the `use` lines of a text name, braces opened.
fn uses(text: &str) -> Vec<(bool, Vec<String>)> {
    fn open(prefix: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
        let tree = tree.trim();
        let Some((head, body)) = tree.split_once('{') else {
            let tree = tree.split(" as ").next().unwrap();
            let path = tree.split("::").map(|segment| segment.trim().to_owned());
            found.push(prefix.iter().cloned().chain(path).collect());
            return;
        };
        let head = head.trim().trim_end_matches("::");
        let mut prefix = prefix.to_vec();
        prefix.extend(head.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned));
        let (mut depth, mut part) = (0, String::new());
        for character in body[..body.rfind('}').unwrap_or(body.len())].chars() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    open(&prefix, &std::mem::take(&mut part), found);
                    continue;
                }
                _ => {}
            }
            part.push(character);
        }
        if !part.trim().is_empty() {
            open(&prefix, &part, found);
        }
    }
    let mut found = Vec::new();
    for (number, _) in text.match_indices("use ") {
        let before = text[..number].rsplit('\n').next().unwrap_or_default().trim();
        if !matches!(before, "" | "pub" | "pub(crate)" | "pub(super)") {
            continue;
        }
        let mut paths = Vec::new();
        open(&[], text[number + 4..].split(';').next().unwrap(), &mut paths);
        found.extend(paths.into_iter().map(|path| (!before.is_empty(), path)));
    }
    found
}

/// Which files of a crate each of its files imports.
fn imports(src: &Path) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let modules = modules(src);
    let codes: BTreeMap<_, _> = modules.iter().map(|(module, path)| (module, code(path))).collect();
    // Names that a module hands on, and the modules that they come from.
    let mut handed_on: BTreeMap<(Vec<String>, String), Vec<String>> = BTreeMap::new();
    for (module, text) in &codes {
        for (is_public, path) in uses(text) {
            if let (true, [of @ .., name]) = (is_public, path.as_slice()) {
                let of = of.iter().filter(|segment| *segment != "self").cloned();
                let of: Vec<_> = module.iter().cloned().chain(of).collect();
                handed_on.insert(((*module).clone(), name.clone()), of);
            }
        }
    }
    let resolve = |from: &[String], path: &[String]| -> Option<PathBuf> {
        let (mut base, rest) = match path.first()?.as_str() {
            "crate" => (vec![], &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                (from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..])
            }
            _ => return None,
        };
        for segment in rest {
            let next = [base.clone(), vec![segment.clone()]].concat();
            if modules.contains_key(&next) {
                base = next;
                continue;
            }
            while let Some(of) = handed_on.get(&(base.clone(), segment.clone())) {
                if !modules.contains_key(of) {
                    break;
                }
                base = of.clone();
            }
            break;
        }
        modules.get(&base).cloned()
    };
    modules
        .iter()
        .map(|(module, path)| {
            // What a module hands on it does not use.
            let used = uses(&codes[module]).into_iter().filter(|(is_public, _)| !is_public);
            let found = used.filter_map(|(_, used)| resolve(module, &used));
            (path.clone(), found.filter(|other| other != path).collect())
        })
        .collect()
}

/// The files that a file leads to.
fn reached<'a>(
    from: &'a Path,
    imports: &'a BTreeMap<PathBuf, BTreeSet<PathBuf>>,
) -> BTreeSet<&'a Path> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(path) = next.pop() {
        for other in imports.get(path).into_iter().flatten() {
            if found.insert(other.as_path()) {
                next.push(other);
            }
        }
    }
    found
}

#[test]
fn no_file_imports_in_a_circle() {
    let (mut count, mut ties) = (0, Vec::new());
    for folder in crates().values() {
        let imports = imports(&folder.join("src"));
        count += imports.values().map(BTreeSet::len).sum::<usize>();
        for (path, others) in &imports {
            let leads_back = |other: &&PathBuf| reached(other, &imports).contains(path.as_path());
            for other in others.iter().filter(leads_back) {
                let name =
                    |path: &Path| path.strip_prefix(workspace()).unwrap().display().to_string();
                ties.push(format!("{} imports {}", name(path), name(other)));
            }
        }
    }
    assert!(ties.is_empty(), "files import each other in circles: {ties:#?}");
    assert!(count > 400, "only {count} imports were found: the test reads the code wrongly");
}

#[test]
fn no_crate_depends_on_one_above_it() {
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    for (name, folder) in crates() {
        let own = place(&name).unwrap_or(ORDER.len() - 1);
        assert!(own < ORDER.len() - 1 || name.starts_with("lv"), "{name} is not in the order");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let (_, rest) = manifest.split_once("[dependencies]").unwrap();
        let dependencies = rest.split("\n[").next().unwrap().lines();
        for dependency in dependencies.filter_map(|line| line.split(['.', ' ']).next()) {
            if let Some(other) = place(dependency) {
                assert!(other < own, "{name} depends on {dependency}, which is above it");
            }
            let is_low = own < ORDER.len() - 2;
            assert!(!(is_low && TERMINAL.contains(&dependency)), "{name} depends on {dependency}");
        }
    }
}

/// The long options of the programs, as their help has them.
fn options() -> BTreeSet<String> {
    let helps = ["lvdiff", "lvpatch"].map(|program| {
        let snapshots = workspace().join(program).join("tests/snapshots");
        fs::read_to_string(snapshots.join("cli__help_tells_all_of_it.snap")).unwrap()
    });
    let lines = helps.iter().flat_map(|help| help.lines().map(str::trim_start));
    let options = lines.filter(|line| line.starts_with('-')).flat_map(words_of_options);
    options.map(String::from).collect()
}

/// Whatever looks like a long option in a line.
fn words_of_options(line: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |character: char| character.is_ascii_lowercase() || character == '-';
    line.split(move |character| !is_of_name(character))
        .filter(|word| word.len() > 3 && word.starts_with("--") && !word.ends_with('-'))
}

#[test]
fn no_library_names_an_option_of_the_programs() {
    // LVM's commands, which the libraries run and advise, have these too.
    const OF_LVM: [&str; 2] = ["--size", "--snapshot"];
    let options = options();
    assert!(options.contains("--no-base-check") && options.contains("--force-release"));
    assert!(options.len() > 40, "only {options:?}");
    let mut found = Vec::new();
    for (_, folder) in crates()
        .into_iter()
        .filter(|(name, _)| !["cli", "lvdiff", "lvpatch", "lvsync"].contains(&name.as_str()))
    {
        for path in modules(&folder.join("src")).into_values() {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let names_one = words_of_options(line)
                    .any(|word| options.contains(word) && !OF_LVM.contains(&word));
                let names_program = ["lvdiff -", "lvpatch -", "`lvdiff ", "`lvpatch "];
                if names_one || names_program.iter().any(|words| line.contains(words)) {
                    found.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "a library names an option: {found:#?}");
}
