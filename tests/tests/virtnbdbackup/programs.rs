//! What only the programs do: they print, read pipes, and name the option that leads out.

use std::fs;
use std::process::{Command, Stdio};

use system_tests::programs;

use super::sets::{Sets, expect, sha256, steps};

#[test]
fn each_option_that_leads_out_is_named() {
    let sets = Sets::new();
    let (set, full) = ("v2.47/plain", "v2.47/plain/vda.full.data");
    for (words, code, said) in [
        (&["--strict", "-i", full][..], 4, "--strict refuses that"),
        (&["-i", set], 2, "(vda, vdb); choose one with --disk NAME"),
        (&["-i", full, "--disk", "vda"], 2, "--disk is for the folder that -i names"),
        (&["-i", set, "--disk", "vda", "--until", "2026-11-25T22:34:07Z"], 2, "leave out the Z"),
    ] {
        let output = sets.start("lvpatch", &[&["--device", "image"], words].concat());
        let stderr = expect(&output, code);
        let expected = sets.run("lvpatch", &[&["--device", "image"], words].concat()).stderr;
        let expected = expected.replace(&format!("{}/", sets.0.path().display()), "");
        for line in expected.lines() {
            assert!(stderr.contains(&format!("lvpatch: {line}")), "{line}: {stderr}");
        }
        assert!(stderr.contains(said), "{said}: {stderr}");
        assert!(output.stdout.is_empty() && !sets.path("image").exists(), "{stderr}");
    }
    expect(&sets.start("lvpatch", &["--device", "image", "-i", set, "--disk", "vdb"]), 0);
    let truth = steps(&sets, set).into_iter().rfind(|step| step.disk == "vdb").unwrap();
    assert_eq!(sha256(&sets.path("image")), truth.sha256);
}

#[test]
fn a_flipped_byte_is_noticed_where_a_checksum_lies_beside_it() {
    let sets = Sets::new();
    let (full, sum) = ("v2.47/plain/vda.full.data", "v2.47/plain/vda.full.data.chksum");
    // Text and JSON, of one stream and of several, say the same.
    let info = |is_there: bool| {
        let other = "v2.47/plain/vdb.full.data";
        for (arguments, is_json) in [
            (&["--info", full][..], false),
            (&["--info", "--json", full], true),
            (&["--info", "-i", full], false),
            (&["--info", "--json", "-i", full], true),
            (&["--info", "--json", full, other], true),
        ] {
            let output = sets.start("lvpatch", arguments);
            let stderr = expect(&output, 0);
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(stderr.contains("no checksums"), !is_there, "{arguments:?}: {stderr}");
            assert_eq!(text.contains("no checksums"), !is_there, "{arguments:?}: {text}");
            if is_json {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                let one = &json["streams"][0];
                let lacks = one["lacks"].as_array().unwrap();
                assert_eq!(lacks.len(), if is_there { 1 } else { 2 }, "{arguments:?}: {text}");
            }
        }
    };
    let mut bytes = fs::read(sets.path(full)).unwrap();
    assert!(!sets.apply(&["-i", full]).1.contains("no checksums"));
    info(true);
    bytes[5000] ^= 1;
    fs::write(sets.path(full), &bytes).unwrap();
    sets.refused(&["-i", full], 4, &[full, sum, "Adler-32"]);
    sets.refused(&["-i", "v2.47/plain", "--disk", "vda", "--until", "virtnbdbackup.0"], 4, &[sum]);
    sets.run("lvpatch", &["--verify", "-i", full]).expect(4);
    sets.run("lvdiff", &["--convert", "-i", full, "-o", "ours"]).expect(4);
    assert!(!sets.path("ours").exists());
    for odd in [&b""[..], b"0x12", b"-1", b"4294967296", b"\x1b[2J", &[b'1'; 100]] {
        fs::write(sets.path(sum), odd).unwrap();
        sets.refused(&["-i", full], 4, &[sum, "decimal digits"]);
    }
    fs::remove_file(sets.path(sum)).unwrap();
    nix::unistd::mkfifo(&sets.path(sum), nix::sys::stat::Mode::S_IRWXU).unwrap();
    sets.refused(&["-i", full], 4, &[sum]);
    // Where there is none, that is said; and of standard input, whose name nobody knows.
    fs::remove_file(sets.path(sum)).unwrap();
    assert!(sets.apply(&["-i", full]).1.contains("no checksums"));
    info(false);
}

