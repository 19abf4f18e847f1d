//! [`Page`]: docs/benchmarks.md, whose sections can be renewed one by one.

use std::fmt;

use clap::ValueEnum;

/// A section of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// What changed: lvdiff --list against thin_delta
    Metadata,
    /// The changed bytes: lvdiff and lvpatch against dd and zstd
    Data,
    /// What LVM's commands cost with many volumes
    Lvm,
    /// lvsync against the pair, with the steps around it by hand
    Sync,
    /// Very large volumes and long chains: only with --large, or by its name
    Large,
    /// Today's programs and an earlier commit's: only with --earlier
    Earlier,
}

impl Section {
    pub(crate) const ALL: [Self; 6] =
        [Self::Metadata, Self::Data, Self::Lvm, Self::Sync, Self::Large, Self::Earlier];

    fn heading(self) -> &'static str {
        match self {
            Self::Metadata => "## What changed: the metadata\n",
            Self::Data => "## The changed bytes\n",
            Self::Lvm => "## With many volumes\n",
            Self::Sync => "## Copies in another pool\n",
            Self::Large => "## Large volumes and long chains\n",
            Self::Earlier => "## Before and after\n",
        }
    }
}

/// The page's sections, without their headings; none for what was never measured.
#[derive(Default)]
pub(crate) struct Page {
    sections: [Option<String>; Section::ALL.len()],
}

impl Page {
    /// The sections of a page that was written before.
    pub(crate) fn of(text: &str) -> Self {
        let sections = Section::ALL.map(|section| {
            let (_, rest) = text.split_once(section.heading())?;
            let end = rest.find("\n## ").unwrap_or(rest.len());
            Some(rest[..end].trim().to_owned())
        });
        Self { sections }
    }

    pub(crate) fn renew(&mut self, section: Section, text: &str) {
        self.sections[section as usize] = Some(text.trim().to_owned());
    }
}

impl fmt::Display for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HEAD)?;
        for section in Section::ALL {
            if let Some(text) = &self.sections[section as usize] {
                write!(formatter, "\n{}\n{text}\n", section.heading())?;
            }
        }
        Ok(())
    }
}

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`. Every comparison is a ratio from pairs of runs in turn, theirs and ours, after a warm-up: the median,
then the lowest and the highest, which show the machine's noise. A ratio of 2 means that ours takes half the time. Times are medians
likewise. MB are millions of bytes.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_section_is_renewed_and_the_other_stays() {
        let mut page = Page::default();
        page.renew(Section::Data, "### At a disk's rate\n\nsome\n");
        assert!(!page.to_string().contains("metadata\n"));
        page.renew(Section::Metadata, "a table\n");
        let before = page.to_string();
        assert_eq!(Page::of(&before).to_string(), before);

        let mut page = Page::of(&before);
        page.renew(Section::Metadata, "another table");
        assert_eq!(page.to_string(), before.replace("a table", "another table"));
    }

    #[test]
    fn sections_stand_in_their_order_whichever_was_measured_first() {
        let mut page = Page::default();
        for section in Section::ALL.into_iter().rev() {
            page.renew(section, &format!("of {section:?}"));
        }
        let text = page.to_string();
        let places = Section::ALL.map(|section| text.find(&format!("of {section:?}")));
        assert!(places.is_sorted() && places[0].is_some(), "{text}");
        assert_eq!(Page::of(&text).to_string(), text);
    }
}
