//! The block layer's ioctls (linux/fs.h), of which each takes a range: `[offset, length]` in bytes.
#![allow(unsafe_code)] // the one module that calls ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

mod raw {
    nix::ioctl_write_ptr_bad!(blkdiscard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_write_ptr_bad!(blkzeroout, nix::request_code_none!(0x12, 127), [u64; 2]);
}

/// BLKDISCARD. Success proves nothing: pieces of a chunk are passed over in silence.
pub(crate) fn discard(device: &File, offset: u64, length: u64) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the kernel reads two u64 from the array and keeps nothing.
    unsafe { raw::blkdiscard(device.as_raw_fd(), &[offset, length]) }?;
    Ok(())
}

/// BLKZEROOUT: the range reads as zeros afterwards.
pub(crate) fn zero_out(device: &File, offset: u64, length: u64) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { raw::blkzeroout(device.as_raw_fd(), &[offset, length]) }?;
    Ok(())
}
