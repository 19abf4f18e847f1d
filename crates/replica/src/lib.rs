//! Points of a volume and their copies on another machine.
//!
//! A *point* is a read-only snapshot that [`push()`] takes of a volume, and its *copy* a volume in another pool
//! that holds the same bytes. Both have the same name ([`PointName`]). What they are is in their tags ([`tag`]),
//! by UUID: names are for people. The side with the volumes calls [`push()`], the other one [`serve()`]; between
//! them is whatever carries bytes both ways. Nothing is recorded but what the other side has answered.
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

mod connection;
mod descent;
mod hashed;
mod name;
mod place;
mod points;
mod push;
mod receive;
mod repair;
mod repair_serve;
mod report;
mod serve;
pub mod tag;
mod verify;
mod verify_serve;

pub use connection::Connection;
pub use name::PointName;
pub use place::Place;
pub use points::{LocalPoint, points_of};
pub use push::{Full, NoBase, Pushed, Settings, push};
pub use report::{JobReport, VolumeReport};
pub use serve::serve;
pub use verify::{Content, Depth, Verified, verify};
