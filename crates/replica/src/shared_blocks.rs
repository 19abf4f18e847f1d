//! [`SharedBlocks`]: a stream in blocks that comes back from the thread that writes it, whatever happens there.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use peer::BlockWriter;

type To = Box<dyn Write + Send>;
type Blocks = BlockWriter<To, Box<dyn FnMut() -> bool + Send>>;

/// Blocks that several hold. Each write is a whole one, so whoever takes them finds the end of a block.
#[derive(Clone)]
pub(crate) struct SharedBlocks(Arc<Mutex<Option<Blocks>>>);

impl SharedBlocks {
    /// Writes to `to`, as long as `goes_on` says so.
    pub(crate) fn new(to: To, goes_on: impl FnMut() -> bool + Send + 'static) -> Self {
        let blocks = BlockWriter::new(to, Box::new(goes_on) as Box<_>);
        Self(Arc::new(Mutex::new(Some(blocks))))
    }

    /// Takes them: nobody else can write to them any more.
    pub(crate) fn take(&self) -> io::Result<Blocks> {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.take().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Tells the other side that the rest does not come; yields what was written to, if that is possible.
    pub(crate) fn give_up(&self) -> Option<To> {
        self.take().ok()?.give_up().ok()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Blocks) -> io::Result<T>) -> io::Result<T> {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(blocks.as_mut().ok_or(io::ErrorKind::BrokenPipe)?)
    }
}

impl Write for SharedBlocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|blocks| blocks.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}
