//! Which points of a volume's history are kept, and when a copy is late.
//!
//! Everything here is a function of values: no clock is read, and nothing is removed. [`prune()`] takes the
//! [`Point`]s that there are and what to [`Keep`], and returns a [`Plan`]: each point with its [`Reason`]s. The
//! caller shows it or carries it out. [`Period`] is a length of time as users write it, and [`Limits`] say when
//! a copy is too old.
//!
//! ```
//! use jiff::tz::TimeZone;
//! use policy::{Keep, Point, prune};
//!
//! let at = |text: &str| text.parse::<jiff::Timestamp>();
//! let points = [
//!     Point::new("a", at("2026-11-20T22:30:00Z")?),
//!     Point::new("b", at("2026-11-24T22:30:00Z")?),
//!     Point::new("c", at("2026-11-25T10:00:00Z")?),
//!     Point::new("d", at("2026-11-25T22:30:00Z")?),
//! ];
//! let keep = Keep { daily: 2, ..Keep::default() };
//! let plan = prune(&points, &keep, at("2026-11-26T07:00:00Z")?, &TimeZone::UTC)?;
//! let removed: Vec<_> = plan.removed().map(|point| point.name.as_str()).collect();
//! assert_eq!(removed, ["a", "c"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod age;
mod keep;
mod period;
mod plan;
mod point;
mod prune;

pub use age::{Age, Limits};
pub use keep::Keep;
pub use period::{NotAPeriod, Period};
pub use plan::{Decision, Plan, Reason};
pub use point::Point;
pub use prune::{Stopped, prune};
