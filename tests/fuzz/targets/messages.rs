//! The fuzz target `messages`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(messages);
