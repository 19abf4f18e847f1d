//! The fuzz target `virtnbdbackup`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(virtnbdbackup);
