//! Which rules and elements any packet meets.

use crate::program::{ChainId, Program, SetId};

/// Which rules and elements of a program may do something for some packet; several cases share one.
///
/// A rule counts as reached if a packet that gets that far could pass its matches; that an earlier rule takes all of
/// those packets is not seen.
#[derive(Clone, Debug)]
pub struct Coverage {
    rules: Vec<Vec<bool>>,
    elements: Vec<Vec<bool>>,
}

impl Coverage {
    /// Nothing is reached yet.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        Self {
            rules: program.chains.iter().map(|chain| vec![false; chain.rules.len()]).collect(),
            elements: program.sets.iter().map(|set| vec![false; set.entries.len()]).collect(),
        }
    }

    /// Whether a rule, by its place in its chain, is reached.
    #[must_use]
    pub fn rule(&self, chain: ChainId, place: usize) -> bool {
        self.rules.get(chain).and_then(|rules| rules.get(place)).copied().unwrap_or(false)
    }

    /// Whether an element, by its place in its set, is found by any packet.
    #[must_use]
    pub fn element(&self, set: SetId, place: usize) -> bool {
        self.elements.get(set).and_then(|elements| elements.get(place)).copied().unwrap_or(false)
    }

    /// Adds what is reached in other cases of the same program.
    pub fn add(&mut self, other: &Self) {
        let pairs = self.rules.iter_mut().zip(&other.rules).chain(self.elements.iter_mut().zip(&other.elements));
        for (here, there) in pairs.flat_map(|(here, there)| here.iter_mut().zip(there)) {
            *here |= there;
        }
    }

    pub(super) fn reach_rule(&mut self, chain: ChainId, place: usize) {
        if let Some(reached) = self.rules.get_mut(chain).and_then(|rules| rules.get_mut(place)) {
            *reached = true;
        }
    }

    pub(super) fn reach_element(&mut self, set: SetId, place: usize) {
        if let Some(reached) = self.elements.get_mut(set).and_then(|elements| elements.get_mut(place)) {
            *reached = true;
        }
    }
}
