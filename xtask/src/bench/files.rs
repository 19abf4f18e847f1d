//! How fast the changed bytes move on image files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use tempfile::TempDir;
use thinmeta::testing::{Pool, Random, Shape};

use super::folder::folder;
use super::number::thousands;
use super::shell::{self, bytes_of, pairs};
use crate::say;

const CHUNK: u64 = 65536;
const SIZE: u64 = 1 << 30;

/// A pool in two files, with an empty device, 1, and a snapshot of it, 2, that was written to from
/// end to end; half of its data compresses. Device 3 has the same chunks with as large holes between
/// them, so that its stream has many records.
pub(crate) struct Images {
    pub(crate) programs: PathBuf,
    folder: Rc<TempDir>,
}

impl Images {
    /// Writes the files; they are removed with the last of these values.
    pub(crate) fn write(programs: &Path) -> Result<Self> {
        say("writing image files");
        let folder = folder(programs)?;
        let images = Self { programs: programs.to_owned(), folder: Rc::new(folder) };
        let mut pool = Pool::new(Shape::default());
        pool.create(1);
        pool.create_with(2, (0..SIZE / CHUNK).map(|block| (block, block)));
        pool.create_with(3, (0..SIZE / CHUNK).map(|block| (2 * block, block)));
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

    /// The same files, for other programs.
    pub(crate) fn with(&self, programs: &Path) -> Self {
        Self { programs: programs.to_owned(), folder: Rc::clone(&self.folder) }
    }

    /// A file beside the images.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The command that writes the difference of devices 1 and 2 to standard output.
    pub(crate) fn lvdiff(&self) -> String {
        self.lvdiff_of("1 2")
    }

    /// The same of other devices; of a single one, it is a full stream.
    pub(crate) fn lvdiff_of(&self, devices: &str) -> String {
        let lvdiff = self.programs.join("lvdiff");
        let (metadata, data) = (self.path("metadata"), self.path("data"));
        format!(
            "{} -q -d 0 --direct --metadata {metadata} --data {data} {devices}",
            lvdiff.display()
        )
    }

    pub(crate) fn lvpatch(&self) -> String {
        format!("{} -q", self.programs.join("lvpatch").display())
    }
}

/// Reading, copying, compression, and looking into a stream.
pub(crate) fn measure(images: &Images, runs: u32) -> Result<String> {
    say("image files");
    let ours = images.lvdiff();
    let mut text = String::from(
        "On image files of 1 GiB, half of which compresses, read past the page cache:\n\n",
    );
    let data = images.path("data");
    let read = format!("dd if={data} iflag=direct bs=1M of=/dev/null status=none");
    let ratio = pairs("true", &read, &format!("{ours} > /dev/null"), runs)?;
    writeln!(
        text,
        "- `dd iflag=direct` / `lvdiff -d 0 --direct`: {ratio}. What limits it is the SHA-1 of the stream, which one core computes (its share is in the profile above)"
    )?;
    let ratio = pairs("true", &read, &format!("{ours} --no-sha1 > /dev/null"), runs)?;
    writeln!(text, "- the same with `--no-sha1`: {ratio}")?;
    text += &copying(images, runs)?;
    text += &compression(&ours, runs)?;
    text += &information(images, runs)?;
    Ok(text)
}

/// To an image that is there, and to a new one.
fn copying(images: &Images, runs: u32) -> Result<String> {
    let (ours, lvpatch) = (images.lvdiff(), images.lvpatch());
    let [data, copy, image, full] =
        ["data", "copy", "patched", "full"].map(|name| images.path(name));
    let mut text = String::new();
    // What is there already would be overwritten, which takes less.
    let hole = format!("rm -f {copy} {image}; truncate -s {SIZE} {image}; sync -f {data}");
    let copied = format!(
        "dd if={data} iflag=direct bs=1M status=none |
            dd of={copy} oflag=direct iflag=fullblock bs=1M conv=fsync status=none"
    );
    let patched = format!("{ours} | {lvpatch} --device {image}");
    let ratio = pairs(&hole, &copied, &patched, runs)?;
    writeln!(
        text,
        "- `dd | dd`, direct both, to a new file / `lvdiff -d 0 --direct | lvpatch --device`, to an image that is there and one hole: {ratio}"
    )?;
    shell::run(&format!("{} > {full}", images.lvdiff_of("2")))?;
    let cached = format!("rm -f {copy} {image}; sync -f {data}; cat {data} {full} > /dev/null");
    let copied = format!("dd if={data} of={copy} bs=1M conv=fsync status=none");
    let patched = format!("{lvpatch} --device {image} -i {full}");
    let ratio = pairs(&cached, &copied, &patched, runs)?;
    writeln!(
        text,
        "- `dd conv=fsync` of the volume / `lvpatch --device` of its full stream, both from the page cache to a new file: {ratio}"
    )?;
    shell::run(&format!("rm -f {copy} {image} {full}"))?;
    Ok(text)
}

fn compression(ours: &str, runs: u32) -> Result<String> {
    if !shell::has("zstd") {
        return Ok("- compression was not measured: zstd is not installed\n".into());
    }
    // Not to files: lvdiff syncs a file before it ends, zstd does not, and what the disk takes to
    // write is neither's.
    let theirs = format!("{ours} | zstd -q -T0 -3");
    let ours = format!("{ours} --compress zstd:3");
    let [to_null, ours_to_null] = [&theirs, &ours].map(|line| format!("{line} > /dev/null"));
    let ratio = pairs("true", &to_null, &ours_to_null, runs)?;
    let share = bytes_of(&ours)? as f64 / bytes_of(&theirs)? as f64;
    Ok(format!(
        "- `lvdiff | zstd -T0 -3` / `lvdiff --compress zstd:3`, both to /dev/null: {ratio}; ours has {share:.3} times its size\n"
    ))
}

/// What an index spares.
fn information(images: &Images, runs: u32) -> Result<String> {
    let (stream, lvpatch) = (images.path("many"), images.lvpatch());
    shell::run(&format!("{} > {stream}", images.lvdiff_of("3")))?;
    let [verify, info] =
        ["--verify -i", "--info"].map(|option| format!("{lvpatch} {option} {stream} > /dev/null"));
    let ratio = pairs(&format!("cat {stream} > /dev/null"), &verify, &info, runs)?;
    fs::remove_file(stream)?;
    Ok(format!(
        "- `lvpatch --verify` / `lvpatch --info` of a stream with {} records in a file in the page cache: {ratio}\n",
        thousands(SIZE / CHUNK)
    ))
}
