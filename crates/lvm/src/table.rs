//! What device-mapper's tables and status lines of thin volumes, thin pools and classic snapshots say
//! (kernel: Documentation/admin-guide/device-mapper/thin-provisioning.rst and snapshot.rst).

use std::str::FromStr;

use crate::error::Result;
use crate::{DeviceNumber, Error};

/// A thin volume's table: `POOL_DEV DEV_ID [EXTERNAL_ORIGIN_DEV]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinTable {
    /// The device of the pool.
    pub pool: DeviceNumber,
    /// The thin id.
    pub id: u32,
    /// The device that is read where the volume is unmapped.
    pub external_origin: Option<DeviceNumber>,
}

impl FromStr for ThinTable {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let parse = || {
            let mut fields = line.split_whitespace();
            let pool = fields.next()?.parse().ok()?;
            let id = fields.next()?.parse().ok()?;
            let external_origin = match fields.next() {
                None | Some("-") => None,
                Some(number) => Some(number.parse().ok()?),
            };
            fields.next().is_none().then_some(Self { pool, id, external_origin })
        };
        parse().ok_or_else(|| Error::Parse { what: "a thin volume's table", found: line.into() })
    }
}

/// A thin pool's table: `METADATA_DEV DATA_DEV BLOCK_SECTORS LOW_WATER [COUNT FEATURE…]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolTable {
    /// The device that holds the metadata.
    pub metadata: DeviceNumber,
    /// The device that holds the data.
    pub data: DeviceNumber,
    /// The chunk size, in bytes.
    pub chunk_size: u64,
    /// True where the kernel zeroes the rest of a fresh chunk around a write that does not fill it.
    pub zeroes: bool,
}

impl FromStr for PoolTable {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let parse = || {
            let mut fields = line.split_whitespace();
            let metadata = fields.next()?.parse().ok()?;
            let data = fields.next()?.parse().ok()?;
            let chunk_size = fields.next()?.parse::<u64>().ok()?.checked_mul(512)?;
            let zeroes = !fields.any(|field| field == "skip_block_zeroing");
            Some(Self { metadata, data, chunk_size, zeroes })
        };
        parse().ok_or_else(|| Error::Parse { what: "a thin pool's table", found: line.into() })
    }
}

/// What a pool allows at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// All of it.
    ReadWrite,
    /// Nothing that changes the metadata.
    ReadOnly,
    /// Nothing that allocates a chunk.
    OutOfDataSpace,
}

/// A thin pool's status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The transaction id: LVM counts its changes to the pool with it.
    pub transaction: u64,
    /// Metadata blocks in use, and all of them.
    pub metadata_blocks: (u64, u64),
    /// Chunks in use, and all of them.
    pub chunks: (u64, u64),
    /// The metadata snapshot's block, where one is held.
    pub held_root: Option<u64>,
    /// What the pool allows.
    pub mode: PoolMode,
    /// True where the pool unmaps nothing: a discard fails.
    pub ignores_discards: bool,
    /// True where the kernel wants the metadata checked (thin_check) first.
    pub needs_check: bool,
}

impl PoolStatus {
    /// Why the pool takes no writes, if it takes none: what follows its name in a message.
    pub fn takes_no_writes(&self) -> Option<&'static str> {
        match self.needs_check {
            true => Some("needs a check"),
            false => (self.mode == PoolMode::ReadOnly).then_some("is read-only"),
        }
    }
}

impl FromStr for PoolStatus {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        // Transaction, used/all metadata blocks, used/all chunks, held root, mode, discards,
        // what happens without space, needs_check, low-water mark.
        let fields: Vec<_> = line.split_whitespace().collect();
        if let [state @ ("Fail" | "Error")] = fields.as_slice() {
            return Err(Error::State(format!("the thin pool has failed (its status is {state})")));
        }
        let parse = || {
            let share = |field: &str| {
                let (used, all) = field.split_once('/')?;
                Some((used.parse().ok()?, all.parse().ok()?))
            };
            let mode = match *fields.get(4)? {
                "rw" => PoolMode::ReadWrite,
                "ro" => PoolMode::ReadOnly,
                "out_of_data_space" => PoolMode::OutOfDataSpace,
                _ => return None,
            };
            let held_root = match *fields.get(3)? {
                "-" => None,
                root => Some(root.parse().ok()?),
            };
            Some(Self {
                transaction: fields.first()?.parse().ok()?,
                metadata_blocks: share(fields.get(1)?)?,
                chunks: share(fields.get(2)?)?,
                held_root,
                mode,
                ignores_discards: fields.contains(&"ignore_discard"),
                needs_check: fields.contains(&"needs_check"),
            })
        };
        parse().ok_or_else(|| Error::Parse { what: "a thin pool's status", found: line.into() })
    }
}

/// A classic snapshot's table: `ORIGIN_DEV COW_DEV P|PO|N CHUNK_SECTORS [COUNT FEATURE…]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTable {
    /// The device that holds the origin's data: below the origin's own.
    pub origin: DeviceNumber,
    /// The device that holds the exception store.
    pub cow: DeviceNumber,
    /// False where the store is in the kernel's memory only.
    pub persistent: bool,
    /// The chunk size, in bytes.
    pub chunk_size: u64,
}

