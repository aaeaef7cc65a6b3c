//! Places on the way of packets.

use super::diagram::NodeId;
use crate::program::ChainId;
use crate::ruleset::Hook;
use rustc_hash::FxHashMap;

pub(super) type PositionId = u32;
/// The number of a list of chains.
pub(super) type ListId = u32;

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Position {
    /// The base chains of one priority, and all after them.
    Stage { hook: Hook, stage: usize },
    /// The base chains of one priority that are left; `free` if their order is not known.
    Base { hook: Hook, stage: usize, left: ListId, free: bool },
    /// A base chain that is being run: what follows it.
    Running { hook: Hook, stage: usize, left: ListId, free: bool, chain: ChainId },
    /// A rule, by its place among the live ones, and all after it.
    Rule(RulePosition),
}

/// A rule that is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RulePosition {
    pub(super) chain: ChainId,
    /// The place among the chain's live rules; their number is the chain's end.
    pub(super) index: usize,
    /// The rule behind the jump that led here; None in a base chain.
    pub(super) parent: Option<PositionId>,
    /// The base chain all of it belongs to.
    pub(super) base: PositionId,
    pub(super) depth: usize,
    /// What is known of the destination a packet here was sent to, as a guard.
    pub(super) within: NodeId,
}

/// Positions and lists of chains, each once.
#[derive(Debug, Default)]
pub(super) struct Positions {
    known: Vec<Position>,
    numbers: FxHashMap<Position, PositionId>,
    lists: Vec<Vec<ChainId>>,
    list_numbers: FxHashMap<Vec<ChainId>, ListId>,
}

impl Positions {
    pub(super) fn number(&mut self, position: Position) -> PositionId {
        *self.numbers.entry(position).or_insert_with(|| {
            self.known.push(position);
            u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX)
        })
    }

    pub(super) fn get(&self, number: PositionId) -> Position {
        self.known[number as usize]
    }

    pub(super) fn list(&mut self, chains: Vec<ChainId>) -> ListId {
        if let Some(number) = self.list_numbers.get(&chains) {
            return *number;
        }
        let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        self.lists.push(chains.clone());
        self.list_numbers.insert(chains, number);
        number
    }

    pub(super) fn chains(&self, list: ListId) -> &[ChainId] {
        &self.lists[list as usize]
    }
}
