//! hyperlayer
