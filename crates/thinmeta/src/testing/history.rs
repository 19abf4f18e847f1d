//! Volumes as they are in use: long runs, and changes here and there. Random, and the same for the
//! same seed.

use super::Pool;

/// A source of random numbers.
pub struct Random {
    state: u64,
}

impl Random {
    /// A source that yields the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        // splitmix64: a few multiplications that mix a counter well.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

impl Pool {
    /// Makes a thin device with about this many mappings, whose data blocks are all fresh: one run
    /// in ten is a single block, the others have 64 blocks on the average. Yields the thin blocks.
    pub fn create_volume(&mut self, id: u32, mappings: u64, random: &mut Random) -> Vec<u64> {
        let mut entries = Vec::new();
        let (mut thin, mut data) = (0, self.next_data_block);
        while (entries.len() as u64) < mappings {
            let length = if random.below(10) == 0 { 1 } else { 32 + random.below(65) };
            entries.extend((0..length).map(|block| (thin + block, data + block)));
            thin += length + random.below(8);
            data += length;
        }
        let blocks = entries.iter().map(|(thin, _)| *thin).collect();
        self.create_with(id, entries);
        blocks
    }

    /// Writes `runs` times to `length` blocks in a row of those in `blocks`, anywhere.
    pub fn write_scattered(
        &mut self,
        id: u32,
        blocks: &[u64],
        (runs, length): (u64, u64),
        random: &mut Random,
    ) {
        for _ in 0..runs {
            let first = random.below(blocks.len() as u64 - (length - 1)) as usize;
            for block in &blocks[first..first + length as usize] {
                self.write(id, *block);
            }
        }
    }
}
