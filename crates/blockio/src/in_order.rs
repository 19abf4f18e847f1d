//! [`in_order`]: work on several items at once, with the results in the items' order.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::thread;

use crate::sync::{Builder, Condvar, Mutex, MutexGuard, scope};

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    /// How many threads work; fewer, where the system has no more.
    pub threads: usize,
    /// How many items are under way or finished and not consumed: the bound of the memory.
    pub window: usize,
}

/// Maps items on threads, and consumes the results on this one, in the order of the items.
///
/// Where a limit of the system lets no thread start, this one does all of the work.
///
/// `items` yields the next item under a lock: what it does is done by one thread at a time, in
/// order. `map` does the work, on several threads; `consume` takes each result.
///
/// # Errors
/// The first error, in the order of the items, of any of the three. Nothing is consumed after it,
/// and all threads have ended when this returns.
pub fn in_order<I: Send, O: Send, E: Send>(
    width: Width,
    items: impl FnMut() -> Result<Option<I>, E> + Send,
    map: impl Fn(I) -> Result<O, E> + Sync,
    consume: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    in_order_on(|_| Builder::new(), width, items, map, consume)
}

/// The same on threads that `builder` makes, each by its number.
pub(crate) fn in_order_on<I: Send, O: Send, E: Send>(
    builder: impl Fn(usize) -> Builder,
    width: Width,
    items: impl FnMut() -> Result<Option<I>, E> + Send,
    map: impl Fn(I) -> Result<O, E> + Sync,
    mut consume: impl FnMut(O) -> Result<(), E>,
) -> Result<(), E> {
    let queue = Queue {
        state: Mutex::new(State {
            items,
            taken: 0,
            consumed: 0,
            results: BTreeMap::new(),
            drained: false,
            working: 0,
            idle: 0,
            called: 0,
            is_awaited: false,
        }),
        room: Condvar::new(),
        ready: Condvar::new(),
    };
    let (queue, map) = (&queue, &map);
    scope(|scope| {
        // Also when this one panics, the scope must not wait for ever for the others.
        let _draining = Draining(queue);
        let mut started = 0;
        while started < width.threads {
            // Also when the thread panics, or never starts, the consumer must not wait for it.
            let leaving = Leaving::enter(queue);
            let work = move || {
                let _leaving = leaving;
                while let Some((number, item)) = queue.take(width.window) {
                    let result = item.and_then(map);
                    queue.put(number, result);
                }
            };
            if let Err(error) = builder(started).spawn_scoped(scope, work) {
                log::debug!("{started} threads in place of {}: {error}", width.threads);
                break;
            }
            started += 1;
        }
        if started == 0 {
            while let Some((_, item)) = queue.take(usize::MAX) {
                consume(item.and_then(map)?)?;
            }
            return Ok(());
        }
        while let Some(result) = queue.next_result(width.window) {
            consume(result?)?;
        }
        Ok(())
    })
}

struct Queue<F, O, E> {
    state: Mutex<State<F, O, E>>,
    /// There is room in the window, or an end to the work.
    room: Condvar,
    /// The result that is to be consumed next is there, or none will come.
    ready: Condvar,
}

struct State<F, O, E> {
    items: F,
    taken: u64,
    consumed: u64,
    results: BTreeMap<u64, Result<O, E>>,
    /// No more items are taken: they ended, or there was an error.
    drained: bool,
    working: usize,
    /// Threads that wait for room, and how many of them are called and have not come yet.
    idle: usize,
    called: usize,
    /// The consumer waits.
    is_awaited: bool,
}

impl<I, O, E, F: FnMut() -> Result<Option<I>, E>> Queue<F, O, E> {
    /// The next item and its number; `None` where there is nothing more to do.
    fn take(&self, window: usize) -> Option<(u64, Result<I, E>)> {
        let mut state = self.lock();
        while !state.drained && state.taken - state.consumed >= window as u64 {
            state.idle += 1;
            state = wait(&self.room, state);
            state.idle -= 1;
            state.called = state.called.saturating_sub(1);
        }
        if state.drained {
            return None;
        }
        let item = (state.items)();
        let number = state.taken;
        match item.transpose() {
            None => {
                self.drain(&mut state);
                None
            }
            Some(item) => {
                state.taken += 1;
                if item.is_err() {
                    self.drain(&mut state);
                } else {
                    self.call(&mut state, window);
                }
                Some((number, item))
            }
        }
    }
}

impl<F, O, E> Queue<F, O, E> {
    fn put(&self, number: u64, result: Result<O, E>) {
        let mut state = self.lock();
        if result.is_err() {
            self.drain(&mut state);
        }
        state.results.insert(number, result);
        if number == state.consumed {
            self.tell_consumer(&mut state);
        }
    }

    /// The next result in order; `None` at the end, or where a thread has gone without one.
    fn next_result(&self, window: usize) -> Option<Result<O, E>> {
        let mut state = self.lock();
        loop {
            let number = state.consumed;
            if let Some(result) = state.results.remove(&number) {
                state.consumed += 1;
                self.call(&mut state, window);
                return Some(result);
            }
            let finished = state.drained && state.consumed == state.taken;
            if finished || state.working == 0 {
                return None;
            }
            state.is_awaited = true;
            state = wait(&self.ready, state);
        }
    }

