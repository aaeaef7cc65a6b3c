//! The addresses that rules translate to: noted with every translation, asked for where something differs.

use rustc_hash::FxHashSet;
use std::sync::OnceLock;

/// So many notes are kept before those that are there twice are put together.
const NOTES: usize = 1 << 20;

/// Addresses that rules translate to.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// In the order of their notes, most of them several times: a set would wait for memory with each.
    noted: Vec<u128>,
    /// How many there were when they were last put together.
    distinct: usize,
    known: OnceLock<FxHashSet<u128>>,
}

impl Targets {
    /// Notes an address.
    pub(super) fn note(&mut self, address: u128) {
        if self.noted.last() == Some(&address) {
            return;
        }
        self.known.take();
        self.noted.push(address);
        if self.noted.len() >= NOTES + 2 * self.distinct {
            self.noted.sort_unstable();
            self.noted.dedup();
            self.distinct = self.noted.len();
        }
    }

    /// Whether any rule translates to an address.
    pub(super) fn contains(&self, address: u128) -> bool {
        self.known.get_or_init(|| self.noted.iter().copied().collect()).contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::{NOTES, Targets};

    #[test]
    fn what_is_noted_is_known_however_often_it_is_noted() {
        let mut targets = Targets::default();
        assert!(!targets.contains(0));
        for round in 0..3 {
            for address in 0..NOTES as u128 / 2 {
                targets.note(address + round);
            }
            assert!(targets.contains(NOTES as u128 / 2 - 1 + round) && !targets.contains(NOTES as u128 / 2 + round));
        }
        assert!(targets.noted.len() < 2 * NOTES);
    }
}
