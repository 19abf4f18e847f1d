//! [`matches`]: patterns of names.

/// Whether a name matches a pattern, in which `*` stands for any letters and `?` for one, but never for `/`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Where the last star was, and what it has taken so far.
    let mut star = None;
    let (mut at, mut taken) = (0, 0);
    while taken < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, taken));
                at += 1;
            }
            Some(b'?') if name[taken] != b'/' => (at, taken) = (at + 1, taken + 1),
            Some(byte) if *byte == name[taken] && *byte != b'?' => {
                (at, taken) = (at + 1, taken + 1);
            }
            _ => match star {
                Some((after, until)) if name[until] != b'/' => {
                    star = Some((after, until + 1));
                    (at, taken) = (after, until + 1);
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_letters_of_one_name() {
        for (pattern, name, expected) in [
            ("vg0/a", "vg0/a", true),
            ("vg0/a", "vg0/ab", false),
            ("vg0/vm-*-disk-*", "vg0/vm-100-disk-0", true),
            ("vg0/vm-*-disk-*", "vg0/vm-disk-0", false),
            ("vg0/vm-*-disk-*", "vg0/vm-1-disk-2-disk-3", true),
            ("vg0/*", "vg0/", true),
            ("*/db", "vg0/db", true),
            ("*", "vg0/db", false),
            ("vg*b", "vg0/db", false),
            ("vg?/db", "vg0/db", true),
            ("vg0?db", "vg0/db", false),
            ("vg0/d?", "vg0/d", false),
            ("vg0/**b", "vg0/aab", true),
            ("vg0/*a*a*", "vg0/ba", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
