//! The command line: help, and what is refused before anything is looked up.

use assert_cmd::Command;

fn lvdiff(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::cargo_bin("lvdiff")
        .unwrap()
        .env_remove("COLUMNS")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn refused(arguments: &[&str], word: &str) {
    let (code, stdout, stderr) = lvdiff(arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    assert!(stderr.contains(word), "{arguments:?}: {stderr}");
}

#[test]
fn help_tells_all_of_it() {
    let (code, help, _) = lvdiff(&["--help"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(help);
}

#[test]
fn the_version_names_the_streams_version() {
    let (code, version, _) = lvdiff(&["--version"]);
    let expected = concat!("lvdiff ", env!("CARGO_PKG_VERSION"), " (HYPERLAYER/2.0)\n");
    assert_eq!((code, version.as_str()), (Some(0), expected));
}

#[test]
fn wrong_usage_is_exit_2_and_says_why() {
    refused(&[], "no volume is named");
    refused(&["a", "b", "c"], "unexpected argument 'c'");
    refused(&["--metadata", "x", "-d", "2", "3"], "-d 2 of a single volume: there is no base");
    refused(&["--list", "--metadata", "x", "-d", "1", "3"], "-d 1 of a single volume");
    refused(&["--granularity", "4K", "--metadata", "x", "3"], "--granularity of a single volume");
    refused(&["-R", "a", "b"], "cannot be used with");
    refused(&["-R", "--metadata", "x", "3"], "cannot be used with");
    refused(&["-R", "--merge", "x", "y"], "cannot be used with");
    refused(&["-R", "--list"], "name of a classic snapshot");
    refused(
        &["--metadata", "x", "--size", "1M", "--base-size", "1M", "3"],
        "--base-size of a single",
    );
    refused(&["--list", "-d", "3"], "-d 3 for a list");
    refused(&["--list", "--snapshot"], "name of a volume");
    refused(&["--base-size", "1M", "1", "2"], "--metadata");
    refused(&["-d", "4", "a", "b"], "4 is not in 0..=3");
    refused(&["--pair", "no colon", "a", "b"], "no colon");
    refused(&["--pair", ": x", "a", "b"], "no key");
    refused(&["--json", "a", "b"], "--list");
    refused(&["--data", "x", "1", "2"], "--metadata");
    refused(&["--metadata", "x", "-g", "vg0", "1", "2"], "cannot be used with");
    refused(&["--metadata", "x", "1", "2"], "add --data FILE");
    refused(&["--metadata", "x", "--list", "a", "2"], "thin id");
    refused(&["--metadata", "x", "--list", "1", "16777216"], "16777215");
    refused(&["--metadata", "x", "--size", "100", "--list", "1", "2"], "512");
    refused(&["--granularity", "3K", "a", "b"], "power of two");
    refused(&["--granularity", "256", "a", "b"], "power of two");
    refused(&["--compress", "gzip", "a", "b"], "zstd");
    refused(&["--compress", "zstd:23", "a", "b"], "1 to 22");
    refused(&["--bwlimit", "0", "a", "b"], "nothing would ever be written");
    refused(&["--list", "--granularity", "4K", "a", "b"], "cannot be used with");
    refused(&["--list", "-o", "x", "a", "b"], "cannot be used with");
    refused(&["--summary", "--list", "a", "b"], "cannot be used with");
    refused(&["a/b/c", "d"], "not the name of a logical volume");
    refused(&["--", "--foo", "d"], "not the name of a logical volume");
    refused(&["--merge"], "a value is required");
    refused(&["a", "b", "--merge", "d1"], "cannot be used with");
    for option in ["-g=vg0", "-p=p", "-d=0", "--granularity=4K", "--snapshot", "--list"] {
        refused(&[option, "--merge", "d1", "d2"], "cannot be used with");
    }
    refused(&["--metadata", "x", "--merge", "d1", "d2"], "cannot be used with");
    refused(&["--force-release", "--merge", "d1", "d2"], "cannot be used with");
    refused(&["--merge", "/dev/null", "d2"], "/dev/null is not a regular file");
    for option in ["--format=thin-send", "--map=borg"] {
        refused(&[option, "--merge", "d1", "d2"], "cannot be used with");
    }
    let long = format!("key:{}", "x".repeat(100_000));
    let mut arguments = vec!["a", "b"];
    arguments.extend([["--pair", &long]; 6].as_flattened());
    refused(&arguments, "the pairs take");
}

/// Options of a stream, which nothing that is printed takes.
const OF_STREAMS: [&str; 13] = [
    "-ox",
    "--pair=a:b",
    "--head=x",
    "--granularity=4K",
    "--compress=zstd",
    "--bwlimit=1M",
    "--no-sha1",
    "--roots",
    "--root-cache=x",
    "--rest-from=1",
    "--format=thin-send",
    "--merge=x",
    "--convert",
];

#[test]
fn a_list_of_the_devices_in_metadata_takes_nothing_that_needs_a_volume() {
    let list = |options: &[&'static str], word| {
        refused(&[&["--list", "--metadata", "/no/such/file"], options].concat(), word);
    };
    list(&["--size", "1M"], "--size needs the thin id of a volume");
    list(&["--size", "1M", "--base-size", "1M"], "--base-size for a list");
    list(&["--base-size", "1M"], "with --size");
    list(&["--data", "x"], "--data needs the thin id of a volume");
    list(&["-d", "1"], "-d 1 for a list");
    for map in ["json", "thin-delta", "borg", "rbd"] {
        list(&["--map", map], "--map needs the name of a volume");
    }
    let of_machine = ["-R", "--snapshot", "-gvg0", "-ppool0", "--force-release"];
    for option in of_machine.into_iter().chain(OF_STREAMS) {
        list(&[option], "cannot be used with");
    }
    refused(&["--metadata", "/no/such/file"], "no volume is named");
    refused(&["--metadata", "/no/such/file", "--json"], "--list");
    // These options are allowed, so the metadata is looked for.
    for options in [&[][..], &["--json"], &["--direct"], &["-d", "0"]] {
        let list = [&["--list", "--metadata", "/no/such/file"], options].concat();
        let (code, stdout, stderr) = lvdiff(&list);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains("metadata /no/such/file"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_summary_takes_what_a_list_takes() {
    refused(&["--summary", "--map", "borg", "a", "b"], "cannot be used with");
    refused(&["--summary", "-d", "3"], "-d 3 for a list");
    refused(&["--summary", "--snapshot"], "name of a volume");
    refused(&["--summary", "-R"], "name of a classic snapshot");
    refused(&["--summary", "a/b/c", "d"], "not the name of a logical volume");
    for options in [&[][..], &["--json"], &["--direct"], &["-d", "1"]] {
        let of_all = [&["--summary", "--metadata", "/no/such/file"], options].concat();
        refused(&of_all, "which volume is a snapshot of which");
    }
    for option in OF_STREAMS {
        refused(&["--summary", option], "cannot be used with");
    }
    let (code, _, stderr) = lvdiff(&["--metadata", "/no/such/file", "--summary", "1", "2"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("metadata /no/such/file"), "{stderr}");
}

#[test]
fn what_other_formats_cannot_carry_is_refused() {
    refused(&["--format", "hyperlayer-3.0", "a", "b"], "hyperlayer-1.0, thin-send");
    refused(&["--format", "thin-send", "--list", "a", "b"], "cannot be used with");
    for format in ["hyperlayer-1.0", "thin-send"] {
        refused(
            &["--format", format, "--compress", "zstd", "a", "b"],
            "its data is not compressed",
        );
        refused(&["--format", format, "--granularity", "4K", "a", "b"], "made of whole chunks");
    }
    refused(&["--format", "hyperlayer-1.0", "a"], "a single volume with --format hyperlayer-1.0");
    refused(&["--format", "hyperlayer-1.0", "--pair", "Name:x", "a", "b"], "a key of the header");
    refused(&["--format", "hyperlayer-1.0", "--pair", "a:x\ny", "a", "b"], "one line");
    refused(&["--format", "thin-send", "-d", "0", "a", "b"], "carries no proof of the base");
    refused(&["--format", "thin-send", "--pair", "a:b", "a", "b"], "has no header");
    refused(&["--format", "thin-send", "--head", "x", "a", "b"], "has no header");
    refused(&["--map", "borg", "a", "b"], "--list");
    refused(&["--list", "--map", "xml", "a", "b"], "thin-delta, borg, rbd");
    refused(&["--list", "--map", "borg", "--json", "a", "b"], "cannot be used with");
    refused(&["--list", "--map", "borg"], "needs the name of a volume");
    refused(&["--list", "--map", "thin-delta", "a"], "compares two volumes");
}

#[test]
fn lines_of_a_head_are_named_if_they_are_no_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head");
    let head = path.to_str().unwrap();
    std::fs::write(&path, "# notes\na: 1\n\nno pair\n").unwrap();
    refused(&["--head", head, "a", "b"], &format!("--head {head}, line 4: there is no colon"));
    refused(&["--list", "--head", head, "a", "b"], "cannot be used with");
    std::fs::write(&path, format!("a: {}\n", "x".repeat(512 << 10))).unwrap();
    refused(&["--head", head, "a", "b"], "more than 524288 bytes");
    // Files and the command line share one limit.
    std::fs::write(&path, format!("a: {}\n", "x".repeat(500 << 10))).unwrap();
    let long = format!("key:{}", "x".repeat(20_000));
    refused(&["--head", head, "--pair", &long, "a", "b"], "the pairs take");
    let (code, _, stderr) = lvdiff(&["--head", "/no/such/head", "a", "b"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("--head /no/such/head"), "{stderr}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (code, _, stderr) = lvdiff(&["--metadata", "/no/such/file", "--list", "1", "2"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/no/such/file") && stderr.lines().count() == 1, "{stderr}");
}
