//! The fuzz target `outline`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(outline);
