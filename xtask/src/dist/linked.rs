//! Which crates the programs are linked with.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use system_tests::programs::PROGRAMS;

use super::tool;
use crate::cargo::root;

/// A crate of somebody else's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Linked {
    pub(super) name: String,
    pub(super) version: String,
    /// What it says of its licences.
    pub(super) licence: String,
    /// Where its sources are.
    pub(super) folder: PathBuf,
}

/// The crates in the programs for a target.
pub(super) fn crates(target: &str) -> Result<Vec<Linked>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target]);
    let text = tool(command.current_dir(root()))?;
    of_metadata(&serde_json::from_slice(&text)?).context("cargo metadata")
}

/// The same from what cargo says: whatever the programs lead to, but for what runs at build time only.
fn of_metadata(metadata: &Value) -> Result<Vec<Linked>> {
    let list = |value: &Value| -> Result<Vec<Value>> {
        Ok(value.as_array().context("a list is missing")?.clone())
    };
    let text = |value: &Value| -> Result<String> {
        Ok(value.as_str().context("a text is missing")?.to_owned())
    };
    let mut packages = BTreeMap::new();
    for package in list(&metadata["packages"])? {
        packages.insert(text(&package["id"])?, package);
    }
    let mut nodes = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"])? {
        nodes.insert(text(&node["id"])?, node);
    }
    let is_program = |package: &Value| {
        package["source"].is_null()
            && package["name"].as_str().is_some_and(|name| PROGRAMS.contains(&name))
    };
    let runs_at_build_time = |package: &Value| {
        let targets = package["targets"].as_array().into_iter().flatten();
        let mut kinds = targets.flat_map(|target| target["kind"].as_array().into_iter().flatten());
        kinds.any(|kind| kind == "proc-macro")
    };

    let programs = packages.iter().filter(|(_, package)| is_program(package));
    let mut next: Vec<String> = programs.map(|(id, _)| id.clone()).collect();
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = next.pop() {
        let package = packages.get(&id).with_context(|| format!("{id} is no package"))?;
        if runs_at_build_time(package) || !seen.insert(id.clone()) {
            continue;
        }
        if !package["source"].is_null() {
            let name = text(&package["name"])?;
            let licence = text(&package["license"])
                .with_context(|| format!("{name} says nothing of its licence"))?;
            let manifest = PathBuf::from(text(&package["manifest_path"])?);
            let folder = manifest.parent().context("a manifest is in no folder")?.to_owned();
            let version = text(&package["version"])?;
            found.insert(Linked { name, version, licence, folder });
        }
        for dependency in list(&nodes.get(&id).context("a package is not resolved")?["deps"])? {
            if list(&dependency["dep_kinds"])?.iter().any(|kind| kind["kind"].is_null()) {
                next.push(text(&dependency["pkg"])?);
            }
        }
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_ends_up_in_the_programs_counts() {
        let package = |name: &str, kind: &str| {
            let source = if PROGRAMS.contains(&name) { Value::Null } else { json!("registry") };
            json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
                "manifest_path": format!("/src/{name}/Cargo.toml"), "targets": [{ "kind": [kind] }],
            })
        };
        let to = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [
                package("lvdiff", "bin"), package("lvpatch", "bin"), package("direct", "lib"),
                package("indirect", "lib"), package("derive", "proc-macro"), package("syn", "lib"),
                package("cc", "lib"), package("proptest", "lib"), package("of-others", "lib"),
            ],
            "resolve": { "nodes": [
                { "id": "lvdiff", "deps": [
                    to("direct", Value::Null), to("derive", Value::Null), to("cc", json!("build")),
                    to("proptest", json!("dev")),
                ] },
                { "id": "lvpatch", "deps": [to("direct", Value::Null)] },
                { "id": "direct", "deps": [to("indirect", Value::Null)] },
                { "id": "indirect", "deps": [] },
                { "id": "derive", "deps": [to("syn", Value::Null)] },
                { "id": "syn", "deps": [] }, { "id": "cc", "deps": [] },
                { "id": "proptest", "deps": [] }, { "id": "of-others", "deps": [] },
            ] },
        });
        let found = of_metadata(&metadata).unwrap();
        let names: Vec<_> = found.iter().map(|linked| linked.name.as_str()).collect();
        assert_eq!(names, ["direct", "indirect"]);
        assert_eq!(found[0].folder, PathBuf::from("/src/direct"));
    }

    #[test]
    fn a_crate_without_a_licence_is_named() {
        let metadata = json!({
            "packages": [{
                "id": "a", "name": "a", "version": "1.0.0", "license": null, "source": "registry",
                "manifest_path": "/src/a/Cargo.toml", "targets": [],
            }, { "id": "lvdiff", "name": "lvdiff", "source": null, "targets": [] }],
            "resolve": { "nodes": [
                { "id": "lvdiff", "deps": [{ "pkg": "a", "dep_kinds": [{ "kind": null }] }] },
            ] },
        });
        let error = of_metadata(&metadata).unwrap_err();
        assert!(error.to_string().starts_with("a says nothing"), "{error}");
    }
}
