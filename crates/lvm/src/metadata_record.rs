//! [`MetadataRecord`]: what a pool's lock file says of its metadata snapshot.

use std::fmt;
use std::str::FromStr;

use crate::{Error, PoolStatus};

/// What a run notes before and after it reserves the metadata snapshot of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetadataRecord {
    /// Where it is held. None before the kernel has been asked: should the run be killed right
    /// after the kernel has done it, then the next one still knows whose it is.
    pub(crate) root: Option<u64>,
    /// The pool's transaction id at that time.
    pub(crate) transaction: u64,
    /// The boot: should the lock files outlive it, then nothing is concluded from them.
    pub(crate) boot: String,
    /// The UUID of the pool's device: the lock file has its name only. None in a record of an earlier
    /// release, which did not note it.
    pub(crate) pool: Option<String>,
}

impl MetadataRecord {
    /// Whether the metadata snapshot that is held at `root`, in the pool whose device has that UUID, is the
    /// one of this record.
    pub(crate) fn is_of(&self, root: u64, status: &PoolStatus, boot: &str, pool: &str) -> bool {
        let not_changed = match self.root {
            // LVM may have gone on with the pool. The id only grows.
            Some(ours) => ours == root && self.transaction <= status.transaction,
            None => self.transaction == status.transaction,
        };
        not_changed && self.boot == boot && self.pool.as_deref().is_none_or(|ours| ours == pool)
    }
}

impl fmt::Display for MetadataRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            Some(root) => write!(formatter, "metadata snapshot held at block {root}")?,
            None => write!(formatter, "reserving a metadata snapshot")?,
        }
        write!(formatter, ", transaction {}, boot {}", self.transaction, self.boot)?;
        match &self.pool {
            Some(pool) => writeln!(formatter, ", pool {pool}"),
            None => writeln!(formatter),
        }
    }
}

impl FromStr for MetadataRecord {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let mut parts = text.strip_suffix('\n')?.split(", ");
            let root = match parts.next()? {
                "reserving a metadata snapshot" => None,
                held => Some(held.strip_prefix("metadata snapshot held at block ")?.parse().ok()?),
            };
            let transaction = parts.next()?.strip_prefix("transaction ")?.parse().ok()?;
            let boot = parts.next()?.strip_prefix("boot ")?.into();
            let pool = match parts.next() {
                Some(pool) => Some(pool.strip_prefix("pool ")?.into()),
                None => None,
            };
            parts.next().is_none().then_some(Self { root, transaction, boot, pool })
        };
        parse().ok_or_else(|| Error::Parse { what: "a lock file's record", found: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(root: Option<u64>) -> MetadataRecord {
        MetadataRecord { root, transaction: 7, boot: "b0".into(), pool: Some("P".into()) }
    }

    fn status(transaction: u64) -> PoolStatus {
        let line =
            format!("{transaction} 12/1024 21/4096 71 rw discard_passdown queue_if_no_space -");
        line.parse().unwrap()
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for root in [None, Some(71)] {
            let text = record(root).to_string();
            assert_eq!(text.parse::<MetadataRecord>().unwrap(), record(root), "{text}");
            let old = MetadataRecord { pool: None, ..record(root) };
            let text = text.replace(", pool P", "");
            assert_eq!(text.parse::<MetadataRecord>().unwrap(), old, "{text}");
            assert_eq!(old.to_string(), text);
        }
        let cut = "metadata snapshot held at block 71\n";
        for text in ["", "\n", cut, "reserving a metadata snapshot, transaction 7, boot b0"] {
            assert!(text.parse::<MetadataRecord>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_that_was_held_is_known_by_its_block_in_this_boot() {
        let held = record(Some(71));
        assert!(held.is_of(71, &status(7), "b0", "P"));
        assert!(held.is_of(71, &status(9), "b0", "P"));
        assert!(!held.is_of(72, &status(7), "b0", "P"));
        assert!(!held.is_of(71, &status(7), "b1", "P"));
        assert!(!held.is_of(71, &status(6), "b0", "P"));
    }

    #[test]
    fn one_of_another_pool_of_the_same_name_is_not_ours() {
        assert!(!record(Some(71)).is_of(71, &status(7), "b0", "Q"));
        assert!(!record(None).is_of(71, &status(7), "b0", "Q"));
        let old = MetadataRecord { pool: None, ..record(Some(71)) };
        assert!(old.is_of(71, &status(7), "b0", "Q"));
    }

    #[test]
    fn one_that_was_asked_for_is_known_while_nothing_else_has_happened() {
        let asked = record(None);
        assert!(asked.is_of(71, &status(7), "b0", "P"));
        assert!(!asked.is_of(71, &status(8), "b0", "P"));
        assert!(!asked.is_of(71, &status(7), "b1", "P"));
    }
}
