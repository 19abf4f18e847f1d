//! lvdiff
fn main() {}
