//! Figures in a few characters: a share.

/// A part of a whole in per cent. Only nothing is 0%, and only all of it 100%.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, _) => "0%".into(),
        (part, whole) if part >= whole => "100%".into(),
        (part, whole) => {
            // Rounded, in tenths.
            let (part, whole) = (u128::from(part), u128::from(whole));
            match (part * 1000 + whole / 2) / whole {
                0 => "<0.1%".into(),
                tenths => {
                    let tenths = tenths.min(999);
                    format!("{}.{}%", tenths / 10, tenths % 10)
                }
            }
        }
    }
}

/// The same as a number, to three decimals.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => (part as f64 / whole as f64 * 100_000.0).round() / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_but_never_to_nothing_or_to_all() {
        const TIB: u64 = 1 << 40;
        for (part, whole, text, number) in [
            (0, 0, "0%", 0.0),
            (0, 7, "0%", 0.0),
            (1, TIB, "<0.1%", 0.0),
            (49, 100_000, "<0.1%", 0.049),
            (50, 100_000, "0.1%", 0.05),
            (1, 3, "33.3%", 33.333),
            (2, 3, "66.7%", 66.667),
            (TIB - 1, TIB, "99.9%", 100.0),
            (TIB, TIB, "100%", 100.0),
            (u64::MAX, u64::MAX, "100%", 100.0),
        ] {
            assert_eq!(share(part, whole), text);
            assert_eq!(percent(part, whole), number, "{text}");
        }
    }
}
