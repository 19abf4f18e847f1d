//! The fuzz target `tables`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(tables);
