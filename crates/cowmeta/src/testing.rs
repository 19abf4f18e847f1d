//! Exception stores built in memory, as the kernel builds them.
#![allow(clippy::arithmetic_side_effects)]

/// A COW device.
#[derive(Clone, Debug)]
pub struct Image {
    chunk_sectors: u32,
    /// Each with its place.
    kept: Vec<(u64, u64)>,
    next_free: u64,
}

impl Image {
    /// The store of a snapshot that was just taken, with chunks of this many sectors.
    pub fn new(chunk_sectors: u32) -> Self {
        // The header and the first area are taken.
        Self { chunk_sectors, kept: vec![], next_free: 2 }
    }

    /// Keeps a chunk of the origin, which is about to be overwritten.
    pub fn copy(&mut self, old_chunk: u64) {
        self.put(old_chunk, self.next_free);
        self.next_free += 1;
        if self.next_free % (self.per_area() + 1) == 1 {
            self.next_free += 1;
        }
    }

    /// Puts any exception at the end of the list.
    pub fn put(&mut self, old_chunk: u64, new_chunk: u64) {
        self.kept.push((old_chunk, new_chunk));
    }

    /// The device: as large as it must be, and some chunks more.
    pub fn bytes(&self) -> Vec<u8> {
        let chunk_bytes = self.chunk_sectors as usize * 512;
        let areas = self.kept.len() as u64 / self.per_area() + 1;
        let chunks = areas * (self.per_area() + 1) + 1;
        let mut bytes = vec![0; chunks as usize * chunk_bytes];
        let header = [0x7041_6e53, 1, 1, self.chunk_sectors];
        for (place, field) in header.into_iter().enumerate() {
            bytes[place * 4..][..4].copy_from_slice(&u32::to_le_bytes(field));
        }
        for (number, (old, new)) in (0_u64..).zip(&self.kept) {
            let (area, index) = (number / self.per_area(), number % self.per_area());
            let chunk = 1 + area * (self.per_area() + 1);
            let place = chunk as usize * chunk_bytes + index as usize * 16;
            bytes[place..][..8].copy_from_slice(&old.to_le_bytes());
            bytes[place + 8..][..8].copy_from_slice(&new.to_le_bytes());
        }
        bytes
    }

    fn per_area(&self) -> u64 {
        u64::from(self.chunk_sectors) * 512 / 16
    }
}
