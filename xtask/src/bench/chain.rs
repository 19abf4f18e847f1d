//! [`Chain`]: a full stream, and ten years of increments.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use thinmeta::testing::{Pool, Random, Shape};

use super::folder::folder;
use super::image::Image;
use super::shell;
use super::usage::Usage;

/// One each day.
pub(crate) const INCREMENTS: u32 = 3650;
/// The chunks of the full stream.
pub(crate) const BASE: u64 = 1024;
const CHUNK: u64 = 65536;

/// The streams in files: `0` is full, and `1` to [`INCREMENTS`] follow it.
pub(crate) struct Chain {
    folder: TempDir,
    programs: String,
}

impl Chain {
    /// Writes the streams; they are removed with this value.
    pub(crate) fn write(programs: &Path) -> Result<Self> {
        let folder = folder(programs)?;
        let image = Image::write(folder.path(), programs, &pool().image())?;
        let data = folder.path().join("data");
        let file = File::create(&data)?;
        let chunks = BASE + u64::from(INCREMENTS);
        file.set_len(chunks * CHUNK)?;
        for chunk in 0..chunks {
            // Something in each, so that none is zeros.
            file.write_all_at(chunk.to_string().as_bytes(), chunk * CHUNK)?;
        }
        let lvdiff = format!(
            "{} -q -d 0 --compress zstd --metadata {} --data {}",
            image.lvdiff(),
            image.path(),
            data.display()
        );
        let chain = Self { folder, programs: programs.display().to_string() };
        shell::run(&format!("{lvdiff} 1 > {}", chain.path("0")))?;
        shell::run(&format!(
            "for ((day = 1; day <= {INCREMENTS}; day++)); do
                {lvdiff} $day $((day + 1)) > {}/$day || exit
            done",
            chain.folder.path().display()
        ))?;
        fs::remove_file(data)?;
        Ok(chain)
    }

    /// Merges as many increments into one.
    pub(crate) fn merge(&self, increments: usize) -> Result<Usage> {
        let files: Vec<_> = (1..=increments).map(|day| self.path(&day.to_string())).collect();
        let mut arguments = vec!["-q", "--merge"];
        arguments.extend(files.iter().map(String::as_str));
        Usage::of(&format!("{}/lvdiff", self.programs), &arguments)
    }

    /// Applies the full stream and as many increments to a new image.
    pub(crate) fn apply(&self, increments: usize) -> Result<Usage> {
        let image = self.path("new");
        let files: Vec<_> = (0..=increments).map(|day| self.path(&day.to_string())).collect();
        let mut arguments = vec!["-q", "--device", &image];
        arguments.extend(files.iter().flat_map(|file| ["-i", file]));
        let usage = Usage::of(&format!("{}/lvpatch", self.programs), &arguments)?;
        fs::remove_file(&image)?;
        Ok(usage)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// A volume, 1, and a snapshot for each day, in which a chunk was written.
fn pool() -> Pool {
    let mut random = Random::new(9);
    let mut pool = Pool::new(Shape::default());
    pool.create_with(1, (0..BASE).map(|chunk| (chunk, chunk)));
    for day in 1..=INCREMENTS {
        pool.snapshot(day, day + 1);
        pool.write(day + 1, random.below(BASE));
    }
    pool
}
