//! The fuzz target `lvbackup`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(lvbackup);
