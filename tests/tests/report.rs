//! What the programs tell a program that starts them: `--report`, and progress in lines. No kernel, no
//! LVM, no root.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use hyperlayer::{Decoder, Records};
use serde_json::Value;
use system_tests::damage::flaws;
use system_tests::forge::{Frame, Header, stream};
use system_tests::programs;

const SIZE: u64 = 1 << 20;

/// A folder with a pool's metadata, an image, a stream for it, and one that is cut.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let whole = stream(&Header::of_size(SIZE), &[Frame::data(0, &[1; 65536])]);
        fs::write(place.path("cut"), &whole[..whole.len() - 1]).unwrap();
        fs::write(place.path("stream"), whole).unwrap();
        fs::write(place.path("image"), vec![0x5a; SIZE as usize]).unwrap();
        let flaw = flaws().find(|flaw| flaw.name == "superblock-needs-check").unwrap();
        fs::write(place.path("metadata"), flaw.sound().unwrap()).unwrap();
        fs::write(place.path("data"), vec![3; 64 << 20]).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bash(&self, line: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", programs::dir().unwrap().display());
        let mut command = Command::new("bash");
        command.args(["-c", line]).env("PATH", path).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a line, which ends with `code`, and yields its report: the last line on stderr.
    #[track_caller]
    fn report(&self, line: &str, code: i32) -> Value {
        let output = self.bash(line);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let report: Value = serde_json::from_str(stderr.lines().last().unwrap()).expect(&stderr);
        assert_eq!(report["exit_code"], code, "{report}");
        assert_eq!(report["error"].is_null(), code == 0, "{report}");
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"), "{report}");
        check_documented(&report);
        report
    }
}

/// Every field, and every kind of error, stands in the document.
#[track_caller]
fn check_documented(report: &Value) {
    const DOCUMENT: &str = include_str!("../../docs/report.md");
    let stands = |word: &str| assert!(DOCUMENT.contains(&format!("`{word}`")), "{word}");
    match report {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            stands(name);
            check_documented(value);
        }),
        Value::Array(values) => values.iter().for_each(check_documented),
        _ => {}
    }
    for word in [&report["error"]["kind"], &report["action"]] {
        word.as_str().into_iter().for_each(stands);
    }
}

#[test]
fn a_stream_is_told_of_as_it_came_out() {
    let place = Place::new();
    let report = place.report("lvdiff --report json --metadata metadata --data data 1 > full", 0);
    assert_eq!((&report["program"], &report["action"]), (&"lvdiff".into(), &"diff".into()));
    let wrote = &report["result"];
    let bytes = fs::read(place.path("full")).unwrap();
    assert_eq!(wrote["bytes"], bytes.len());
    let sha1 = String::from_utf8(place.bash("sha1sum < full").stdout).unwrap();
    assert_eq!(wrote["sha1"], sha1.split_whitespace().next().unwrap());

    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    let header = decoder.header().clone();
    let totals = decoder.finish().unwrap();
    let told = &wrote["streams"][0];
    assert_eq!((&told["base"], &told["format"]), (&Value::Null, &"hyperlayer-2.0".into()));
    assert_eq!(told["volume"]["name"], header.target.name);
    assert_eq!(told["volume"]["size"], header.target.size);
    assert_eq!(told["data_bytes"], totals.data_bytes);
    assert!(totals.data_bytes > 0);
    let digest = blake3::Hash::from(decoder.stream_digest().unwrap()).to_string();
    assert_eq!(told["digest"], digest);

    // The other side says the same of it.
    let report = place.report("lvpatch --report json --device new < full", 0);
    let made = &report["result"]["made"];
    assert_eq!((&made[0]["name"], &made[0]["uuid"]), (&"new".into(), &Value::Null));
    assert_eq!(made[0]["digest"], digest);
    assert_eq!((&made[0]["streams"], &made[0]["end_is_verified"]), (&1.into(), &true.into()));
    assert_eq!(made[0]["data_bytes"], totals.data_bytes);
    assert_eq!(made.as_array().unwrap().len(), 1);
}

#[test]
fn every_action_has_its_name_and_what_it_found() {
    let place = Place::new();
    let offline = "lvdiff --metadata metadata --data data -q";
    let merged = format!(
        "{offline} 1 -o full && {offline} 1 2 -o diff && lvdiff --merge full diff --report json -o one"
    );
    let merged = place.report(&merged, 0);
    assert_eq!(merged["action"], "merge");
    let bytes = fs::read(place.path("one")).unwrap();
    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    let told = &merged["result"]["streams"][0];
    assert_eq!(told["data_bytes"], decoder.finish().unwrap().data_bytes);
    assert_eq!((&told["base"], &told["volume"]["name"]), (&Value::Null, &"thin-2".into()));
    let converted = "lvdiff --metadata metadata --data data --format thin-send 1 -q -o ts && \
                     lvdiff --convert -i ts --size 64M vol -o ours --report json";
    let converted = place.report(converted, 0);
    assert_eq!(converted["action"], "convert");
    let bytes = fs::read(place.path("ours")).unwrap();
    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    decoder.finish().unwrap();
    let digest = blake3::Hash::from(decoder.stream_digest().unwrap()).to_string();
    assert_eq!(converted["result"]["streams"][0]["digest"], digest);
    assert_eq!(converted["result"]["streams"][0]["volume"]["name"], "vol");

    let listed = place.report("lvdiff --report json --metadata metadata --list 1", 0);
    assert_eq!((&listed["action"], &listed["result"]), (&"list".into(), &Value::Null));
    let verified = place.report("lvpatch --report json --verify < stream", 0);
    assert_eq!(verified["action"], "verify");
    assert_eq!(verified["result"]["records"], 1);
    let described = place.report("lvpatch --report=json --info < stream", 0);
    assert_eq!(described["action"], "info");
}

