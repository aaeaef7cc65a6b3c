//! The value of nft's `jhash` expression, bit for bit as the kernel computes it.
//!
//! The hash is Bob Jenkins' `lookup3.c`, function `hashlittle` (May 2006, public domain), written here from that
//! description. The kernel differs from it in one way: the words of the blocks before the last are read in the byte
//! order of the machine, so keys of more than 12 bytes hash differently on big-endian nodes.
//!
//! `jhash EXPRESSION mod N seed S offset O` then is `((hash * N) >> 32) + O`: the top bits choose, not a remainder.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

/// The byte order of the node that evaluates the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// x86-64, arm64, riscv64, ppc64le.
    Little,
    /// s390x.
    Big,
}

/// Why the parameters of a hash expression are refused, by the kernel as here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// There is no value below 0.
    ModulusIsZero,
    /// The largest value, `offset + modulus - 1`, does not fit 32 bits.
    OffsetOverflows,
}

impl fmt::Display for HashError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ModulusIsZero => "modulus must be at least 1",
            Self::OffsetOverflows => "offset + modulus - 1 must fit 32 bits",
        })
    }
}

impl Error for HashError {}

/// A hash expression: everything of `jhash ... mod N seed S offset O` but the key.
#[derive(Clone, Copy, Debug)]
pub struct NftHash {
    modulus: NonZeroU32,
    seed: u32,
    offset: u32,
    byte_order: ByteOrder,
}

impl NftHash {
    /// The expression `jhash ... mod modulus seed seed offset offset` on a node of the given byte order.
    ///
    /// A modulus of 1 is valid here and on recent kernels; kernels of 2017 refuse it.
    ///
    /// # Errors
    /// Parameters the kernel refuses, see [`HashError`].
    pub fn new(modulus: u32, seed: u32, offset: u32, byte_order: ByteOrder) -> Result<Self, HashError> {
        let modulus = NonZeroU32::new(modulus).ok_or(HashError::ModulusIsZero)?;
        if offset.checked_add(modulus.get() - 1).is_none() {
            return Err(HashError::OffsetOverflows);
        }
        Ok(Self { modulus, seed, offset, byte_order })
    }

    /// The value of the expression for a key, from `offset` to `offset + modulus - 1`.
    #[must_use]
    #[inline]
    pub fn value(&self, key: &[u8]) -> u32 {
        let hash = u64::from(jhash(key, self.seed, self.byte_order));
        ((hash * u64::from(self.modulus.get())) >> 32) as u32 + self.offset
    }
}

/// The kernel's `jhash(key, length, seed)`.
///
/// The length enters modulo 2^32, as in the kernel, where it is a `u32`; nft's registers end keys at 64 bytes.
#[must_use]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the kernel's length has 32 bits")]
pub fn jhash(key: &[u8], seed: u32, byte_order: ByteOrder) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32).wrapping_add(seed);
    let mut state = State { a: start, b: start, c: start };
    let mut rest = key;
    while let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, tail @ ..] = rest
        && !tail.is_empty()
    {
        let word = match byte_order {
            ByteOrder::Little => u32::from_le_bytes,
            ByteOrder::Big => u32::from_be_bytes,
        };
        state.add(word([*w0, *w1, *w2, *w3]), word([*w4, *w5, *w6, *w7]), word([*w8, *w9, *w10, *w11]));
        state.mix();
        rest = tail;
    }
    if rest.is_empty() {
        return state.c; // only for the empty key: the last block is never empty otherwise
    }
    let mut last = [0; 12];
    last[..rest.len()].copy_from_slice(rest);
    let [l0, l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, l11] = last;
    let word = u32::from_le_bytes; // byte by byte in the kernel: the same on every machine
    state.add(word([l0, l1, l2, l3]), word([l4, l5, l6, l7]), word([l8, l9, l10, l11]));
    state.finish()
}

struct State {
    a: u32,
    b: u32,
    c: u32,
}

impl State {
    fn add(&mut self, a: u32, b: u32, c: u32) {
        self.a = self.a.wrapping_add(a);
        self.b = self.b.wrapping_add(b);
        self.c = self.c.wrapping_add(c);
    }

    /// lookup3's `mix`: reversible, between blocks.
    fn mix(&mut self) {
        let Self { a, b, c } = self;
        for [first, second, third] in [[4, 6, 8], [16, 19, 4]] {
            *a = a.wrapping_sub(*c) ^ c.rotate_left(first);
            *c = c.wrapping_add(*b);
            *b = b.wrapping_sub(*a) ^ a.rotate_left(second);
            *a = a.wrapping_add(*c);
            *c = c.wrapping_sub(*b) ^ b.rotate_left(third);
            *b = b.wrapping_add(*a);
        }
    }

    /// lookup3's `final`: every bit of the three words reaches the result.
    fn finish(self) -> u32 {
        let Self { mut a, mut b, mut c } = self;
        c = (c ^ b).wrapping_sub(b.rotate_left(14));
        a = (a ^ c).wrapping_sub(c.rotate_left(11));
        b = (b ^ a).wrapping_sub(a.rotate_left(25));
        c = (c ^ b).wrapping_sub(b.rotate_left(16));
        a = (a ^ c).wrapping_sub(c.rotate_left(4));
        b = (b ^ a).wrapping_sub(a.rotate_left(14));
        (c ^ b).wrapping_sub(b.rotate_left(24))
    }
}
