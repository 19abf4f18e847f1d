//! Jobs: what one does is planned ([`dry_run`]) or carried out ([`run`]).

mod carry_out;
mod command;
mod freeze;
mod hooks;
mod lock;
mod mounts;
mod names;
mod plan;
mod record;
mod targets;
mod volumes;

pub(crate) use carry_out::run;
pub(crate) use freeze::hold;
pub(crate) use plan::dry_run;
