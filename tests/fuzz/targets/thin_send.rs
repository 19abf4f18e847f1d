//! The fuzz target `thin_send`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(thin_send);
