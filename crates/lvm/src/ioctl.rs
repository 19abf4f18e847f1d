//! The calls into device-mapper's control device, and the one that asks a loop device.
#![allow(unsafe_code)] // the one module that calls ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The fixed part of every request and answer (linux/dm-ioctl.h, struct dm_ioctl).
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct DmIoctl {
    pub(crate) version: [u32; 3],
    /// The whole buffer's size, in bytes.
    pub(crate) data_size: u32,
    /// Where the data begins in it.
    pub(crate) data_start: u32,
    pub(crate) target_count: u32,
    pub(crate) open_count: i32,
    pub(crate) flags: u32,
    pub(crate) event_nr: u32,
    pub(crate) padding: u32,
    pub(crate) dev: u64,
    pub(crate) name: [u8; 128],
    pub(crate) uuid: [u8; 129],
    pub(crate) data: [u8; 7],
}
pub(crate) const HEADER_BYTES: usize = 312;
const _: () = assert!(size_of::<DmIoctl>() == HEADER_BYTES);

/// What is asked of device-mapper.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    DevStatus,
    TableStatus,
    TargetMsg,
}

mod raw {
    use super::DmIoctl;
    /// struct loop_info64 (linux/loop.h), of which the third field is used.
    pub(super) type LoopInfo = [u64; 29];
    nix::ioctl_read_bad!(loop_get_status64, 0x4c05, LoopInfo);
    nix::ioctl_readwrite!(dev_status, 0xfd, 0x07, DmIoctl);
    nix::ioctl_readwrite!(table_status, 0xfd, 0x0c, DmIoctl);
    nix::ioctl_readwrite!(target_msg, 0xfd, 0x0e, DmIoctl);
}

/// LOOP_GET_STATUS64: the number of the block device that a loop device has open, as the kernel encodes
/// it; 0 where it is a file.
pub(crate) fn loop_backing(device: &File) -> io::Result<u64> {
    let mut info: raw::LoopInfo = [0; 29];
    // SAFETY: the descriptor is open, and the kernel writes a struct loop_info64 there, 232 bytes, and
    // keeps nothing.
    unsafe { raw::loop_get_status64(device.as_raw_fd(), &raw mut info) }?;
    Ok(info[2])
}

/// Sends `buffer`, a [`DmIoctl`] and its data, and lets the kernel answer into it.
///
/// The buffer is of `u64`s, for the alignment of the fixed part.
pub(crate) fn call(control: &File, request: Request, buffer: &mut [u64]) -> io::Result<()> {
    let bytes = size_of_val(buffer);
    let header = DmIoctl::ref_from_prefix(buffer.as_bytes()).map(|(header, _)| header.data_size);
    assert_eq!(header.ok(), Some(bytes as u32), "the kernel writes as much as data_size says");
    let pointer = buffer.as_mut_ptr().cast::<DmIoctl>();
    let fd = control.as_raw_fd();
    // SAFETY: the pointer comes from an exclusive slice of u64, so it is aligned for DmIoctl and
    // valid for reads and writes of `bytes` bytes; the kernel reads and writes no more than
    // `data_size` of them, which was just found to be the same, and keeps no pointer.
    unsafe {
        match request {
            Request::DevStatus => raw::dev_status(fd, pointer),
            Request::TableStatus => raw::table_status(fd, pointer),
            Request::TargetMsg => raw::target_msg(fd, pointer),
        }
    }?;
    Ok(())
}
