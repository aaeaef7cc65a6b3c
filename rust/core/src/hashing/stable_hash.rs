//! The hash of names and keys: the same in every version, on every machine, and written down in five lines.
//!
//! `stable_hash(bytes, seed)` is FNV-1a of 64 bits, begun at its usual basis XOR `mix(seed)`, and then mixed; [`mix`]
//! is the finalizer of `SplitMix64`. FNV-1a alone spreads the last bytes of a text over few bits; the finalizer spreads
//! them over all. With seed 0 the basis is the usual one, because `mix(0)` is 0.
//!
//! Names are short and hashed once, keys are addresses and ports, so that a faster hash would gain little, while any
//! other implementation can follow this one without a library. It is no protection against somebody who chooses names
//! in order to collide; such names share a place, and nothing worse.

/// 2^64 divided by the golden ratio, made odd.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of bytes under a seed.
#[must_use]
#[inline]
pub fn stable_hash(bytes: &[u8], seed: u64) -> u64 {
    mix(fnv1a(bytes, FNV_BASIS ^ mix(seed)))
}

/// FNV-1a of 64 bits, unseeded and not mixed.
pub(crate) fn fnv1a_64(bytes: &[u8]) -> u64 {
    fnv1a(bytes, FNV_BASIS)
}

#[inline]
fn fnv1a(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The finalizer of `SplitMix64`, a permutation: every bit of the input reaches every bit of the result.
#[must_use]
#[inline]
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{GOLDEN, fnv1a_64, mix, stable_hash};

    #[test]
    fn fnv1a_has_the_published_values() {
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn mixing_the_golden_steps_gives_the_published_sequence_of_splitmix64() {
        let sequence = [1_u64, 2, 3].map(|step| mix(step.wrapping_mul(GOLDEN)));
        assert_eq!(sequence, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn seeds_change_the_hash_and_seed_zero_is_the_plain_one() {
        assert_eq!(stable_hash(b"foobar", 0), mix(fnv1a_64(b"foobar")));
        assert_ne!(stable_hash(b"foobar", 0), stable_hash(b"foobar", 1));
        assert_ne!(stable_hash(b"", 0), stable_hash(b"", 1));
    }
}
