//! [`Spare`]: things that threads use one after another, and give back.

use crate::sync::Mutex;

/// Things that are idle: buffers, mostly. Fresh memory costs a page fault for every page of it, so what one
/// thread is done with the next one takes.
pub struct Spare<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }
}

impl<T> Spare<T> {
    /// One that is idle, or else a new one.
    ///
    /// # Errors
    /// That of `make`.
    pub fn take<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        // The lock is gone before `make` runs.
        let spare = self.idle.lock().expect("nobody panics with it").pop();
        spare.map_or_else(make, Ok)
    }

    /// Gives one back.
    pub fn give(&self, one: T) {
        self.idle.lock().expect("nobody panics with it").push(one);
    }
}
