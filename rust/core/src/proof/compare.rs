//! Whether two functions are equal, and where they are not.
//!
//! The two are walked together, each pair of nodes once. Before that, their leaves are replaced by classes: leaves of
//! one class are as good as equal, so wherever the classed functions have the same node nothing is left to see, and two
//! functions that are built alike are compared in one linear pass. Elsewhere both are divided by what they ask. Chances
//! are pushed below questions only where two mixes differ, one frontend at a time.

use super::diagram::{Diagram, NodeId, TooLarge};
use super::distribution::Distribution;
use super::region::Region;
use super::variable::Variable;
use super::walk::Walk;

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

/// A region where the functions differ, or may differ.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// What the first does: a leaf or a mix of leaves.
    pub left: NodeId,
    /// What the second does.
    pub right: NodeId,
    /// Whether nobody knows if they differ.
    pub undecided: bool,
    /// Both refuse the packets in any case, and nobody knows if they do so in the same way.
    pub refused: bool,
}

/// The result of a comparison.
#[derive(Clone, Debug)]
pub struct Compared {
    root: Known,
    opens: Vec<Open>,
}

impl Compared {
    /// The number of disjoint regions that were told apart; regions that go together through equal nodes count, too.
    #[must_use]
    pub fn regions(&self) -> u64 {
        match self.root {
            Known::Equal(_, regions) => regions,
            Known::Open(open) => self.opens[open as usize].regions,
        }
    }

    /// The number of regions that differ, and of those of which nobody knows.
    #[must_use]
    pub fn open(&self) -> (u64, u64) {
        match self.root {
            Known::Equal(..) => (0, 0),
            Known::Open(open) => (self.opens[open as usize].differing, self.opens[open as usize].undecided),
        }
    }

    /// The weakest equality of all that is equal; None if nothing is.
    #[must_use]
    pub fn equality(&self) -> Option<Equality> {
        match self.root {
            Known::Equal(equality, _) => Some(equality),
            Known::Open(open) => self.opens[open as usize].equality,
        }
    }

    /// Calls `tell` with the regions that are not equal: so many of each destination (address, protocol and port), and
    /// so many in all. The number told is returned; [`Compared::open`] has the number there is.
    pub fn tell(&self, of_each: usize, in_all: usize, mut tell: impl FnMut(&Region, Shown)) -> u64 {
        let Known::Open(root) = self.root else { return 0 };
        let mut budget = Budget { in_all, here: of_each, of_each, told: 0 };
        self.tell_below(root, &Region::default(), &mut budget, &mut tell);
        budget.told
    }

    fn tell_below(&self, open: u32, region: &Region, budget: &mut Budget, tell: &mut impl FnMut(&Region, Shown)) {
        let open = &self.opens[open as usize];
        match &open.content {
            Content::Shown(left, right) => {
                budget.here -= 1;
                budget.in_all -= 1;
                budget.told += 1;
                let undecided = open.differing == 0;
                tell(region, Shown { left: *left, right: *right, undecided, refused: undecided && open.refused });
            }
            Content::Parts(variable, parts) => {
                for part in parts {
                    if *variable <= Variable::DestinationPort {
                        budget.here = budget.of_each;
                    }
                    if budget.here == 0 || budget.in_all == 0 {
                        return;
                    }
                    self.tell_below(part.open, &region.within(*variable, part.low, part.high), budget, tell);
                }
            }
        }
    }
}

struct Budget {
    in_all: usize,
    here: usize,
    of_each: usize,
    told: u64,
}

/// Compares two functions of a diagram.
///
/// # Errors
/// The diagram is full, or there are too many pairs of nodes, or they nest too deep.
pub fn compare(
    diagram: &mut Diagram,
    left: NodeId,
    right: NodeId,
    judge: &mut impl Judge,
    limits: Limits,
) -> Result<Compared, TooLarge> {
    let mut walk = Walk::new(diagram, judge, limits);
    let root = walk.pair(left, right, false)?;
    Ok(Compared { root, opens: walk.into_opens() })
}
