//! The fuzz target `superblock`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(superblock);
