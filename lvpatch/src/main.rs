//! lvpatch
fn main() {}
