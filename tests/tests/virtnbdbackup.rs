//! Real streams of virtnbdbackup: every step of every set makes what the disk was, and what does not
//! belong together is refused. The oracle is the disks' SHA-256 when the streams were made. No kernel,
//! no LVM, no root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use system_tests::programs;

/// A folder with all sets in it, and a place for images.
struct Sets(tempfile::TempDir);

impl Sets {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/virtnbdbackup.tar.zst");
        let mut bytes = Vec::new();
        let file = File::open(path).unwrap();
        ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
        let sets = Self(tempfile::tempdir().unwrap());
        let mut rest = bytes.as_slice();
        // The tar format: blocks of 512 bytes, a name in the first one, its content in those after it.
        while let Some((head, after)) = rest.split_at_checked(512).filter(|(head, _)| head[0] != 0)
        {
            let text = |from: usize, to: usize| {
                let field = head[from..to].split(|byte| *byte == 0).next().unwrap();
                std::str::from_utf8(field).unwrap().trim()
            };
            let (name, size) = (text(0, 100), usize::from_str_radix(text(124, 136), 8).unwrap());
            let path = sets.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &after[..size]).unwrap();
            rest = &after[size.next_multiple_of(512)..];
        }
        sets
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join(program));
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Applies streams to a new image, whose SHA-256 it yields.
    #[track_caller]
    fn apply(&self, arguments: &[&str]) -> (String, String) {
        _ = fs::remove_file(self.path("image"));
        let stderr = expect(&self.run("lvpatch", &[&["--device", "image"], arguments].concat()), 0);
        (sha256(&self.path("image")), stderr)
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        _ = fs::remove_file(self.path("image"));
        let output = self.run("lvpatch", &[&["--device", "image"], arguments].concat());
        let stderr = expect(&output, code);
        for word in words {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
        assert!(!self.path("image").exists(), "{stderr}");
    }
}

fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// A step of a set: what disk, what its SHA-256 was, and the files that lead there.
struct Step {
    disk: String,
    number: usize,
    sha256: String,
    files: Vec<String>,
    is_differential: bool,
}

/// The steps of a set, as its TRUTH has them.
fn steps(sets: &Sets, set: &str) -> Vec<Step> {
    let mut names: Vec<_> = fs::read_dir(sets.path(set))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".data"))
        .collect();
    names.sort();
    let mut taken: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in fs::read_to_string(sets.path(&format!("{set}/TRUTH"))).unwrap().lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [sha256, _size, disk, step] = words[..] else { panic!("{line}") };
        let (number, level) = step.strip_prefix("step").unwrap().split_once('-').unwrap();
        if disk == "vdc" {
            continue; // a raw one, which virtnbdbackup leaves out
        }
        let level = ["full", "copy", "inc", "diff"].into_iter().find(|one| *one == level).unwrap();
        let count = taken.entry((disk.into(), level)).or_default();
        let begin = format!("{disk}.{level}.");
        let name = names.iter().filter(|name| name.starts_with(&begin)).nth(*count).unwrap();
        *count += 1;
        let chain = chains.entry(disk.into()).or_default();
        let files = [&chain[..], &[format!("{set}/{name}")]].concat();
        if level != "diff" {
            chain.clone_from(&files);
        }
        steps.push(Step {
            disk: disk.into(),
            number: number.parse().unwrap(),
            sha256: sha256.into(),
            files,
            is_differential: level == "diff",
        });
    }
    steps
}

const SETS: [&str; 6] =
    ["v1.9.15/plain", "v1.9.15/trim", "v2.47/copy", "v2.47/nosparse", "v2.47/plain", "v2.47/trim"];

fn inputs(files: &[String]) -> Vec<&str> {
    files.iter().flat_map(|file| ["-i", file]).collect()
}

/// The text of the warning that ranges may be missing.
const LEFT_OUT: &str = "new holes may be missing";

