//! The package for Fedora, RHEL, openSUSE and others.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::licences;
use super::programs::Libc;
use super::release::{DESCRIPTION, Release, SUMMARY};
use super::tree::Tree;
use super::{contents, tool};

/// The package's file.
pub(super) fn name(release: &Release) -> String {
    format!("{}-{}.{}.rpm", release.name(), Release::REVISION, release.architecture.name)
}

/// Packs a tree into a folder.
pub(super) fn write(release: &Release, mut tree: Tree, work: &Path, to: &Path) -> Result<()> {
    contents::add_licences(&mut tree)?;
    let work = work.join("rpm");
    let stage = work.join("stage");
    fs::create_dir_all(&work)?;
    tree.write(&stage)?;
    let path = work.join("lvdiff.spec");
    fs::write(&path, spec(release, &tree, &licences::expression(Libc::Gnu)?)?)?;
    let folder = format!("_topdir {}", work.join("top").display());
    let stage = format!("stage {}", stage.display());
    let defines = [
        folder.as_str(),
        &stage,
        "_buildhost reproducible",
        "use_source_date_epoch_as_buildtime 1",
        "clamp_mtime_to_source_date_epoch 1",
        "_binary_payload w9.gzdio",
        // The programs are as they should be: nothing is stripped or compressed once more.
        "debug_package %{nil}",
        "__os_install_post %{nil}",
        "_build_id_links none",
    ];
    let mut pack = release.command("rpmbuild");
    pack.args(["-bb", "--quiet", "--target"]).arg(format!("{}-linux", release.architecture.name));
    pack.args(defines.iter().flat_map(|define| ["--define", define])).arg(&path);
    tool(&mut pack)?;
    let made = work.join("top/RPMS").join(release.architecture.name).join(name(release));
    fs::copy(made, to.join(name(release)))?;
    Ok(fs::remove_dir_all(&work)?)
}

/// What rpmbuild is told. What the programs need of the C library it finds out itself.
fn spec(release: &Release, tree: &Tree, licence: &str) -> Result<String> {
    let mut text = format!(
        "Name: lvdiff\nVersion: {}\nRelease: {}\nSummary: {SUMMARY}\n\
         License: {licence}\nRequires: lvm2\n\
         Recommends: openssh-clients\n\n%description\n{}\n\n\
         %install\nmkdir -p %{{buildroot}}\ncp -a %{{stage}}/. %{{buildroot}}/\n\n%files\n\
         %defattr(-,root,root)\n",
        release.version,
        Release::REVISION,
        DESCRIPTION.join("\n"),
    );
    for folder in contents::own_folders(tree) {
        writeln!(text, "%dir /{folder}")?;
    }
    for (path, _) in tree.files() {
        let kind = match path {
            _ if path.starts_with(contents::LICENCES) => "%license ",
            _ if path.starts_with(contents::DOC) => "%doc ",
            _ => "",
        };
        writeln!(text, "{kind}/{path}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_named_once() {
        let mut tree = Tree::default();
        tree.add("usr/share/doc/lvdiff/docs/text", "text");
        tree.add("usr/share/licenses/lvdiff/LICENSE-MIT", "text");
        tree.add_program("usr/sbin/program", b"program".to_vec());
        let release = crate::dist::release::example();
        let text = spec(&release, &tree, "MIT").unwrap();
        let (_, files) = text.split_once("%defattr(-,root,root)\n").unwrap();
        assert_eq!(
            files,
            "%dir /usr/share/doc/lvdiff\n%dir /usr/share/doc/lvdiff/docs\n\
             %dir /usr/share/licenses/lvdiff\n/usr/sbin/program\n\
             %doc /usr/share/doc/lvdiff/docs/text\n\
             %license /usr/share/licenses/lvdiff/LICENSE-MIT\n"
        );
        assert_eq!(name(&release), "lvdiff-1.2.3-1.x86_64.rpm");
    }
}
