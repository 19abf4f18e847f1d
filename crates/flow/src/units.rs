//! Sizes and times in human-readable form.

use std::time::{Duration, SystemTime};

/// A size in bytes, in the largest binary unit that leaves a number of at least 1.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = bytes.checked_ilog(1024).unwrap_or(0) as usize;
    match power.checked_sub(1) {
        None => counted(bytes, "byte"),
        Some(unit) => format!("{:.1} {}", bytes as f64 / 1024_f64.powi(power as i32), UNITS[unit]),
    }
}

/// A number and what is counted, in the singular if there is one of it.
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// A rate in bytes per second; `None` if the time was too short to say one.
pub fn rate_text(bytes: u64, took: Duration) -> Option<String> {
    const SHORT: Duration = Duration::from_millis(100);
    let rate = || bytes as f64 / took.as_secs_f64();
    (bytes > 0 && took >= SHORT).then(|| format!("{}/s", human(rate() as u64)))
}

/// A time in seconds since 1970-01-01 00:00 UTC, in RFC 3339 form, in UTC.
pub fn time_text(seconds: u64) -> String {
    // humantime supports years up to 9999.
    const END: u64 = 253_402_300_800;
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        Some(time) if seconds < END => humantime::format_rfc3339_seconds(time).to_string(),
        _ => format!("{seconds} s after 1970"),
    }
}

/// How long ago something was, in the largest unit of which there are two or more.
pub fn age_text(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or(format!("{seconds}s"), |(length, name)| format!("{}{name}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(1_795_219_200), "2026-11-21T00:00:00Z");
        assert_eq!(time_text(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(time_text(253_402_300_800), "253402300800 s after 1970");
        assert_eq!(time_text(u64::MAX), "18446744073709551615 s after 1970");
    }

    #[test]
    fn one_of_a_thing_is_in_the_singular() {
        let texts = [0, 1, 2].map(|number| counted(number, "record"));
        assert_eq!(texts, ["0 records", "1 record", "2 records"]);
    }

    #[test]
    fn a_rate_needs_time() {
        let rate = |bytes, millis| rate_text(bytes, Duration::from_millis(millis));
        assert_eq!(rate(1 << 30, 2000).as_deref(), Some("512.0 MiB/s"));
        assert_eq!(rate(1 << 30, 99), None);
        assert_eq!(rate(0, 5000), None);
    }

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!(human(0), "0 bytes");
        assert_eq!(human(1), "1 byte");
        assert_eq!(human(1023), "1023 bytes");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(500 << 20), "500.0 MiB");
        assert_eq!(human(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn an_age_has_one_unit() {
        let ages = [0, 119, 120, 7199, 7200, 172_799, 172_800, 8_640_000].map(age_text);
        assert_eq!(ages, ["0s", "119s", "2min", "119min", "2h", "47h", "2d", "100d"]);
    }
}
