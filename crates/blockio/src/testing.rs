//! Storage that tests write to.

use std::io;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::read_at::past_end;
use crate::{ReadAt, Storage};

/// Bytes in memory, of which those that are discarded become zeros.
#[derive(Debug, Default)]
pub struct Memory {
    bytes: RwLock<Vec<u8>>,
}

impl Memory {
    /// Storage that holds these bytes, and is as large as they are.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: RwLock::new(bytes) }
    }

    /// What it holds now.
    pub fn bytes(&self) -> Vec<u8> {
        self.read().clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<u8>> {
        self.bytes.read().expect("nobody panics with it")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.bytes.write().expect("nobody panics with it")
    }

    /// Does something with a range of the bytes.
    fn change(&self, offset: u64, length: usize, how: impl FnOnce(&mut [u8])) -> io::Result<()> {
        let mut bytes = self.write();
        let size = bytes.len() as u64;
        let range =
            usize::try_from(offset).ok().and_then(|begin| Some(begin..begin.checked_add(length)?));
        let part = range.and_then(|range| bytes.get_mut(range));
        how(part.ok_or_else(|| past_end(offset, length, size))?);
        Ok(())
    }
}

impl ReadAt for Memory {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read().read_at(offset, buf)
    }
}

impl Storage for Memory {
    fn size(&self) -> u64 {
        self.read().len() as u64
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(offset, bytes.len(), |part| part.copy_from_slice(bytes))
    }

    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.change(offset, length, |part| part.fill(0))
    }

    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        self.zero_out(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.zero_out(offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_past_the_end_is_refused_and_changes_nothing() {
        let memory = Memory::new(vec![7; 10]);
        memory.write_at(2, &[1; 3]).unwrap();
        memory.discard(8, 2).unwrap();
        let expected = [7, 7, 1, 1, 1, 7, 7, 7, 0, 0];
        assert_eq!(memory.bytes(), expected);
        for offset in [8, 10, u64::MAX] {
            memory.write_at(offset, &[2; 3]).unwrap_err();
            memory.zero_out(offset, u64::MAX).unwrap_err();
        }
        assert_eq!(memory.bytes(), expected);
    }
}
