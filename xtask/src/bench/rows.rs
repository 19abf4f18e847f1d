//! The same work by an earlier commit's programs and by today's, in turn: what became of each cost.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use thinmeta::testing::{Layout, Pool, Random, Shape};

use super::earlier::Earlier;
use super::files::Images;
use super::folder::folder;
use super::image::{Image, ORIGIN};
use super::pairs::{Ratio, in_turn, median};
use super::sizes::Sizes;
use super::usage::Usage;
use super::{lvm, number, shell};
use crate::say;

/// How often what takes very long is measured, at the most.
const FEW: u32 = 3;

/// Measures, and yields the section.
pub(crate) fn measure(
    earlier: &Earlier,
    programs: &Path,
    runs: u32,
    mappings: u64,
) -> Result<String> {
    let mut rows = Rows::new(&earlier.commit, [&earlier.programs, programs]);
    rows.metadata(mappings / 2, runs)?;
    rows.large(mappings * 4, runs.min(FEW))?;
    rows.extents(mappings / 8 * 5)?;
    rows.data(runs)?;
    rows.size()?;
    rows.lvm(runs)?;
    Ok(rows.text + LIMITS)
}

/// Why some rows are not better. Its figures were measured beside those of the table in docs/benchmarks.md.
const LIMITS: &str = "
### What limits what is left

- Many scattered changes, past the page cache: the disk's random reads. The last list of a cold image reads 2682 MB in blocks of 4 KiB, \
  97,000 a second; `fio --rw=randread --bs=4k --direct=1` with 16 threads reads 94,000 from the same disk, and with io_uring at a depth of \
  64, 103,000. 10,000 scattered changes are 20,000 leaves and what is above them, which is a quarter of a second there; \
  `--map thin-delta` reads all leaves of both volumes. thin_delta reads the image through the page cache, which has it.
- `--granularity 4K --compress`: records are compressed in groups of at most 1 MiB, each of which can be verified and read alone, \
  whereas `zstd` finds what repeats in all of the stream.
- lvdiff asks LVM once, for the fields of all volumes that it needs, where `lvs VG/LV` asks for one volume and three fields. lvpatch \
  runs five of LVM's commands where making and renaming a volume are two: one finds the volumes, one makes sure right before \
  the snapshot that no merge into its origin waits, and one gives the new volume its tags once all of it has arrived. Each of them is a \
  promise of docs/guarantees.md.
";

/// The table, as far as it was measured.
struct Rows<'a> {
    /// Of the earlier commit, and today's.
    programs: [&'a Path; 2],
    text: String,
}

