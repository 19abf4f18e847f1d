//! [`in_chain_order`]: files, in the order in which their streams follow one another.

use std::fs::{self, File};
use std::path::PathBuf;

use hyperlayer::Outline;

use crate::successors::successors;

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

fn sorted(paths: &[PathBuf]) -> Option<Vec<PathBuf>> {
    if paths.len() < 2 {
        return None;
    }
    let all: Vec<Ends> = paths.iter().map(ends).collect::<Option<_>>()?;
    let (firsts, lasts): (Vec<_>, Vec<_>) =
        all.iter().map(|ends| (&ends.first, &ends.last)).unzip();
    let (mut next, mut is_next) = (vec![None; all.len()], vec![false; all.len()]);
    for (number, after) in successors(&lasts, &firsts).into_iter().enumerate() {
        match after[..] {
            [] => {}
            [one] if !is_next[one] => (next[number], is_next[one]) = (Some(one), true),
            _ => return None,
        }
    }
    let mut order = vec![is_next.iter().position(|is_next| !is_next)?];
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
