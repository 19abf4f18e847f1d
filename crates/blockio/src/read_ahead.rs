//! [`ReadAhead`]: a source that reads what was announced, many pieces at once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;

use crate::sync::{Arc, Builder, Condvar, JoinHandle, Mutex, MutexGuard};
use crate::{AlignedBuf, ReadAt};

/// How many reads are under way at once. One at a time, a disk is idle most of the time.
const THREADS: usize = 16;

/// The most bytes of one read that serves several pieces.
const GROUP: usize = 256 << 10;

/// How many bytes between two pieces are read with them, because that is quicker than a read more.
const GAP: u64 = 24 << 10;

/// A thread is called once this many pieces wait, or sooner where a reader would have to: to call one for each
/// would cost more than the reads. The caller announces further ahead than this.
const BATCH: usize = 64;

/// Reads pieces that [`ReadAt::will_read`] announces on threads of its own, neighbours together,
/// and holds them until they are read. Announcing is bounded by the caller.
///
/// Threads start as they are needed. Where a limit of the system lets fewer start, fewer read; without any,
/// nothing is read ahead.
pub struct ReadAhead<D> {
    shared: Arc<Shared<D>>,
    /// Makes a thread, by its number.
    builder: fn(usize) -> Builder,
}

struct Shared<D> {
    source: D,
    state: Mutex<State>,
    /// There is work, or an end to it.
    work: Condvar,
    /// A read has come back.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Announced and not begun: length by offset, and the offsets in the order of announcement.
    announced: BTreeMap<u64, usize>,
    order: VecDeque<u64>,
    under_way: HashSet<u64>,
    ready: HashMap<u64, io::Result<Box<[u8]>>>,
    /// How often pieces were announced that had been announced and not read yet: they are kept for that.
    again: HashMap<u64, usize>,
    /// What somebody waits for, among what is under way.
    awaited: Vec<u64>,
    threads: Vec<JoinHandle<()>>,
    /// No further thread starts.
    is_full: bool,
    /// Threads without work, and whether one of them is called and has not come yet.
    idle: usize,
    is_called: bool,
    ended: bool,
}

/// Pieces that one read serves: offsets and lengths, ascending.
type Group = Vec<(u64, usize)>;

impl<D: ReadAt + Send + Sync + 'static> ReadAhead<D> {
    /// Reads ahead in `source`.
    pub fn new(source: D) -> Self {
        Self::on(|_| Builder::new(), source)
    }

    /// The same on threads that `builder` makes, each by its number.
    pub(crate) fn on(builder: fn(usize) -> Builder, source: D) -> Self {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { source, state, work: Condvar::new(), done: Condvar::new() });
        Self { shared, builder }
    }

    /// Sees to it that somebody comes to what was announced.
    fn call(&self, state: &mut State) {
        if state.idle > 0 || state.is_full {
            return self.shared.call(state);
        }
        let (number, shared) = (state.threads.len(), Arc::clone(&self.shared));
        match (self.builder)(number).spawn(move || shared.work()) {
            Ok(thread) => state.threads.push(thread),
            Err(error) => {
                log::debug!("{number} threads in place of {THREADS}: {error}");
                state.is_full = true;
                if state.threads.is_empty() {
                    // Nobody would take it out of the order again.
                    (state.announced, state.order) = Default::default();
                }
            }
        }
        state.is_full |= state.threads.len() == THREADS;
    }
}

impl<D: ReadAt> Shared<D> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the lock")
    }

    /// Calls one of the threads without work, which calls the next one if there is work left for it.
    fn call(&self, state: &mut State) {
        if state.idle > 0 && !state.is_called {
            state.is_called = true;
            self.work.notify_one();
        }
    }

    /// A thread's life.
    fn work(&self) {
        let Ok(mut buf) = AlignedBuf::new(GROUP) else { return };
        let mut state = self.lock();
        loop {
            if state.ended {
                return;
            }
            let Some(offset) = state.order.pop_front() else {
                state.idle += 1;
                state = self.work.wait(state).expect("no thread panics while it holds the lock");
                state.idle -= 1;
                state.is_called = false;
                continue;
            };
            if let Some(group) = state.begin(offset) {
                if !state.announced.is_empty() {
                    self.call(&mut state);
                }
                drop(state);
                self.read_group(&group, &mut buf);
                state = self.lock();
            }
        }
    }

    /// Reads the pieces of a group, all at once or, should that fail, each for itself.
    fn read_group(&self, group: &Group, buf: &mut [u8]) {
        let (Some((begin, _)), Some((last, length))) = (group.first(), group.last()) else {
            return;
        };
        let whole = &mut buf[..(last - begin) as usize + length];
        let together = self.source.read_at(*begin, whole);
        let pieces: Vec<_> = group
            .iter()
            .map(|&(offset, length)| {
                let piece = &mut whole[(offset - begin) as usize..][..length];
                let read = match &together {
                    Ok(()) => Ok(()),
                    Err(_) => self.source.read_at(offset, piece),
                };
                (offset, read.map(|()| Box::from(&*piece)))
            })
            .collect();
        let mut state = self.lock();
        for (offset, piece) in pieces {
            state.under_way.remove(&offset);
            state.ready.insert(offset, piece);
        }
        let State { awaited, ready, .. } = &mut *state;
        let before = awaited.len();
        awaited.retain(|offset| !ready.contains_key(offset));
        if awaited.len() < before {
            self.done.notify_all();
        }
    }
}

