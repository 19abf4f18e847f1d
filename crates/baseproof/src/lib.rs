//! Proves that a base is the one that a diff was made from.
//!
//! When the diff is made, [`positions`] chooses what to look at and [`digest_ranges`] or
//! [`digest_whole`] look; the stream carries what they saw; when it is applied, [`verify`] looks
//! at the same places of the base that is there. Both sides run the same code over the logical
//! content of a volume, so a hole is as good as zeros.
//!
//! ```
//! use baseproof::{digest_ranges, positions, verify};
//!
//! let base = vec![7; 10 * 4096];
//! let ranges = positions(2, base.len() as u64, 4096, |_| Ok::<_, std::io::Error>(None))?;
//! let digests = digest_ranges(&base, &ranges)?;
//! assert!(verify(&base, &digests, None, &|| Ok(())).is_ok());
//!
//! let mut other = base.clone();
//! other[5 * 4096] = 8; // ten chunks are fewer than a sample has: each is looked at
//! let error = verify(&other, &digests, None, &|| Ok(())).unwrap_err();
//! assert!(error.to_string().contains("offset 20480"), "{error}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checksum;
mod digest;
mod held;
mod leaf_tree;
mod sample;
mod verify;

pub use checksum::checksum_ranges;
pub use digest::{Mapped, digest_ranges, digest_whole, for_each_leaf, mapped_in};
pub use held::{digest_held, verify_held};
pub use leaf_tree::LeafTree;
pub use sample::{SAMPLE_CHUNKS, positions};
pub use verify::{Error, verify, verify_checksums};
