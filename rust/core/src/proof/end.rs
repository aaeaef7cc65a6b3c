//! Where a function begins and what its leaves stand for.

use crate::evaluate::{ConnectionState, DestinationNat, SourceNat, Verdict};
use crate::program::IpVersion;
use crate::ruleset::Hook;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// What is fixed before packets are told apart: a function is made for each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// [`Hook::Output`] for packets the node sends itself, [`Hook::Prerouting`] for all others.
    pub hook: Hook,
    /// The version of IP.
    pub version: IpVersion,
    /// The state of the connection.
    pub state: ConnectionState,
}

/// What becomes of a packet: the leaf of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct End {
    /// Whether it goes on.
    pub verdict: Verdict,
    /// The new destination; an address equal to the one the packet was sent to is not told from a new one.
    pub destination: DestinationNat,
    /// The new source.
    pub source: SourceNat,
    /// The bits of the mark in the end that are the same for all packets that end here: which, and their values. The
    /// others are those it came with.
    pub mark: (u32, u32),
    /// Bits of the mark of which nothing is known.
    pub unknown_mark: u32,
    /// The timeouts in milliseconds of the elements that the way here adds to sets, 0 for one without, in the order of
    /// the rules: what a later packet of this client may find.
    pub remembers: Box<[u64]>,
    /// Of [`Verdict::Unknown`], what would have to be known, and the rule that asks.
    pub reasons: Box<[Box<str>]>,
}

/// The outcomes of the functions of a diagram, each once.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    outcomes: Vec<End>,
    /// The latest outcome with a hash.
    known: FxHashMap<u32, u32>,
    /// Of each outcome, the one before it with the same hash; its own place if there is none.
    before: Vec<u32>,
}

/// A hash that fills no more of the processor's caches than it must.
pub(super) fn short_hash(content: &impl Hash) -> u32 {
    let mut hasher = FxHasher::default();
    content.hash(&mut hasher);
    u32::try_from(hasher.finish() >> u32::BITS).unwrap_or(0)
}

impl Ends {
    /// The number of an outcome, to be used as a leaf of the diagram; guards have 0 and 1, so they begin with 2.
    pub fn number(&mut self, end: End) -> u32 {
        let hash = short_hash(&end);
        let mut next = self.known.get(&hash).copied();
        while let Some(place) = next {
            if self.outcomes[place as usize] == end {
                return place.saturating_add(2);
            }
            next = Some(self.before[place as usize]).filter(|before| *before != place);
        }
        let place = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        self.outcomes.push(end);
        self.before.push(self.known.insert(hash, place).unwrap_or(place));
        place.saturating_add(2)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// The outcome with this number; None of the numbers of guards.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&End> {
        self.outcomes.get((number as usize).checked_sub(2)?)
    }
}
