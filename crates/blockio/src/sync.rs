//! Locks and threads: the standard library's, or shuttle's, which runs them in every order it can think of
//! (`cfg(shuttle)`, see `checked.rs`).

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use std::thread::{Builder, JoinHandle, scope};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(shuttle)]
pub(crate) use shuttle::thread::{JoinHandle, scope};

#[cfg(shuttle)]
pub(crate) use of_shuttle::Builder;

#[cfg(shuttle)]
mod of_shuttle {
    use std::io;

    use shuttle::thread::{JoinHandle, Scope, spawn};

    /// What makes a thread, or cannot: shuttle has none that fails.
    pub(crate) struct Builder {
        fits: bool,
    }

    impl Builder {
        pub(crate) fn new() -> Self {
            Self { fits: true }
        }

        /// One that is as large as no memory fails, as the system's does.
        pub(crate) fn stack_size(self, size: usize) -> Self {
            Self { fits: size < 1 << 40 }
        }

        fn check(&self) -> io::Result<()> {
            if self.fits { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        }

        pub(crate) fn spawn<T: Send + 'static>(
            self,
            work: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            self.check().map(|()| spawn(work))
        }

        pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
            self,
            scope: &'scope Scope<'scope, '_>,
            work: impl FnOnce() -> T + Send + 'scope,
        ) -> io::Result<()> {
            self.check().map(|()| drop(scope.spawn(work)))
        }
    }
}