    /// Calls a thread that waits for room, where there is room for it to be worth it: called for each result
    /// that is consumed, they would do little else but fall asleep. Those that work call another, as long as
    /// there is room; and where nothing is under way, all of the window is free.
    fn call(&self, state: &mut State<F, O, E>, window: usize) {
        let under_way = state.taken - state.consumed;
        if state.idle > state.called && under_way <= window as u64 / 2 {
            state.called += 1;
            self.room.notify_one();
        }
    }

    /// Nothing more is taken, and all who wait look up.
    fn drain(&self, state: &mut State<F, O, E>) {
        state.drained = true;
        self.room.notify_all();
        self.tell_consumer(state);
    }

    fn tell_consumer(&self, state: &mut State<F, O, E>) {
        if std::mem::take(&mut state.is_awaited) {
            self.ready.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<F, O, E>> {
        // A panic of `items` is passed on when its thread is joined; until then the counts hold.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(until: &Condvar, state: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    until.wait(state).unwrap_or_else(PoisonError::into_inner)
}

/// The consumer's end, however it comes.
struct Draining<'a, F, O, E>(&'a Queue<F, O, E>);

impl<F, O, E> Drop for Draining<'_, F, O, E> {
    fn drop(&mut self) {
        self.0.drain(&mut self.0.lock());
    }
}

/// A thread's end, however it comes.
struct Leaving<'a, F, O, E>(&'a Queue<F, O, E>);

impl<'a, F, O, E> Leaving<'a, F, O, E> {
    /// Counts a thread in.
    fn enter(queue: &'a Queue<F, O, E>) -> Self {
        queue.lock().working += 1;
        Self(queue)
    }
}

impl<F, O, E> Drop for Leaving<'_, F, O, E> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.working -= 1;
        if thread::panicking() {
            self.0.drain(&mut state);
        } else if state.working == 0 {
            self.0.tell_consumer(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    const WIDTH: Width = Width { threads: 4, window: 8 };

    fn numbers(end: u64) -> impl FnMut() -> Result<Option<u64>, String> {
        let mut numbers = 0..end;
        move || Ok(numbers.next())
    }

    /// Later items are done sooner.
    fn uneven(number: u64) -> u64 {
        thread::sleep(Duration::from_micros(300 * (7 - number % 8)));
        number
    }

    #[test]
    fn results_come_in_order_and_within_the_window() {
        let consumed = AtomicU64::new(0);
        let mut seen = Vec::new();
        let map = |number| {
            assert!(number < consumed.load(Ordering::SeqCst) + 9);
            Ok(uneven(number))
        };
        in_order(WIDTH, numbers(200), map, |number| {
            consumed.fetch_add(1, Ordering::SeqCst);
            seen.push(number);
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        in_order(WIDTH, numbers(0), Ok, |_| -> Result<(), String> { unreachable!() }).unwrap();
    }

    #[test]
    fn the_first_error_ends_it() {
        let run = |items_fail: Option<u64>, map_fails: Option<u64>, consume_fails: Option<u64>| {
            let mut items = numbers(100);
            let mut seen = 0;
            let fail = |at: Option<u64>, number, stage: &str| match at == Some(number) {
                true => Err(format!("{stage} {number}")),
                false => Ok(number),
            };
            let error = in_order(
                WIDTH,
                move || items()?.map(|number| fail(items_fail, number, "items")).transpose(),
                |number| fail(map_fails, uneven(number), "map"),
                |number| {
                    fail(consume_fails, number, "consume")?;
                    assert_eq!(number, seen);
                    seen += 1;
                    Ok(())
                },
            );
            (error, seen)
        };
        assert_eq!(run(Some(30), None, None), (Err("items 30".into()), 30));
        assert_eq!(run(None, Some(31), None), (Err("map 31".into()), 31));
        assert_eq!(run(None, None, Some(32)), (Err("consume 32".into()), 32));
        assert_eq!(run(Some(40), Some(20), None), (Err("map 20".into()), 20));
    }

    /// The first threads start, and no more.
    fn only(threads: usize) -> impl Fn(usize) -> Builder {
        move |number| match number < threads {
            true => Builder::new(),
            // There is no room for its stack.
            false => Builder::new().stack_size(1 << 50),
        }
    }

    #[test]
    fn fewer_threads_or_none_do_the_same() {
        for threads in 0..=4 {
            let mut seen = Vec::new();
            let push = |number| {
                seen.push(number);
                Ok(())
            };
            in_order_on(only(threads), WIDTH, numbers(50), |number| Ok(uneven(number)), push)
                .unwrap();
            assert_eq!(seen, (0..50).collect::<Vec<_>>(), "{threads} threads");
            let fail = |number| if number == 7 { Err("seven".to_owned()) } else { Ok(number) };
            let done = in_order_on(only(threads), WIDTH, numbers(50), fail, |_| Ok(()));
            assert_eq!(done, Err("seven".into()), "{threads} threads");
        }
    }

    #[test]
    #[should_panic(expected = "the consumer")]
    fn a_panic_of_the_consumer_is_passed_on() {
        let _ = in_order(WIDTH, numbers(100), Ok::<_, String>, |_| panic!("the consumer"));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let map = |number| if number == 5 { panic!("five") } else { Ok(number) };
        let _ = in_order(WIDTH, numbers(100), map, |_| Ok(()));
    }
}
