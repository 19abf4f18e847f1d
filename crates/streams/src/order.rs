//! [`in_chain_order`]: files, in the order in which their streams follow one another.

use std::fs::{self, File};
use std::path::PathBuf;

use hyperlayer::Outline;

use crate::link::check_roots;

/// Puts files into the order in which their streams can be applied, if that is known and there is only one; else they
/// stay as they are: what is wrong with them is reported when they are read.
pub fn in_chain_order(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    sorted(&paths).unwrap_or(paths)
}

/// What a file begins and ends with.
struct Ends {
    first: Outline,
    last: Outline,
}

impl Ends {
    fn follows(&self, before: &Self) -> bool {
        let (next, before) = (&self.first, &before.last);
        next.header.follows(&before.header, Some(before.stream_digest)).is_ok()
            && check_roots(before.roots.target, next.base_root()).is_ok()
    }
}

fn sorted(paths: &[PathBuf]) -> Option<Vec<PathBuf>> {
    if paths.len() < 2 {
        return None;
    }
    let all: Vec<Ends> = paths.iter().map(ends).collect::<Option<_>>()?;
    let before = |number: usize| {
        let mut found = (0..all.len()).filter(|&other| all[number].follows(&all[other]));
        (found.next(), found.next().is_some())
    };
    let (mut next, mut begins) = (vec![None; all.len()], None);
    for number in 0..all.len() {
        match before(number) {
            (_, true) => return None,
            (Some(other), _) if next[other].is_none() => next[other] = Some(number),
            (None, _) if begins.is_none() => begins = Some(number),
            _ => return None,
        }
    }
    let mut order = vec![begins?];
    while let Some(number) = next[*order.last()?].filter(|_| order.len() < all.len()) {
        order.push(number);
    }
    (order.len() == all.len()).then(|| order.into_iter().map(|at| paths[at].clone()).collect())
}

/// The first and the last stream in a file of ours.
fn ends(path: &PathBuf) -> Option<Ends> {
    // Opening a FIFO would wait for its other end.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let outlines = Outline::all(&mut File::open(path).ok()?).ok()?;
    Some(Ends { first: outlines.first()?.clone(), last: outlines.last()?.clone() })
}
