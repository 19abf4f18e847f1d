//! How many cases a property is tried with.

use std::env;

/// The environment variable that `cargo xtask test --quick` sets.
pub const QUICK_VARIABLE: &str = "LVDIFF_TEST_QUICK";

/// This many cases; a quarter of them where it has to be quick.
pub fn cases(most: u32) -> u32 {
    match env::var_os(QUICK_VARIABLE) {
        Some(_) => most.div_ceil(4),
        None => most,
    }
}
