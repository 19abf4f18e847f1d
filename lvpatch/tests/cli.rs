//! The command line: help, `--info`, `--verify`, and what is refused before anything is looked up.

use assert_cmd::Command;
use hyperlayer::{BaseDigest, DigestKind, Encoder, Header, Identity, Volume};

fn lvpatch(arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("lvpatch").unwrap();
    let output = command.env_remove("COLUMNS").args(arguments).write_stdin(stdin).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn stream() -> Vec<u8> {
    stream_between(("sp0", "uuid-1"), ("vol0", "uuid-2"))
}

fn stream_between(base: (&str, &str), target: (&str, &str)) -> Vec<u8> {
    let volume =
        |(name, uuid): (&str, &str)| Volume { name: name.into(), uuid: uuid.into(), size: 1 << 20 };
    let header = Header {
        target: volume(target),
        base: Some(volume(base)),
        chunk_size: 65536,
        pairs: vec![
            ("Author".into(), "Someone".into()),
            ("Message".into(), "two\nlines \u{1b}[31m".into()),
        ],
        detect_level: 1,
        extents: 2,
        changed_bytes: 131_072,
        unmapped_bytes: 65536,
        tool: "test".into(),
        created: 1_795_219_200,
        undo: false,
        base_origin: String::new(),
        identity: Identity::default(),
        rest: false,
    };
    let (kind, digest) = (DigestKind::Bytes, [0xab; 32]);
    let digest = BaseDigest { offset: 0, length: 65536, kind, digest };
    let mut encoder = Encoder::new(Vec::new(), &header, &[digest]).unwrap();
    encoder.data(0, &[7; 65536]).unwrap();
    encoder.zero(65536, 65536).unwrap();
    encoder.discard(262_144, 65536).unwrap();
    encoder.finish().unwrap().0
}

#[test]
fn help_tells_all_of_it() {
    let (code, help, _) = lvpatch(&["--help"], b"");
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(help);
}

#[test]
fn info_tells_the_header_and_escapes_what_a_terminal_would_obey() {
    let (code, text, stderr) = lvpatch(&["--info"], &stream());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(text);
    let (code, json, _) = lvpatch(&["--info", "--json"], &stream());
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(json);
}

#[test]
fn info_needs_the_header_alone() {
    let stream = stream();
    let (code, text, _) = lvpatch(&["--info"], &stream[..stream.len() / 2]);
    assert_eq!(code, Some(0));
    assert!(text.contains("vol0"));
    assert_eq!(lvpatch(&["--info"], &stream[..100]).0, Some(4));
}

#[test]
fn verify_reads_all_of_it() {
    let stream = stream();
    let (code, text, stderr) = lvpatch(&["--verify"], &stream);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(text);
    assert_eq!(lvpatch(&["--verify", "-q"], &stream), (Some(0), String::new(), String::new()));

    let (code, text, stderr) = lvpatch(&["--verify"], &stream[..stream.len() - 1]);
    assert_eq!((code, text.as_str()), (Some(4), ""));
    assert!(stderr.contains("cut"), "{stderr}");
    let mut flipped = stream.clone();
    flipped[stream.len() - 1000] ^= 1;
    assert_eq!(lvpatch(&["--verify"], &flipped).0, Some(4));
    let doubled = [stream.clone(), stream].concat();
    let (code, _, stderr) = lvpatch(&["--verify"], &doubled);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("stream 2 (vol0) does not follow"), "{stderr}");
    let (code, _, stderr) = lvpatch(&["--verify"], b"");
    assert_eq!(code, Some(4));
    assert!(stderr.contains("the input is empty"), "{stderr}");
    assert_eq!(lvpatch(&["--verify"], b"HYPERLAYER/3.0\nName: x\n\n").0, Some(4));
}

#[test]
fn the_version_names_the_streams_version() {
    let (code, version, _) = lvpatch(&["--version"], b"");
    let expected = concat!("lvpatch ", env!("CARGO_PKG_VERSION"), " (HYPERLAYER/2.0)\n");
    assert_eq!((code, version.as_str()), (Some(0), expected));
}

#[test]
fn wrong_usage_is_exit_2() {
    for arguments in [
        &["--json"][..],
        &["--info", "--verify"],
        &["--info", "file", "-i", "file"],
        &["--info", "--size", "1M"],
        &["--verify", "file", "-i", "file"],
        &["--each", "new"],
        &["--in-place"],
        &["--backup", "undo"],
        &["--partial"],
        &["--until", "25:00"],
        &["--verify", "-g", "vg1"],
        &["--device", "x", "-l", "sp0"],
        &["--no-such-option"],
        &["one", "two"],
    ] {
        let (code, stdout, stderr) = lvpatch(arguments, b"");
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_size_that_the_stream_says_itself_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    std::fs::write(&image, [1; 4096]).unwrap();
    for arguments in [&["--verify"][..], &["--device", image.to_str().unwrap()]] {
        let (code, stdout, stderr) = lvpatch(&[arguments, &["--size", "1M"]].concat(), &stream());
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("leave out --size"), "{stderr}");
    }
    assert_eq!(std::fs::read(&image).unwrap(), [1; 4096]);
}

