//! Maglev hashing: a table of endpoints that is indexed by the hash of a key.
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4. Every
//! endpoint prefers the slots of the table in an order of its own; the endpoints take turns, and take the slot that
//! they prefer among those that are free. With `M` slots, a prime:
//!
//! * `h = stable_hash(name, seed)`, see [`stable_hash`];
//! * `offset = h mod M` and `skip = mix(h + GOLDEN) mod (M - 1) + 1`, the sum modulo 2^64;
//! * the preferences are the slots `offset + j * skip mod M` for `j = 0, 1, 2, ...`;
//! * the turns are those of [`super::turns`], over the endpoints in the order of their names.
//!
//! The slot of a key is the value of nft's `jhash KEY mod M seed S`, so a map from slots to endpoints in the kernel
//! names the same endpoint as [`Maglev`] does here.
//!
//! A table of `M` slots takes about `M * ln M` probes to fill, because the last slots are found by chance; the free
//! slots are a bit each, so that probing stays in the nearest cache.

use super::choose::Choose;
use super::endpoints::{Endpoints, HashingError, LIMIT};
use super::stable_hash::{GOLDEN, mix, stable_hash};
use super::turns::Turns;
use crate::kernel_hash::{ByteOrder, NftHash};

/// The sizes that [`size_for`] chooses from, primes next to powers of 2.
pub const SIZES: [u32; 9] = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65537];

/// The smallest of [`SIZES`] that is at least 100 times the number of endpoints, or else the largest.
///
/// # Errors
/// No endpoints, or more than the largest has slots.
pub fn size_for(endpoints: usize) -> Result<u32, HashingError> {
    let [.., largest] = SIZES;
    if endpoints == 0 {
        return Err(HashingError::NoEndpoints);
    }
    if endpoints > largest as usize {
        return Err(HashingError::SizeTooSmall { size: largest as usize, endpoints });
    }
    Ok(SIZES.into_iter().find(|size| *size as usize >= 100 * endpoints).unwrap_or(largest))
}

/// For each slot, the index of its endpoint in the list from which `endpoints` was made.
///
/// # Errors
/// A size that is no prime, above [`LIMIT`], or below the number of endpoints.
pub fn table(endpoints: &Endpoints<'_>, size: usize, seed: u64) -> Result<Vec<u32>, HashingError> {
    if size > LIMIT {
        return Err(HashingError::SizeTooLarge(size));
    }
    if !is_prime(size) {
        return Err(HashingError::SizeNotPrime(size));
    }
    if size < endpoints.all().len() {
        return Err(HashingError::SizeTooSmall { size, endpoints: endpoints.all().len() });
    }
    let serving: Vec<_> = endpoints.serving().collect();
    let weights: Vec<u16> = serving.iter().map(|endpoint| endpoint.weight).collect();
    let mut preferences: Vec<Preferences> =
        serving.iter().map(|endpoint| Preferences::new(endpoint.name, size, seed)).collect();
    let mut free = FreeSlots::new(size);
    let mut table = vec![0; size];
    for rank in Turns::new(&weights).take(size) {
        let rank = rank as usize;
        let slot = free.take(&mut preferences[rank], size);
        table[slot] = serving[rank].index;
    }
    Ok(table)
}

/// A table, and the hash by which the kernel looks keys up in it.
pub struct Maglev {
    table: Vec<u32>,
    hash: NftHash,
}

impl Maglev {
    /// The table of endpoints, for keys that the kernel hashes with a seed of its own.
    ///
    /// # Errors
    /// Those of [`table`].
    pub fn new(
        endpoints: &Endpoints<'_>,
        size: usize,
        seed: u64,
        hash_seed: u32,
        byte_order: ByteOrder,
    ) -> Result<Self, HashingError> {
        let table = table(endpoints, size, seed)?;
        let modulus = u32::try_from(size).map_err(|_| HashingError::SizeTooLarge(size))?;
        let hash = NftHash::new(modulus, hash_seed, 0, byte_order).map_err(|_| HashingError::SizeNotPrime(size))?;
        Ok(Self { table, hash })
    }

    /// For each slot, the index of its endpoint.
    #[must_use]
    pub fn slots(&self) -> &[u32] {
        &self.table
    }

    /// The slot of a key.
    #[must_use]
    #[inline]
    pub fn slot(&self, key: &[u8]) -> u32 {
        self.hash.value(key)
    }

    /// The last hash of each arc of all 2^32 hashes, from 0 on, and the index of its endpoint: an arc for each slot.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the last hash of the last slot is 2^32 - 1")]
    pub fn arcs(&self) -> Vec<(u32, u32)> {
        let size = self.table.len() as u64;
        let last = |slot: u64| (((slot + 1) << 32).div_ceil(size) - 1) as u32;
        (0..).zip(&self.table).map(|(slot, index)| (last(slot), *index)).collect()
    }
}

impl Choose for Maglev {
    #[inline]
    fn choose(&self, key: &[u8]) -> u32 {
        self.table[self.slot(key) as usize]
    }
}

fn is_prime(number: usize) -> bool {
    number >= 2 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor))
}

/// Where an endpoint stands in its order of preference.
struct Preferences {
    next: usize,
    skip: usize,
}

impl Preferences {
    #[expect(clippy::cast_possible_truncation, reason = "remainders of a usize fit one")]
    fn new(name: &str, size: usize, seed: u64) -> Self {
        let hash = stable_hash(name.as_bytes(), seed);
        let size = size as u64;
        let skip = mix(hash.wrapping_add(GOLDEN)) % (size - 1) + 1;
        Self { next: (hash % size) as usize, skip: skip as usize }
    }
}

/// A bit for each slot, set where it is taken.
struct FreeSlots(Vec<u64>);

impl FreeSlots {
    fn new(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    /// Take the first slot that is free; one must be. The preferences visit all slots, because the size is a prime.
    fn take(&mut self, preferences: &mut Preferences, size: usize) -> usize {
        loop {
            let slot = preferences.next;
            let next = slot + preferences.skip;
            preferences.next = if next >= size { next - size } else { next };
            let (word, bit) = (&mut self.0[slot / 64], 1 << (slot % 64));
            if *word & bit == 0 {
                *word |= bit;
                return slot;
            }
        }
    }
}
