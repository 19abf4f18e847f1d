//! A `ptrace` of user-mode Linux's own, for `LD_PRELOAD`.
//!
//! It restores a process's registers with `PTRACE_SETREGSET` and `NT_X86_XSTATE`, and keeps 2696 bytes of
//! them: enough for AVX-512 and protection keys. The host wants all of the area that its processor has, 11008
//! bytes where there are AMX's tiles, and says EFAULT to less: no guest would start. What is missing here
//! comes from the process itself, whose tiles no program of a guest ever uses.
#![allow(unsafe_code)]

use std::ffi::{c_long, c_void};
use std::ptr;

use nix::errno::Errno;
use nix::libc::{
    self, PTRACE_GETREGSET, PTRACE_PEEKDATA, PTRACE_PEEKTEXT, PTRACE_PEEKUSER, PTRACE_SETREGSET,
    SYS_ptrace,
};

const NT_X86_XSTATE: usize = 0x202;
/// More than any processor's area.
const MAX_AREA: usize = 64 << 10;

/// One for the process: user-mode Linux traces from one thread. Its stacks are too small for it.
static mut AREA: [u8; MAX_AREA] = [0; MAX_AREA];

/// As `ptrace(2)`, and glibc's.
///
/// # Safety
/// That of the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptrace(
    request: c_long,
    process: c_long,
    address: *mut c_void,
    data: *mut c_void,
) -> c_long {
    let call = |request: c_long, data: *mut c_void| {
        // SAFETY: the caller's.
        unsafe { libc::syscall(SYS_ptrace, request, process, address, data) }
    };
    let is = |wanted| request == c_long::from(wanted);
    if [PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSER].into_iter().any(is) {
        // The system call writes the word, and glibc returns it.
        let mut word: c_long = 0;
        let result = call(request, ptr::from_mut(&mut word).cast());
        if result < 0 {
            return result;
        }
        Errno::clear();
        return word;
    }
    let result = call(request, data);
    // What errno says by now may be a signal handler's: whatever was refused is tried with all of it.
    let refused = result < 0;
    if !(refused && is(PTRACE_SETREGSET) && address as usize == NT_X86_XSTATE) {
        return result;
    }
    let area = (&raw mut AREA).cast::<u8>();
    let mut all = libc::iovec { iov_base: area.cast(), iov_len: MAX_AREA };
    if call(c_long::from(PTRACE_GETREGSET), (&raw mut all).cast()) < 0 {
        return -1;
    }
    // SAFETY: with this request, `data` is an iovec; nothing else uses AREA meanwhile.
    unsafe {
        let given = &*data.cast::<libc::iovec>();
        let length = given.iov_len.min(all.iov_len);
        ptr::copy_nonoverlapping(given.iov_base.cast::<u8>(), area, length);
    }
    call(request, (&raw mut all).cast())
}
