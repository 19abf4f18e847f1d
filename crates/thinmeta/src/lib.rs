//! thinmeta
