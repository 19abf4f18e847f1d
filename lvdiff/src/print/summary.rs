//! How much changed in a volume, and where, for people.

use std::io::{self, Write};

use flow::human;
use source::{Pair, Portion, spread};

use super::described::{Described, Totals};
use super::figures::share;

/// Prints a few lines, and a map of the volume that is `columns` wide.
pub(crate) fn print(
    described: &Described<'_>,
    pair: &Pair,
    columns: usize,
    mut out: impl Write,
) -> io::Result<()> {
    let (volume, base) = (&described.volume, described.base.as_ref());
    let mut line = |key: &str, value: String| writeln!(out, "{key:<14}{value}");
    line("Volume:", format!("{}, {}", volume.text(), human(volume.size)))?;
    let text = base.map(|base| format!("{}, {}", base.text(), human(base.size)));
    line("Base:", text.unwrap_or_else(|| "none".into()))?;
    let Totals { extents, changed_bytes, unmapped_bytes, .. } = described.totals;
    let part = share(changed_bytes, volume.size);
    let what = if base.is_some() { "Changed:" } else { "Mapped:" };
    line(what, format!("{}, {part} of the volume", exact(changed_bytes)))?;
    if base.is_some() {
        line("Unmapped:", exact(unmapped_bytes))?;
    }
    line("Extents:", extents.to_string())?;
    line("Chunk size:", human(described.chunk_size))?;
    let room = columns.saturating_sub(2).max(1);
    let portions = spread(&pair.changes.extents, volume.size, room)?;
    writeln!(out, "[{}]", map(&portions))?;
    writeln!(out, "{LEGEND}")
}

/// A size, and what it is to the byte.
fn exact(bytes: u64) -> String {
    match bytes {
        0..1024 => human(bytes),
        _ => format!("{} ({bytes} bytes)", human(bytes)),
    }
}

const LEGEND: &str = " . unchanged   + changed in part   # half of it or more   - unmapped";

/// A character for each part of a volume, from its beginning to its end.
fn map(portions: &[Portion]) -> String {
    let character = |portion: &Portion| match portion {
        Portion { changed: 0, unmapped: 0, .. } => '.',
        Portion { changed: 0, .. } => '-',
        Portion { length, changed, .. } if *changed >= length.div_ceil(2) => '#',
        _ => '+',
    };
    portions.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use blockio::Range;
    use hyperlayer::Volume;
    use source::{Changes, Label, Names};
    use thinmeta::ExtentKind;

    use super::*;

    #[test]
    fn a_part_has_one_character() {
        let portion = |changed, unmapped| Portion { length: 101, changed, unmapped };
        let portions = [
            portion(0, 0),
            portion(0, 1),
            portion(1, 100),
            portion(50, 0),
            portion(51, 50),
            portion(101, 0),
        ];
        assert_eq!(map(&portions), ".-++##");
    }

    fn pair(base: Option<u64>, extents: &[(u64, u64, ExtentKind)]) -> Pair {
        let mut changes = Changes::new(65536);
        for &(offset, length, kind) in extents {
            changes.add(Range { offset, length }, kind).unwrap();
        }
        let volume = |size| Volume { name: String::new(), uuid: String::new(), size };
        let names = Names {
            base: base.map(volume),
            target: volume(1 << 20),
            base_origin: String::new(),
            identity: hyperlayer::Identity::default(),
        };
        let content = (None, Box::new(Vec::new()) as _);
        Pair::new(names, String::new(), (changes, None), content, Box::new(()))
    }

    fn text(labels: &(Option<Label>, Label), pair: &Pair, columns: usize) -> String {
        let mut text = Vec::new();
        print(&Described::new(labels, pair).unwrap(), pair, columns, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn label(name: Option<&str>) -> Label {
        Label { name: name.map(Into::into), uuid: None, thin_id: Some(7) }
    }

    #[test]
    fn a_summary_has_figures_and_a_map_of_the_given_width() {
        let extents = [
            (0, 131_072, ExtentKind::Changed),
            (524_288, 65536, ExtentKind::Unmapped),
            (1_048_000, 576, ExtentKind::Changed),
        ];
        let pair = self::pair(Some(1 << 19), &extents);
        let labels = (Some(label(Some("vg0/mon"))), label(Some("vg0/tue")));
        let expected = "\
Volume:       vg0/tue, 1.0 MiB
Base:         vg0/mon, 512.0 KiB
Changed:      128.6 KiB (131648 bytes), 12.6% of the volume
Unmapped:     64.0 KiB (65536 bytes)
Extents:      3
Chunk size:   64.0 KiB
[##......-......+]
 . unchanged   + changed in part   # half of it or more   - unmapped
";
        assert_eq!(text(&labels, &pair, 18), expected);
        for columns in [3, 80, 200] {
            let text = text(&labels, &pair, columns);
            let map = text.lines().find(|line| line.starts_with('[')).unwrap();
            assert_eq!(map.len(), columns);
        }
        assert!(text(&labels, &pair, 0).contains("\n[+]\n"));
    }

    #[test]
    fn without_a_base_it_is_what_is_mapped() {
        let pair = pair(None, &[(0, 512, ExtentKind::Changed)]);
        let text = text(&(None, label(None)), &pair, 10);
        let expected = "\
Volume:       thin id 7, 1.0 MiB
Base:         none
Mapped:       512 bytes, <0.1% of the volume
Extents:      1
";
        assert_eq!(
            text.lines().take(4).map(|line| format!("{line}\n")).collect::<String>(),
            expected
        );
        assert!(!text.contains("Unmapped:"), "{text}");
    }
}
