//! The faults that a round can meet.

/// Where and how a round runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In one boot.
    Plain,
    /// The guest is killed at its moment, and boots again.
    PowerCut,
}

/// A fault: `fault_NAME` in a script of `tests/guest/torture`, with underscores for hyphens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// As it is in the table.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The base's digests must cover all of it, or nobody could notice.
    pub(crate) proves_all: bool,
    /// It meets a run in place, which never resizes.
    pub(crate) in_place: bool,
    /// It meets lvsync, and not the pair.
    pub(crate) lvsync: bool,
}

const fn plain(name: &'static str) -> Fault {
    Fault { name, kind: Kind::Plain, proves_all: false, in_place: false, lvsync: false }
}

const fn power_cut(name: &'static str) -> Fault {
    Fault { name, kind: Kind::PowerCut, proves_all: false, in_place: false, lvsync: false }
}

const fn sync(name: &'static str) -> Fault {
    Fault { lvsync: true, ..plain(name) }
}

/// Every fault there is: those that meet lvdiff, then lvpatch, then lvsync.
pub(crate) const FAULTS: &[Fault] = &[
    plain("source-read-error"),
    plain("source-bad-sectors"),
    plain("metadata-bad-sectors"),
    plain("sigint-lvdiff"),
    plain("sigterm-lvdiff"),
    plain("sighup-lvdiff"),
    plain("sigpipe-lvdiff"),
    plain("sigkill-lvdiff"),
    plain("reader-goes-away"),
    plain("output-disk-full"),
    plain("metadata-snapshot-held"),
    plain("metadata-snapshot-released"),
    plain("two-diffs-at-once"),
    plain("source-read-only"),
    plain("source-needs-check"),
    power_cut("power-cut-lvdiff"),
    plain("merge-pending"),
    plain("target-write-error"),
    plain("target-full-queue"),
    plain("target-full-error"),
    plain("target-full-metadata-queue"),
    plain("target-full-metadata-error"),
    plain("sigint-lvpatch"),
    plain("sigterm-lvpatch"),
    plain("sighup-lvpatch"),
    plain("sigpipe-lvpatch"),
    plain("sigkill-lvpatch"),
    plain("writer-goes-away"),
    plain("input-cut"),
    plain("input-bit-flipped"),
    plain("records-swapped"),
    plain("record-doubled"),
    plain("record-dropped"),
    plain("streams-spliced"),
    Fault { in_place: true, ..plain("backup-disk-full") },
    plain("target-removed"),
    plain("two-patches-at-once"),
    Fault { proves_all: true, ..plain("wrong-base") },
    Fault { in_place: true, ..plain("device-of-another-disk") },
    plain("target-read-only"),
    plain("target-needs-check"),
    power_cut("power-cut-lvpatch"),
    Fault { in_place: true, ..power_cut("power-cut-in-place") },
    power_cut("power-cut-after-done"),
    plain("no-more-threads"),
    sync("sync-sigint"),
    sync("sync-sigterm"),
    sync("sync-sigkill-source"),
    sync("sync-sigkill-target"),
    sync("sync-connection-cut"),
    sync("sync-answer-lost"),
    sync("sync-target-full"),
    sync("sync-replica-written"),
    sync("sync-replica-renamed"),
    sync("sync-replica-removed"),
    sync("sync-point-removed"),
    sync("sync-clock-set-back"),
    sync("sync-two-at-once"),
    Fault { lvsync: true, ..power_cut("sync-power-cut") },
];

impl Fault {
    /// The rest of the names of its functions in the guest's script.
    pub(crate) fn function(&self) -> String {
        self.name.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, DirEntry};
    use std::io;

    use super::*;
    use crate::guest::own_script;

    #[test]
    fn each_has_its_functions_and_each_function_its_fault() {
        let scripts = fs::read_dir(own_script("torture")).expect("the folder is there");
        let read = |script: io::Result<DirEntry>| fs::read_to_string(script?.path());
        let script: String = scripts.map(read).collect::<Result<_, _>>().expect("they are text");
        let mut functions: Vec<_> = script
            .lines()
            .filter_map(|line| Some(line.strip_prefix("fault_")?.split_once("()")?.0.to_owned()))
            .collect();
        let mut expected: Vec<_> = FAULTS.iter().map(Fault::function).collect();
        functions.sort();
        expected.sort();
        assert_eq!(functions, expected);
        for fault in FAULTS {
            let again = script.contains(&format!("\nagain_{}()", fault.function()));
            assert_eq!(again, fault.kind == Kind::PowerCut, "{}", fault.name);
        }
    }
}
