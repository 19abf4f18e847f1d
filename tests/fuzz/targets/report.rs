//! The fuzz target `report`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(report);
