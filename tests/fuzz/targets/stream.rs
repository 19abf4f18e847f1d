//! The fuzz target `stream`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(stream);