#[test]
fn every_step_of_every_set_makes_what_the_disk_was() {
    let sets = Sets::new();
    let mut stale = Vec::new();
    for set in SETS {
        for step in steps(&sets, set) {
            let case = format!("{set} {} step {}", step.disk, step.number);
            let (found, stderr) = sets.apply(&inputs(&step.files));
            // It is said of each increment, once a run, that this may happen.
            let times = stderr.matches(LEFT_OUT).count();
            assert_eq!(times, usize::from(step.files.len() > 1), "{case}: {stderr}");
            match found == step.sha256 {
                true => {}
                false => stale.push(case),
            }
            let strict = [&["--strict"][..], &inputs(&step.files)].concat();
            sets.refused(&strict, 4, &["--strict"]);
        }
    }
    // What version 2.47 leaves out of its streams: nothing in them tells.
    assert_eq!(stale, ["v2.47/trim vda step 1", "v2.47/trim vda step 2", "v2.47/trim vda step 3"]);
}

#[test]
fn a_folder_knows_what_follows_what() {
    let sets = Sets::new();
    for set in SETS.into_iter().filter(|set| *set != "v2.47/trim") {
        let steps: Vec<_> =
            steps(&sets, set).into_iter().filter(|one| !one.is_differential).collect();
        for disk in ["vda", "vdb"] {
            let of_disk: Vec<_> = steps.iter().filter(|step| step.disk == disk).collect();
            let (found, stderr) = sets.apply(&["-i", set, "--disk", disk]);
            assert_eq!(found, of_disk.last().unwrap().sha256, "{set} {disk}");
            let has_differentials = set.ends_with("plain");
            assert_eq!(stderr.contains(".diff."), has_differentials, "{set}: {stderr}");
            for (number, step) in of_disk.iter().enumerate() {
                let checkpoint = format!("virtnbdbackup.{number}");
                let (found, _) = sets.apply(&["-i", set, "--disk", disk, "--until", &checkpoint]);
                assert_eq!(found, step.sha256, "{set} {disk} {checkpoint}");
            }
        }
    }
    // A differential one comes last, and is named.
    let set = "v2.47/plain";
    let diff = &steps(&sets, set).into_iter().find(|step| step.is_differential).unwrap();
    let file = diff.files.last().unwrap();
    fs::remove_file(sets.path("v2.47/plain/vda.inc.virtnbdbackup.3.data")).unwrap();
    for number in [4, 5] {
        fs::remove_file(sets.path(&format!("{set}/vda.inc.virtnbdbackup.{number}.data"))).unwrap();
    }
    let (found, _) = sets.apply(&["-i", set, "--disk", "vda", "-i", file]);
    assert_eq!(found, diff.sha256);
}

#[test]
fn a_folder_that_lacks_something_is_refused() {
    let sets = Sets::new();
    let set = "v2.47/plain";
    let of = |disk: &'static str| ["-i", set, "--disk", disk];
    sets.refused(&["-i", set], 2, &["vda, vdb", "--disk"]);
    sets.refused(&of("vdc"), 2, &["no stream of disk vdc", "vda, vdb"]);
    sets.refused(&["-i", "v2.47", "--disk", "vda"], 2, &["contains no virtnbdbackup stream"]);
    sets.refused(&["-i", "v2.47/plain/vda.full.data", "--disk", "vda"], 2, &["--disk", "folder"]);
    let file = |name: &str| sets.path(&format!("{set}/{name}"));
    fs::write(file("vdb.inc.virtnbdbackup.6.data"), []).unwrap();
    sets.refused(&of("vdb"), 4, &["vdb.inc.virtnbdbackup.6.data is not a virtnbdbackup stream"]);
    fs::remove_file(file("vdb.inc.virtnbdbackup.6.data")).unwrap();
    fs::write(file("vdb.inc.virtnbdbackup.6.data.partial"), [1]).unwrap();
    assert!(sets.apply(&of("vdb")).1.contains("6.data.partial, which virtnbdbackup has not"));
    // A gap: it is where the chain breaks, and before it there is none.
    fs::remove_file(file("vda.inc.virtnbdbackup.2.data")).unwrap();
    sets.refused(&of("vda"), 3, &["vda.inc.virtnbdbackup.3.data does not follow", "backup.1.data"]);
    let until = [&of("vda")[..], &["--until", "virtnbdbackup.1"]].concat();
    assert_eq!(sets.apply(&until).0, steps(&sets, "v1.9.15/plain")[2].sha256);
    fs::copy(file("vda.inc.virtnbdbackup.1.data"), file("vda.inc.other.data")).unwrap();
    sets.refused(&of("vda"), 2, &["several streams follow vda.full.data", "vda.inc.other.data"]);
    fs::remove_file(file("vda.inc.other.data")).unwrap();
    fs::copy(file("vda.full.data"), file("vda.copy.data")).unwrap();
    sets.refused(&of("vda"), 2, &["several full streams", "vda.copy.data"]);
    fs::remove_file(file("vda.copy.data")).unwrap();
    fs::remove_file(file("vda.full.data")).unwrap();
    sets.refused(&of("vda"), 2, &["neither a full stream"]);
}