impl FromStr for SnapshotTable {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        let parse = || {
            let mut fields = line.split_whitespace();
            let origin = fields.next()?.parse().ok()?;
            let cow = fields.next()?.parse().ok()?;
            let persistent = match fields.next()? {
                "P" | "PO" => true,
                "N" => false,
                _ => return None,
            };
            let chunk_size = fields.next()?.parse::<u64>().ok()?.checked_mul(512)?;
            Some(Self { origin, cow, persistent, chunk_size })
        };
        parse().ok_or_else(|| Error::Parse { what: "a snapshot's table", found: line.into() })
    }
}

/// A classic snapshot's status line, of one that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Sectors of its COW device in use, and all of them.
    pub sectors: (u64, u64),
}

impl FromStr for SnapshotStatus {
    type Err = Error;
    fn from_str(line: &str) -> Result<Self> {
        // USED/ALL METADATA, or words in place of them; before Linux 2.6.34 no METADATA.
        let why = match line.trim() {
            "Invalid" => "its COW device was full or could not be written",
            "Overflow" => "its COW device was full",
            "Merge failed" => "merging it has failed",
            "Unknown" => "the kernel cannot say how full it is",
            _ => {
                let parse = || {
                    let (used, all) = line.split_whitespace().next()?.split_once('/')?;
                    Some(Self { sectors: (used.parse().ok()?, all.parse().ok()?) })
                };
                return parse().ok_or_else(|| Error::Parse {
                    what: "a snapshot's status",
                    found: line.into(),
                });
            }
        };
        Err(Error::State(format!(
            "the snapshot cannot be used: {why} (its status is {})",
            line.trim()
        )))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    #[test]
    fn tables_as_the_kernel_writes_them() {
        let thin: ThinTable = "254:2 7".parse().unwrap();
        assert_eq!((thin.pool.minor, thin.id, thin.external_origin), (2, 7, None));
        let external: ThinTable = "254:2 7 254:9".parse().unwrap();
        assert_eq!(external.external_origin.unwrap().minor, 9);
        let pool: PoolTable = "254:0 254:1 384 0 1 skip_block_zeroing ".parse().unwrap();
        assert_eq!((pool.metadata.minor, pool.data.minor), (0, 1));
        assert_eq!((pool.chunk_size, pool.zeroes), (196_608, false));
        assert!("254:0 254:1 128 0 0 ".parse::<PoolTable>().unwrap().zeroes);
    }

    #[test]
    fn status_as_the_kernel_writes_it() {
        let line = "3 12/1024 21/4096 - rw discard_passdown queue_if_no_space - 1024 ";
        let status: PoolStatus = line.parse().unwrap();
        assert_eq!((status.transaction, status.metadata_blocks), (3, (12, 1024)));
        assert_eq!(status.chunks, (21, 4096));
        assert_eq!((status.held_root, status.mode), (None, PoolMode::ReadWrite));
        assert!(!status.needs_check && !status.ignores_discards);
        for (word, ignores) in [("ignore_discard", true), ("no_discard_passdown", false)] {
            let status: PoolStatus = line.replace("discard_passdown", word).parse().unwrap();
            assert_eq!(status.ignores_discards, ignores, "{word}");
        }
        let held = line.replace(" - rw", " 71 out_of_data_space");
        let held: PoolStatus = held.replace(" - 1024", " needs_check 1024").parse().unwrap();
        assert_eq!((held.held_root, held.mode), (Some(71), PoolMode::OutOfDataSpace));
        assert!(held.needs_check);
    }

    #[test]
    fn a_failed_pool_is_named() {
        let error = "Fail".parse::<PoolStatus>().unwrap_err();
        assert!(error.to_string().contains("failed"), "{error}");
    }

    #[test]
    fn a_snapshots_table_as_the_kernel_writes_it() {
        let table: SnapshotTable = "254:1 254:2 P 8".parse().unwrap();
        assert_eq!((table.origin.minor, table.cow.minor), (1, 2));
        assert_eq!((table.persistent, table.chunk_size), (true, 4096));
        let table: SnapshotTable = "254:1 254:2 PO 16 1 discard_zeroes_cow".parse().unwrap();
        assert_eq!((table.persistent, table.chunk_size), (true, 8192));
        assert!(!"254:1 98:16 N 8".parse::<SnapshotTable>().unwrap().persistent);
        for line in ["", "254:1 254:2", "254:1 254:2 X 8", "254:1 254:2 P", "254:1"] {
            assert!(line.parse::<SnapshotTable>().is_err(), "{line}");
        }
    }

    #[test]
    fn a_snapshot_that_cannot_be_used_is_refused_with_its_status() {
        let status: SnapshotStatus = "17488/32768 80".parse().unwrap();
        assert_eq!(status.sectors, (17488, 32768));
        for word in ["Invalid", "Overflow", "Merge failed", "Unknown"] {
            let error = word.parse::<SnapshotStatus>().unwrap_err();
            assert!(matches!(error, Error::State(_)), "{error}");
            assert!(error.to_string().contains(&format!("status is {word})")), "{error}");
        }
        for line in ["", "17488", "a/b", "Good"] {
            assert!(matches!(line.parse::<SnapshotStatus>(), Err(Error::Parse { .. })), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in any::<String>(), fields in "[-0-9:/ rwo]{0,40}") {
            for line in [line, fields] {
                let _ = line.parse::<ThinTable>();
                let _ = line.parse::<PoolTable>();
                let _ = line.parse::<PoolStatus>();
                let _ = line.parse::<SnapshotTable>();
                let _ = line.parse::<SnapshotStatus>();
            }
        }
    }
}
