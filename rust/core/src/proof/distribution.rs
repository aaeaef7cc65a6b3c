//! Chances of outcomes, and when two of them are as good as the same.

use super::diagram::{Diagram, NodeId, View};

/// The outcomes that may be, each once and in the order of their numbers, with their parts of `total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distribution {
    /// The number of an outcome and how many of the chances it has; never 0.
    pub shares: Vec<(u32, u128)>,
    /// The sum of the chances.
    pub total: u128,
}

/// How finely weights may be cut: the slots of all endpoints together, at the least.
const SLOTS: u128 = 1024;
/// The least number of slots for each endpoint.
const SLOTS_AN_ENDPOINT: u128 = 4;
/// One in so many connections may go elsewhere than declared.
const TOLERANCE: u128 = 256;

impl Distribution {
    /// The distribution of a leaf or of a mix of leaves; None if something is asked below, or the numbers are too large.
    #[must_use]
    pub fn of(diagram: &Diagram, node: NodeId) -> Option<Self> {
        let mut shares = Vec::new();
        collect(diagram, node, 1, 1, &mut shares)?;
        // Each share has its own denominator, but only where mixes could not be joined do they differ.
        let mut total = 1_u128;
        for (_, _, denominator) in &shares {
            total = total.checked_mul(*denominator / divisor(total, *denominator))?;
        }
        let mut scaled = Vec::with_capacity(shares.len());
        for (outcome, numerator, denominator) in shares {
            scaled.push((outcome, numerator.checked_mul(total / denominator)?));
        }
        Self::new(scaled)
    }

    /// A distribution of outcomes in any order; those of one number are added. None if the sum is 0 or does not fit.
    #[must_use]
    pub fn new(mut shares: Vec<(u32, u128)>) -> Option<Self> {
        shares.retain(|(_, weight)| *weight > 0);
        shares.sort_unstable();
        let total = shares.iter().try_fold(0_u128, |sum, (_, weight)| sum.checked_add(*weight))?;
        shares.dedup_by(|next, before| {
            let same = next.0 == before.0;
            if same {
                before.1 += next.1;
            }
            same
        });
        let common = shares.iter().fold(total, |common, (_, weight)| divisor(common, *weight));
        if total == 0 {
            return None;
        }
        for (_, weight) in &mut shares {
            *weight /= common;
        }
        Some(Self { shares, total: total / common })
    }

    /// The distribution of what outcomes stand for.
    #[must_use]
    pub fn map(&self, mut class: impl FnMut(u32) -> u32) -> Option<Self> {
        Self::new(self.shares.iter().map(|(outcome, weight)| (class(*outcome), *weight)).collect())
    }

    /// Whether the same outcomes are possible.
    #[must_use]
    pub fn same_support(&self, other: &Self) -> bool {
        self.shares.len() == other.shares.len()
            && self.shares.iter().zip(&other.shares).all(|(left, right)| left.0 == right.0)
    }

    /// Whether it is this distribution but for the rounding of weights to whole slots: the same outcomes are possible,
    /// and each is as likely as here but for one connection in 256, or less where there are many outcomes. (A share that
    /// is doubled or halved by mistake is never as good as the same.) Weights that are worth less than half a slot have
    /// a whole one, whatever the others lose by it.
    #[must_use]
    pub fn is_near(&self, found: &Self) -> bool {
        self.same_support(found) && (self.differs_little(found) || self.is_cut_to(found))
    }

    fn differs_little(&self, found: &Self) -> bool {
        let allowed = TOLERANCE.max(4 * u128::try_from(self.shares.len()).unwrap_or(u128::MAX / 4));
        let pairs = self.shares.iter().zip(&found.shares);
        pairs.into_iter().all(|(declared, found_share)| {
            let close = || {
                let (one, other) = (declared.1.checked_mul(found.total)?, found_share.1.checked_mul(self.total)?);
                let difference = one.abs_diff(other).checked_mul(allowed)?;
                Some(difference <= self.total.checked_mul(found.total)?)
            };
            close().unwrap_or(false)
        })
    }

    /// Whether the chances found are these weights scaled to some number of slots and rounded, but never to 0.
    fn is_cut_to(&self, found: &Self) -> bool {
        let least = SLOTS.max(SLOTS_AN_ENDPOINT * u128::try_from(self.shares.len()).unwrap_or(u128::MAX / 4));
        if found.total > 4 * least {
            return false;
        }
        let most = 4 * least / found.total;
        (1..=most).any(|factor| self.scale_exists(found, factor, least).unwrap_or(false))
    }