impl State {
    /// A piece that is there. One that is wanted once more stays, and is copied to `buf` if it is as long: then
    /// there is nothing to be yielded.
    fn take(&mut self, offset: u64, buf: &mut [u8]) -> Option<io::Result<Option<Box<[u8]>>>> {
        let kept = match (self.ready.get(&offset)?, self.again.get_mut(&offset)) {
            (Ok(piece), Some(again)) if piece.len() == buf.len() => Some((piece, again)),
            _ => None,
        };
        let Some((piece, again)) = kept else {
            self.again.remove(&offset);
            return self.ready.remove(&offset).map(|piece| piece.map(Some));
        };
        buf.copy_from_slice(piece);
        *again -= 1;
        if *again == 0 {
            self.again.remove(&offset);
        }
        Some(Ok(None))
    }

    /// Begins to read the piece at `offset` and those near it; `None` where that was done already.
    fn begin(&mut self, offset: u64) -> Option<Group> {
        let length = self.announced.remove(&offset)?;
        let mut group = VecDeque::from([(offset, length)]);
        let (mut begin, mut end) = (offset, offset + length as u64);
        while let Some((&next, &length)) = self.announced.range(end..).next() {
            if next - end > GAP || next + length as u64 - begin > GROUP as u64 {
                break;
            }
            self.announced.remove(&next);
            group.push_back((next, length));
            end = next + length as u64;
        }
        while let Some((&before, &length)) = self.announced.range(..begin).next_back() {
            let gap = begin.saturating_sub(before + length as u64);
            if gap > GAP || end - before > GROUP as u64 {
                break;
            }
            self.announced.remove(&before);
            group.push_front((before, length));
            begin = before;
        }
        self.under_way.extend(group.iter().map(|(offset, _)| offset));
        Some(group.into())
    }
}

impl<D: ReadAt + Send + Sync + 'static> ReadAt for ReadAhead<D> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut state = self.shared.lock();
        loop {
            if let Some(piece) = state.take(offset, buf) {
                drop(state);
                let Some(piece) = piece? else { return Ok(()) };
                if piece.len() == buf.len() {
                    buf.copy_from_slice(&piece);
                    return Ok(());
                }
                break; // announced with another length
            }
            let begun = state.begin(offset);
            if !state.announced.is_empty() {
                self.call(&mut state);
            }
            if let Some(group) = begun {
                // No thread has come to it: it is read here, like a thread would.
                if let Ok(mut buf) = AlignedBuf::new(GROUP) {
                    drop(state);
                    self.shared.read_group(&group, &mut buf);
                    state = self.shared.lock();
                } else {
                    // Without the memory each is read by itself, and nobody waits for the others.
                    group.iter().for_each(|(offset, _)| _ = state.under_way.remove(offset));
                }
            } else if state.under_way.contains(&offset) {
                state.awaited.push(offset);
                state =
                    self.shared.done.wait(state).expect("no thread panics while it holds the lock");
            } else {
                drop(state);
                break;
            }
        }
        self.shared.source.read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        if length > GROUP || offset.checked_add(length as u64).is_none() {
            return;
        }
        let mut state = self.shared.lock();
        if state.is_full && state.threads.is_empty() {
            return; // nobody takes it out of the order again
        }
        let is_known = state.under_way.contains(&offset) || state.ready.contains_key(&offset);
        if is_known || state.announced.contains_key(&offset) {
            *state.again.entry(offset).or_default() += 1;
            return;
        }
        state.announced.insert(offset, length);
        state.order.push_back(offset);
        if state.announced.len() >= BATCH {
            self.call(&mut state);
        }
    }
}

