//! `lvdiff --list --metadata FILE`: the thin devices in an image, against what thin_ls says of them, and against
//! damage. No kernel, no LVM, no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flow::human;
use system_tests::programs;
use thinmeta::testing::{Pool, Random, Shape, reseal_node, reseal_superblock};

const BLOCK: usize = 4096;
/// Where the superblock says where the details of the devices are.
const DETAILS_ROOT: usize = 328;
/// Where a node says how many entries it has and has room for, and where its keys begin.
const NR_ENTRIES: usize = 16;
const MAX_ENTRIES: usize = 20;
const KEYS: usize = 32;

/// Thin id, mapped bytes, transaction id, creation time, snapshot time.
type Row = [u64; 5];

const FIELDS: [&str; 5] =
    ["thin_id", "mapped_bytes", "transaction_id", "creation_time", "snapshot_time"];

/// A file with an image.
struct Metadata(tempfile::NamedTempFile);

impl Metadata {
    fn new(image: &[u8]) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), image).unwrap();
        Self(file)
    }

    fn lvdiff(&self, options: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join("lvdiff"));
        command.stdin(Stdio::null()).args(["--list", "--metadata"]).arg(self.0.path());
        command.args(options).output().unwrap()
    }

    fn list(&self, options: &[&str]) -> String {
        let output = self.lvdiff(options);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The devices as the list in JSON has them, which is also what the table says.
    fn rows(&self) -> Vec<Row> {
        let json: serde_json::Value = serde_json::from_str(&self.list(&["--json"])).unwrap();
        let row = |object: &serde_json::Value| {
            assert_eq!(object.as_object().unwrap().len(), FIELDS.len());
            FIELDS.map(|field| object[field].as_u64().unwrap())
        };
        let rows: Vec<_> = json["devices"].as_array().unwrap().iter().map(row).collect();
        let table = self.list(&[]);
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        let mut lines = table.lines().map(words);
        let headings = ["ID", "MAPPED", "TRANSACTION", "CREATE_TIME", "SNAP_TIME"];
        assert_eq!(lines.next().unwrap(), headings);
        let expected = rows.iter().map(|&[id, mapped, transaction, creation, snapshot]| {
            words(&format!("{id} {} {transaction} {creation} {snapshot}", human(mapped)))
        });
        assert!(lines.eq(expected), "{table}");
        rows
    }

    /// What thin_ls says of them; none where it is not installed.
    fn thin_ls(&self, chunk_size: u64) -> Option<Vec<Row>> {
        let folders = ["/usr/sbin", "/sbin", "/usr/bin"].map(Path::new);
        let tool = folders.map(|folder| folder.join("thin_ls"));
        let Some(tool) = tool.iter().find(|tool: &&PathBuf| tool.exists()) else {
            eprintln!("skipped: thin_ls is not installed");
            return None;
        };
        let columns = "DEV,MAPPED_BLOCKS,TRANSACTION,CREATE_TIME,SNAP_TIME";
        let mut command = Command::new(tool);
        let output = command.args(["--no-headers", "-o", columns]).arg(self.0.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let row = |line: &str| {
            let numbers: Vec<u64> =
                line.split_whitespace().map(|number| number.parse().unwrap()).collect();
            let [id, mapped, rest @ ..]: Row = numbers.try_into().unwrap();
            let [transaction, creation, snapshot] = rest;
            [id, mapped * chunk_size, transaction, creation, snapshot]
        };
        Some(String::from_utf8(output.stdout).unwrap().lines().map(row).collect())
    }

    #[track_caller]
    fn refused(&self, says: &str) {
        for options in [&[][..], &["--json"]] {
            let output = self.lvdiff(options);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(5), 0), "{stderr}");
            let path = self.0.path().display().to_string();
            assert!(stderr.contains(says) && stderr.contains(&path), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
}

/// A pool with a history: devices made, changed, snapshotted and removed.
fn pool(data_block_sectors: u32, devices: u32, seed: u64) -> Pool {
    let mut dice = Random::new(seed);
    let mut pool = Pool::new(Shape { data_block_sectors, max_entries: 252 });
    let mut ids: Vec<u32> = Vec::new();
    while (ids.len() as u64) < u64::from(devices) {
        // In no order, and up to the highest that there can be.
        let id = (1 << 24) - 1 - dice.below(1 << 24) as u32;
        if ids.contains(&id) {
            continue;
        }
        match ids.get(dice.below(ids.len() as u64 * 3 / 2 + 1) as usize) {
            Some(&origin) => pool.snapshot(origin, id),
            None => pool.create(id),
        }
        ids.push(id);
        let changed = ids[dice.below(ids.len() as u64) as usize];
        (0..dice.below(20)).for_each(|_| pool.write(changed, dice.below(1000)));
        pool.discard(changed, dice.below(1000));
        if dice.below(8) == 0 {
            pool.delete(ids.swap_remove(dice.below(ids.len() as u64) as usize));
        }
    }
    pool
}

fn number(image: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(image[at..at + 8].try_into().unwrap())
}

/// The block in which the tree of details begins.
fn details(image: &[u8]) -> u64 {
    number(image, DETAILS_ROOT)
}

/// Where the values of a node are in the image.
fn values(image: &[u8], node: u64) -> usize {
    let at = node as usize * BLOCK;
    let room = u32::from_le_bytes(image[at + MAX_ENTRIES..][..4].try_into().unwrap());
    at + KEYS + room as usize * 8
}

#[test]
fn every_column_is_that_of_thin_ls() {
    // Of one leaf, and of more levels; the second chunk size is no power of two.
    for (sectors, devices) in [(128, 1), (384, 40), (2048, 700)] {
        let mut pool = pool(sectors, devices, u64::from(devices));
        let metadata = Metadata::new(&pool.image());
        let rows = metadata.rows();
        assert_eq!(rows.len(), devices as usize);
        assert!(rows.is_sorted_by_key(|[id, ..]| *id));
        let Some(expected) = metadata.thin_ls(u64::from(sectors) * 512) else { return };
        assert_eq!(rows, expected);
        // A column in another's place would be noticed.
        let tells_apart = |[_, mapped, transaction, creation, snapshot]: &Row| {
            *mapped > 0 && *creation > 0 && transaction > creation && creation < snapshot
        };
        assert!(devices == 1 || expected.iter().any(tells_apart));

        // O_DIRECT gives the same list. It shows the last commit, even where the pool holds a metadata
        // snapshot.
        assert_eq!(metadata.list(&["--direct"]), metadata.list(&[]));
        pool.hold();
        pool.create(0);
        let metadata = Metadata::new(&pool.image());
        assert_eq!(Some(metadata.rows()), metadata.thin_ls(u64::from(sectors) * 512));
        assert_eq!(metadata.rows()[1..], rows);
    }
}

#[test]
fn a_pool_without_devices_has_an_empty_list() {
    let metadata = Metadata::new(&Pool::new(Shape::default()).image());
    assert_eq!(metadata.list(&[]), "ID  MAPPED  TRANSACTION  CREATE_TIME  SNAP_TIME\n");
    assert_eq!(metadata.list(&["--json"]), "{\"devices\":[\n]}\n");
    assert!(metadata.thin_ls(65536).is_none_or(|rows| rows.is_empty()));
}

#[test]
fn the_list_says_when_a_device_was_made_and_last_snapshotted() {
    let mut pool = Pool::new(Shape::default());
    pool.create_with(1, (0..16).map(|block| (block, block)));
    pool.snapshot(1, 2);
    pool.write(1, 100);
    pool.snapshot(1, 3);
    pool.create(20);
    let metadata = Metadata::new(&pool.image());
    let expected = "\
ID   MAPPED  TRANSACTION  CREATE_TIME  SNAP_TIME
 1  1.1 MiB            0            0          2
 2  1.0 MiB            1            1          1
 3  1.1 MiB            2            2          2
20  0 bytes            3            2          2
";
    assert_eq!(metadata.list(&[]), expected);
    let rows =
        [[1, 17 << 16, 0, 0, 2], [2, 1 << 20, 1, 1, 1], [3, 17 << 16, 2, 2, 2], [20, 0, 3, 2, 2]];
    assert_eq!(metadata.rows(), rows);
}

#[test]
fn no_mapping_is_read() {
    let pool = pool(128, 40, 1);
    let mut image = pool.image();
    let expected = Metadata::new(&image).rows();
    let details = details(&image) as usize;
    for (number, block) in image.chunks_mut(BLOCK).enumerate() {
        if number != 0 && number != details {
            block.fill(0xa5);
        }
    }
    assert_eq!(Metadata::new(&image).rows(), expected);
}

#[test]
fn damaged_details_are_told() {
    let sound = pool(128, 300, 2).image();
    let root = details(&sound);
    let leaf = number(&sound, values(&sound, root) + 8);
    let damaged = |damage: &dyn Fn(&mut Vec<u8>), says: String| {
        let mut image = sound.clone();
        damage(&mut image);
        Metadata::new(&image).refused(&says);
    };
    for block in [root, leaf] {
        let at = block as usize * BLOCK;
        damaged(
            &|image| image[at + KEYS] ^= 1,
            format!("metadata block {block} is damaged: wrong checksum"),
        );
        damaged(
            &|image| {
                image[at + NR_ENTRIES..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
                reseal_node(image, block);
            },
            format!("metadata block {block} is damaged"),
        );
    }
    let end = sound.len() as u64 / BLOCK as u64;
    damaged(
        &|image| {
            image[DETAILS_ROOT..][..8].copy_from_slice(&end.to_le_bytes());
            reseal_superblock(image, 0);
        },
        format!("metadata block {end} is damaged: it is past the end"),
    );
    // The tree leads into itself.
    let first = values(&sound, root);
    damaged(
        &|image| {
            image[first..][..8].copy_from_slice(&root.to_le_bytes());
            reseal_node(image, root);
        },
        format!("metadata block {root} is damaged"),
    );
    // More than a number of bytes can say: 2^48 chunks of 64 KiB.
    let (id, mapped) = (number(&sound, leaf as usize * BLOCK + KEYS), values(&sound, leaf));
    damaged(
        &|image| {
            image[mapped..][..8].copy_from_slice(&(1_u64 << 48).to_le_bytes());
            reseal_node(image, leaf);
        },
        format!(
            "block {root} is damaged: in the tree below it, device {id} maps {} blocks",
            1_u64 << 48
        ),
    );
}
