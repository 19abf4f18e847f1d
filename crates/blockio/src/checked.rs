//! [`in_order_on`], [`ReadAhead`] and [`Spare`] in thousands of the orders in which their threads can run: a
//! wake-up that is lost or a thread that waits for ever is a deadlock, which shuttle reports with a schedule
//! that repeats it. Without shuttle these compile to nothing:
//! `RUSTFLAGS='--cfg shuttle' cargo test -p blockio checked`.

use std::io;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::{check_pct, check_random, thread};

use crate::in_order::in_order_on;
use crate::sync::Builder;
use crate::{ReadAhead, ReadAt, Spare, Width};

const RUNS: usize = 3000;

/// Orders at random, and such in which few threads are held up for long.
fn check(test: impl Fn() + Send + Sync + Copy + 'static) {
    check_random(test, RUNS);
    check_pct(test, RUNS, 3);
}

const ALL: fn(usize) -> Builder = |_| Builder::new();
const NONE: fn(usize) -> Builder = |_| Builder::new().stack_size(1 << 50);
const ONE: fn(usize) -> Builder =
    |number| if number < 1 { Builder::new() } else { Builder::new().stack_size(1 << 50) };

/// Maps numbers, of which `fails` fails in `stage`; they arrive in order up to that one.
fn numbers_arrive(
    builder: fn(usize) -> Builder,
    (threads, window): (usize, usize),
    fails: Option<(&'static str, u64)>,
) {
    const END: u64 = 7;
    let fail = move |stage: &'static str, number| match fails == Some((stage, number)) {
        true => Err((stage, number)),
        false => Ok(number),
    };
    let mut numbers = 0..END;
    let mut seen = Vec::new();
    let idle = Spare::<u64>::default();
    let under_way = AtomicUsize::new(0);
    let done = in_order_on(
        builder,
        Width { threads, window },
        || {
            let item = numbers.next().map(|number| fail("items", number)).transpose()?;
            let before = under_way.fetch_add(usize::from(item.is_some()), Ordering::SeqCst);
            // One that is being consumed has left the window.
            assert!(before <= window, "{before} are under way");
            Ok(item)
        },
        |number| {
            let spare = idle.take(|| Ok(0))?;
            idle.give(spare + 1);
            fail("map", number)
        },
        |number| {
            under_way.fetch_sub(1, Ordering::SeqCst);
            seen.push(fail("consume", number)?);
            Ok(())
        },
    );
    assert_eq!(done.err(), fails);
    assert_eq!(seen, (0..fails.map_or(END, |(_, number)| number)).collect::<Vec<_>>());
}

#[test]
fn items_arrive_whatever_the_order() {
    check(|| numbers_arrive(ALL, (3, 4), None));
    check(|| numbers_arrive(ALL, (3, 2), None));
    check(|| numbers_arrive(ALL, (2, 1), None));
    check(|| numbers_arrive(ONE, (3, 4), None));
    // There is but one order.
    check_random(|| numbers_arrive(NONE, (3, 4), None), 1);
}

#[test]
fn an_error_anywhere_ends_it() {
    for fails in [("items", 4), ("map", 2), ("consume", 3)] {
        for builder in [ALL, ONE] {
            check(move || numbers_arrive(builder, (3, 3), Some(fails)));
        }
        check_random(move || numbers_arrive(NONE, (3, 3), Some(fails)), 1);
    }
}

/// Blocks of 512 bytes, each full of its number; one cannot be read.
struct Source {
    bad: u64,
    reads: Mutex<usize>,
}

impl ReadAt for Source {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        *self.reads.lock().unwrap() += 1;
        for (number, block) in buf.chunks_mut(512).enumerate() {
            let number = offset / 512 + number as u64;
            if number == self.bad {
                return Err(io::Error::other("bad spot"));
            }
            block.fill(number as u8);
        }
        Ok(())
    }
}

/// Announces blocks near to and far from each other, on two threads, and reads most of them.
fn blocks_come(builder: fn(usize) -> Builder) {
    const FAR: u64 = 1 << 20;
    let ahead = Arc::new(ReadAhead::on(builder, Source { bad: 3, reads: Mutex::new(0) }));
    let reader = |blocks: Vec<u64>, ahead: Arc<ReadAhead<Source>>| {
        move || {
            for &block in &blocks {
                ahead.will_read(block * 512, 512);
            }
            for &block in &blocks[1..] {
                let mut buf = [0; 512];
                let read = ahead.read_at(block * 512, &mut buf);
                assert_eq!(read.is_err(), block == 3, "block {block}");
                assert!(block == 3 || buf == [block as u8; 512], "block {block}");
            }
        }
    };
    let other = thread::spawn(reader(vec![4, FAR + 1, 2, 1], Arc::clone(&ahead)));
    reader(vec![0, 1, 3, FAR], Arc::clone(&ahead))();
    other.join().unwrap();
}

#[test]
fn blocks_come_whatever_the_order() {
    for builder in [ALL, ONE, NONE] {
        check(move || blocks_come(builder));
    }
}
