//! Which packets have a value in some spans.

use super::diagram::{Edge, NO, NodeId, YES};
use super::run::{Failure, Followed, Run};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::program::Span;
use crate::ruleset::Comparison;

/// Bits of variables make no more stretches than this.
const STRETCHES: usize = 1 << 14;

impl Run<'_> {
    /// The guard that a value lies in one of some spans; None if it has no such form.
    pub(super) fn span_guard(&mut self, value: &Value, spans: &[(u128, u128)]) -> Result<Option<NodeId>, Failure> {
        let mut guard = NO;
        for (low, high) in spans {
            let next = match value {
                Value::Variable(variable) => self.between(*variable, *low, *high)?,
                Value::Hashed { number, modulus, offset } => match hash_span(*modulus, *offset, *low, *high) {
                    Some((low, high)) => self.between(Variable::Hash(*number), low, high)?,
                    None => NO,
                },
                Value::Bits(bits) => match self.bits_guard(bits, *low, *high)? {
                    Some(guard) => guard,
                    None => return Ok(None),
                },
                _ => return Ok(None),
            };
            guard = self.choose(next, YES, guard)?;
        }
        Ok(Some(guard))
    }

    fn bits_guard(&mut self, bits: &[Bit], low: u128, high: u128) -> Result<Option<NodeId>, Failure> {
        let mut of = bits.iter().filter_map(|bit| match bit {
            Bit::Of { variable, .. } => Some(*variable),
            Bit::Known(_) => None,
        });
        let Some(first) = of.next() else { return Ok(None) };
        if matches!(first, Variable::MarkBit(_)) {
            if !of.all(|variable| matches!(variable, Variable::MarkBit(_))) {
                return Ok(None);
            }
            let width = u32::try_from(bits.len()).unwrap_or(128).min(128);
            let maximum = if width == 128 { u128::MAX } else { (1 << width) - 1 };
            if low > maximum {
                return Ok(Some(NO));
            }
            let least = self.bits_at_least(bits, low, false)?;
            let most = if high >= maximum { YES } else { self.bits_at_least(bits, high, true)? };
            return Ok(Some(self.choose(least, most, NO)?));
        }
        if !of.all(|variable| variable == first) {
            return Ok(None);
        }
        let mut uppers: Vec<Edge> = Vec::new();
        let whole = super::value::width(first, self.version());
        let mut open = vec![(0_u128, whole)];
        while let Some((prefix, free)) = open.pop() {
            let (least, most) = bounds(bits, prefix, free);
            let child = if low <= least && most <= high {
                YES
            } else if most < low || high < least {
                NO
            } else if free > 0 {
                open.push((prefix | 1 << (free - 1), free - 1));
                open.push((prefix, free - 1));
                continue;
            } else {
                NO
            };
            let upper = if free >= 128 { u128::MAX } else { prefix | ((1 << free) - 1) };
            match uppers.last_mut() {
                Some(before) if before.child == child => before.upper = upper,
                _ => uppers.push(Edge { upper, child }),
            }
            if uppers.len() + open.len() > STRETCHES {
                return Ok(None);
            }
        }
        Ok(Some(self.functions.diagram.split(first, uppers)?))
    }

    /// The guard that a number made of single bits is not below a limit, or, reversed, not above it.
    fn bits_at_least(&mut self, bits: &[Bit], limit: u128, reversed: bool) -> Followed {
        let mut guard = YES;
        for (place, bit) in bits.iter().enumerate() {
            let asked = limit >> place & 1 == 1;
            let (one, zero) = match (asked, reversed) {
                (true, false) => (guard, NO),
                (false, false) => (YES, guard),
                (true, true) => (guard, YES),
                (false, true) => (NO, guard),
            };
            guard = match bit {
                Bit::Known(true) => one,
                Bit::Known(false) => zero,
                Bit::Of { variable, inverted, .. } => {
                    let (one, zero) = if *inverted { (zero, one) } else { (one, zero) };
                    let set = self.between(*variable, 1, 1)?;
                    self.choose(set, one, zero)?
                }
            };
        }
        Ok(guard)
    }
}

/// The least and the largest number that bits make where the upper bits of a variable are those of a prefix.
fn bounds(bits: &[Bit], prefix: u128, free: usize) -> (u128, u128) {
    let (mut least, mut most) = (0, 0);
    for (place, bit) in bits.iter().enumerate().take(128) {
        let (low, high) = match bit {
            Bit::Known(value) => (*value, *value),
            Bit::Of { place, .. } if usize::from(*place) < free => (false, true),
            Bit::Of { place, inverted, .. } => {
                let value = (prefix >> place & 1 == 1) != *inverted;
                (value, value)
            }
        };
        least |= u128::from(low) << place;
        most |= u128::from(high) << place;
    }
    (least, most)
}

/// The hashes that are scaled to values from `low` to `high`.
pub(super) fn hash_span(modulus: u32, offset: u32, low: u128, high: u128) -> Option<(u128, u128)> {
    let (modulus, offset) = (u128::from(modulus), u128::from(offset));
    let low = low.max(offset) - offset;
    let high = high.min(offset + modulus - 1).checked_sub(offset)?;
    if low > high {
        return None;
    }
    Some(((low << 32).div_ceil(modulus), ((high + 1) << 32).div_ceil(modulus) - 1))
}

/// A stretch of numbers in pieces that lie in the spans or do not.
pub(super) fn cut(spans: &[(u128, u128)], low: u128, high: u128) -> Vec<(u128, u128, bool)> {
    let mut pieces = Vec::new();
    let mut next = low;
    for (from, to) in spans {
        let (from, to) = ((*from).max(next), (*to).min(high));
        if from > to {
            continue;
        }
        if from > next {
            pieces.push((next, from - 1, false));
        }
        pieces.push((from, to, true));
        next = to + 1;
    }
    if next <= high {
        pieces.push((next, high, false));
    }
    pieces
}

/// The values a comparison lets pass.
pub(super) fn accepted(comparison: Comparison, span: Span) -> Vec<(u128, u128)> {
    let mut spans = Vec::with_capacity(2);
    match comparison {
        Comparison::Implicit | Comparison::Equal => spans.push((span.low, span.high)),
        Comparison::NotEqual if span.low > span.high => spans.push((0, u128::MAX)),
        Comparison::NotEqual => {
            if span.low > 0 {
                spans.push((0, span.low - 1));
            }
            if span.high < u128::MAX {
                spans.push((span.high + 1, u128::MAX));
            }
        }
        Comparison::Less => spans.extend(span.low.checked_sub(1).map(|high| (0, high))),
        Comparison::LessOrEqual => spans.push((0, span.low)),
        Comparison::Greater => spans.extend(span.low.checked_add(1).map(|low| (low, u128::MAX))),
        Comparison::GreaterOrEqual => spans.push((span.low, u128::MAX)),
    }
    spans.retain(|(low, high)| low <= high);
    spans
}
