//! What two functions are to each other, where neither asks anything more, and what is known of pairs of their nodes.

use super::diagram::NodeId;
use super::distribution::Distribution;
use super::variable::Variable;

/// How equal two functions are; the weakest is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Equality {
    /// The same outcome for every packet.
    Exact,
    /// The same chances of outcomes for every packet.
    Distribution,
    /// The same outcomes are possible for every packet, by a hash here and by chance, or by another hash, there.
    Support,
}

/// What two distributions are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// One is as good as the other.
    Equal(Equality),
    /// Nobody knows.
    Undecided,
    /// Both refuse all packets, and not in the same way.
    RefusedOtherwise,
    /// They are not the same.
    Differs,
}

/// Which of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first: what is expected.
    Left,
    /// The second: what was found.
    Right,
}

/// Whoever knows what leaves mean.
pub trait Judge {
    /// A number for all leaves, of either side, that are equal whatever else is the case; it costs least if that is the
    /// first of their outcomes. A leaf that must be looked at each time has a class that no leaf of the other side has.
    fn class(&mut self, side: Side, outcome: u32) -> u32;

    /// What the outcomes of a region are to each other; with `support` their chances do not matter.
    fn judge(&mut self, left: &Distribution, right: &Distribution, support: bool) -> Judgement;
}

/// What limits a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pairs of nodes that are kept, at most.
    pub pairs: usize,
    /// Whether functions that choose by different hashes, or by a hash and by chance, may be equal by their support.
    pub support: bool,
}

/// What is known of a pair of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Equal(Equality, u64),
    Open(u32),
}

/// A pair of nodes that are not equal everywhere.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// The weakest equality of those regions that are equal.
    pub(super) equality: Option<Equality>,
    pub(super) differing: u64,
    pub(super) undecided: u64,
    pub(super) regions: u64,
    /// Both sides refuse the packets, whatever the answers to questions are.
    pub(super) refused: bool,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// By the values of a variable; only what is open.
    Parts(Variable, Box<[Part]>),
    /// Nothing more is asked of the packet: two distributions, the first that differ if they depend on unknown answers.
    Shown(NodeId, NodeId),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) low: u128,
    pub(super) high: u128,
    pub(super) open: u32,
}
