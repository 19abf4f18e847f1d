//! The block layer's ioctls (linux/fs.h). A range is `[offset, length]`, in bytes.
#![allow(unsafe_code)] // the one module that calls ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

mod raw {
    nix::ioctl_read_bad!(blksszget, nix::request_code_none!(0x12, 104), nix::libc::c_int);
    nix::ioctl_write_ptr_bad!(blkdiscard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_write_ptr_bad!(blkzeroout, nix::request_code_none!(0x12, 127), [u64; 2]);
}

/// BLKSSZGET: the logical sector's size in bytes.
pub(crate) fn sector_size(device: &File) -> io::Result<u64> {
    let mut size: nix::libc::c_int = 0;
    // SAFETY: the descriptor is open, and the kernel writes one int there and keeps nothing.
    unsafe { raw::blksszget(device.as_raw_fd(), &raw mut size) }?;
    u64::try_from(size).ok().filter(|size| size.is_power_of_two()).ok_or_else(|| {
        io::Error::other(format!("the device says that its sectors have {size} bytes"))
    })
}

/// BLKDISCARD. Success proves nothing: pieces of a chunk are passed over in silence.
pub(crate) fn discard(device: &File, offset: u64, length: u64) -> io::Result<()> {
    // SAFETY: as above; the kernel reads two u64 from the array and keeps nothing.
    unsafe { raw::blkdiscard(device.as_raw_fd(), &[offset, length]) }?;
    Ok(())
}

/// BLKZEROOUT: the range reads as zeros afterwards.
pub(crate) fn zero_out(device: &File, offset: u64, length: u64) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { raw::blkzeroout(device.as_raw_fd(), &[offset, length]) }?;
    Ok(())
}
