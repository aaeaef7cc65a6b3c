//! The hashes with known seeds that packets are told apart by.

use super::variable::Variable;
use crate::kernel_hash::{ByteOrder, jhash};
use crate::program::Kind;
use rustc_hash::FxHashMap;

/// What a part of a hashed key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashedValue {
    /// The same for every packet.
    Constant(u128),
    /// What the packet has there.
    Variable(Variable),
}

/// A part of a hashed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashedPart {
    /// Its value; bits of it outside of `mask` are cleared.
    pub value: HashedValue,
    /// The bits that are hashed.
    pub mask: u128,
    /// How many bits wide the part is.
    pub bits: u32,
    /// Whether it lies in memory in the byte order of the node.
    pub host_order: bool,
}

impl HashedPart {
    /// The whole value of something of this kind.
    #[must_use]
    pub fn new(value: HashedValue, kind: Kind) -> Self {
        Self { value, mask: kind.maximum(), bits: kind.bits(), host_order: kind.is_host_order() }
    }
}

/// What is hashed: the same for both sides of a comparison if it is written the same way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HashKey {
    /// The parts, in the order of the expression.
    pub parts: Box<[HashedPart]>,
    /// The node is big-endian.
    pub big_endian: bool,
}

impl HashKey {
    /// The 32 bits of the hash for the values of variables, before they are scaled.
    pub fn value(&self, seed: u32, assignment: &dyn Fn(Variable) -> u128) -> u32 {
        let mut bytes = Vec::with_capacity(16 * self.parts.len());
        for part in &self.parts {
            let value = match part.value {
                HashedValue::Constant(value) => value,
                HashedValue::Variable(variable) => assignment(variable),
            } & part.mask;
            let width = part.bits.div_ceil(8) as usize;
            let network = value.to_be_bytes();
            let tail = &network[network.len() - width..];
            if part.host_order && !self.big_endian {
                bytes.extend(tail.iter().rev());
            } else {
                bytes.extend_from_slice(tail);
            }
            // A single value is hashed as it is, of several each in whole registers of 32 bits.
            if self.parts.len() > 1 {
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
        }
        jhash(&bytes, seed, if self.big_endian { ByteOrder::Big } else { ByteOrder::Little })
    }
}

/// The hashes of functions that are to be compared, each once: key and seed.
#[derive(Clone, Debug, Default)]
pub struct Hashes {
    hashes: Vec<(HashKey, u32)>,
    numbers: FxHashMap<(HashKey, u32), u32>,
}

impl Hashes {
    /// The number of the hash of a key with a seed, as [`Variable::Hash`] has it.
    pub fn number(&mut self, key: &HashKey, seed: u32) -> u32 {
        let hash = (key.clone(), seed);
        if let Some(number) = self.numbers.get(&hash) {
            return *number;
        }
        let number = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        self.hashes.push(hash.clone());
        self.numbers.insert(hash, number);
        number
    }

    /// The key and the seed of a hash.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<(&HashKey, u32)> {
        self.hashes.get(number as usize).map(|(key, seed)| (key, *seed))
    }

    /// The 32 bits of a hash for the values of variables; None of a number that is none of them.
    #[must_use]
    pub fn value(&self, number: u32, assignment: &dyn Fn(Variable) -> u128) -> Option<u32> {
        self.get(number).map(|(key, seed)| key.value(seed, assignment))
    }
}
