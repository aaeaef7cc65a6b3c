//! Ketama rings: endpoints have points on a circle of 2^32, and a key goes to the first point at or after its own.
//!
//! Karger et al., "Consistent Hashing and Random Trees", STOC 1997, with the points of libketama (Jones, 2007), which
//! memcached clients agree on:
//!
//! * of `n` endpoints whose weights sum up to `W`, one of weight `w` has `40 * n * w / W` digests, rounded down: the
//!   MD5 of its name, a hyphen and the number of the digest from 0 on;
//! * a digest makes four points, numbers of four bytes, least significant first;
//! * the point of a key is the first such number of its own MD5.
//!
//! Where two endpoints have the same point, the one whose name sorts last has it. libketama computes the number of
//! digests in floating point of 32 bits and may arrive at one less; `uhashring` computes it as here.

use super::choose::Choose;
use super::endpoints::{Endpoints, HashingError, LIMIT};
use super::md5::md5;

/// Digests of an endpoint where all have the same weight.
const DIGESTS: u64 = 40;

/// The points of a group of endpoints.
pub struct Ring {
    /// In ascending order, all different, and the index of the endpoint of each.
    points: Vec<(u32, u32)>,
}

impl Ring {
    /// The ring of endpoints.
    ///
    /// # Errors
    /// So many endpoints that there could be more than [`LIMIT`] points.
    pub fn new(endpoints: &Endpoints<'_>) -> Result<Self, HashingError> {
        let count = endpoints.all().len();
        if count > LIMIT / 160 {
            return Err(HashingError::TooManyPoints(count));
        }
        let sum: u64 = endpoints.serving().map(|endpoint| u64::from(endpoint.weight)).sum();
        let mut points = Vec::with_capacity(160 * count);
        for endpoint in endpoints.serving() {
            for number in 0..DIGESTS * count as u64 * u64::from(endpoint.weight) / sum {
                let digest = md5(format!("{}-{number}", endpoint.name).as_bytes());
                points.extend(digest.map(|point| (point, endpoint.index)));
            }
        }
        // Stable, so points that are equal keep the order of names; the last of them stays.
        points.reverse();
        points.sort_by_key(|(point, _)| *point);
        points.dedup_by_key(|(point, _)| *point);
        Ok(Self { points })
    }

    /// The last point of each arc of the circle, from 0 on, and the index of its endpoint.
    #[must_use]
    pub fn arcs(&self) -> Vec<(u32, u32)> {
        let mut arcs = self.points.clone();
        if let (Some((_, first)), Some((last, _))) = (arcs.first().copied(), arcs.last())
            && *last != u32::MAX
        {
            arcs.push((u32::MAX, first));
        }
        arcs
    }
}

impl Choose for Ring {
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        let [point, ..] = md5(key);
        let place = self.points.partition_point(|(other, _)| *other < point);
        self.points[if place == self.points.len() { 0 } else { place }].1
    }
}
