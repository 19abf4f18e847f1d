//! Numbers as the page shows them.

use std::time::Duration;

/// With a comma after each thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time with three digits, in the unit that suits it.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.9995.. => format!("{} s", three_digits(seconds)),
        0.000_999_5.. => format!("{} ms", three_digits(seconds * 1e3)),
        0.000_000_999_5.. => format!("{} µs", three_digits(seconds * 1e6)),
        _ => format!("{} ns", three_digits(seconds * 1e9)),
    }
}

/// An amount of bytes in MB, millions of them.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{} MB", three_digits(bytes as f64 / 1e6))
}

fn three_digits(number: f64) -> String {
    let decimals = match number {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        let texts = [0, 999, 1000, 64_000_000].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "64,000,000"]);
    }

    #[test]
    fn times_and_amounts_have_three_digits() {
        let times = [2_718_281_828_u64, 14_142_135, 999_600, 1732, 141, 125_000_000_000];
        assert_eq!(
            times.map(|nanoseconds| time(Duration::from_nanos(nanoseconds))),
            ["2.72 s", "14.1 ms", "1.00 ms", "1.73 µs", "141 ns", "125 s"]
        );
        assert_eq!(megabytes(1 << 20), "1.05 MB");
        assert_eq!(megabytes(0), "0.00 MB");
    }
}
