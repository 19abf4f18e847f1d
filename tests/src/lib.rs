//! Guests to test on: a real Linux kernel, with real device-mapper and LVM2, as an ordinary process.
//!
//! The principal type is [`Guest`]. It owns a temporary folder with disk images, and boots
//! user-mode Linux (Debian's `user-mode-linux`) on them, once or several times, with one bash
//! script as the scenario. The guest's root is the host's file system, read-only, so that every
//! program of the host is there; or it is a folder with another release of Debian, kernel included.
//! [`packages`] knows what must be installed for that, [`programs`]
//! where cargo has put lvdiff and lvpatch, and [`scenario()`] is what a test calls.
//! A [`CableEnd`] connects a guest with another one, and [`scenario_of_two`] runs a scenario in one
//! of two that reach each other with ssh.
//!
//! ```no_run
//! use system_tests::{End, Guest};
//!
//! let mut guest = Guest::new()?.with_disk(512)?;
//! let outcome = guest.run("scenarios/first.sh".as_ref())?;
//! assert_eq!(outcome.end, End::Exit(0), "{outcome}");
//! let outcome = guest.run("scenarios/second.sh".as_ref())?; // on the same disk
//! # Ok::<(), anyhow::Error>(())
//! ```

mod cable;
pub mod calls;
mod cases;
pub mod damage;
pub mod forge;
mod guest;
#[cfg(test)]
mod header; // of the build script
pub mod host;
mod hosts;
mod memory;
mod outcome;
pub mod packages;
mod process;
mod processor;
pub mod programs;
pub mod reader;
pub mod root;
mod scenario;
mod scratch;
mod services;

pub use cable::CableEnd;
pub use cases::{QUICK_VARIABLE, cases};
pub use guest::Guest;
pub use hosts::scenario_of_two;
pub use outcome::{End, Outcome};
pub use process::Running;
pub use scenario::{
    QUICK, ROOT_VARIABLE, host_guest, release_guest, scenario, scenario_cut_at, scenario_in,
    scenario_part,
};
pub use scratch::scratch;
