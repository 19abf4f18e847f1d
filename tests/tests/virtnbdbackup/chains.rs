//! What follows what, and what does not.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flow::WayOut;

use super::sets::{Sets, inputs, sha256, steps};

const SETS: [&str; 6] =
    ["v1.9.15/plain", "v1.9.15/trim", "v2.47/copy", "v2.47/nosparse", "v2.47/plain", "v2.47/trim"];

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
            let strict = [&["--strict"][..], &inputs(&step.files)].concat();
            assert_eq!(sets.refused(&strict, 4, &[]), Some(WayOut::AcceptLess), "{case}");
            if found != step.sha256 {
                stale.push(case);
            }
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
    assert_eq!(sets.refused(&["-i", set], 2, &["vda, vdb"]), Some(WayOut::NameDisk));
    sets.refused(&of("vdc"), 2, &["no stream of disk vdc", "vda, vdb"]);
    sets.refused(&["-i", "v2.47", "--disk", "vda"], 2, &["contains no virtnbdbackup stream"]);
    let of_file = ["-i", "v2.47/plain/vda.full.data", "--disk", "vda"];
    assert_eq!(sets.refused(&of_file, 2, &["folder"]), Some(WayOut::NameFolder));
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
    assert!(sets.run("lvdiff", &arguments).expect(3).contains(another));
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
    sets.run("lvpatch", &["--device", "image", "-i", &one]).expect(0);
    assert_eq!(sha256(&sets.path("image")), expected);
    // lvdiff --convert is as careful, and so are those that read what it makes.
    for files in [chain(&[full.clone(), other.clone()]), chain(&[newer, older])] {
        let arguments = [&["--convert", "-o", "ours"][..], &inputs(&files)].concat();
        let ended = sets.run("lvdiff", &arguments);
        let stderr = ended.expect(3);
        assert!(stderr.contains("does not follow the one before it"), "{stderr}");
        assert!(!sets.path("ours").exists());
    }
    for (from, to) in [(&full, "a"), (&other, "b"), (&one, "c")] {
        sets.run("lvdiff", &["--convert", "-i", from, "-o", to]).expect(0);
    }
    sets.refused(&["-i", "a", "-i", "b"], 3, &["belongs to disk vdb, expected vda"]);
    sets.run("lvdiff", &["--merge", "a", "b", "-o", "both"]).expect(3);
    sets.run("lvdiff", &["--merge", "a", "c", "-o", "both"]).expect(0);
    assert_eq!(sets.apply(&["-i", "both"]).0, expected);
    assert_eq!(sets.apply(&["-i", "a", "-i", &one]).0, expected);
    sets.refused(&["-i", "a", "-i", &other], 3, &["vdb"]);
    // The name of a file says nothing of a stream of ours.
    let words = ["--convert", "-i", &plain("vda.inc.virtnbdbackup.2"), "-o", "d"];
    sets.run("lvdiff", &words).expect(0);
    fs::rename(sets.path("c"), sets.path("c.diff.1.data")).unwrap();
    assert_eq!(sets.apply(&["-i", "a", "-i", "c.diff.1.data", "-i", "d"]).0, expected);
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
    let way_out = sets.refused(&until("2026-11-25T22:34:07Z"), 2, &["vda.full.data"]);
    assert_eq!(way_out, Some(WayOut::StopAtLocalTime));

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
            let way_out = sets.refused(&arguments, 2, &[name, "does not say when it was made"]);
            assert_eq!(way_out, Some(WayOut::LeaveOutEnd));
        }
    }
    fs::write(sets.path("sync"), b"lvmsync PROTO[3]\n").unwrap();
    sets.refused(&["--until", "2099-01-01T00:00:00Z", "--size", "64M", "-i", "sync"], 2, &["sync"]);
    fixture("hyperlayer-1.0-d0.diff");
    File::create(sets.path("base")).unwrap().set_len(64 << 20).unwrap();
    let arguments = ["--device", "base", "--until", "2099-01-01T00:00:00Z"];
    let arguments = [&arguments[..], &["-i", "hyperlayer-1.0-d0.diff"]].concat();
    sets.run("lvpatch", &arguments).expect(2);
    // Ours are in UTC: both in one chain need a name.
    let (full, one) = ("v2.47/plain/vda.full.data", "v2.47/plain/vda.inc.virtnbdbackup.1.data");
    sets.run("lvdiff", &["--convert", "-i", full, "-o", "ours"]).expect(0);
    let mixed = ["-i", "ours", "-i", one, "--until"];
    sets.refused(&[&mixed[..], &["2099-01-01T00:00:00"]].concat(), 2, &["ours", one, "local time"]);
    sets.apply(&[&mixed[..], &["virtnbdbackup.1"]].concat());
}