#[test]
fn one_behind_another_in_a_pipe_is_a_chain() {
    let sets = Sets::new();
    let steps = steps(&sets, "v2.47/plain");
    let files = &steps.iter().rfind(|step| step.disk == "vda").unwrap().files;
    let cat = |files: &[String]| {
        let bytes = files.iter().map(|file| fs::read(sets.path(file)).unwrap());
        fs::write(sets.path("all"), bytes.collect::<Vec<_>>().concat()).unwrap();
    };
    let fed = |arguments: &[&str]| {
        let mut command = Command::new(programs::dir().unwrap().join("lvpatch"));
        let mut cat =
            Command::new("cat").arg(sets.path("all")).stdout(Stdio::piped()).spawn().unwrap();
        command.current_dir(sets.0.path()).args(arguments).stdin(cat.stdout.take().unwrap());
        let output = command.output().unwrap();
        _ = cat.wait();
        output
    };
    cat(files);
    let verified = fed(&["--verify"]);
    expect(&verified, 0);
    assert!(String::from_utf8_lossy(&verified.stdout).contains("the 6 streams are sound"));
    expect(&fed(&["--device", "image"]), 0);
    assert_eq!(
        sha256(&sets.path("image")),
        steps.iter().rfind(|s| s.disk == "vda").unwrap().sha256
    );
    let info = sets.start("lvpatch", &["--info", "all"]);
    assert_eq!(String::from_utf8_lossy(&info.stdout).matches("all, stream ").count(), 6);
    cat(&[files[0].clone(), files[2].clone()]);
    expect(&fed(&["--verify"]), 3);
    cat(&[files[0].clone(), "v2.47/plain/vdb.inc.virtnbdbackup.1.data".into()]);
    expect(&fed(&["--verify"]), 3);
}

#[test]
fn a_table_shows_the_chains_of_a_folder() {
    let sets = Sets::new();
    let info = |arguments: &[&str]| {
        let output = sets.start("lvpatch", &[&["--info"], arguments].concat());
        expect(&output, 0);
        String::from_utf8(output.stdout).unwrap()
    };
    for set in ["v1.9.15/plain", "v2.47/plain"] {
        let table = info(&[set, "--disk", "vda"]);
        let (chain, others) = table.split_once("-- the chain breaks here").unwrap();
        let names: Vec<_> =
            chain.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
        let expected =
            &steps(&sets, set).into_iter().rfind(|step| step.disk == "vda").unwrap().files;
        assert_eq!(names, *expected, "{table}");
        assert_eq!(others.matches("vda.diff.").count(), 2, "{table}");
        assert_eq!(info(&[set]).matches("vdb.inc.").count(), 5);
    }
    let table = info(&["v2.47/plain"]);
    assert!(table.contains("  virtnbdbackup.4  vda "), "{table}");
    assert!(table.contains("2026-11-25T22:34:45 local\n"), "{table}");
    let one = info(&["v2.47/plain/vda.full.data"]);
    assert!(one.contains("Made at:      2026-11-25T22:34:00.631188, local time"), "{one}");
    let json = info(&["--json", "v2.47/plain", "--disk", "vda"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let json = &json["streams"];
    assert_eq!(json[0]["made_at_local_time"], "2026-11-25T22:34:00.631188");
    assert!(json[5]["breaks"].is_null() && json[6]["breaks"].is_string(), "{json}");
}
