//! Sizes, as people read them.

/// A size in bytes, in the largest binary unit that leaves a number of at least 1.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = bytes.checked_ilog(1024).unwrap_or(0) as usize;
    match power.checked_sub(1) {
        None => format!("{bytes} bytes"),
        Some(unit) => format!("{:.1} {}", bytes as f64 / 1024_f64.powi(power as i32), UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!(human(0), "0 bytes");
        assert_eq!(human(1023), "1023 bytes");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(500 << 20), "500.0 MiB");
        assert_eq!(human(u64::MAX), "16.0 EiB");
    }
}
