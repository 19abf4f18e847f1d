//! [`Offered`]: what copies are made in, on this machine.

use std::io::{Read, Write};
use std::path::PathBuf;

use flow::{Session, usage};
use lvm::Scope;
use replica::{Allowance, Place, Spot, serve, serve_spot};

use crate::program::{PROGRAM, STATE};
use crate::target::Where;
use crate::way_out::way_out;

/// What copies are made in, on this machine.
#[derive(Debug)]
pub(crate) enum Offered {
    /// A pool.
    Pool(Place),
    /// A device or an image.
    Spot(Spot),
}

impl Offered {
    /// What is at this place, and what the other side may do there, if it is a pool.
    pub(crate) fn new(place: &Where, allowance: Allowance) -> anyhow::Result<Self> {
        match place {
            Where::Pool(pool) => Ok(Self::Pool(Place { allowance, ..pool_of(pool)? })),
            Where::Spot(offer) => Ok(Self::Spot(Spot {
                path: offer.path.clone().into(),
                kind: offer.kind,
                snapback: offer.snapback.as_ref().map(PathBuf::from),
                state: STATE.into(),
                program: PROGRAM.into(),
                exit_code: cli::exit_code,
            })),
        }
    }

    /// Answers what the other side asks.
    pub(crate) fn serve(
        &self,
        from: impl Read + Send,
        to: impl Write,
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Pool(place) => serve(place, from, to, session),
            Self::Spot(spot) => serve_spot(spot, from, to, session),
        }
    }
}

/// The pool of this name, `vg/pool`.
pub(crate) fn pool_of(name: &str) -> anyhow::Result<Place> {
    let pool = Scope::new(None, Some(name))?;
    if pool.group().is_none() {
        return Err(usage(format!("the pool {name}: name its volume group as well")));
    }
    Ok(Place {
        pool,
        allowance: Allowance::default(),
        program: PROGRAM.into(),
        exit_code: cli::exit_code,
        way_out,
    })
}
