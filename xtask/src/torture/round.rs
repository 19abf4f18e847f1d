//! A round: a history, a fault and its moment, all of which follow from two numbers.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::fault::{FAULTS, Fault};
use super::history::History;

const BEGIN: &str = "source /run/guest/lib.sh\nsource /run/guest/torture/round.sh\n";

/// A round of a run.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) fault: &'static Fault,
    history: History,
    /// Which diff the fault meets, from 1.
    hit: usize,
    chain: bool,
    /// A thousandth of the way.
    moment: u32,
    /// What the guest's script draws from.
    draws: u16,
}

impl Round {
    /// A round of the run with a seed, counted from 0; with the faults that `wanted` picks.
    ///
    /// Faults come as from a pack of cards: each once, in random order, and then all of them again.
    pub(crate) fn of(seed: u64, number: u64, wanted: fn(&Fault) -> bool) -> Self {
        let mut pack: Vec<&'static Fault> = FAULTS.iter().filter(|fault| wanted(fault)).collect();
        let packs = pack.len() as u64;
        pack.shuffle(&mut generator(seed, "pack", number / packs));
        let index = usize::try_from(number % packs).expect("it is less than their number");
        let fault = pack[index];

        let mut rng = generator(seed, "round", number);
        let mut history = History::random(&mut rng, !fault.in_place);
        if fault.lvsync {
            history.take_same_chunks();
        }
        let hit = rng.random_range(1..=history.diffs());
        if fault.proves_all {
            let options = &mut history.options[hit];
            *options = format!("-d 3 {}", options.split_once("-d ").map_or("", |(_, o)| &o[1..]));
        }
        Self {
            fault,
            hit,
            history,
            chain: rng.random_ratio(1, 4),
            moment: rng.random_range(0..1000),
            draws: rng.random(),
        }
    }

    /// The script of the first boot, or of the only one.
    pub(crate) fn script(&self) -> String {
        let mut text = BEGIN.to_owned();
        text += &format!("FAULT={} RANDOM={}\n", self.fault.name, self.draws);
        text += &format!("HIT={} MOMENT={}\n", self.hit, self.moment);
        text += &format!("CHAIN={}\n", if self.chain { "yes" } else { "no" });
        let mismatch = if self.history.chunks_differ() { "--allow-chunk-mismatch" } else { "" };
        text += &format!("PATCH_OPTIONS='{mismatch}'\n");
        if self.fault.lvsync {
            text += "source /run/guest/torture/sync.sh\nbegin_sync\n";
            text += &self.history.script();
            text += "finish_sync\n";
            return text;
        }
        text += "OPTIONS=(\n";
        for options in &self.history.options {
            text += &format!("\t'{options}'\n");
        }
        text += ")\n";
        text += &self.history.script();
        text += "make_streams\nmake_target\n";
        text += &format!("say {}\nfault_{}\nfinish\n", self.fault.name, self.fault.function());
        text
    }

    /// The script of the boot after a power cut.
    pub(crate) fn second_script(&self) -> String {
        let function = self.fault.function();
        let mut text = BEGIN.to_owned();
        if self.fault.lvsync {
            text += "source /run/guest/torture/sync.sh\n";
            text += &format!("FAULT={} RANDOM={}\nagain_{function}\n", self.fault.name, self.draws);
            return text;
        }
        text += "source /run/out/state\n";
        text += &format!("FAULT={} RANDOM={}\nafter_power_cut\n", self.fault.name, self.draws);
        text += &format!("say after {}\nagain_{function}\nfinish\n", self.fault.name);
        text
    }
}

/// What it gives follows from what it is asked for, on every machine.
fn generator(seed: u64, purpose: &str, number: u64) -> StdRng {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes()).update(&number.to_le_bytes()).update(purpose.as_bytes());
    StdRng::from_seed(*hash.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_fault_comes_once_in_a_pack() {
        let mut counts = BTreeMap::new();
        for number in 0..3 * FAULTS.len() as u64 {
            *counts.entry(Round::of(7, number, |_| true).fault.name).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), FAULTS.len());
        assert!(counts.values().all(|&count| count == 3), "{counts:?}");
    }

    #[test]
    fn only_what_is_wanted_comes() {
        let wanted = FAULTS.iter().filter(|fault| fault.lvsync).count() as u64;
        let names: std::collections::BTreeSet<_> = (0..wanted)
            .map(|number| Round::of(7, number, |fault| fault.lvsync).fault.name)
            .collect();
        assert!(names.len() as u64 == wanted && names.iter().all(|name| name.starts_with("sync-")));
    }

    #[test]
    fn a_seed_repeats_its_rounds_and_another_has_others() {
        assert_eq!(Round::of(7, 3, |_| true).script(), Round::of(7, 3, |_| true).script());
        assert_ne!(Round::of(7, 3, |_| true).script(), Round::of(8, 3, |_| true).script());
        assert_ne!(Round::of(7, 3, |_| true).script(), Round::of(7, 4, |_| true).script());
    }

    #[test]
    fn a_wrong_base_is_told_by_digests_of_all_of_it() {
        let round =
            (0..).map(|number| Round::of(1, number, |_| true)).find(|round| round.fault.proves_all);
        let round = round.expect("there is one in each pack");
        let options = &round.history.options[round.hit];
        assert!(options.starts_with("-d 3 ") && options.matches("-d ").count() == 1, "{options}");
    }
}