    /// Whether a number of slots, at least so many, rounds every weight to `factor` times the share found.
    fn scale_exists(&self, found: &Self, factor: u128, least: u128) -> Option<bool> {
        // slots - 1/2 <= weight * scale / total <= slots + 1/2; the scale is kept as a fraction.
        let (mut low, mut high) = ((least, 1_u128), (u128::MAX, 1_u128));
        for ((_, weight), (_, share)) in self.shares.iter().zip(&found.shares) {
            let slots = share.checked_mul(factor)?;
            let doubled = weight.checked_mul(2)?;
            let below = (slots * 2 + 1).checked_mul(self.total)?;
            if less((below, doubled), high)? {
                high = (below, doubled);
            }
            let above = (slots * 2 - 1).checked_mul(self.total)?;
            if slots > 1 && less(low, (above, doubled))? {
                low = (above, doubled);
            }
        }
        Some(!less(high, low)?)
    }
}

/// Whether one fraction is less than another.
fn less(one: (u128, u128), other: (u128, u128)) -> Option<bool> {
    if other.0 == u128::MAX {
        return Some(one.0 != u128::MAX);
    }
    if one.0 == u128::MAX {
        return Some(false);
    }
    Some(one.0.checked_mul(other.1)? < other.0.checked_mul(one.1)?)
}

fn collect(
    diagram: &Diagram,
    node: NodeId,
    numerator: u128,
    denominator: u128,
    shares: &mut Vec<(u32, u128, u128)>,
) -> Option<()> {
    match diagram.view(node) {
        View::Leaf(outcome) => shares.push((outcome, numerator, denominator)),
        View::Split(..) => return None,
        View::Mix(mix) => {
            let total: u128 = mix.iter().map(|share| u128::from(share.weight)).sum();
            let denominator = denominator.checked_mul(total)?;
            for share in mix {
                let numerator = numerator.checked_mul(u128::from(share.weight))?;
                collect(diagram, share.child, numerator, denominator, shares)?;
            }
        }
    }
    Some(())
}

fn divisor(mut left: u128, mut right: u128) -> u128 {
    while right > 0 {
        (left, right) = (right, left % right);
    }
    left.max(1)
}

#[cfg(test)]
mod tests {
    use super::Distribution;

    fn distribution(weights: &[u128]) -> Distribution {
        let shares = weights.iter().zip(2_u32..).map(|(weight, outcome)| (outcome, *weight)).collect();
        Distribution::new(shares).unwrap()
    }

    #[test]
    fn chances_are_kept_in_lowest_terms() {
        let found = Distribution::new(vec![(7, 6), (3, 2), (7, 4), (9, 0)]).unwrap();
        assert_eq!(found, Distribution { shares: vec![(3, 1), (7, 5)], total: 6 });
    }

    #[test]
    fn weights_that_were_rounded_to_slots_are_near() {
        let declared = distribution(&[1000, 2000, 333]);
        assert!(declared.is_near(&distribution(&[307, 614, 102])));
        assert!(!declared.is_near(&distribution(&[300, 600, 124])));
    }

    #[test]
    fn a_tiny_weight_has_a_whole_slot_at_the_expense_of_the_others() {
        let mut weights = vec![1_u128; 100];
        weights[0] = 1_000_000;
        let mut slots = vec![1_u128; 100];
        slots[0] = 1024;
        assert!(distribution(&weights).is_near(&distribution(&slots)));
        slots[0] = 200;
        assert!(!distribution(&weights).is_near(&distribution(&slots)));
    }

    #[test]
    fn an_endpoint_with_twice_its_share_among_many_is_not_near() {
        let declared = distribution(&[1; 400]);
        let mut found = vec![1; 400];
        found[17] = 2;
        assert!(!declared.is_near(&distribution(&found)));
        assert!(declared.is_near(&distribution(&[1; 400])));
    }

    #[test]
    fn an_endpoint_that_is_never_chosen_is_not_near_however_little_it_weighs() {
        let declared = distribution(&[10_000, 1]);
        assert!(!declared.is_near(&distribution(&[1])));
    }
}
