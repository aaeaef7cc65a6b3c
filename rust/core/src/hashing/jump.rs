//! Jump consistent hashing: no memory at all, for endpoints that only ever come and go at the end.
//!
//! Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014 (arXiv:1406.2294). Endpoints are
//! numbered in the order of their names; the key of the paper is `stable_hash(key, seed)`.

use super::choose::Choose;
use super::endpoints::{Endpoints, HashingError};
use super::stable_hash::stable_hash;

/// Numbered endpoints.
pub struct Jump {
    indices: Vec<u32>,
    seed: u64,
}

impl Jump {
    /// Jump hashing over endpoints.
    ///
    /// # Errors
    /// A weight other than 1.
    pub fn new(endpoints: &Endpoints<'_>, seed: u64) -> Result<Self, HashingError> {
        if endpoints.all().iter().any(|endpoint| endpoint.weight != 1) {
            return Err(HashingError::Weighted);
        }
        Ok(Self { indices: endpoints.all().iter().map(|endpoint| endpoint.index).collect(), seed })
    }
}

impl Choose for Jump {
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        self.indices[bucket(stable_hash(key, self.seed), self.indices.len())]
    }
}

/// Figure 1 of the paper: from bucket to bucket, to the last one below `count`; 0 where there are none.
#[expect(clippy::cast_precision_loss, reason = "both numbers are below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^31 * 2^31, and positive")]
fn bucket(mut key: u64, count: usize) -> usize {
    let (mut bucket, mut next) = (0_u64, 0_u64);
    while next < count as u64 {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    bucket as usize
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn buckets_are_those_of_other_implementations() {
        let known = [(1, 1, 0), (42, 57, 43), (0xdead_10cc, 1, 0), (0xdead_10cc, 666, 361), (256, 1024, 520)];
        for (key, count, expected) in known {
            assert_eq!(bucket(key, count), expected, "{key} {count}");
        }
    }

    #[test]
    fn another_bucket_takes_from_the_others_and_gives_them_nothing() {
        for key in 0..2000_u64 {
            for count in 1..50 {
                let (before, after) = (bucket(key, count), bucket(key, count + 1));
                assert!(after == before || after == count);
            }
        }
    }
}
