//! Whose turn it is, when endpoints take turns in proportion to their weights.
//!
//! The turns of an endpoint of weight `w` come at the times `1/w`, `3/w`, `5/w` and so on; at the same time, the
//! endpoint whose name sorts first goes first. Equal weights make plain rounds. This is the divisor method of Webster
//! and Sainte-Laguë: after any number of turns `T` there is a divisor `d` such that every endpoint had `w/d` turns,
//! rounded to the nearest whole number. So the turns of each are at most `1/2 + n/2 * w/W` away from `T * w/W`, where
//! `n` is the number of endpoints and `W` the sum of their weights.
//!
//! Katran and Cilium let an endpoint of weight `w` skip turns of rounds until its credit of `w / max_w` for each round
//! is 1, and IPVS lets it take `w` turns in a row. With credits that begin at nothing, endpoints of little weight are
//! late together and get less than their share, and the rounds of all change with the largest weight. The times above
//! know no largest weight: whatever is added, the turns of the others keep their order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The ranks of endpoints, turn by turn, without end.
pub struct Turns(Schedule);

enum Schedule {
    Rounds { count: u32, next: u32 },
    Weighted(BinaryHeap<Turn>),
}

impl Turns {
    /// The turns of endpoints with these weights; the rank of an endpoint is its place among them.
    ///
    /// Weights of 0 have no turns; where all are 0, or there are none, there are no turns.
    #[must_use]
    pub fn new(weights: &[u16]) -> Self {
        if let [first, ..] = weights
            && *first > 0
            && weights.iter().all(|weight| weight == first)
            && let Ok(count) = u32::try_from(weights.len())
        {
            return Self(Schedule::Rounds { count, next: 0 });
        }
        let turns = weights.iter().zip(0..).filter(|(weight, _)| **weight > 0);
        Self(Schedule::Weighted(
            turns.map(|(weight, rank)| Turn { odd: 1, weight: u64::from(*weight), rank }).collect(),
        ))
    }
}

impl Iterator for Turns {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match &mut self.0 {
            Schedule::Rounds { count, next } => {
                let rank = *next;
                *next = if rank + 1 == *count { 0 } else { rank + 1 };
                Some(rank)
            }
            Schedule::Weighted(heap) => {
                let mut first = heap.peek_mut()?;
                first.odd += 2;
                Some(first.rank)
            }
        }
    }
}

/// The next turn of an endpoint, at the time `odd / weight`. The greatest turn is the earliest.
struct Turn {
    odd: u64,
    weight: u64,
    rank: u32,
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        // No overflow: weights have 16 bits, and nobody takes 2^47 turns.
        (other.odd * self.weight).cmp(&(self.odd * other.weight)).then_with(|| other.rank.cmp(&self.rank))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Turn {}

#[cfg(test)]
mod tests {
    use super::Turns;

    fn first(weights: &[u16], count: usize) -> Vec<u32> {
        Turns::new(weights).take(count).collect()
    }

    #[test]
    fn equal_weights_take_rounds() {
        assert_eq!(first(&[7, 7, 7], 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn turns_lie_evenly_between_those_of_others() {
        assert_eq!(first(&[1, 3], 8), [1, 0, 1, 1, 1, 0, 1, 1]);
    }

    #[test]
    fn nobody_without_weight_has_a_turn() {
        assert_eq!(first(&[0, 2, 0, 2], 4), [1, 3, 1, 3]);
        assert!(first(&[0, 0], 4).is_empty());
        assert!(first(&[], 4).is_empty());
    }

    #[test]
    fn after_any_number_of_turns_each_had_its_share() {
        let weights = [1_u16, 2, 3, 5, 100, 65535, 1, 1];
        let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let mut had = [0_f64; 8];
        let mut total = 0.0;
        for rank in first(&weights, 100_000) {
            had[rank as usize] += 1.0;
            total += 1.0;
            for (turns, weight) in had.iter().zip(weights) {
                let part = f64::from(weight) / sum;
                assert!((turns - total * part).abs() <= 0.5 + 4.0 * part + 1e-9);
            }
        }
    }
}