#[test]
fn what_is_of_another_disk_or_set_is_refused() {
    let sets = Sets::new();
    let plain = |name: &str| format!("v2.47/plain/{name}.data");
    let chain = |names: &[String]| names.to_vec();
    let full = plain("vda.full");
    let (one, two) = (plain("vda.inc.virtnbdbackup.1"), plain("vda.inc.virtnbdbackup.2"));
    // Another disk's.
    let other = plain("vdb.inc.virtnbdbackup.1");
    let files = chain(&[full.clone(), other.clone()]);
    sets.refused(&inputs(&files), 3, &[&full, &other, "belongs to disk vdb, expected vda"]);
    // An older one of another set.
    let (newer, older) = (
        "v2.47/nosparse/vda.full.data".to_owned(),
        "v2.47/trim/vda.inc.virtnbdbackup.1.data".to_owned(),
    );
    let files = chain(&[newer.clone(), older.clone()]);
    sets.refused(&inputs(&files), 3, &[&newer, &older, "22:35:07.027595", "22:35:34.837138"]);
    let forced = [&["--no-base-check"][..], &inputs(&files)].concat();
    assert!(sets.apply(&forced).1.contains("22:35:07.027595"));
    // Another machine's, where its configuration lies beside it.
    let config = sets.path("v2.47/plain/vmconfig.virtnbdbackup.1.xml");
    let text = fs::read_to_string(&config).unwrap();
    let uuid = "564ff718-4d0b-40dd-8d13-e8b2c9aeaa04";
    let another = "564ff718-4d0b-40dd-8d13-e8b2c9aeaa05";
    fs::write(&config, text.replace(uuid, another)).unwrap();
    let files = chain(&[full.clone(), one.clone()]);
    sets.refused(&inputs(&files), 3, &[&full, &one, uuid, another]);
    sets.refused(&["-i", "v2.47/plain", "--disk", "vda"], 3, &[uuid, another]);
    let arguments = [&["--convert", "-o", "ours"][..], &inputs(&files)].concat();
    assert!(expect(&sets.run("lvdiff", &arguments), 3).contains(another));
    fs::write(&config, text).unwrap();
    // Not the next one, and one after a differential one.
    let files = chain(&[full.clone(), two.clone()]);
    sets.refused(&inputs(&files), 3, &["virtnbdbackup.1", "virtnbdbackup.0"]);
    let diff = plain("vda.diff.1795646061");
    let after = plain("vda.inc.virtnbdbackup.4");
    let files = chain(&[full.clone(), one.clone(), two, diff.clone(), after.clone()]);
    sets.refused(&inputs(&files), 3, &[&diff, &after, "differential"]);
    // One by one, each onto what the one before made: nothing tells then, so the right ones are right.
    let (expected, _) = sets.apply(&inputs(&chain(&[full.clone(), one.clone()])));
    sets.apply(&["-i", &full]);
    expect(&sets.run("lvpatch", &["--device", "image", "-i", &one]), 0);
    assert_eq!(sha256(&sets.path("image")), expected);
    // lvdiff --convert is as careful, and so are those that read what it makes.
    for files in [chain(&[full.clone(), other.clone()]), chain(&[newer, older])] {
        let arguments = [&["--convert", "-o", "ours"][..], &inputs(&files)].concat();
        let stderr = expect(&sets.run("lvdiff", &arguments), 3);
        assert!(stderr.contains("does not follow the one before it"), "{stderr}");
        assert!(!sets.path("ours").exists());
    }
    for (from, to) in [(&full, "a"), (&other, "b"), (&one, "c")] {
        expect(&sets.run("lvdiff", &["--convert", "-i", from, "-o", to]), 0);
    }
    sets.refused(&["-i", "a", "-i", "b"], 3, &["belongs to disk vdb, expected vda"]);
    expect(&sets.run("lvdiff", &["--merge", "a", "b", "-o", "both"]), 3);
    expect(&sets.run("lvdiff", &["--merge", "a", "c", "-o", "both"]), 0);
    assert_eq!(sets.apply(&["-i", "both"]).0, expected);
    assert_eq!(sets.apply(&["-i", "a", "-i", &one]).0, expected);
    sets.refused(&["-i", "a", "-i", &other], 3, &["vdb"]);
    // The name of a file says nothing of a stream of ours.
    expect(
        &sets.run("lvdiff", &["--convert", "-i", &plain("vda.inc.virtnbdbackup.2"), "-o", "d"]),
        0,
    );
    fs::rename(sets.path("c"), sets.path("c.diff.1.data")).unwrap();
    assert_eq!(sets.apply(&["-i", "a", "-i", "c.diff.1.data", "-i", "d"]).0, expected);
}

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
        expect(&sets.run("lvdiff", &arguments), 0);
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
        let table = sets.run("lvpatch", &["--info", "all", next]);
        assert!(String::from_utf8_lossy(&table.stdout).contains("-- the chain breaks here"));
    }
    expect(&sets.run("lvdiff", &["--merge", "all", "after", "-o", "both"]), 3);
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
                expect(&sets.run("lvdiff", &["--convert", "-i", file, "-o", &ours[number]]), 0);
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
                let output = sets.run("lvpatch", &[&["--info"][..], &names].concat());
                expect(&output, 0);
                let table = String::from_utf8(output.stdout).unwrap();
                assert!(!table.contains("the chain breaks here"), "{table}");
                let rows: Vec<_> =
                    table.lines().skip(1).map(|row| row.split(' ').next().unwrap()).collect();
                assert_eq!(rows, files, "{table}");
            }
        }
        // Only the next one of the same disk.
        let full = format!("{set}/vda.full.data");
        for (wrong, found) in [
            ("vdb.1", "belongs to disk vdb, expected vda"),
            ("vda.2", "from the checkpoint virtnbdbackup.1, expected virtnbdbackup.0"),
        ] {
            sets.refused(&["-i", &full, "-i", wrong], 3, &[&full, wrong, found]);
            let table = sets.run("lvpatch", &["--info", &full, wrong]);
            assert!(String::from_utf8_lossy(&table.stdout).contains("-- the chain breaks here"));
        }
    }
}

