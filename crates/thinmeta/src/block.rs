//! [`Blocks`]: the metadata device as whole blocks, in memory that `O_DIRECT` accepts.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use blockio::ReadAt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Error, MetaBlock, Result};

/// How many blocks are kept: a few times the way down through the trees of two devices.
const KEPT: usize = 32;

/// One block, aligned to a page.
#[derive(Clone, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(4096))]
pub(crate) struct Page([u8; 4096]);
const _: () = assert!(size_of::<Page>() as u64 == MetaBlock::SIZE);
const _: () = assert!(align_of::<Page>() == blockio::ALIGNMENT);

impl Page {
    pub(crate) fn zeroed() -> Box<Self> {
        Box::new(Self([0; 4096]))
    }

    pub(crate) fn bytes(&self) -> &[u8; 4096] {
        &self.0
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; 4096] {
        &mut self.0
    }
}

/// The whole blocks of a device or image.
pub(crate) struct Blocks<R> {
    reader: R,
    count: u64,
    /// The blocks that look-ups read last, the newest at the end.
    kept: Mutex<VecDeque<(MetaBlock, Box<Page>)>>,
}

impl<R: ReadAt> Blocks<R> {
    /// The whole blocks of `reader`, which has `size` bytes.
    pub(crate) fn new(reader: R, size: u64) -> Self {
        Self { reader, count: size / MetaBlock::SIZE, kept: Mutex::default() }
    }

    /// Says that a block will be read soon.
    pub(crate) fn announce(&self, block: MetaBlock) {
        if let Some(offset) = block.offset().filter(|_| block.get() < self.count) {
            self.reader.will_read(offset, size_of::<Page>());
        }
    }

    /// Reads one block, of which nothing is verified but that it lies in the device.
    pub(crate) fn read(&self, block: MetaBlock) -> Result<Box<Page>> {
        let offset = match block.offset() {
            Some(offset) if block.get() < self.count => offset,
            _ => {
                let count = self.count;
                return Err(Error::corrupt(block, format!("it is past the end (block {count})")));
            }
        };
        let mut page = Page::zeroed();
        self.reader.read_at(offset, &mut page.0).map_err(|source| Error::Io { block, source })?;
        Ok(page)
    }

    /// The same for a block that is likely to be read again soon, as those on the way down to an entry are.
    pub(crate) fn read_kept(&self, block: MetaBlock) -> Result<Box<Page>> {
        // A thread that panicked with it left whole pages.
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, page)) = kept().iter().find(|(number, _)| *number == block) {
            return Ok(page.clone());
        }
        let page = self.read(block)?;
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((block, page.clone()));
        Ok(page)
    }
}
