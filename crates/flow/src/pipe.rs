//! Pipes with a larger buffer than the default.

use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, fcntl};

/// Gives a pipe a buffer of 1 MiB instead of 64 KiB, where that is allowed, so that both sides
/// sleep and wake less often. Anything that is not a pipe is left alone.
pub fn widen_pipe(pipe: impl AsFd) {
    if let Err(error) = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(1 << 20)) {
        log::debug!("no wider pipe: {error}");
    }
}
