//! The values of terms where packets are not told apart yet.

use super::variable::Variable;
use crate::program::{IpVersion, Site};
use crate::ruleset::Operator;

/// What a term gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// The same for all.
    Known(u128),
    /// What the variable says.
    Variable(Variable),
    /// Bits of variables, the lowest first.
    Bits(Box<[Bit]>),
    /// Drawn anew, any as likely as another.
    Drawn { modulus: u32, offset: u32 },
    /// A hash that is a variable, scaled.
    Hashed { number: u32, modulus: u32, offset: u32 },
    /// A hash of which nothing is known, but that it stays the same.
    Secret { site: Site, modulus: u32, offset: u32 },
    /// It depends on the translated address in a way that no variable has.
    Relative,
    /// The packet has no such field: the rule ends.
    Break,
    /// Nobody knows; why.
    Unknown(Box<str>),
}

/// One bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bit {
    Known(bool),
    /// That of a variable, the lowest being 0, or its opposite.
    Of {
        variable: Variable,
        place: u8,
        inverted: bool,
    },
}

impl Bit {
    fn inverse(self) -> Self {
        match self {
            Self::Known(value) => Self::Known(!value),
            Self::Of { variable, place, inverted } => Self::Of { variable, place, inverted: !inverted },
        }
    }

    fn combined(self, operator: Operator, other: Self) -> Option<Self> {
        let (known, open) = match (self, other) {
            (Self::Known(known), open) | (open, Self::Known(known)) => (known, open),
            _ if self == other => {
                return Some(if operator == Operator::Xor { Self::Known(false) } else { self });
            }
            _ if self == other.inverse() => return Some(Self::Known(operator != Operator::And)),
            _ => return None,
        };
        Some(match (operator, known) {
            (Operator::And, true) | (Operator::Or | Operator::Xor, false) => open,
            (Operator::And, false) => Self::Known(false),
            (Operator::Or, true) => Self::Known(true),
            (Operator::Xor, true) => open.inverse(),
            (Operator::ShiftLeft | Operator::ShiftRight, _) => return None,
        })
    }
}

/// How many bits the values of a variable have.
pub(super) fn width(variable: Variable, version: IpVersion) -> usize {
    (u128::BITS - variable.maximum(version).leading_zeros()) as usize
}

impl Value {
    /// Bits as the simplest value they are.
    pub(super) fn of_bits(bits: Vec<Bit>, version: IpVersion) -> Self {
        let mut known = Some(0);
        for (place, bit) in bits.iter().enumerate() {
            known = match (known, bit) {
                (Some(value), Bit::Known(bit)) => Some(value | u128::from(*bit) << place),
                _ => None,
            };
        }
        if let Some(value) = known {
            return Self::Known(value);
        }
        if let Some(Bit::Of { variable, place: 0, inverted: false }) = bits.first() {
            let whole = width(*variable, version);
            let identity = |(index, bit): (usize, &Bit)| match bit {
                Bit::Of { variable: of, place, inverted } => {
                    of == variable && usize::from(*place) == index && !inverted && index < whole
                }
                Bit::Known(bit) => !bit && index >= whole,
            };
            if whole > 1 && bits.len() >= whole && bits.iter().enumerate().all(identity) {
                return Self::Variable(*variable);
            }
        }
        Self::Bits(bits.into())
    }

    /// Its bits, if each of them is known or that of a variable.
    pub(super) fn bits(&self, version: IpVersion) -> Option<Vec<Bit>> {
        match self {
            Self::Known(value) => Some((0..128).map(|place| Bit::Known(value >> place & 1 == 1)).collect()),
            Self::Variable(variable) => Some(
                (0..width(*variable, version))
                    .filter_map(|place| u8::try_from(place).ok())
                    .map(|place| Bit::Of { variable: *variable, place, inverted: false })
                    .collect(),
            ),
            Self::Bits(bits) => Some(bits.to_vec()),
            _ => None,
        }
    }

    /// The result of an operator; None if it has no such form.
    pub(super) fn apply(&self, operator: Operator, other: &Self, bits: u32, version: IpVersion) -> Option<Self> {
        let mut left = self.bits(version)?;
        if matches!(operator, Operator::ShiftLeft | Operator::ShiftRight) {
            let Self::Known(shift) = other else { return None };
            let shift = usize::try_from(*shift).ok().filter(|shift| *shift < 128)?;
            if operator == Operator::ShiftRight {
                left.drain(..shift.min(left.len()));
            } else {
                left.splice(0..0, std::iter::repeat_n(Bit::Known(false), shift));
                left.truncate(bits as usize);
            }
            return Some(Self::of_bits(left, version));
        }
        let mut right = other.bits(version)?;
        let length = left.len().max(right.len());
        left.resize(length, Bit::Known(false));
        right.resize(length, Bit::Known(false));
        let combined: Option<Vec<Bit>> =
            left.into_iter().zip(right).map(|(left, right)| left.combined(operator, right)).collect();
        let mut combined = combined?;
        while combined.last() == Some(&Bit::Known(false)) {
            combined.pop();
        }
        Some(Self::of_bits(combined, version))
    }
}
