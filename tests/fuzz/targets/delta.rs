//! The fuzz target `delta`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(delta);
