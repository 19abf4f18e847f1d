//! The programs as they are shipped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use system_tests::programs::PROGRAMS;

use super::{new_folder, tool};
use crate::cargo::{cargo, root};
use crate::say;

/// The C library that the programs call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Libc {
    /// The system's: for packages, which name the version that they need.
    Gnu,
    /// Their own: they run on any Linux.
    Musl,
}

impl Libc {
    /// What Rust calls the target.
    pub(super) fn target(self) -> String {
        let libc = match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
        };
        format!("{}-unknown-linux-{libc}", env::consts::ARCH)
    }
}

/// Builds the programs in a target folder of cargo's, and writes them to another folder.
pub(super) fn build(libc: Libc, target_dir: &Path, to: &Path) -> Result<()> {
    let target = libc.target();
    if libc == Libc::Musl {
        add_target(&target)?;
    }
    let hidden = hidden_paths()?;
    // Between two flags is the character that no path has.
    let flags = hidden.iter().map(|(path, name)| format!("--remap-path-prefix={path}={name}"));
    let flags = flags.collect::<Vec<_>>().join("\x1f");
    let compiler = format!("CC_{}", target.replace('-', "_"));
    let mut environment =
        vec![("CARGO_TARGET_DIR", target_dir), ("CARGO_ENCODED_RUSTFLAGS", Path::new(&flags))];
    if libc == Libc::Musl {
        environment.push((&compiler, Path::new("musl-gcc")));
    }
    let mut arguments = vec!["build", "--locked", "--profile", "dist", "--target", &target];
    arguments.extend(PROGRAMS.iter().flat_map(|program| ["--package", program]));
    cargo(&arguments, &environment)?;

    new_folder(to)?;
    for program in PROGRAMS {
        let path = to.join(program);
        // Which compilers there were is of no use.
        let mut copy = Command::new("objcopy");
        copy.arg("--remove-section=.comment");
        tool(copy.arg(target_dir.join(&target).join("dist").join(program)).arg(&path))?;
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        for (hidden, _) in &hidden {
            ensure!(
                !bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes()),
                "{program} holds {hidden}, a path of this machine"
            );
        }
    }
    Ok(())
}

/// The folders of this machine that the compiler would write into messages, and what stands there instead. The
/// more general one comes first: of several, the compiler takes the last one that matches.
fn hidden_paths() -> Result<Vec<(String, &'static str)>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".cargo"))
    });
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let text = |path: &Path| -> Result<String> {
        Ok(path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned())
    };
    Ok(vec![(text(&home)?, "cargo"), (text(root())?, "lvdiff")])
}

/// Has rustup install the standard library of a target, if it is not there.
fn add_target(target: &str) -> Result<()> {
    let sysroot = tool(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()))?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot)?.trim());
    if sysroot.join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    say(&format!("rustup target add {target}"));
    tool(Command::new("rustup").args(["target", "add", target]).current_dir(root()))
        .with_context(|| format!("the standard library of {target} is needed"))?;
    Ok(())
}
