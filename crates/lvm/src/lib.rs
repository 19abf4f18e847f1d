//! lvm
