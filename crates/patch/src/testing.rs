//! What the tests of several modules share.

use std::error::Error;
use std::io;

use flow::{Kind, Refusal};
use hyperlayer::Header;
use lvm::{PoolDevice, ThinStatus};

use crate::stand::Stand;

/// A pool with chunks of 64 KiB.
pub(crate) fn pool() -> PoolDevice {
    let number = "254:1".parse().unwrap();
    let table = "254:1 254:2 128 0".parse().unwrap();
    PoolDevice { name: "pool".into(), uuid: String::new(), number, table }
}

/// The stand of a volume that has nothing yet, in a pool with this status.
pub(crate) fn stand<'a>(pool: &'a PoolDevice, status: &str) -> Stand<'a> {
    let status = status.parse().unwrap();
    let (origin, own, changed) = (None, None, None);
    let mapped = ThinStatus::default();
    Stand { pool, status, origin, cleared: 0..0, mapped, own, changed }
}

/// A pool's status: ten chunks are free.
pub(crate) const TEN_FREE: &str = "1 10/1024 90/100 - rw discard_passdown queue_if_no_space - 0";

/// A header of a diff between two volumes of one size that announces nothing.
pub(crate) fn header(size: u64) -> Header {
    Header { extents: 1, ..hyperlayer::testing::header(size) }
}

/// The refusal in an error, even if it is wrapped inside a system error.
pub(crate) fn refusal(error: &anyhow::Error) -> Option<&Refusal> {
    fn of<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a Refusal> {
        let inner = || of(cause.downcast_ref::<io::Error>()?.get_ref()?);
        cause.downcast_ref().or_else(inner)
    }
    error.chain().find_map(of)
}

/// Whether an error says that there is too little space.
pub(crate) fn is_no_space(error: &anyhow::Error) -> bool {
    refusal(error).map(Refusal::kind) == Some(Kind::NoSpace)
}

/// Whether an error says that it is not the base.
pub(crate) fn is_mismatch(error: &anyhow::Error) -> bool {
    refusal(error).map(Refusal::kind) == Some(Kind::BaseMismatch)
}
