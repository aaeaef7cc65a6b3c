//! Matches: whether a rule goes on.

use super::diagram::{NO, NodeId, Share, YES};
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::spans::{accepted, cut};
use super::state::{Remembered, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::program::{Action, Part};
use crate::ruleset::{Comparison, Operator};

/// What follows a match that holds, or does not.
pub(super) type Branch<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, bool, &State) -> Followed;

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
