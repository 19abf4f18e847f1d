//! The fuzz target `hyperlayer1`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(hyperlayer1);
