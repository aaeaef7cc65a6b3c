//! Which endpoint sits in which slot, without memory of earlier assignments.
//!
//! A map of N endpoints is indexed by a hash, so its keys must be exactly 0 to N - 1. Numbering the endpoints in
//! sorted order would renumber half of them whenever one comes or goes, and remembering the previous numbering would
//! make the ruleset depend on history. [`assign`] depends on the set of keys alone and still moves few of them:
//!
//! * there are [`CIRCLES`] circles of 2^64 points; every key has a point on each, a fixed hash of its text;
//! * slot `s` looks at circle `s mod CIRCLES`, where its point is `s / CIRCLES` times a constant that spreads any
//!   number of first multiples evenly (2^64 by the golden ratio; Knuth, TAOCP volume 3, 6.4, theorem S);
//! * in the order of the slots, each takes the first key that is still free, clockwise from its point.
//!
//! # Why few slots change
//!
//! Remove key `k`, and compare both runs slot by slot. Their free keys differ by exactly one key, at first `k`. A slot
//! that does not take that key in the old run takes the same key in both. The slot that does take it takes in the new
//! run the next free key clockwise, and that one becomes the difference. So the slots that change form a chain that
//! jumps to a later slot each time and ends with the last slot, which is gone. Adding a key is the same read backwards.
//!
//! With m keys free, a slot takes one given key with a probability of about 1/m, and the sum over m = N, N - 1, ..., 1
//! is about ln N + 0.58. One circle would not do: whoever follows a taken key inherits its arc, so the difference
//! would sit behind an ever longer arc and be taken again and again (measured: about 2 * sqrt(N) changes). An arc
//! inherited on one circle of several says nothing about the others. Measured with 8 circles: 2.8 changes among 10
//! keys, 5.2 among 100, 6.9 among 1000, 8.5 among 10000.

use std::error::Error;
use std::fmt;

use crate::hashing::stable_hash::{GOLDEN, fnv1a_64, mix};

/// How many circles there are: from 4 on the number of changes is the harmonic one up to 10000 keys.
pub const CIRCLES: usize = 8;

/// The same key was given twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey(
    /// The key.
    pub String,
);

impl fmt::Display for DuplicateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "duplicate key {:?}", self.0)
    }
}

impl Error for DuplicateKey {}

/// For each slot, from 0 to the number of keys less one, the index in `keys` of the key it takes.
///
/// Which key sits in which slot does not depend on the order of `keys`.
///
/// # Errors
/// A key that occurs more than once.
pub fn assign<K: AsRef<str>>(keys: &[K]) -> Result<Vec<usize>, DuplicateKey> {
    let mut sorted: Vec<(&str, usize)> = keys.iter().enumerate().map(|(index, key)| (key.as_ref(), index)).collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(DuplicateKey(pair[0].0.to_owned()));
    }
    let hashes: Vec<u64> = sorted.iter().map(|(key, _)| fnv1a_64(key.as_bytes())).collect();
    // Fewer slots than circles never look at the later circles.
    let mut circles: Vec<Circle> = (0..CIRCLES.min(keys.len())).map(|number| Circle::new(&hashes, number)).collect();
    let mut point = 0_u64;
    let mut assignment = Vec::with_capacity(keys.len());
    for slot in 0..keys.len() {
        let rank = circles[slot % CIRCLES].first_free(point);
        for circle in &mut circles {
            circle.take(rank);
        }
        assignment.push(sorted[rank].1);
        if slot % CIRCLES == CIRCLES - 1 {
            point = point.wrapping_add(GOLDEN);
        }
    }
    Ok(assignment)
}

/// The keys, known by their rank in text order, around one circle.
struct Circle {
    /// Clockwise: the point and the rank of a key. Keys that share a point stand in text order.
    keys: Vec<(u64, usize)>,
    /// By rank: where in `keys` the key stands.
    position: Vec<usize>,
    /// A union-find over positions: a free one points to itself, a taken one clockwise. The last entry stands for
    /// the end of `keys` and is always free.
    next: Vec<usize>,
}

impl Circle {
    fn new(hashes: &[u64], number: usize) -> Self {
        let salt = GOLDEN.wrapping_mul(number as u64 + 1);
        let mut keys: Vec<(u64, usize)> =
            hashes.iter().enumerate().map(|(rank, hash)| (mix(hash.wrapping_add(salt)), rank)).collect();
        keys.sort_unstable();
        let mut position = vec![0; keys.len()];
        for (place, &(_, rank)) in keys.iter().enumerate() {
            position[rank] = place;
        }
        Self { next: (0..=keys.len()).collect(), keys, position }
    }

    /// The rank of the first free key at or clockwise after a point; one must be free.
    fn first_free(&mut self, point: u64) -> usize {
        let start = self.keys.partition_point(|&(key_point, _)| key_point < point);
        let place = match self.find(start) {
            end if end == self.keys.len() => self.find(0),
            place => place,
        };
        self.keys[place].1
    }

    fn take(&mut self, rank: usize) {
        let place = self.position[rank];
        self.next[place] = place + 1;
    }

    fn find(&mut self, start: usize) -> usize {
        let mut place = start;
        while self.next[place] != place {
            self.next[place] = self.next[self.next[place]]; // path halving keeps later walks short
            place = self.next[place];
        }
        place
    }
}