#[test]
fn an_error_has_its_kind_and_the_words_for_people() {
    let place = Place::new();
    let cases = [
        (4, "stream", "lvpatch --report json --verify < cut"),
        (1, "failed", "lvpatch --report json --device nowhere < stream"),
        (2, "usage", "lvpatch --report json --device image --backup b --check < stream"),
        (2, "usage", "lvdiff --nothing --report=json"),
        (2, "usage", "lvdiff --report json a b c"),
        (1, "failed", "lvpatch --report json --verify -i nowhere"),
        (5, "metadata", "lvdiff --report json --metadata image --list 1"),
        (
            7,
            "no-space",
            "(ulimit -f 1; lvdiff --report json --merge stream > full 2> said); \
                         code=$?; cat said >&2; exit $code",
        ),
        (
            1,
            "interrupted",
            "(sleep 1; kill -TERM $BASHPID) | exec lvpatch --report json --verify & \
                            sleep 0.5; kill -TERM $!; wait $!",
        ),
    ];
    for (code, kind, line) in cases {
        let report = place.report(line, code);
        assert_eq!(report["error"]["kind"], kind, "{line}: {report}");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains("error: "), "{line}: {message}");
        assert!(report["result"].is_null() || report["result"]["made"] == Value::Array(vec![]));
    }
    // People read the same words before it.
    let output = place.bash("lvpatch --report json --verify < cut");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let report: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(
        stderr.lines().next().unwrap(),
        format!("lvpatch: {}", report["error"]["message"].as_str().unwrap())
    );
}

#[test]
fn warnings_are_told() {
    let place = Place::new();
    let report = place.report("lvpatch --report json --no-base-check --device image < stream", 0);
    let output = place.bash("lvpatch --no-base-check --device image < stream");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let said = stderr.lines().filter_map(|line| line.strip_prefix("lvpatch: warning: "));
    let said: Vec<_> = said.map(Value::from).collect();
    assert_eq!(report["warnings"], Value::Array(said));
}

#[test]
fn a_file_takes_the_report_and_is_made_before_the_work() {
    let place = Place::new();
    let read =
        || -> Value { serde_json::from_slice(&fs::read(place.path("report")).unwrap()).unwrap() };
    let output = place.bash("lvpatch -q --report-file report --verify < stream");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    assert_eq!(read()["action"], "verify");
    let output = place.bash("lvpatch --report-file report --verify < cut");
    assert_eq!((output.status.code(), &read()["exit_code"]), (Some(4), &4.into()));
    let output = place.bash("lvpatch --report-file report --nothing");
    assert_eq!((output.status.code(), &read()["action"]), (Some(2), &Value::Null));
    let output = place.bash("lvpatch --verify --report-file /dev/fd/3 < stream 3> report");
    assert_eq!((output.status.code(), &read()["exit_code"]), (Some(0), &0.into()));

    // Where it cannot be made, nothing is done.
    for file in ["nowhere/report", "-"] {
        let line = format!("lvpatch --report-file {file} --no-base-check --device image < stream");
        let output = place.bash(&line);
        assert_ne!(output.status.code(), Some(0));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("--report-file"), "{stderr}");
        assert!(fs::read(place.path("image")).unwrap().iter().all(|&byte| byte == 0x5a));
    }
}

#[test]
fn progress_comes_in_lines_where_there_is_no_terminal() {
    let place = Place::new();
    let lines = |line: &str| {
        let output = place.bash(line);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        stderr.lines().map(String::from).collect::<Vec<_>>()
    };
    let diff = |when: &str| {
        lines(&format!("lvdiff -q --no-sha1 {when} --metadata metadata --data data 1 > full"))
    };
    assert!(diff("").is_empty());
    assert!(diff("--progress auto").is_empty());
    assert!(diff("--progress never").is_empty());
    let said = diff("--progress always");
    assert!(said.len() >= 2 && said[0].contains("lvdiff: sending 0 bytes of "), "{said:?}");

    let said = diff("--progress json");
    let said: Vec<Value> = said.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, last) = (&said[0]["progress"], &said[said.len() - 1]["progress"]);
    assert_eq!(first["bytes"], 0);
    assert!(last["bytes"].as_u64().unwrap() > 0);
    assert_eq!(last["bytes"], last["of"]);
    assert_eq!(first["of"], last["of"]);
}
