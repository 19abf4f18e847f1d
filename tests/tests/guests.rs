//! The end-to-end tests, each a script in `guest/scenarios`, each in a guest of its own. The build script
//! makes them, as the header of each script says; here are those of which there is more to say.

use std::fs::File;

use anyhow::Result;
use system_tests::{
    host_guest, packages, programs, scenario, scenario_cut_at, scenario_in, scenario_of_two,
    scenario_part,
};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

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
