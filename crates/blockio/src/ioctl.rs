//! The ioctls of the block layer and of file systems (linux/fs.h). A range is `[offset, length]`, in bytes.
#![allow(unsafe_code)] // the one module that calls ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

mod raw {
    /// struct loop_info64 (linux/loop.h), of which the first three fields are used.
    pub(super) type LoopInfo = [u64; 29];
    nix::ioctl_read_bad!(loop_get_status64, 0x4c05, LoopInfo);
    nix::ioctl_read_bad!(blkroget, nix::request_code_none!(0x12, 94), nix::libc::c_int);
    nix::ioctl_read_bad!(blksszget, nix::request_code_none!(0x12, 104), nix::libc::c_int);
    nix::ioctl_write_int_bad!(fifreeze, nix::request_code_readwrite!(b'X', 119, 4));
    nix::ioctl_write_int_bad!(fithaw, nix::request_code_readwrite!(b'X', 120, 4));
    nix::ioctl_write_ptr_bad!(blkdiscard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_write_ptr_bad!(blkzeroout, nix::request_code_none!(0x12, 127), [u64; 2]);
}

/// BLKSSZGET: the logical sector's size in bytes.
pub(crate) fn sector_size(device: &File) -> io::Result<u64> {
    let mut size: nix::libc::c_int = 0;
    // SAFETY: the descriptor is open, and the kernel writes one int there and keeps nothing.
    unsafe { raw::blksszget(device.as_raw_fd(), &raw mut size) }?;
    u64::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two())
        .ok_or_else(|| io::Error::other(format!("the device reports sectors of {size} bytes")))
}

/// BLKROGET: whether the device takes no writes.
pub(crate) fn is_read_only(device: &File) -> io::Result<bool> {
    let mut flag: nix::libc::c_int = 0;
    // SAFETY: as above.
    unsafe { raw::blkroget(device.as_raw_fd(), &raw mut flag) }?;
    Ok(flag != 0)
}

/// LOOP_GET_STATUS64: what a loop device has open, as the device and inode of a file, and the number of
/// a block device, which is 0 where it is a file.
pub(crate) fn loop_backing(device: &File) -> io::Result<(u64, u64, u64)> {
    let mut info: raw::LoopInfo = [0; 29];
    // SAFETY: the descriptor is open, and the kernel writes a struct loop_info64 there, 232 bytes, and
    // keeps nothing.
    unsafe { raw::loop_get_status64(device.as_raw_fd(), &raw mut info) }?;
    Ok((info[0], info[1], info[2]))
}

/// BLKDISCARD. Success proves nothing: pieces of a chunk are skipped in silence.
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

/// FIFREEZE: everything is written out, and nobody can write to the file system of this file any more.
pub(crate) fn freeze(file: &File) -> io::Result<()> {
    // SAFETY: as above; the argument is not used.
    unsafe { raw::fifreeze(file.as_raw_fd(), 0) }?;
    Ok(())
}

/// FITHAW: whoever waits to write goes on.
pub(crate) fn thaw(file: &File) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { raw::fithaw(file.as_raw_fd(), 0) }?;
    Ok(())
}
