//! The fuzz target `lvmsync`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(lvmsync);
