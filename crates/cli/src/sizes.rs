//! [`size`] and its like: numbers of bytes on a command line.

/// A number of bytes, with or without a suffix K, M, G or T, in either case.
///
/// # Errors
/// Says what is wrong with the text.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (digits, power) = match text.find(|character: char| !character.is_ascii_digit()) {
        None => (text, 0),
        Some(end) => {
            let suffix = text[end..].to_ascii_uppercase();
            let suffixes = ["K", "M", "G", "T"];
            let power = suffixes.iter().position(|known| *known == suffix);
            (&text[..end], power.ok_or("expected bytes, or a number with one of K, M, G, T")? + 1)
        }
    };
    let number: u64 = digits.parse().map_err(|_| "it is not a number")?;
    number.checked_mul(1 << (10 * power)).ok_or_else(|| "it is too large".into())
}

/// A volume's size.
///
/// # Errors
/// As [`bytes`], and where no volume has such a size.
pub fn size(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        size if size > 0 && size.is_multiple_of(512) => Ok(size),
        _ => Err("a volume's size is a multiple of 512 bytes".into()),
    }
}

/// Bytes per second.
///
/// # Errors
/// As [`bytes`], and for none.
pub fn rate(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        0 => Err("nothing would ever be written".into()),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("64M"), Ok(64 << 20));
        assert_eq!(size("64m"), Ok(64 << 20));
        assert_eq!(size("1t"), Ok(1 << 40));
        assert!(rate("0").is_err());
        assert_eq!(rate("1"), Ok(1));
        for text in ["", "M", "0", "513", "+512", "1.5G", "99999999T", "1 M", "-1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
