//! Exact chances.

use std::cmp::Ordering;

/// A number between 0 and 1, as a reduced fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction {
    /// Above the line.
    pub numerator: u128,
    /// Below it; never 0.
    pub denominator: u128,
}

impl Fraction {
    /// Never.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// Certainly.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator`; None if the denominator is 0.
    #[must_use]
    pub fn new(numerator: u128, denominator: u128) -> Option<Self> {
        let divisor = divisor(numerator, denominator);
        (denominator > 0).then(|| Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    /// The product; None if it does not fit.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        let (left, right) = (divisor(self.numerator, other.denominator), divisor(other.numerator, self.denominator));
        Some(Self {
            numerator: (self.numerator / left).checked_mul(other.numerator / right)?,
            denominator: (self.denominator / right).checked_mul(other.denominator / left)?,
        })
    }

    /// The sum; None if it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let common = divisor(self.denominator, other.denominator);
        let scale = other.denominator / common;
        let left = self.numerator.checked_mul(scale)?;
        let right = other.numerator.checked_mul(self.denominator / common)?;
        Self::new(left.checked_add(right)?, self.denominator.checked_mul(scale)?)
    }

    /// The difference; None if it is negative or does not fit.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        let common = divisor(self.denominator, other.denominator);
        let scale = other.denominator / common;
        let left = self.numerator.checked_mul(scale)?;
        let right = other.numerator.checked_mul(self.denominator / common)?;
        Self::new(left.checked_sub(right)?, self.denominator.checked_mul(scale)?)
    }

    /// Which is larger; None if that takes numbers that do not fit.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Some(left.cmp(&right))
    }
}

fn divisor(mut left: u128, mut right: u128) -> u128 {
    while right > 0 {
        (left, right) = (right, left % right);
    }
    left.max(1)
}
