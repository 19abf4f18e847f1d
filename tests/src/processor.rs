//! The host's processor that a guest runs on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// How many guests of this process are on each processor.
static GUESTS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A processor that a guest has until this is dropped.
///
/// A guest has one processor, and hands over to one of its processes and back at each of
/// their system calls. Where these are on several processors of the host, each of them has to be
/// woken for that: on a virtual machine a guest takes three times as long.
#[derive(Debug)]
pub(crate) struct Processor {
    number: usize,
}

impl Processor {
    /// The one with the fewest guests among those that this process may use. None if the
    /// kernel does not say which these are.
    pub(crate) fn take() -> Option<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut guests = guests();
        guests.resize(CpuSet::count(), 0);
        // Another process begins with another one.
        let first = std::process::id() as usize;
        let number = (0..CpuSet::count())
            .map(|number| (number + first) % CpuSet::count())
            .filter(|&number| allowed.is_set(number) == Ok(true))
            .min_by_key(|&number| guests[number])?;
        guests[number] += 1;
        Some(Self { number })
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        guests()[self.number] -= 1;
    }
}

/// The counts are right whatever became of the thread that had them before.
fn guests() -> MutexGuard<'static, Vec<usize>> {
    GUESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_spread_over_the_processors_that_there_are() {
        let count = std::thread::available_parallelism().expect("it is known").get();
        let taken: Vec<_> = (0..count).map(|_| Processor::take().expect("there is one")).collect();
        let mut numbers: Vec<_> = taken.iter().map(Processor::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
