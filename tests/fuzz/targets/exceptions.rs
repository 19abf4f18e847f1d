//! The fuzz target `exceptions`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(exceptions);
