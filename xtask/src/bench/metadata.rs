//! How long it takes to learn what changed: `lvdiff --list` on an image against `thin_delta`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use thinmeta::testing::{Layout, Pool, Random, Shape};

use super::chart::{Chart, Line};
use super::folder::folder;
use super::image::{Image, ORIGIN};
use super::number;
use super::pairs::{Ratio, in_turn, median};
use super::{cold, devices};
use crate::say;

/// What is changed in a snapshot, whose thin id is its place after the origin's: a title, and runs of
/// this many blocks each.
const CHANGES: [(&str, (u64, u64)); 7] = [
    ("0", (0, 1)),
    ("100, scattered", (100, 1)),
    ("1,000, scattered", (1_000, 1)),
    ("10,000, scattered", (10_000, 1)),
    ("10,000, in runs of 64", (156, 64)),
    ("100,000, scattered", (100_000, 1)),
    ("1,000,000, scattered", (1_000_000, 1)),
];
const UNRELATED: &str = "two unrelated volumes";
const LAYOUTS: [(&str, Layout); 2] =
    [("in order", Layout::InOrder), ("shuffled", Layout::Shuffled(7))];

/// The section, and its chart.
pub(crate) struct Measured {
    pub(crate) text: String,
    pub(crate) chart: Chart,
}

/// Builds the images and measures.
pub(crate) fn measure(programs: &Path, runs: u32, mappings: u64) -> Result<Measured> {
    let folder = folder(programs)?;
    say(&format!("building metadata images of {mappings} mappings"));
    let pool = pool(mappings);
    let mut warm = format!(
        "A volume of {} mappings (runs of about 64, one in ten single), and snapshots of it in which that many chunks were \
         written. `lvdiff --list` against `thin_delta`, whole processes on one core: on the image (through the page cache, warm), and with \
         `--direct` (O_DIRECT, as on a device).\n\n\
         | layout | changed chunks | thin_delta takes | ours on the image, times faster | ours with `--direct`, times faster | `--map thin-delta` on the image, times faster | `--map thin-delta --direct`, times faster |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        number::thousands(mappings)
    );
    let mut cold = cold::introduction();
    let mut start_up = String::new();
    let mut chart = chart(mappings);
    for (layout, order) in LAYOUTS {
        let image = Image::write(folder.path(), programs, &pool.image_in(order))?;
        let changes = CHANGES.into_iter().map(|(title, (runs, length))| (title, runs, length));
        for (id, (title, changes, length)) in (ORIGIN + 1..).zip(changes.chain([(UNRELATED, 0, 0)]))
        {
            say(&format!("{layout}: {title}"));
            let times = Times::measure(&image, id, runs)?;
            writeln!(warm, "| {layout} | {title} | {} |", times.row())?;
            writeln!(cold, "| {layout} | {title} | {} |", cold::row(&image, id, runs)?)?;
            // Of a pool after years, and of changes that a logarithm can show.
            if order != Layout::InOrder && length == 1 && changes > 0 {
                times.draw(changes, &mut chart);
            }
        }
        if order == Layout::InOrder {
            start_up = cold::start_up(&image, runs)?;
        }
    }
    let devices = devices::measure(folder.path(), programs, runs)?;
    let drawn = "![Time against changed chunks](benchmark.svg)\n";
    let text = [warm.as_str(), drawn, &cold, &start_up, &devices].join("\n");
    Ok(Measured { text, chart })
}

fn pool(mappings: u64) -> Pool {
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(ORIGIN, mappings, &mut random);
    let mut id = ORIGIN;
    for (_, runs) in CHANGES {
        id += 1;
        pool.snapshot(ORIGIN, id);
        pool.write_scattered(id, &blocks, runs, &mut random);
    }
    pool.create_volume(id + 1, mappings, &mut random);
    pool
}

/// How long each program took, run by run.
struct Times {
    theirs: Vec<Duration>,
    image: Vec<Duration>,
    direct: Vec<Duration>,
    map_image: Vec<Duration>,
    map_direct: Vec<Duration>,
}

impl Times {
    fn measure(image: &Image, id: u32, runs: u32) -> Result<Self> {
        let (base, target) = (ORIGIN.to_string(), id.to_string());
        let (lvdiff, path) = (image.lvdiff(), image.path());
        let list = ["--list", "--metadata", path, &base, &target];
        let with = |options: &[&'static str]| [&list[..], options].concat();
        let (direct, map) = (with(&["--direct"]), with(&["--map", "thin-delta"]));
        let map_direct = with(&["--map", "thin-delta", "--direct"]);
        let [theirs, image, direct, map_image, map_direct] = in_turn(
            [
                ("thin_delta", &["--snap1", &base, "--snap2", &target, path]),
                (lvdiff, &list),
                (lvdiff, &direct),
                (lvdiff, &map),
                (lvdiff, &map_direct),
            ],
            runs,
        )?;
        Ok(Self { theirs, image, direct, map_image, map_direct })
    }

    fn row(&self) -> String {
        let ours = [&self.image, &self.direct, &self.map_image, &self.map_direct];
        let ratios = ours.map(|ours| Ratio::between(&self.theirs, ours).to_string());
        format!("{:.1} s | {}", median(&self.theirs).as_secs_f64(), ratios.join(" | "))
    }

    /// Adds a point to each of the chart's lines.
    fn draw(&self, changes: u64, chart: &mut Chart) {
        for (line, times) in chart.lines.iter_mut().zip([&self.theirs, &self.image, &self.direct]) {
            line.points.push((changes as f64, median(times).as_secs_f64()));
        }
    }
}

fn chart(mappings: u64) -> Chart {
    let names = ["thin_delta", "lvdiff --list, image in the page cache", "lvdiff --list --direct"];
    Chart {
        title: format!(
            "What changed in a volume of {} mappings, nodes shuffled",
            number::thousands(mappings)
        ),
        across: "changed chunks, scattered".into(),
        up: "time in seconds".into(),
        lines: names.map(|name| Line { name: name.into(), points: Vec::new() }).into(),
    }
}