impl<'a> Rows<'a> {
    fn new(commit: &str, programs: [&'a Path; 2]) -> Self {
        let text = format!(
            "The programs of commit {commit}, and today's, in turn. Ratios are what the other program takes to what ours takes.\n\n\
             | what | before | after |\n| --- | ---: | ---: |\n"
        );
        Self { programs, text }
    }

    fn add(&mut self, what: &str, [before, after]: [impl Display; 2]) -> Result<()> {
        writeln!(self.text, "| {what} | {before} | {after} |")?;
        Ok(())
    }

    /// Both `lvdiff`s.
    fn lvdiffs(&self) -> Result<[String; 2]> {
        let [before, after] =
            self.programs.map(|folder| folder.join("lvdiff").to_str().map(str::to_owned));
        let context = "the target folder's name is not UTF-8";
        Ok([before.context(context)?, after.context(context)?])
    }

    /// A program of the thin-provisioning-tools against both of ours, on one core.
    fn against(
        &mut self,
        what: &str,
        (theirs, arguments): (&str, &[&str]),
        ours: &[&str],
        runs: u32,
    ) -> Result<()> {
        let [before, after] = self.lvdiffs()?;
        let commands = [(theirs, arguments), (&before, ours), (&after, ours)];
        let [theirs, before, after] = in_turn(commands, runs)?;
        self.add(what, [before, after].map(|ours| Ratio::between(&theirs, &ours)))
    }

    /// Both of our lists, read past the page cache, and thin_delta's.
    fn lists(&mut self, image: &Image, what: &str, runs: u32) -> Result<()> {
        let delta = ("thin_delta", &["--snap1", "1", "--snap2", "2", image.path()][..]);
        let list = ["--list", "--direct", "--metadata", image.path(), "1", "2"];
        let map = [&list[..], &["--map", "thin-delta"]].concat();
        self.against(&format!("thin_delta / `--list --direct`, {what}"), delta, &list, runs)?;
        let what = "thin_delta / `--list --map thin-delta --direct`, the same";
        self.against(what, delta, &map, runs)
    }

    /// The metadata of a volume in use, with 10,000 changes in a snapshot.
    fn metadata(&mut self, mappings: u64, runs: u32) -> Result<()> {
        let folder = folder(self.programs[1])?;
        let image = pool(mappings, 10_000, folder.path(), self.programs[1])?;
        let count = number::thousands(mappings);
        say("10,000 changes");
        self.lists(&image, &format!("{count} mappings, 10,000 scattered changes"), runs)?;

        let nothing = ["--list", "--direct", "--metadata", image.path(), "1", "3"];
        let [before, after] = self.lvdiffs()?;
        let times = in_turn([(&before, &nothing), (&after, &nothing)], runs)?;
        let times = times.map(|times| number::time(median(&times)));
        self.add("`--list --direct`, the same volume, nothing changed", times)?;

        let calls = self.lvdiffs()?.map(|lvdiff| {
            let list =
                format!("{lvdiff} --list --direct --metadata {} 1 2 > /dev/null", image.path());
            let [futexes, reads] = ["futex", "pread64,preadv2"].map(|call| calls(&list, call));
            anyhow::Ok(format!("{:.2}", futexes? as f64 / reads? as f64))
        });
        let [before, after] = calls;
        self.add("futex calls for each read of metadata, 10,000 changes", [before?, after?])
    }

    /// The same of a very large volume, with few changes and with many.
    fn large(&mut self, mappings: u64, runs: u32) -> Result<()> {
        let folder = folder(self.programs[1])?;
        let count = number::thousands(mappings);
        say(&format!("{count} mappings, 100 changes"));
        let image = pool(mappings, 100, folder.path(), self.programs[1])?;
        self.cold(&image, &format!("{count} mappings, 100 changes"), runs)?;
        drop(image);
        say(&format!("{count} mappings, 1,000,000 changes"));
        let image = pool(mappings, 1_000_000, folder.path(), self.programs[1])?;
        self.lists(&image, &format!("{count} mappings, 1,000,000 changes"), runs)?;
        self.cold(&image, "the same", runs)
    }

    /// An image that the page cache does not have, read through it and past it.
    fn cold(&mut self, image: &Image, what: &str, runs: u32) -> Result<()> {
        for (how, options) in [("", &[][..]), (" --direct", &["--direct"])] {
            let list = [&["--list", "--metadata", image.path(), "1", "2"][..], options].concat();
            let mut usages = [Vec::new(), Vec::new()];
            let programs = self.lvdiffs()?;
            for _ in 0..runs {
                for (usages, lvdiff) in usages.iter_mut().zip(&programs) {
                    image.forget()?;
                    usages.push(Usage::of(lvdiff, &list)?);
                }
            }
            let cells = usages.map(|usages: Vec<Usage>| {
                let took: Vec<_> = usages.iter().map(|usage| usage.took).collect();
                let read: Vec<_> = usages.iter().map(|usage| usage.read).collect();
                format!(
                    "{}, {} read",
                    number::time(median(&took)),
                    number::megabytes(median(&read))
                )
            });
            self.add(&format!("`--list{how}` of a cold image, {what}"), cells)?;
        }
        Ok(())
    }

    /// What a list of many extents needs.
    fn extents(&mut self, extents: u64) -> Result<()> {
        say("the memory of a list");
        let folder = folder(self.programs[1])?;
        let mut pool = Pool::new(Shape::default());
        pool.create(1);
        pool.create_with(2, (0..extents).map(|extent| (2 * extent, extent)));
        let image = Image::write(folder.path(), self.programs[1], &pool.image())?;
        drop(pool);
        let list = ["--list", "--direct", "--metadata", image.path(), "1", "2"];
        let [before, after] = self.lvdiffs()?.map(|lvdiff| peak(&lvdiff, &list));
        let what =
            format!("peak memory, `--list --direct` of {} extents", number::thousands(extents));
        self.add(&what, [before?, after?])
    }

    /// The changed bytes, on image files.
    fn data(&mut self, runs: u32) -> Result<()> {
        let images = Images::write(self.programs[1])?;
        let both = self.programs.map(|programs| images.with(programs));
        let data = images.path("data");
        let dd = format!("dd if={data} iflag=direct bs=1M of=/dev/null status=none");
        for (options, what) in [
            ("", "`dd iflag=direct` / `lvdiff -d 0 --direct` of 1 GiB"),
            ("--no-sha1", "`dd iflag=direct` / the same with `--no-sha1`"),
        ] {
            say(what);
            let [before, after] =
                both.each_ref().map(|images| format!("{} {options} > /dev/null", images.lvdiff()));
            self.thirds(what, "true", [&dd, &before, &after], runs)?;
        }

        let [before, after] = both.each_ref().map(|images| {
            let calls = calls(&format!("{} > /dev/null", images.lvdiff()), "futex")?;
            anyhow::Ok(format!("{:.1}", calls as f64 / 1024.0))
        });
        self.add("futex calls for each MiB, the same with SHA-1", [before?, after?])?;

        // Each reads what it wrote itself.
        let names = ["full-before", "full-after"].map(|name| images.path(name));
        for (images, name) in both.iter().zip(&names) {
            shell::run(&format!("{} > {name}", images.lvdiff_of("2")))?;
        }
        let [copy, image] = ["copy", "patched"].map(|name| images.path(name));
        let cached = format!(
            "rm -f {copy} {image}; sync -f {data}; cat {data} {} > /dev/null",
            names.join(" ")
        );
        let dd = format!("dd if={data} of={copy} bs=1M conv=fsync status=none");
        let [before, after] =
            [0, 1].map(|who| format!("{} --device {image} -i {}", both[who].lvpatch(), names[who]));
        let what = "`dd conv=fsync` / `lvpatch --device` of a full stream to a new file";
        say(what);
        self.thirds(what, &cached, [&dd, &before, &after], runs)?;
        shell::run(&format!("rm -f {copy} {image} {}", names.join(" ")))?;

        for (images, name) in both.iter().zip(&names) {
            shell::run(&format!("{} > {name}", images.lvdiff_of("3")))?;
        }
        say("--verify and --info");
        let ratios = [0, 1].map(|who| {
            let [verify, info] = ["--verify -i", "--info"].map(|option| {
                format!("{} {option} {} > /dev/null", both[who].lvpatch(), names[who])
            });
            shell::pairs("true", &verify, &info, runs)
        });
        let [before, after] = ratios;
        self.add("`lvpatch --verify` / `lvpatch --info`, 16,384 records", [before?, after?])?;

        say("zstd:9");
        let [metadata, data] = ["metadata", "data"].map(|name| images.path(name));
        let arguments = [
            "-q",
            "-d",
            "0",
            "--compress",
            "zstd:9",
            "--metadata",
            &metadata,
            "--data",
            &data,
            "1",
            "2",
        ];
        let [before, after] = self.lvdiffs()?.map(|lvdiff| peak(&lvdiff, &arguments));
        self.add("peak memory, `lvdiff --compress zstd:9` of 1 GiB", [before?, after?])
    }

    /// Lines of shell: theirs, the earlier program's and today's.
    fn thirds(&mut self, what: &str, before: &str, lines: [&str; 3], runs: u32) -> Result<()> {
        let [theirs, earlier, ours] = shell::in_turn(before, lines, runs)?;
        self.add(what, [earlier, ours].map(|ours: Vec<Duration>| Ratio::between(&theirs, &ours)))
    }

    /// Small changes, compressed.
    fn size(&mut self) -> Result<()> {
        let [before, after] = self.programs.map(|programs| Sizes::of(programs, self.programs[1]));
        let [before, after] = [before?, after?].map(|sizes| format!("{:+.1} %", sizes.percent()));
        let what =
            "`--granularity 4K --compress zstd:3` against `zstd -3` of the 4K stream as a whole";
        self.add(what, [before, after])
    }

    /// What LVM's commands cost.
    fn lvm(&mut self, runs: u32) -> Result<()> {
        let count = lvm::COUNT;
        let [before, after] = self.programs.map(|programs| lvm::in_guest(programs, runs, &[count]));
        let logs = [before?, after?];
        for (name, program, what) in [
            ("list", "lvdiff", "`lvs VG/LV` / `lvdiff VG/A VG/B`"),
            (
                "new",
                "lvpatch",
                "`lvcreate -s; lvrename` / `lvpatch` of a stream with nothing in it",
            ),
        ] {
            let cells = logs.each_ref().map(|log| {
                let [commands, _] = log.only(&format!("commands {program}-{count} "))?;
                let ratio = log.ratio(&format!("{name}-{count}"))?;
                anyhow::Ok(format!("{ratio}, {commands} LVM commands"))
            });
            let [before, after] = cells;
            self.add(&format!("{what}, {count} volumes in each group"), [before?, after?])?;
        }
        Ok(())
    }
}

/// An image of a volume as in use, 1, of a snapshot with as many scattered changes, 2, and of one with
/// none, 3.
fn pool(mappings: u64, changes: u64, folder: &Path, programs: &Path) -> Result<Image> {
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(ORIGIN, mappings, &mut random);
    for (id, changes) in [(2, changes), (3, 0)] {
        pool.snapshot(ORIGIN, id);
        pool.write_scattered(id, &blocks, (changes, 1), &mut random);
    }
    drop(blocks);
    let bytes = pool.image_in(Layout::Shuffled(7));
    drop(pool);
    Image::write(folder, programs, &bytes)
}

/// The most memory that a program has at a time.
fn peak(program: &str, arguments: &[&str]) -> Result<String> {
    Ok(number::megabytes(Usage::of(program, arguments)?.peak))
}

/// How many of these calls of the kernel a line of shell makes, threads and children included.
fn calls(line: &str, names: &str) -> Result<u64> {
    let log = tempfile::NamedTempFile::new()?;
    shell::run(&format!(
        "strace --quiet=all -f --seccomp-bpf --trace={names} --signal=none -o {} bash -c 'exec {line}'",
        log.path().display()
    ))?;
    let lines =
        shell::run(&format!("grep --count -v 'resumed>' {} || true", log.path().display()))?;
    lines.trim().parse().with_context(|| format!("grep said: {lines}"))
}
