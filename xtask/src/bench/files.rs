//! How fast the changed bytes move on image files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use thinmeta::testing::{Pool, Random, Shape};

use super::pairs::Ratio;
use crate::say;

const CHUNK: u64 = 65536;
const SIZE: u64 = 1 << 30;

/// A pool in two files, with an empty device, 1, and a snapshot of it, 2, that was written to from
/// end to end; half of its data compresses.
pub(crate) struct Images {
    pub(crate) programs: PathBuf,
    folder: TempDir,
}

impl Images {
    /// Writes the files; they are removed with this value.
    pub(crate) fn write(programs: &Path) -> Result<Self> {
        say("writing image files");
        let folder = tempfile::Builder::new().prefix("lvdiff-bench-").tempdir_in(programs)?;
        let images = Self { programs: programs.to_owned(), folder };
        let mut pool = Pool::new(Shape::default());
        pool.create(1);
        pool.create_with(2, (0..SIZE / CHUNK).map(|block| (block, block)));
        fs::write(images.path("metadata"), pool.image())?;
        let file = fs::File::create(images.path("data"))?;
        let mut random = Random::new(3);
        let mut piece = vec![0; 1 << 20];
        for offset in (0..SIZE).step_by(piece.len()) {
            for (number, word) in piece.chunks_mut(8).enumerate() {
                // In every other 4 KiB, text that has been seen before.
                let noise = random.below(u64::MAX).to_le_bytes();
                word.copy_from_slice(if number / 512 % 2 == 0 { &noise } else { b"the same" });
            }
            file.write_all_at(&piece, offset)?;
        }
        file.sync_all()?;
        Ok(images)
    }

    /// A file beside the images.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The command that writes the difference of the two devices to standard output.
    pub(crate) fn lvdiff(&self) -> String {
        let lvdiff = self.programs.join("lvdiff");
        let (metadata, data) = (self.path("metadata"), self.path("data"));
        format!("{} -q -d 0 --direct --metadata {metadata} --data {data} 1 2", lvdiff.display())
    }
}

/// Reading, copying, and compression.
pub(crate) fn measure(images: &Images, runs: u32) -> Result<String> {
    say("image files");
    let ours = images.lvdiff();
    let mut text = String::from(
        "On image files of 1 GiB, half of which compresses, read past the page cache:\n\n",
    );
    let read = format!("dd if={} iflag=direct bs=1M of=/dev/null status=none", images.path("data"));
    let ratio = pairs(&read, &format!("{ours} > /dev/null"), runs)?;
    writeln!(
        text,
        "- `dd iflag=direct` / `lvdiff -d 0 --direct`: {ratio}. What limits it is the SHA-1 of the stream, which one core computes (its share is in the profile above)"
    )?;
    let ratio = pairs(&read, &format!("{ours} --no-sha1 > /dev/null"), runs)?;
    writeln!(text, "- the same with `--no-sha1`: {ratio}")?;
    // Both begin with a file that is not there, and a hole: what is there already would be overwritten.
    let [copy, image] = [images.path("copy"), images.path("patched")];
    let copied = format!(
        "rm -f {copy}; dd if={} iflag=direct bs=1M status=none |
            dd of={copy} oflag=direct iflag=fullblock bs=1M conv=fsync status=none",
        images.path("data")
    );
    let patched = format!(
        "rm -f {image}; truncate -s 1G {image}; {ours} | {} -q --device {image}",
        images.programs.join("lvpatch").display()
    );
    let ratio = pairs(&copied, &patched, runs)?;
    writeln!(
        text,
        "- `dd | dd`, direct both / `lvdiff -d 0 --direct | lvpatch --device`: {ratio}"
    )?;
    if Command::new("zstd").arg("--version").stdout(Stdio::null()).status().is_err() {
        writeln!(text, "- compression was not measured: zstd is not installed")?;
        return Ok(text);
    }
    // Not to files: lvdiff syncs a file before it ends, zstd does not, and what the disk takes to
    // write is neither's.
    let theirs = format!("{ours} | zstd -q -T0 -3");
    let ours = format!("{ours} --compress zstd:3");
    let ratio = pairs(&format!("{theirs} > /dev/null"), &format!("{ours} > /dev/null"), runs)?;
    let share = bytes_of(&ours)? as f64 / bytes_of(&theirs)? as f64;
    writeln!(
        text,
        "- `lvdiff | zstd -T0 -3` / `lvdiff --compress zstd:3`, both to /dev/null: {ratio}; ours has {share:.3} times its size"
    )?;
    Ok(text)
}

fn pairs(theirs: &str, ours: &str, runs: u32) -> Result<Ratio> {
    let time = |line: &str| {
        let begun = Instant::now();
        let status = Command::new("bash").args(["-o", "pipefail", "-c", line]).status()?;
        ensure!(status.success(), "{line} failed: {status}");
        Ok(begun.elapsed())
    };
    let mut pairs = Vec::new();
    for number in 0..=runs {
        let pair = (time(theirs)?, time(ours)?);
        if number > 0 {
            pairs.push(pair);
        }
    }
    Ok(Ratio::of(&pairs))
}

/// How many bytes a line of shell writes.
fn bytes_of(line: &str) -> Result<u64> {
    let line = format!("{line} | wc -c");
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &line]).output()?;
    ensure!(output.status.success(), "{line} failed: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("{line} said: {text}"))
}