#[test]
fn a_device_that_does_not_fit_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    std::fs::write(&image, [1; 4096]).unwrap();
    let path = image.to_str().unwrap();
    let (code, _, stderr) = lvpatch(&["--device", path], &stream());
    assert_eq!(code, Some(3));
    assert!(stderr.contains("4096 bytes") && stderr.contains("1048576"), "{stderr}");
    assert_eq!(std::fs::read(&image).unwrap(), [1; 4096]);
    let (code, _, stderr) = lvpatch(&["--device", "/no/such/file"], &stream());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/no/such/file"), "{stderr}");
}

#[test]
fn quiet_is_silent_but_warns_of_what_cannot_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, undo, file) = (path("image"), path("undo"), path("stream"));
    std::fs::write(&file, stream()).unwrap();
    let apply = |arguments: &[&str]| {
        std::fs::write(&image, vec![0; 1 << 20]).unwrap();
        let arguments =
            [&["--device", &image, "-i", &file, "--no-base-check"][..], arguments].concat();
        let (code, stdout, stderr) = lvpatch(&arguments, b"");
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
        stderr
    };
    let stderr = apply(&["-q"]);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("warning: ") && stderr.contains("without a backup"), "{stderr}");
    assert_eq!(apply(&["-q", "--backup", &undo]), "");
    assert_eq!(apply(&[]).lines().count(), 2, "the warning and the summary");
}

#[test]
fn a_damaged_file_leaves_no_new_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let header =
        Header { base: None, changed_bytes: 2 << 20, ..hyperlayer::testing::header(4 << 20) };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    encoder.data(0, &[7; 1 << 20]).unwrap();
    encoder.data(2 << 20, &[8; 1 << 20]).unwrap();
    let stream = encoder.finish().unwrap().0;
    let mut damaged = stream.clone();
    let last = damaged.iter().rposition(|&byte| byte == 8).unwrap();
    damaged[last] = 9;
    let cut = &stream[..stream.len() - 1];
    let arguments = ["--device", &path("image"), "-i", &path("stream")];
    for bytes in [&damaged[..], cut] {
        std::fs::write(path("stream"), bytes).unwrap();
        let (code, _, stderr) = lvpatch(&arguments, b"");
        assert_eq!(code, Some(4), "{stderr}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "{stderr}");
    }
    std::fs::write(path("stream"), &stream).unwrap();
    assert_eq!(lvpatch(&arguments, b"").0, Some(0));
    let mut expected = vec![0; 4 << 20];
    expected[..1 << 20].fill(7);
    expected[2 << 20..3 << 20].fill(8);
    assert!(std::fs::read(path("image")).unwrap() == expected);
}

#[test]
fn several_streams_are_a_table_in_the_order_of_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, streams: &[Vec<u8>]| {
        let path = folder.path().join(name);
        std::fs::write(&path, streams.concat()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (a, b, c, d) = (("a", "u-a"), ("b", "u-b"), ("c", "u-c"), ("d", "u-d"));
    let late = write("late", &[stream_between(c, d)]);
    let early = write("early", &[stream_between(a, b), stream_between(b, c)]);
    let places = |text: &str| -> Vec<String> {
        let word = |line: &str| {
            let end = line.find("  ").unwrap_or(line.len());
            line[..end].rsplit('/').next().unwrap().to_owned()
        };
        text.lines().skip(1).map(word).collect()
    };
    let (code, text, stderr) = lvpatch(&["--info", &late, &early], b"");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(places(&text), ["early, stream 1", "early, stream 2", "late"], "{text}");
    assert!(text.lines().next().unwrap().ends_with("MADE AT"), "{text}");
    assert!(!text.contains("u-b"), "{text}");
    let (_, text, _) = lvpatch(&["--info", "-v", &late, &early], b"");
    let uuids: Vec<_> = text.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert_eq!(uuids, ["UUID", "u-b", "u-c", "u-d"], "{text}");

    let gap = write("gap", &[stream_between(a, b)]);
    let (code, text, _) = lvpatch(&["--info", &late, &gap], b"");
    assert_eq!(code, Some(3));
    assert!(text.contains("-- the chain breaks here: its base is "), "{text}");
    let (code, json, _) = lvpatch(&["--info", "--json", &late, &gap], b"");
    assert_eq!(code, Some(3));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let json = &json["streams"];
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert!(json[1]["breaks"].as_str().unwrap().contains("expected"), "{json}");
    assert_eq!(json[0]["breaks"], serde_json::Value::Null);

    let cut = write("cut", &[stream_between(a, b)[..1000].to_vec()]);
    let (code, _, stderr) = lvpatch(&["--info", &early, &cut], b"");
    assert_eq!(code, Some(4));
    assert!(stderr.contains("/cut: "), "{stderr}");
}
