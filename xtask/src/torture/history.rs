//! A random history of a volume, and the chain of streams that is made of it.

use std::fmt::Write as _;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

const CHUNKS_KIB: [u32; 6] = [64, 128, 192, 256, 512, 1024];
/// A logical extent: the sizes of volumes are multiples of it.
const EXTENT_MIB: u32 = 4;
const MAX_VOLUME_MIB: u32 = 16;

/// What happened to a volume, in a pool with chunks of some size, up to its last snapshot.
#[derive(Debug)]
pub(crate) struct History {
    chunk_kib: u32,
    zeroing: bool,
    size_mib: u32,
    /// What happened before each snapshot: lines of the script.
    points: Vec<Vec<String>>,
    /// What lvdiff is told for each stream, the full one first.
    pub(crate) options: Vec<String>,
    /// The chunks of the pool that the streams go to.
    target_chunk_kib: u32,
}

impl History {
    /// A history with a chain of 2 to 5 diffs, in which the volume may be resized.
    pub(crate) fn random(rng: &mut StdRng, resizes: bool) -> Self {
        let chunk_kib = *CHUNKS_KIB.choose(rng).expect("there are some");
        let other = *CHUNKS_KIB.choose(rng).expect("there are some");
        let size_mib = EXTENT_MIB * rng.random_range(1..=MAX_VOLUME_MIB / EXTENT_MIB);
        let diffs = rng.random_range(2..=5);

        let mut volume = Volume { size_mib, resizes, writes: 0 };
        let mut points = Vec::new();
        let mut options = Vec::new();
        for number in 0..=diffs {
            points.push(volume.happenings(rng, number));
            options.push(if number == 0 { full_options(rng) } else { diff_options(rng) });
        }
        Self {
            chunk_kib,
            zeroing: rng.random_ratio(2, 3),
            size_mib,
            points,
            options,
            target_chunk_kib: if rng.random_ratio(1, 4) { other } else { chunk_kib },
        }
    }

    /// The streams go to a pool with the same chunks.
    pub(crate) fn take_same_chunks(&mut self) {
        self.target_chunk_kib = self.chunk_kib;
    }

    /// How many diffs its chain has.
    pub(crate) fn diffs(&self) -> usize {
        self.points.len() - 1
    }

    /// The volume groups and pools, and all that happened, as a script.
    pub(crate) fn script(&self) -> String {
        let zeroing = |yes| if yes { "y" } else { "n" };
        let mut text = format!("CHUNK={} TARGET_CHUNK={}\n", self.chunk_kib, self.target_chunk_kib);
        text += "run vgcreate -q -y vg0 /dev/ubda\nrun vgcreate -q -y vg1 /dev/ubdb\n";
        for (group, chunk) in [("vg0", self.chunk_kib), ("vg1", self.target_chunk_kib)] {
            let _ = writeln!(
                text,
                "make_pool {group} pool0 {chunk}k 160M -q --zero {} --poolmetadatasize 2M",
                zeroing(self.zeroing)
            );
        }
        let _ = writeln!(text, "run lvcreate -q -T vg0/pool0 -V {}M -n vol0", self.size_mib);
        for lines in &self.points {
            for line in lines {
                text += line;
                text.push('\n');
            }
            text += "point\n";
        }
        text
    }

    /// Whether lvpatch must be told that the pools' chunks differ.
    pub(crate) fn chunks_differ(&self) -> bool {
        self.chunk_kib != self.target_chunk_kib
    }
}

/// A volume in the making.
struct Volume {
    size_mib: u32,
    resizes: bool,
    /// Each write has bytes of its own.
    writes: u32,
}

impl Volume {
    /// What happens before a snapshot.
    fn happenings(&mut self, rng: &mut StdRng, number: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if self.resizes && number > 0 && rng.random_ratio(1, 5) {
            lines.extend(self.resized(rng));
        }
        for _ in 0..rng.random_range(1..=5) {
            let line = match rng.random_range(0..10) {
                0..6 => {
                    self.writes += 1;
                    let (offset, length) = self.range(rng);
                    format!("fill /dev/vg0/vol0 {offset} {length} w{}", self.writes)
                }
                6 => {
                    let (offset, length) = self.range(rng);
                    format!("zero /dev/vg0/vol0 {offset} {length}")
                }
                7 | 8 => {
                    let (offset, length) = self.range(rng);
                    format!("discard /dev/vg0/vol0 {offset} {length}")
                }
                // Somebody else's volume in the same pool, which shares what there is so far.
                _ => self.neighbour(rng, number),
            };
            lines.push(line);
        }
        lines
    }

    fn neighbour(&mut self, rng: &mut StdRng, number: usize) -> String {
        self.writes += 1;
        let name = format!("other{number}_{}", self.writes);
        let (offset, length) = self.range(rng);
        format!("neighbour vg0/{name} vg0/vol0 {offset} {length}")
    }

    fn resized(&mut self, rng: &mut StdRng) -> Option<String> {
        let new = EXTENT_MIB * rng.random_range(1..=MAX_VOLUME_MIB / EXTENT_MIB);
        let old = std::mem::replace(&mut self.size_mib, new);
        let command = match new.cmp(&old) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => "lvreduce -q -f -y",
            std::cmp::Ordering::Greater => "lvextend -q -y",
        };
        Some(format!("run {command} -L {new}M vg0/vol0"))
    }

    /// Offset and length in KiB, multiples of 4, inside the volume: a few blocks, or much of it.
    fn range(&self, rng: &mut StdRng) -> (u32, u32) {
        let blocks = self.size_mib * 256;
        let most = if rng.random_ratio(1, 2) { 16 } else { blocks };
        let length = rng.random_range(1..=most);
        let offset = rng.random_range(0..=blocks - length);
        (offset * 4, length * 4)
    }
}

fn full_options(rng: &mut StdRng) -> String {
    output_options(rng).join(" ")
}

fn diff_options(rng: &mut StdRng) -> String {
    let mut options = vec![format!("-d {}", rng.random_range(0..=3))];
    if rng.random_ratio(1, 3) {
        let size = ["4K", "16K", "64K"].choose(rng).expect("there are some");
        options.push(format!("--granularity {size}"));
    }
    if rng.random_ratio(1, 5) {
        options.push("--snapshot".into());
    }
    options.extend(output_options(rng));
    options.join(" ")
}

fn output_options(rng: &mut StdRng) -> Vec<String> {
    let mut options = Vec::new();
    if rng.random_ratio(1, 3) {
        options.push(format!("--compress zstd:{}", rng.random_range(1..=5)));
    }
    if rng.random_ratio(1, 3) {
        options.push("--no-sha1".into());
    }
    options
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn chains_have_2_to_5_diffs_and_a_seed_repeats_its_history() {
        let mut seen = [false; 6];
        for seed in 0..100 {
            let history = History::random(&mut StdRng::seed_from_u64(seed), true);
            seen[history.diffs()] = true;
            assert_eq!(history.options.len(), history.diffs() + 1);
            let again = History::random(&mut StdRng::seed_from_u64(seed), true);
            assert_eq!(history.script(), again.script());
        }
        assert_eq!(seen, [false, false, true, true, true, true]);
    }

    #[test]
    fn ranges_are_inside_the_volume() {
        let mut rng = StdRng::seed_from_u64(1);
        let volume = Volume { size_mib: 4, resizes: true, writes: 0 };
        for _ in 0..1000 {
            let (offset, length) = volume.range(&mut rng);
            assert!(length > 0 && offset % 4 == 0 && length % 4 == 0);
            assert!(offset + length <= 4096);
        }
    }
}
