//! Whether two functions are equal, and where they are not.
//!
//! The two are walked together, each pair of nodes once. Before that, their leaves are replaced by classes: leaves of
//! one class are as good as equal, so wherever the classed functions have the same node nothing is left to see, and two
//! functions that are built alike are compared in one linear pass. Elsewhere both are divided by what they ask. Chances
//! are pushed below questions only where two mixes differ, one frontend at a time.

use super::diagram::{Diagram, NodeId, TooLarge};
use super::judgement::{Content, Known, Open};
pub use super::judgement::{Equality, Judge, Judgement, Limits, Side};
use super::region::Region;
use super::variable::Variable;
use super::walk::{Seen, Walk};

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
    compare_seen(diagram, left, right, judge, limits, Seen::default())
}

/// The same where the second function was looked at before, with the same judge.
pub(super) fn compare_seen(
    diagram: &mut Diagram,
    left: NodeId,
    right: NodeId,
    judge: &mut impl Judge,
    limits: Limits,
    seen: Seen,
) -> Result<Compared, TooLarge> {
    let mut walk = Walk::with(diagram, judge, limits, seen);
    let root = walk.pair(left, right, false)?;
    Ok(Compared { root, opens: walk.into_opens() })
}
