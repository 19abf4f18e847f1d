//! What came of the rounds, fault by fault.

use std::fmt;

use super::fault::{FAULTS, Fault};

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The run ended with an error, and nothing had changed.
    Refused,
    /// The run succeeded, and what it made was right.
    Finished,
    /// Something else.
    Broken,
}

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    fault: &'static Fault,
    refused: u32,
    finished: u32,
    broken: u32,
}

impl Row {
    fn rounds(&self) -> u32 {
        self.refused + self.finished + self.broken
    }
}

impl Table {
    pub(crate) fn new() -> Self {
        let row = |fault| Row { fault, refused: 0, finished: 0, broken: 0 };
        Self { rows: FAULTS.iter().map(row).collect() }
    }

    pub(crate) fn count(&mut self, fault: &'static Fault, verdict: Verdict) {
        let row = self.rows.iter_mut().find(|row| row.fault == fault).expect("each has a row");
        *match verdict {
            Verdict::Refused => &mut row.refused,
            Verdict::Finished => &mut row.finished,
            Verdict::Broken => &mut row.broken,
        } += 1;
    }

    /// All rounds, and of them those that broke a promise.
    pub(crate) fn sums(&self) -> (u32, u32) {
        (self.rows.iter().map(Row::rounds).sum(), self.rows.iter().map(|row| row.broken).sum())
    }
}

/// As Markdown, without the faults that did not come.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| fault | rounds | refused rightly | finished rightly | broken promises |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: |")?;
        for row in self.rows.iter().filter(|row| row.rounds() > 0) {
            let Row { refused, finished, broken, .. } = row;
            let (name, rounds) = (row.fault.name, row.rounds());
            writeln!(f, "| {name} | {rounds} | {refused} | {finished} | {broken} |")?;
        }
        let sum = |of: fn(&Row) -> u32| self.rows.iter().map(of).sum::<u32>();
        let [refused, finished] = [sum(|row| row.refused), sum(|row| row.finished)];
        let (rounds, broken) = self.sums();
        writeln!(f, "| all | {rounds} | {refused} | {finished} | {broken} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_in_its_row_and_in_the_sums() {
        let mut table = Table::new();
        table.count(&FAULTS[1], Verdict::Refused);
        table.count(&FAULTS[1], Verdict::Finished);
        table.count(&FAULTS[2], Verdict::Broken);
        assert_eq!(table.sums(), (3, 1));
        let text = table.to_string();
        assert!(text.contains(&format!("| {} | 2 | 1 | 1 | 0 |\n", FAULTS[1].name)), "{text}");
        assert!(text.contains(&format!("| {} | 1 | 0 | 0 | 1 |\n", FAULTS[2].name)), "{text}");
        assert!(!text.contains(FAULTS[0].name), "{text}");
        assert!(text.ends_with("| all | 3 | 1 | 1 | 1 |\n"), "{text}");
    }
}
