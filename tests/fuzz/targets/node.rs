//! The fuzz target `node`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(node);