impl<D> Drop for ReadAhead<D> {
    fn drop(&mut self) {
        let mut threads = Vec::new();
        if let Ok(mut state) = self.shared.state.lock() {
            state.ended = true;
            threads = std::mem::take(&mut state.threads);
        }
        if !threads.is_empty() {
            self.shared.work.notify_all();
        }
        for thread in threads {
            // A thread that panicked has printed why; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts reads, and fails where the byte at the place is 255.
    struct Source {
        bytes: Vec<u8>,
        reads: Mutex<Vec<(u64, usize)>>,
    }

    impl ReadAt for Source {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            self.reads.lock().unwrap().push((offset, buf.len()));
            self.bytes.read_at(offset, buf)?;
            if buf.contains(&255) { Err(io::Error::other("bad spot")) } else { Ok(()) }
        }
    }

    fn source(blocks: usize) -> Source {
        let bytes = (0..blocks * 4096).map(|place| (place / 4096 % 255) as u8).collect();
        Source { bytes, reads: Mutex::default() }
    }

    #[test]
    fn announced_or_not_every_piece_is_the_sources() {
        every_piece_is_the_sources(&ReadAhead::new(source(3000)));
    }

    #[test]
    fn fewer_threads_or_none_read_the_same() {
        for threads in [0, 1, 5] {
            // There is no room for the stacks of the others.
            let none = |_| Builder::new().stack_size(1 << 50);
            let builder: fn(usize) -> Builder = match threads {
                0 => none,
                1 => |number| {
                    if number < 1 { Builder::new() } else { Builder::new().stack_size(1 << 50) }
                },
                _ => |number| {
                    if number < 5 { Builder::new() } else { Builder::new().stack_size(1 << 50) }
                },
            };
            let ahead = ReadAhead::on(builder, source(3000));
            every_piece_is_the_sources(&ahead);
            let state = ahead.shared.lock();
            // How many are needed depends on how fast they are.
            let expected = threads.min(1)..=threads;
            assert!(expected.contains(&state.threads.len()), "{} threads", state.threads.len());
            if threads == 0 {
                assert!(state.order.is_empty() && state.announced.is_empty());
            }
        }
    }

    fn every_piece_is_the_sources(ahead: &ReadAhead<Source>) {
        let place = |number: u64| number * 7919 % 3000;
        for number in 0..3000 {
            if number % 10 != 0 {
                ahead.will_read(place(number) * 4096, 4096);
            }
            if number >= 100 {
                let block = place(number - 100);
                let mut buf = [0; 4096];
                ahead.read_at(block * 4096, &mut buf).unwrap();
                assert_eq!(buf, [(block % 255) as u8; 4096]);
            }
        }
    }

    #[test]
    fn neighbours_are_read_together() {
        let ahead = ReadAhead::new(source(1000));
        (0..1000).for_each(|block| ahead.will_read(block * 4096, 4096));
        let mut buf = [0; 4096];
        (0..1000).for_each(|block| ahead.read_at(block * 4096, &mut buf).unwrap());
        let reads = ahead.shared.source.reads.lock().unwrap();
        assert!(reads.len() < 700, "{} reads", reads.len());
        assert!(reads.iter().all(|(_, length)| *length <= GROUP));
    }

    #[test]
    fn what_is_announced_twice_is_read_once_and_kept_for_the_second() {
        let ahead = ReadAhead::new(source(1000));
        // As where two trees that share most of their nodes are gone through side by side.
        for block in 0..1000 {
            ahead.will_read(block * 4096, 4096);
            ahead.will_read(block * 4096, 4096);
        }
        let mut buf = [0; 4096];
        for block in 0..1000 {
            for _ in 0..2 {
                ahead.read_at(block * 4096, &mut buf).unwrap();
                assert_eq!(buf, [(block % 255) as u8; 4096]);
            }
        }
        let reads = ahead.shared.source.reads.lock().unwrap();
        let bytes: usize = reads.iter().map(|(_, length)| length).sum();
        assert_eq!(bytes, 1000 * 4096, "{} reads", reads.len());
        let state = ahead.shared.lock();
        assert!(state.ready.is_empty() && state.again.is_empty());
    }

    #[test]
    fn an_error_is_told_of_the_piece_that_has_it_only() {
        let mut source = source(8);
        source.bytes[3 * 4096] = 255;
        let ahead = ReadAhead::new(source);
        (0..8).for_each(|block| ahead.will_read(block * 4096, 4096));
        for block in 0..8 {
            let read = ahead.read_at(block * 4096, &mut [0; 4096]);
            assert_eq!(read.is_err(), block == 3, "block {block}");
        }
    }

    #[test]
    fn what_is_announced_and_never_read_keeps_nobody_waiting() {
        let ahead = ReadAhead::new(source(100));
        (0..100).for_each(|block| ahead.will_read(block * 4096, 4096));
        ahead.will_read(u64::MAX, 4096);
        ahead.will_read(1 << 60, 4096);
        drop(ahead);
    }
}
