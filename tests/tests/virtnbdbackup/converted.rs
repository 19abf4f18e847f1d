//! Streams that were converted, among those that were not.

use std::fs;

use super::sets::{Sets, expect, inputs, sha256, steps};

#[test]
fn nothing_follows_a_differential_one_that_was_converted() {
    let sets = Sets::new();
    let steps = steps(&sets, "v2.47/plain");
    let of_vda: Vec<_> = steps.iter().filter(|step| step.disk == "vda").collect();
    // It says that it leads to virtnbdbackup.3, which the increment makes that comes later.
    let differential = of_vda.iter().find(|step| step.is_differential).unwrap();
    let after = "v2.47/plain/vda.inc.virtnbdbackup.4.data";
    let convert = |files: &[String], output: &str| {
        let arguments = [&["--convert", "-o", output][..], &inputs(files)].concat();
        sets.run("lvdiff", &arguments).expect(0);
    };
    convert(&differential.files, "all");
    convert(&differential.files[..3], "before");
    convert(&differential.files[3..], "alone");
    convert(&[after.into()], "after");
    assert_eq!(sets.apply(&["-i", "all"]).0, differential.sha256);
    assert_eq!(sets.apply(&["-i", "before", "-i", "alone"]).0, differential.sha256);
    let raw = [&inputs(&differential.files[..3])[..], &["-i", "alone"]].concat();
    assert_eq!(sets.apply(&raw).0, differential.sha256);
    for next in [after, "after"] {
        for before in [&["-i", "all"][..], &["-i", "before", "-i", "alone"], &raw] {
            let arguments = [before, &["-i", next]].concat();
            sets.refused(&arguments, 3, &[next, "virtnbdbackup.3", "virtnbdbackup.3.diff"]);
        }
        assert!(sets.breaks(&["all", next]));
    }
    sets.run("lvdiff", &["--merge", "all", "after", "-o", "both"]).expect(3);
    // The increment of that checkpoint is not it, and what follows it still does.
    convert(&["v2.47/plain/vda.inc.virtnbdbackup.3.data".into()], "three");
    let truth = of_vda.iter().find(|step| step.files.last().unwrap() == after).unwrap();
    for next in [after, "after"] {
        let files = ["-i", "before", "-i", "three", "-i", next];
        assert_eq!(sets.apply(&files).0, truth.sha256);
    }
    sets.refused(&["-i", "all", "-i", "three"], 3, &["three"]);
    // What stops at the checkpoint does not stop at the differential one.
    let until = ["--until", "vda/virtnbdbackup.3"];
    sets.refused(&[&until[..], &["-i", "all"]].concat(), 2, &["no stream leads to"]);
    let stopped = [&until[..], &["-i", "before", "-i", "three", "-i", "after"]].concat();
    let before = of_vda.iter().rfind(|step| step.number < truth.number).unwrap();
    assert_eq!(sets.apply(&stopped).0, before.sha256);
}

#[test]
fn what_is_converted_follows_what_is_not_and_the_other_way_round() {
    let sets = Sets::new();
    for set in ["v1.9.15/plain", "v2.47/plain"] {
        let steps = steps(&sets, set);
        for disk in ["vda", "vdb"] {
            let last = steps.iter().rfind(|step| step.disk == disk).unwrap();
            let mut ours = Vec::new();
            for (number, file) in last.files.iter().enumerate() {
                ours.push(format!("{disk}.{number}"));
                _ = fs::remove_file(sets.path(&ours[number]));
                sets.run("lvdiff", &["--convert", "-i", file, "-o", &ours[number]]).expect(0);
            }
            for remainder in [0, 1] {
                let files: Vec<_> = (0..last.files.len())
                    .map(|number| match number % 2 == remainder {
                        true => last.files[number].clone(),
                        false => ours[number].clone(),
                    })
                    .collect();
                assert_eq!(sets.apply(&inputs(&files)).0, last.sha256, "{set}: {files:?}");
                let mut names: Vec<_> = files.iter().map(String::as_str).collect();
                names.reverse();
                let rows: Vec<_> = files.iter().map(|file| (file.clone(), false)).collect();
                assert_eq!(sets.table(&names), rows);
            }
        }
        // Only the next one of the same disk.
        let full = format!("{set}/vda.full.data");
        for (wrong, found) in [
            ("vdb.1", "belongs to disk vdb, expected vda"),
            ("vda.2", "from the checkpoint virtnbdbackup.1, expected virtnbdbackup.0"),
        ] {
            sets.refused(&["-i", &full, "-i", wrong], 3, &[&full, wrong, found]);
            assert!(sets.breaks(&[&full, wrong]));
        }
    }
}

#[test]
fn what_is_converted_knows_how_large_its_base_was() {
    let sets = Sets::new();
    let truth: Vec<_> =
        steps(&sets, "v2.47/plain").into_iter().filter(|step| step.disk == "vda").collect();
    let last = truth.last().unwrap();
    let convert = |arguments: &[&str]| {
        _ = fs::remove_file(sets.path("ours"));
        let arguments = [&["--convert", "-o", "ours"][..], arguments].concat();
        expect(&sets.start("lvdiff", &arguments), 0)
    };
    convert(&["-i", "v2.47/plain", "--disk", "vda"]);
    assert_eq!(sets.apply(&["-i", "ours"]).0, last.sha256);
    convert(&inputs(&last.files));
    assert_eq!(sets.apply(&["--strict", "-i", "ours"]).0, last.sha256);
    // One of them alone: the one before lies in the same folder, or its size is given.
    let grown = last.files[4].as_str();
    let alone = ["lone.data"];
    fs::copy(sets.path(grown), sets.path(alone[0])).unwrap();
    for (arguments, is_said) in [
        (&["-i", grown][..], false),
        (&["-i", alone[0], "--base-size", "8M", "mon", "tue"], false),
        (&["-i", alone[0]], true),
    ] {
        let stderr = convert(arguments);
        assert_eq!(stderr.contains("give --base-size if it grew"), is_said, "{stderr}");
        sets.apply(&inputs(&truth[5].files));
        let ended = sets.run("lvpatch", &["--device", "image", "-i", "ours"]);
        ended.expect(if is_said { 3 } else { 0 });
        assert_eq!(sha256(&sets.path("image")), truth[if is_said { 5 } else { 6 }].sha256);
    }
}
