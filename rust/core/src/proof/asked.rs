//! What a function asks for at all, so that it is restricted only where that changes something.

use super::diagram::{Diagram, NodeId, View};
use super::variable::Variable;

/// A set of variables; those that have numbers share their places, so it may hold more than was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(u64);

const KNOWN: u64 = 1 << 63;
const MIX: u64 = 1 << 62;
const HASHES: u64 = 0xffff << 16;
const NUMBERED: u64 = 0x3 << 48;

impl Asked {
    fn one(variable: Variable) -> u64 {
        match variable {
            Variable::TranslatedAddress => 1,
            Variable::TranslatedPort => 1 << 1,
            Variable::Destination => 1 << 2,
            Variable::Protocol => 1 << 3,
            Variable::DestinationPort => 1 << 4,
            Variable::DestinationLocal => 1 << 5,
            Variable::Source => 1 << 6,
            Variable::SourceLocal => 1 << 7,
            Variable::SourcePort => 1 << 8,
            Variable::InputInterface => 1 << 9,
            Variable::OutputInterface => 1 << 10,
            Variable::MarkBit(_) => 1 << 11,
            Variable::Hash(number) => 1 << (16 + number % 16),
            Variable::Record(_) => 1 << 48,
            Variable::Question(_) => 1 << 49,
        }
    }

    /// Whether the variable may be asked for.
    #[must_use]
    pub(super) fn may_ask(self, variable: Variable) -> bool {
        self.0 & Self::one(variable) != 0
    }

    /// Whether there is a choice with chances.
    #[must_use]
    pub(super) fn mixes(self) -> bool {
        self.0 & MIX != 0
    }

    /// Whether both ask for the same hashes.
    #[must_use]
    pub(super) fn same_hashes(self, other: Self) -> bool {
        self.0 & HASHES == other.0 & HASHES
    }

    /// Whether anything is asked for that a packet decides.
    #[must_use]
    pub(super) fn asks_the_packet(self) -> bool {
        self.0 & !(KNOWN | MIX | NUMBERED) != 0 || self.0 & (1 << 48) != 0
    }
}

/// What the nodes of a diagram ask for, each found out once.
#[derive(Clone, Debug, Default)]
pub(super) struct AskedOf {
    known: Vec<u64>,
}

impl AskedOf {
    /// What a node and those below it ask for.
    pub(super) fn node(&mut self, diagram: &Diagram, node: NodeId) -> Asked {
        if self.known.len() < diagram.len() {
            self.known.resize(diagram.len(), 0);
        }
        Asked(self.find(diagram, node))
    }

    fn find(&mut self, diagram: &Diagram, node: NodeId) -> u64 {
        if self.known[node as usize] != 0 {
            return self.known[node as usize];
        }
        let found = match diagram.view(node) {
            View::Leaf(_) => KNOWN,
            View::Split(variable, edges) => {
                edges.iter().fold(KNOWN | Asked::one(variable), |found, edge| found | self.find(diagram, edge.child))
            }
            View::Mix(shares) => {
                shares.iter().fold(KNOWN | MIX, |found, share| found | self.find(diagram, share.child))
            }
        };
        self.known[node as usize] = found;
        found
    }
}
