//! How records are made, on a command line.

use crate::bytes;

/// `zstd` or `zstd:LEVEL`: the level.
///
/// # Errors
/// Says what is expected.
pub fn compression(text: &str) -> Result<i32, String> {
    let level = match text.split_once(':') {
        None if text == "zstd" => return Ok(3),
        Some(("zstd", level)) => level,
        _ => return Err("expected zstd or zstd:LEVEL".into()),
    };
    match level.parse() {
        Ok(level @ 1..=22) => Ok(level),
        _ => Err("zstd has the levels 1 to 22".into()),
    }
}

/// The size of the blocks that are compared, in bytes.
///
/// # Errors
/// As [`bytes`], and for what is not a power of two from 512 up.
pub fn granularity(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        size if size >= 512 && size.is_power_of_two() => Ok(size),
        _ => Err("expected a power of two from 512 bytes up".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_has_a_level() {
        assert_eq!(compression("zstd"), Ok(3));
        assert_eq!(compression("zstd:19"), Ok(19));
        for text in ["", "gzip", "zstd:", "zstd:0", "zstd:23", "zstd:x", "ZSTD"] {
            assert!(compression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_granularity_is_a_power_of_two() {
        assert_eq!(granularity("4K"), Ok(4096));
        for text in ["0", "256", "3K", "1000"] {
            assert!(granularity(text).is_err(), "{text}");
        }
    }
}
