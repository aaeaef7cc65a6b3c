//! Matches: whether a rule goes on.

use super::diagram::{Edge, NO, NodeId, Share, YES};
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Remembered, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::program::{Action, Part, Span};
use crate::ruleset::{Comparison, Operator};

/// What follows a match that holds, or does not.
pub(super) type Branch<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, bool, &State) -> Followed;

/// Bits of variables make no more stretches than this.
const STRETCHES: usize = 1 << 14;

impl<'p> Run<'p> {
    /// A match as a question about the packet; None if it is more than that, or none.
    pub(super) fn guard(&mut self, at: At, action: &'p Action, state: &State) -> Result<Option<NodeId>, Failure> {
        let is_match = matches!(
            action,
            Action::Compare { .. }
                | Action::AnyBit { .. }
                | Action::Same { .. }
                | Action::Member { .. }
                | Action::Conditional(_)
        );
        if !is_match {
            return Ok(None);
        }
        self.guarding = true;
        let guard = self.check(at, action, state, &mut |_, holds, _| Ok(if holds { YES } else { NO }));
        self.guarding = false;
        match guard {
            Ok(guard) => Ok(Some(guard)),
            Err(Failure::NoGuard) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A match, with what follows it.
    pub(super) fn check(&mut self, at: At, action: &'p Action, state: &State, then: Branch<'_, 'p>) -> Followed {
        match action {
            Action::Compare { part, comparison, span } => {
                self.term(at, &part.term, state, &mut |run, value, state| match value {
                    Value::Unknown(why) => {
                        let (positive, asked) = match comparison {
                            Comparison::NotEqual => (false, Comparison::Equal),
                            other => (true, *other),
                        };
                        let words = format!("{asked:?} {span:?}");
                        run.undecided(at, &why, Some(part), &words, state, &mut |run, holds, state| {
                            then(run, holds == positive, state)
                        })
                    }
                    value => run.lies(at, &value, &accepted(*comparison, *span), state, then),
                })
            }
            Action::AnyBit { part, bits, negated } => {
                self.term(at, &part.term, state, &mut |run, value, state| match value {
                    Value::Break => then(run, false, state),
                    Value::Unknown(why) => {
                        let words = format!("& {bits}");
                        run.undecided(at, &why, Some(part), &words, state, &mut |run, holds, state| {
                            then(run, holds != *negated, state)
                        })
                    }
                    value => run.constants_or(at, value, state, &mut |run, value, state| {
                        let version = run.version();
                        match value.apply(Operator::And, &Value::Known(*bits), 128, version) {
                            Some(masked) => run.lies(at, &masked, &[(1, u128::MAX)], state, &mut |run, any, state| {
                                then(run, any != *negated, state)
                            }),
                            None => run.not_followed(at, &value),
                        }
                    }),
                })
            }
            Action::Same { left, right, negated } => self.term(at, &left.term, state, &mut |run, left_value, state| {
                let left_value = left_value.clone();
                run.term(at, &right.term, state, &mut |run, right_value, state| match (&left_value, &right_value) {
                    (Value::Break, _) | (_, Value::Break) => then(run, false, state),
                    (Value::Unknown(why), _) | (_, Value::Unknown(why)) => {
                        let words = format!("== {right:?}");
                        run.undecided(at, why, Some(left), &words, state, &mut |run, holds, state| {
                            then(run, holds != *negated, state)
                        })
                    }
                    _ => run.same(at, &left_value, &right_value, state, &mut |run, same, state| {
                        then(run, same != *negated, state)
                    }),
                })
            }),
            Action::Member { key, set, negated } => {
                self.find(at, key, *set, state, false, &mut |run, found, state| match found {
                    Found::Break => then(run, false, state),
                    Found::Nothing => then(run, *negated, state),
                    Found::Data(_) | Found::Changed(_) => then(run, !*negated, state),
                    Found::Record(record) => run.lies(
                        at,
                        &Value::Variable(record),
                        &[(0, u128::MAX - 1)],
                        state,
                        &mut |run, there, state| then(run, there != *negated, state),
                    ),
                })
            }
            Action::Conditional(words) => {
                let why = format!("whether `{words}` holds is not in the dump");
                let condition = self.rule_place(at);
                let children = [then(self, true, state)?, then(self, false, state)?];
                let reason = format!("{why}: {}", self.rule_words(at));
                self.asked(&format!("{words} at {condition}"), || reason, &children)
            }
            _ => then(self, true, state),
        }
    }

    /// Whether a condition holds that nobody knows.
    pub(super) fn undecided(
        &mut self,
        at: At,
        why: &str,
        part: Option<&Part>,
        words: &str,
        state: &State,
        then: Branch<'_, 'p>,
    ) -> Followed {
        let children = [then(self, true, state)?, then(self, false, state)?];
        let asked = format!("{:?}", part.map(|part| &part.term));
        // The numbers of sets and draws mean something in this ruleset only.
        let own = ["Lookup", "Numgen", "UnknownHash", "Jhash"].iter().any(|word| asked.contains(word));
        let ruleset = if own { format!("ruleset {}: ", self.ruleset) } else { String::new() };
        let condition = format!("{ruleset}{why}: {asked} {words}");
        let reason = format!("{why}: {}", self.rule_words(at));
        self.asked(&condition, || reason, &children)
    }

    fn same(&mut self, at: At, left: &Value, right: &Value, state: &State, then: Branch<'_, 'p>) -> Followed {
        match (left, right) {
            (Value::Relative, _) | (_, Value::Relative) => Err(Failure::NeedsConstants),
            (Value::Known(value), other) | (other, Value::Known(value)) => {
                self.lies(at, other, &[(*value, *value)], state, then)
            }
            _ if left == right && !matches!(left, Value::Drawn { .. }) => then(self, true, state),
            (Value::Drawn { .. } | Value::Hashed { .. } | Value::Secret { .. }, other)
            | (other, Value::Drawn { .. } | Value::Hashed { .. } | Value::Secret { .. }) => {
                let drawn = if other == left { right } else { left };
                self.constants(at, drawn, state, &mut |run, value, state| {
                    run.lies(at, other, &[(value, value)], state, then)
                })
            }
            _ if translated(left) || translated(right) => Err(Failure::NeedsConstants),
            _ => {
                let children = [then(self, true, state)?, then(self, false, state)?];
                let condition = format!("{left:?} equals {right:?}");
                let reason = format!("how two fields relate is not followed: {}", self.rule_words(at));
                self.asked(&condition, || reason, &children)
            }
        }
    }

    /// Whether a value lies in one of some spans, which ascend and do not touch.
    pub(super) fn lies(
        &mut self,
        at: At,
        value: &Value,
        spans: &[(u128, u128)],
        state: &State,
        then: Branch<'_, 'p>,
    ) -> Followed {
        let inside = |value: u128| spans.iter().any(|(low, high)| *low <= value && value <= *high);
        match value {
            Value::Known(value) => then(self, inside(*value), state),
            Value::Break => then(self, false, state),
            Value::Relative => Err(Failure::NeedsConstants),
            Value::Unknown(why) => self.unknown(at, why),
            Value::Drawn { modulus, offset } => {
                let groups = cut(spans, u128::from(*offset), u128::from(*offset) + u128::from(*modulus) - 1);
                let mut shares = Vec::with_capacity(2);
                for wanted in [true, false] {
                    let weight = groups.iter().filter(|group| group.2 == wanted).map(|group| group.1 - group.0 + 1);
                    let weight = u64::try_from(weight.sum::<u128>()).unwrap_or(0);
                    if weight > 0 {
                        shares.push(Share { child: then(self, wanted, state)?, weight });
                    }
                }
                self.mixed(shares)
            }
            Value::Secret { site, modulus, offset } => {
                let (low, high) = remembered(state, *site, *modulus);
                let offset = u128::from(*offset);
                let mut shares = Vec::new();
                for (low, high, wanted) in cut(spans, offset + u128::from(low), offset + u128::from(high)) {
                    let part = |value: u128| u32::try_from(value - offset).unwrap_or(0);
                    let mut state = state.clone();
                    let hash = Remembered { site: *site, modulus: *modulus, low: part(low), high: part(high) };
                    state.remember_hash(hash);
                    let child = then(self, wanted, &state)?;
                    shares.push(Share { child, weight: u64::from(hash.high - hash.low) + 1 });
                }
                self.mixed(shares)
            }
            Value::Variable(_) | Value::Hashed { .. } | Value::Bits(_) => {
                let Some(guard) = self.span_guard(value, spans)? else { return self.not_followed(at, value) };
                let holds = if guard == NO { NO } else { then(self, true, state)? };
                let fails = if guard == YES { NO } else { then(self, false, state)? };
                self.choose(guard, holds, fails)
            }
        }
    }

    /// A mix, or the only thing it could be.
    pub(super) fn mixed(&mut self, shares: Vec<Share>) -> Followed {
        match shares[..] {
            [only] => Ok(only.child),
            _ => self.mix(shares),
        }
    }

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

/// Whether a value is told by where the packet was translated to.
pub(super) fn translated(value: &Value) -> bool {
    let is = |variable: &Variable| matches!(variable, Variable::TranslatedAddress | Variable::TranslatedPort);
    match value {
        Value::Variable(variable) => is(variable),
        Value::Bits(bits) => bits.iter().any(|bit| matches!(bit, Bit::Of { variable, .. } if is(variable))),
        Value::Relative => true,
        _ => false,
    }
}

/// The numbers a secret hash may still be.
pub(super) fn remembered(state: &State, site: u32, modulus: u32) -> (u32, u32) {
    let known = state.hashes.iter().find(|known| known.site == site && known.modulus == modulus);
    known.map_or((0, modulus - 1), |known| (known.low, known.high))
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
fn cut(spans: &[(u128, u128)], low: u128, high: u128) -> Vec<(u128, u128, bool)> {
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
fn accepted(comparison: Comparison, span: Span) -> Vec<(u128, u128)> {
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
