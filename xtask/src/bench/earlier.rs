//! [`build`]: the programs of an earlier commit.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::shell;
use crate::cargo::target_dir;
use crate::say;

/// An earlier commit's programs.
pub(crate) struct Earlier {
    /// The commit's hash, abbreviated, and its date.
    pub(crate) commit: String,
    /// Where they are.
    pub(crate) programs: PathBuf,
}

/// Builds a commit's programs, as release, in a folder of its own in the target folder.
pub(crate) fn build(commit: &str) -> Result<Earlier> {
    let commit = quoted(commit);
    let name = shell::run(&format!("git show -s --date=short --format='%h of %ad' {commit} --"))?;
    let folder = target_dir()?.join("earlier");
    let (source, target) = (folder.join("source"), folder.join("target"));
    say(&format!("building {}", name.trim()));
    let [into, to] = [&source, &target].map(|path: &PathBuf| quoted(&path.display().to_string()));
    shell::run(&format!(
        "rm -rf {into} && mkdir -p {into} && git archive {commit} | tar --extract --directory {into} &&
            cd {into} && cargo build --quiet --release --package lvdiff --package lvpatch --target-dir {to}"
    ))?;
    Ok(Earlier { commit: name.trim().to_owned(), programs: target.join("release") })
}

/// As one word of the shell's.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl AsRef<Path> for Earlier {
    fn as_ref(&self) -> &Path {
        &self.programs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_one_word() {
        for text in ["HEAD~3", "a b", "it's; rm x", "$(true)"] {
            assert_eq!(shell::run(&format!("printf %s {}", quoted(text))).unwrap(), text);
        }
    }
}
