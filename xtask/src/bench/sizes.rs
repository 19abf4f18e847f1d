//! How large a stream of small changes is, compressed record by record and as a whole.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Result;
use thinmeta::testing::{Pool, Shape};

use super::folder::folder;
use super::number::{megabytes, thousands};
use super::shell::{self, bytes_of};
use crate::say;

const CHUNK: u64 = 65536;
const BLOCK: u64 = 4096;

/// Bytes of the same stream of small changes.
pub(crate) struct Sizes {
    count: u64,
    plain: u64,
    /// Through zstd as a whole.
    whole: u64,
    /// With `--compress`.
    ours: u64,
}

impl Sizes {
    /// Measures with these programs, and with the blocks of the same or others as data.
    pub(crate) fn of(programs: &Path, data_of: &Path) -> Result<Self> {
        say("the size of small changes");
        let folder = folder(programs)?;
        let (metadata, data) = (folder.path().join("metadata"), folder.path().join("data"));
        let blocks = blocks(data_of)?;
        let count = blocks.len() as u64;
        // The base's chunks come first, and are a hole; each of the target's has one block of data.
        let mut pool = Pool::new(Shape::default());
        pool.create_with(1, (0..count).map(|chunk| (chunk, chunk)));
        pool.create_with(2, (0..count).map(|chunk| (chunk, count + chunk)));
        fs::write(&metadata, pool.image())?;
        let file = File::create(&data)?;
        file.set_len(2 * count * CHUNK)?;
        for (chunk, block) in (count..).zip(&blocks) {
            file.write_all_at(block, chunk * CHUNK + chunk * 37 % (CHUNK / BLOCK) * BLOCK)?;
        }
        let lvdiff = format!(
            "{} -q -d 0 --granularity 4K --metadata {} --data {} 1 2",
            programs.join("lvdiff").display(),
            metadata.display(),
            data.display()
        );
        Ok(Self {
            count,
            plain: bytes_of(&lvdiff)?,
            whole: bytes_of(&format!("{lvdiff} | zstd -q -3"))?,
            ours: bytes_of(&format!("{lvdiff} --compress zstd:3"))?,
        })
    }

    /// By how many per cent ours is larger.
    pub(crate) fn percent(&self) -> f64 {
        percent(self.ours, self.whole)
    }
}

/// Measures, and yields a sentence.
pub(crate) fn measure(programs: &Path) -> Result<String> {
    if !shell::has("zstd") {
        return Ok("The size with `--compress` was not measured: zstd is not installed.\n".into());
    }
    let sizes = Sizes::of(programs, programs)?;
    Ok(format!(
        "{} changes of 4 KiB, each in a chunk of its own, with blocks of both programs' executables as data: with `--granularity 4K` the \
         stream has {}, through `zstd -3` as a whole {}, and with `--compress zstd:3` {}, which is {:+.1} %.\n",
        thousands(sizes.count),
        megabytes(sizes.plain),
        megabytes(sizes.whole),
        megabytes(sizes.ours),
        sizes.percent()
    ))
}

/// The blocks of both executables that are not zeros: data that nobody made for this purpose.
fn blocks(programs: &Path) -> Result<Vec<Vec<u8>>> {
    let mut blocks = Vec::new();
    for program in ["lvdiff", "lvpatch"] {
        let bytes = fs::read(programs.join(program))?;
        let whole = bytes.chunks_exact(BLOCK as usize);
        blocks.extend(whole.filter(|block| block.iter().any(|&byte| byte != 0)).map(<[_]>::to_vec));
    }
    Ok(blocks)
}

/// How much larger ours is.
fn percent(ours: u64, theirs: u64) -> f64 {
    100.0 * (ours as f64 / theirs as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_a_sign() {
        assert_eq!(format!("{:+.1}", percent(102, 100)), "+2.0");
        assert_eq!(format!("{:+.1}", percent(95, 100)), "-5.0");
    }
}
