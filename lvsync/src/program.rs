//! What this program is.

/// The program, as headers and the other side know it.
pub(crate) const PROGRAM: &str = concat!("lvsync ", env!("CARGO_PKG_VERSION"));
/// The folder for what must outlast a run and has no other place.
pub(crate) const STATE: &str = "/var/lib/lvsync";