#[test]
fn a_time_is_compared_by_one_clock() {
    let sets = Sets::new();
    let set = ["-i", "v2.47/plain", "--disk", "vda", "--until"];
    let until = |time| [&set[..], &[time]].concat();
    let truth: Vec<_> =
        steps(&sets, "v2.47/plain").into_iter().filter(|step| step.disk == "vda").collect();
    // Made at 22:34:00, :08, :15, (the differential ones :21 and :30), :37, :45, :50.
    for (time, step) in [
        ("2026-11-25T22:34:00", 0),
        ("2026-11-25T22:34:07", 0),
        ("2026-11-25 22:34:08", 1),
        ("2026-11-25T22:34:36.9", 2),
        ("2026-11-25T22:34:37", 5),
        ("2026-11-25T22:34:49", 6),
        ("2027-01-01T00:00:00", 7),
    ] {
        assert_eq!(sets.apply(&until(time)).0, truth[step].sha256, "{time}");
    }
    sets.refused(&until("2026-11-25T22:33:59"), 2, &["vda.full.data", "first stream"]);
    sets.refused(&until("2026-11-25T22:34:07Z"), 2, &["vda.full.data", "leave out the Z"]);

    // Of others nobody knows, and it is said before anything is done.
    let fixture = |name: &str| {
        let path = format!("../crates/foreign/tests/fixtures/{name}.zst");
        let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let mut bytes = Vec::new();
        ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
        fs::write(sets.path(name), bytes).unwrap();
    };
    for name in ["thin_send-1.1-full.stream", "thin_send-1.1-incremental.stream"] {
        fixture(name);
        for time in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00"] {
            let arguments = ["--until", time, "--size", "64M", "-i", name];
            sets.refused(
                &arguments,
                2,
                &[name, "does not say when it was made", "leave out --until"],
            );
        }
    }
    fs::write(sets.path("sync"), b"lvmsync PROTO[3]\n").unwrap();
    sets.refused(&["--until", "2099-01-01T00:00:00Z", "--size", "64M", "-i", "sync"], 2, &["sync"]);
    fixture("hyperlayer-1.0-d0.diff");
    File::create(sets.path("base")).unwrap().set_len(64 << 20).unwrap();
    let arguments = ["--device", "base", "--until", "2099-01-01T00:00:00Z"];
    let arguments = [&arguments[..], &["-i", "hyperlayer-1.0-d0.diff"]].concat();
    expect(&sets.run("lvpatch", &arguments), 2);
    // Ours are in UTC: both in one chain need a name.
    let (full, one) = ("v2.47/plain/vda.full.data", "v2.47/plain/vda.inc.virtnbdbackup.1.data");
    expect(&sets.run("lvdiff", &["--convert", "-i", full, "-o", "ours"]), 0);
    let mixed = ["-i", "ours", "-i", one, "--until"];
    sets.refused(&[&mixed[..], &["2099-01-01T00:00:00"]].concat(), 2, &["ours", one, "local time"]);
    sets.apply(&[&mixed[..], &["virtnbdbackup.1"]].concat());
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
            let output = sets.run("lvpatch", arguments);
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
    expect(&sets.run("lvpatch", &["--verify", "-i", full]), 4);
    expect(&sets.run("lvdiff", &["--convert", "-i", full, "-o", "ours"]), 4);
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
    let info = sets.run("lvpatch", &["--info", "all"]);
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
        let output = sets.run("lvpatch", &[&["--info"], arguments].concat());
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
    assert!(table.contains("2026-11-25T22:34:45 (virtnbdbackup, local time)"), "{table}");
    let one = info(&["v2.47/plain/vda.full.data"]);
    assert!(one.contains("Made at:      2026-11-25T22:34:00.631188, local time"), "{one}");
    let json = info(&["--json", "v2.47/plain", "--disk", "vda"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let json = &json["streams"];
    assert_eq!(json[0]["made_at_local_time"], "2026-11-25T22:34:00.631188");
    assert!(json[5]["breaks"].is_null() && json[6]["breaks"].is_string(), "{json}");
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
        expect(&sets.run("lvdiff", &arguments), 0)
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
        let output = sets.run("lvpatch", &["--device", "image", "-i", "ours"]);
        expect(&output, if is_said { 3 } else { 0 });
        assert_eq!(sha256(&sets.path("image")), truth[if is_said { 5 } else { 6 }].sha256);
    }
}
