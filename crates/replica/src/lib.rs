//! Points of a volume and their copies on another machine.
//!
//! A *point* is a read-only snapshot that [`push()`] takes of a volume, and its *copy* a volume in another pool
//! that holds the same bytes. Both have the same name ([`PointName`]). What they are is in their tags ([`tag`]),
//! by UUID: names are for people. The side with the volumes calls [`push()`], the other one [`serve()`]; between
//! them is whatever carries bytes both ways. Nothing is recorded but what the other side has answered.
//!
//! A copy without a history is a [`Spot`]: a device or an image, which [`push_over`] brings from point to point while
//! [`serve_spot`] answers.
//!
//! `diff` makes the stream and `patch` applies it; `peer` is what the two sides say, `policy` which points stay.
//!
//! ```
//! use replica::PointName;
//!
//! let name = PointName::new("vm-100-disk-0", "2026-11-25T22:30:00Z".parse()?);
//! assert_eq!(name.to_string(), "vm-100-disk-0.sync.20261125T223000Z");
//! assert_eq!(PointName::parse(&name.to_string()), Some(name));
//! # Ok::<(), jiff::Error>(())
//! ```

mod allowance;
mod arriving;
mod connection;
mod descent;
mod hashed;
mod leaves;
mod listing;
mod name;
mod partial;
mod place;
mod points;
mod promote;
mod push;
mod receive;
mod repair;
mod repair_serve;
mod report;
mod rest;
mod send;
mod serve;
mod set;
mod settings;
mod shared_blocks;
mod spot;
pub mod tag;
#[cfg(test)]
mod testing;
mod thinning;
mod unsent;
mod verify;
mod verify_serve;

pub use allowance::Allowance;
pub use connection::Connection;
pub use listing::{local_copies, local_points};
pub use name::PointName;
pub use place::Place;
pub use points::{LocalPoint, points_of};
pub use promote::{IsPromoted, promote, release};
pub use push::{NoBase, Pushed, choose_base, copies_of, push};
pub use report::{JobReport, VolumeReport};
pub use serve::{refuse, serve, serve_and_note};
pub use set::{Brought, Member, Sent, Set};
pub use settings::{Full, Settings};
pub use spot::push::{Occupied, Over, push_classic, push_over};
pub use spot::serve::serve_spot;
pub use spot::{Spot, SpotKind};
pub use thinning::{remove_thinned, thinning, with_copy};
pub use verify::{Content, Depth, Verified, verify};
