//! Exit codes, and what leads to each. The tables for people are exit-codes.txt, in all helps, and
//! exit-codes-lvsync.txt, in lvsync's.

use std::io;

use flow::{Kind, Refusal, is_interruption};
use nix::errno::Errno;

use crate::said::Said;

/// The exit code for an error: the first cause with its own code decides, otherwise it is 1.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(1)
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(said) = cause.downcast_ref::<Said>() {
        return Some(said.code);
    }
    if let Some(refusal) = cause.downcast_ref::<Refusal>() {
        return match refusal.kind() {
            Kind::Usage => Some(2),
            Kind::BaseMismatch => Some(3),
            Kind::Unverifiable => Some(4),
            Kind::NoSpace => Some(7),
            Kind::Unfit => None,
            Kind::Partly => Some(8),
            Kind::Busy => Some(9),
            Kind::NoBase => Some(10),
            Kind::Differs => Some(11),
        };
    }
    if let Some(error) = cause.downcast_ref::<hyperlayer::Error>() {
        return match error {
            hyperlayer::Error::Cut { .. }
            | hyperlayer::Error::Damaged { .. }
            | hyperlayer::Error::Compressed { .. }
            | hyperlayer::Error::Unsupported { .. } => Some(4),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<thinmeta::Error>() {
        return match error {
            thinmeta::Error::Corrupt { .. } | thinmeta::Error::Unsupported { .. } => Some(5),
            thinmeta::Error::NotFound { .. } => Some(2),
            _ => None,
        };
    }
    if let Some(cowmeta::Error::Corrupt { .. } | cowmeta::Error::Unsupported { .. }) =
        cause.downcast_ref()
    {
        return Some(5);
    }
    if let Some(error) = cause.downcast_ref::<lvm::Error>() {
        return match error {
            lvm::Error::Name(_) | lvm::Error::NotFound(_) => Some(2),
            lvm::Error::MetadataSnapshotHeld { .. } => Some(6),
            lvm::Error::NoSpace(_) => Some(7),
            _ => None,
        };
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // An error wrapped inside a system error is not in the chain of sources.
    if let Some(code) = error.get_ref().and_then(|inner| code_of(inner)) {
        return Some(code);
    }
    let errno = Errno::from_raw(error.raw_os_error()?);
    matches!(errno, Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG).then_some(7)
}

/// The kind of an error, for a report: one for each exit code, and one for a signal.
pub(crate) fn kind(error: &anyhow::Error) -> &'static str {
    match exit_code(error) {
        _ if error.is::<Said>() => "failed",
        2 => "usage",
        3 => "base-mismatch",
        4 => "stream",
        5 => "metadata",
        6 => "metadata-snapshot-held",
        7 => "no-space",
        8 => "partly",
        9 => "busy",
        10 => "no-base",
        11 => "differs",
        _ if is_interruption(error) => "interrupted",
        _ => "failed",
    }
}

/// The likely cause of an error whose text does not say it.
pub(crate) fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let errors = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    let mut numbers = errors.filter_map(io::Error::raw_os_error).map(Errno::from_raw);
    numbers.find_map(|number| match number {
        Errno::EFBIG => Some("the limit is that of `ulimit -f`, or the file system's"),
        Errno::EMFILE => Some("the limit is that of `ulimit -n`, or systemd's LimitNOFILE="),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_cause_decides_however_deep_it_lies() {
        let code = |error: anyhow::Error| exit_code(&error.context("while doing something"));
        assert_eq!(code(anyhow::anyhow!("anything")), 1);
        assert_eq!(code(Said::new(3).into()), 3);
        assert_eq!(kind(&Said::new(3).into()), "failed");
        assert_eq!(code(Refusal::usage("x").into()), 2);
        assert_eq!(code(lvm::Error::NotFound("x".into()).into()), 2);
        assert_eq!(code(Refusal::base_mismatch("x").into()), 3);
        assert_eq!(code(hyperlayer::Error::Cut { at: 1, inside: "x" }.into()), 4);
        assert_eq!(code(Refusal::unverifiable("x").into()), 4);
        assert_eq!(code(Refusal::partly("x").into()), 8);
        assert_eq!(code(Refusal::busy("x").into()), 9);
        assert_eq!(code(Refusal::no_base("x").into()), 10);
        assert_eq!(code(Refusal::differs("x").into()), 11);
        let damaged = cowmeta::Store::open(&[0; 4096][..], 4096).err().expect("it is no store");
        assert_eq!(code(damaged.into()), 5);
        assert_eq!(code(cowmeta::Error::Unsupported { what: "x".into() }.into()), 5);
        assert_eq!(code(cowmeta::Error::Invalid.into()), 1);
        let held = lvm::Error::MetadataSnapshotHeld { pool: "x".into(), root: 1 };
        assert_eq!(code(held.into()), 6);
        let full = || io::Error::from_raw_os_error(Errno::ENOSPC as i32);
        assert_eq!(code(full().into()), 7);
        assert_eq!(code(hyperlayer::Error::Io(full()).into()), 7);
        assert_eq!(code(Err::<(), _>(full()).context("deeper").unwrap_err()), 7);
        assert_eq!(code(io::Error::from_raw_os_error(Errno::EFBIG as i32).into()), 7);
    }
}
