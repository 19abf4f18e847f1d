//! [`Unsynced`]: what has been written and is not yet on its way to stable storage.

/// The range of neighbouring writes, in ascending order, whose sync has not begun.
pub(crate) struct Unsynced {
    /// How much is written before a sync is worth a call.
    step: u64,
    begin: u64,
    written: u64,
}

impl Unsynced {
    /// Nothing yet.
    pub(crate) fn new(step: u64) -> Self {
        Self { step, begin: 0, written: 0 }
    }

    /// Counts a write. Yields the offset and the length of a range to sync, once enough is written: gaps
    /// between writes are part of it.
    pub(crate) fn add(&mut self, offset: u64, length: u64) -> Option<(u64, u64)> {
        if self.written == 0 {
            self.begin = offset;
        }
        self.written = self.written.saturating_add(length);
        if self.written < self.step {
            return None;
        }
        self.written = 0;
        let end = offset.saturating_add(length);
        Some((self.begin, end.saturating_sub(self.begin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_is_synced_once_and_with_its_neighbours() {
        let mut unsynced = Unsynced::new(10);
        assert_eq!(unsynced.add(100, 4), None);
        assert_eq!(unsynced.add(104, 5), None);
        assert_eq!(unsynced.add(200, 1), Some((100, 101)));
        assert_eq!(unsynced.add(300, 9), None);
        assert_eq!(unsynced.add(400, 30), Some((300, 130)));
        assert_eq!(unsynced.add(u64::MAX, u64::MAX), Some((u64::MAX, 0)));
    }
}
