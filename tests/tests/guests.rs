//! The end-to-end tests, each a script in `guest/scenarios`, each in a guest of its own.

use std::fs::File;

use anyhow::Result;
use system_tests::{
    host_guest, packages, programs, scenario, scenario_cut_at, scenario_in, scenario_of_two,
};

#[test]
fn kernel() {
    scenario("kernel");
}

// What the two programs do when all goes well, and how they refuse what cannot be.

#[test]
fn example() {
    scenario("example");
}

#[test]
fn names() {
    scenario("names");
}

#[test]
fn same_name() {
    scenario("same_name");
}

#[test]
fn under_snapshots() {
    scenario("under_snapshots");
}

#[test]
fn surroundings() {
    scenario("surroundings");
}

#[test]
fn chunks() {
    scenario("chunks");
}

#[test]
fn unzeroed() {
    scenario("unzeroed");
}

#[test]
fn discards() {
    scenario("discards");
}

#[test]
fn full_stream() {
    scenario("full_stream");
}

#[test]
fn resize() {
    scenario("resize");
}

#[test]
fn list_pool() {
    scenario("list_pool");
}

#[test]
fn inactive() {
    scenario("inactive");
}

#[test]
fn live() {
    scenario("live");
}

#[test]
fn iostats() {
    scenario("iostats");
}

#[test]
fn chain() {
    scenario("chain");
}

#[test]
fn backup_set() {
    scenario("backup_set");
}

#[test]
fn in_place() {
    scenario("in_place");
}

#[test]
fn classic() {
    scenario("classic");
}

#[test]
fn classic_lost() {
    scenario("classic_lost");
}

#[test]
fn chunk_mismatch() {
    scenario("chunk_mismatch");
}

#[test]
fn merge() {
    scenario("merge");
}

#[test]
fn external() {
    scenario("external");
}

#[test]
fn offline() {
    scenario("offline");
}

#[test]
fn device() {
    scenario("device");
}

#[test]
fn in_use() {
    scenario("in_use");
}

#[test]
fn whose() {
    scenario("whose");
}

#[test]
fn sectors() {
    scenario("sectors");
}

#[test]
fn output() {
    scenario("output");
}

// A wrong base, a damaged stream, a killed run, a crowded or full pool: nothing is left behind.

#[test]
fn base_check() {
    scenario("base_check");
}

#[test]
fn sparse() {
    scenario("sparse");
}

#[test]
fn damage_cut() {
    scenario("damage_cut");
}

#[test]
fn damage_flip_1_of_2() -> Result<()> {
    part("damage_flip", "1/2")
}

#[test]
fn damage_flip_2_of_2() -> Result<()> {
    part("damage_flip", "2/2")
}

#[test]
fn damage_order() {
    scenario("damage_order");
}

#[test]
fn kill() {
    scenario("kill");
}

#[test]
fn limits() {
    scenario("limits");
}

#[test]
fn kill_any_moment() {
    scenario("kill_any_moment");
}

/// Each step is a boot of the same machine: it looks at what the step before left, does one thing, and
/// loses its power.
#[test]
fn power_cut() -> Result<()> {
    packages::check()?;
    let mut guest = host_guest(&programs::dir()?)?.with_disk(512)?.with_disk(128)?;
    let step = guest.out().join("step");
    std::fs::write(&step, "prepare")?;
    scenario_in(&mut guest, "power_cut")?;
    for name in [
        "output",
        "stdout",
        "volume",
        "each",
        "in_place",
        "undone",
        "image",
        "image_back",
        "new_image",
        "small_image",
        "thin_device",
    ] {
        std::fs::write(&step, name)?;
        scenario_cut_at(&mut guest, "power_cut", "(done, and the power goes)")?;
    }
    std::fs::write(&step, "end")?;
    scenario_in(&mut guest, "power_cut")
}

#[test]
fn merge_pending() {
    scenario("merge_pending");
}

#[test]
fn not_activated() {
    scenario("not_activated");
}

#[test]
fn suspended() {
    scenario("suspended");
}

#[test]
fn lock_folders() {
    scenario("lock_folders");
}

#[test]
fn not_releasable() {
    scenario("not_releasable");
}

#[test]
fn device_removed() {
    scenario("device_removed");
}

#[test]
fn leftovers() {
    scenario("leftovers");
}

#[test]
fn held() {
    scenario("held");
}

#[test]
fn parallel() {
    scenario("parallel");
}

#[test]
fn space() {
    scenario("space");
}

#[test]
fn full() {
    scenario("full");
}

#[test]
fn neighbours() {
    scenario("neighbours");
}

#[test]
fn hostile() {
    scenario("hostile");
}

#[test]
fn new_name() {
    scenario("new_name");
}

#[test]
fn other_formats() {
    scenario("other_formats");
}

#[test]
fn foreign() -> Result<()> {
    packages::check()?;
    let mut guest = host_guest(&programs::dir()?)?;
    for (folder, names) in [
        ("fixtures", &["base.img", "new.img", "thick-base.img", "thick-new.img"][..]),
        (
            "../crates/foreign/tests/fixtures",
            &[
                "hyperlayer-1.0-d0.diff",
                "hyperlayer-1.0-d1.diff",
                "hyperlayer-1.0-d2.diff",
                "hyperlayer-1.0-d3.diff",
                "thin_send-1.1-incremental.stream",
                "thin_send-1.1-full.stream",
                "lvmsync-3-thick.stream",
                "lvmsync-3-snapback.stream",
            ],
        ),
    ] {
        for name in names {
            let path = format!("{}/{folder}/{name}.zst", env!("CARGO_MANIFEST_DIR"));
            let mut from = ruzstd::decoding::StreamingDecoder::new(File::open(path)?)?;
            std::io::copy(&mut from, &mut File::create(guest.out().join(name))?)?;
        }
    }
    scenario_in(&mut guest, "foreign")
}

// Two hosts, and ssh between them.

#[test]
fn migrate() {
    scenario_of_two("migrate");
}

#[test]
fn connection_cut() {
    scenario_of_two("connection_cut");
}

#[test]
fn cookbook() {
    scenario_of_two("cookbook");
}

/// A part of a scenario that would keep one guest busy for too long.
fn part(name: &str, part: &str) -> Result<()> {
    packages::check()?;
    let mut guest = host_guest(&programs::dir()?)?;
    std::fs::write(guest.out().join("part"), part)?;
    scenario_in(&mut guest, name)
}
