//! A draw by the hash of the key, with no regard to what was drawn before a change: what `jhash ... mod N` over a dense
//! map does, and what consistent hashing is compared with.
//!
//! With `W` the sum of all weights, the key's point is `stable_hash(key, seed) * W >> 64`; endpoints lie side by side
//! from 0 to `W` in the order of their names, each as wide as its weight.

use super::choose::Choose;
use super::endpoints::Endpoints;
use super::stable_hash::stable_hash;

/// Endpoints side by side.
pub struct Random {
    /// Where each endpoint ends, exclusive, and its index.
    ends: Vec<(u64, u32)>,
    sum: u64,
    seed: u64,
}

impl Random {
    /// A draw among endpoints.
    #[must_use]
    pub fn new(endpoints: &Endpoints<'_>, seed: u64) -> Self {
        let mut sum = 0;
        let ends = endpoints
            .serving()
            .map(|endpoint| {
                sum += u64::from(endpoint.weight);
                (sum, endpoint.index)
            })
            .collect();
        Self { ends, sum, seed }
    }
}

impl Choose for Random {
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        let point = ((u128::from(stable_hash(key, self.seed)) * u128::from(self.sum)) >> 64) as u64;
        self.ends[self.ends.partition_point(|(end, _)| *end <= point)].1
    }
}
