//! Rendezvous hashing: every endpoint bids for the key, and the highest bid wins.
//!
//! Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; the weights are those of
//! Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005, and of draft-mosko-bess-weighted-hrw.
//!
//! * `x = mix(stable_hash(name, seed) XOR mix(stable_hash(key, seed) + GOLDEN))`, the sum modulo 2^64;
//! * `u = (floor(x / 2^12) + 1/2) / 2^52`, which a floating point number of 64 bits holds exactly;
//! * the cost of the endpoint is `-ln(u) / w`, the inverse of its bid; the least wins, and among equal ones the name
//!   that sorts first. Where all weights are equal, the greatest `x` wins instead: the same, without rounding.
//!
//! Logarithms of libraries differ in their last bit from system to system, so [`negative_logarithm`] says which
//! additions, multiplications and divisions make this one; those are the same on every machine (IEEE 754).

use std::cmp::{Ordering, Reverse};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

use super::choose::Choose;
use super::endpoints::Endpoints;
use super::stable_hash::{GOLDEN, mix, stable_hash};

/// The bidders of a group of endpoints.
pub struct Rendezvous {
    bidders: Vec<Bidder>,
    equal: bool,
    seed: u64,
}

struct Bidder {
    hash: u64,
    weight: f64,
    index: u32,
}

impl Rendezvous {
    /// Rendezvous hashing over endpoints.
    #[must_use]
    pub fn new(endpoints: &Endpoints<'_>, seed: u64) -> Self {
        let bidders: Vec<_> = endpoints
            .serving()
            .map(|endpoint| Bidder {
                hash: stable_hash(endpoint.name.as_bytes(), seed),
                weight: f64::from(endpoint.weight),
                index: endpoint.index,
            })
            .collect();
        let equal = bidders.windows(2).all(|pair| pair[0].weight.total_cmp(&pair[1].weight).is_eq());
        Self { bidders, equal, seed }
    }

    /// The indices of the endpoints with the highest bids, the highest first: at most `count`, and at most as many as
    /// have weight.
    #[must_use]
    pub fn top(&self, key: &[u8], count: usize) -> Vec<u32> {
        let key = self.key(key);
        // The sorts are stable, so equal bids stay in the order of names.
        let mut bids: Vec<_> = self.bidders.iter().map(|bidder| (bidder, mix(bidder.hash ^ key))).collect();
        if self.equal {
            bids.sort_by_key(|(_, bid)| Reverse(*bid));
        } else {
            bids.sort_by_cached_key(|(bidder, bid)| Cost(negative_logarithm(fraction(*bid)) / bidder.weight));
        }
        bids.iter().take(count).map(|(bidder, _)| bidder.index).collect()
    }

    fn key(&self, key: &[u8]) -> u64 {
        mix(stable_hash(key, self.seed).wrapping_add(GOLDEN))
    }

    fn choose_equal(&self, key: u64) -> u32 {
        let mut best = (0, 0);
        for bidder in self.bidders.iter().rev() {
            let bid = mix(bidder.hash ^ key);
            if bid >= best.0 {
                best = (bid, bidder.index);
            }
        }
        best.1
    }

    fn choose_weighted(&self, key: u64) -> u32 {
        let mut best = (f64::INFINITY, 0);
        for bidder in &self.bidders {
            let fraction = fraction(mix(bidder.hash ^ key));
            // -ln(u) is at least 1 - u, so most bids are lost without a logarithm; the margin is for rounding.
            if (1.0 - fraction) * 0.999_999 >= best.0 * bidder.weight {
                continue;
            }
            let cost = negative_logarithm(fraction) / bidder.weight;
            if cost < best.0 {
                best = (cost, bidder.index);
            }
        }
        best.1
    }
}

impl Choose for Rendezvous {
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        let key = self.key(key);
        if self.equal { self.choose_equal(key) } else { self.choose_weighted(key) }
    }
}

/// A number between 0 and 1, neither of them included.
#[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
fn fraction(hash: u64) -> f64 {
    ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// `-ln(u)` of a number from [`fraction`], to about the last bit.
///
/// `u = m * 2^e` with `m` from `sqrt(1/2)` up to `sqrt(2)`; with `s = (m - 1) / (m + 1)`,
/// `ln(m) = 2s * (1 + s^2/3 + s^4/5 + ... + s^22/23)`, summed from the last term to the first (Horner's scheme).
fn negative_logarithm(fraction: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = fraction.to_bits();
    let mut mantissa = f64::from_bits(bits & MANTISSA | 1022 << 52);
    let mut exponent = f64::from((bits >> 52) as u16) - 1022.0;
    if mantissa < FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        exponent -= 1.0;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut sum = 1.0 / 23.0;
    for divisor in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / divisor;
    }
    -(exponent * LN_2 + 2.0 * ratio * sum)
}

#[derive(PartialEq)]
struct Cost(f64);

impl Eq for Cost {}

impl Ord for Cost {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::{fraction, negative_logarithm};
    use crate::hashing::stable_hash::mix;

    #[test]
    fn the_logarithm_is_that_of_the_library_to_about_the_last_bit() {
        for number in (0..100_000).map(mix).chain([0, 1, u64::MAX, u64::MAX - 4096, 1 << 63]) {
            let fraction = fraction(number);
            let (ours, theirs) = (negative_logarithm(fraction), -fraction.ln());
            assert!(ours > 0.0 && (ours - theirs).abs() <= 4.0 * f64::EPSILON * theirs, "{fraction}: {ours} {theirs}");
            assert!(ours >= (1.0 - fraction) * 0.999_999);
        }
    }
}
