//! Terms, whose values may have to be told apart first.

use super::diagram::{Edge, Share};
use super::hashes::{HashKey, HashedPart, HashedValue};
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Remembered, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::kernel_hash::{ByteOrder, NftHash};
use crate::program::{Data, Part, Term};

/// What follows a value.
pub(super) type Then<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, Value, &State) -> Followed;

/// What follows the values of a key; None if the packet has no such key.
type Several<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, Option<Vec<Value>>, &State) -> Followed;

/// A draw is told apart into no more values than this.
const DRAWS: u32 = 1 << 16;

impl<'p> Run<'p> {
    /// A term, with what follows each of its values.
    pub(super) fn term(&mut self, at: At, term: &'p Term, state: &State, then: Then<'_, 'p>) -> Followed {
        match term {
            Term::Field(field) => self.field(at, *field, state, then),
            Term::Constant(value) => then(self, Value::Known(*value), state),
            Term::Bits(operator, sides, kind) => self.term(at, &sides.0, state, &mut |run, left, state| {
                run.term(at, &sides.1, state, &mut |run, right, state| match (&left, &right) {
                    (Value::Break, _) | (_, Value::Break) => then(run, Value::Break, state),
                    (Value::Unknown(_), _) => then(run, left.clone(), state),
                    (_, Value::Unknown(_)) => then(run, right, state),
                    (Value::Relative, _) | (_, Value::Relative) => Err(Failure::NeedsConstants),
                    _ => run.constants_or(at, left.clone(), state, &mut |run, left, state| {
                        run.constants_or(at, right.clone(), state, &mut |run, right, state| {
                            if let (Value::Known(left), Value::Known(right)) = (&left, &right) {
                                return match crate::program::apply(*operator, *left, *right, kind.bits()) {
                                    Some(value) => then(run, Value::Known(value), state),
                                    None => run.unknown(at, "the shift is too wide"),
                                };
                            }
                            match left.apply(*operator, &right, kind.bits(), run.version()) {
                                Some(value) => then(run, value, state),
                                None => run.not_followed(at, &left),
                            }
                        })
                    }),
                })
            }),
            Term::Numgen { modulus: 1, offset, .. } | Term::UnknownHash { modulus: 1, offset, .. } => {
                then(self, Value::Known(u128::from(*offset)), state)
            }
            Term::Numgen { modulus, offset, .. } => {
                then(self, Value::Drawn { modulus: *modulus, offset: *offset }, state)
            }
            Term::UnknownHash { site, modulus, offset } => {
                then(self, Value::Secret { site: *site, modulus: *modulus, offset: *offset }, state)
            }
            Term::Jhash { key, seed, modulus, offset } => {
                let scale = (*seed, *modulus, *offset);
                self.values(at, key, Vec::new(), state, &mut |run, values, state| match values {
                    Some(values) => run.jhash(at, key, &values, scale, state, then),
                    None => then(run, Value::Break, state),
                })
            }
            Term::Lookup { key, map } => self.find(at, key, *map, state, true, &mut |run, found, state| match found {
                Found::Data(Data::Values(values)) if !values.is_empty() => then(run, Value::Known(values[0]), state),
                Found::Changed(values) if !values.is_empty() => then(run, values[0].clone(), state),
                Found::Record(record) => {
                    let there = run.between(record, 0, u128::MAX - 1)?;
                    let hit = then(run, Value::Variable(record), state)?;
                    let miss = then(run, Value::Break, state)?;
                    run.choose(there, hit, miss)
                }
                Found::Data(_) | Found::Changed(_) => run.unknown(at, "the map holds no values"),
                Found::Nothing | Found::Break => then(run, Value::Break, state),
            }),
            Term::Unknown(words) => then(self, Value::Unknown(format!("`{words}` is not modelled").into()), state),
        }
    }

    /// The values of the parts of a key; None if the packet has no such key.
    pub(super) fn values(
        &mut self,
        at: At,
        parts: &'p [Part],
        before: Vec<Value>,
        state: &State,
        then: Several<'_, 'p>,
    ) -> Followed {
        let Some((part, rest)) = parts.split_first() else { return then(self, Some(before), state) };
        self.term(at, &part.term, state, &mut |run, value, state| {
            if value == Value::Break {
                return then(run, None, state);
            }
            let mut values = before.clone();
            values.push(value);
            run.values(at, rest, values, state, then)
        })
    }

    fn jhash(
        &mut self,
        at: At,
        key: &'p [Part],
        values: &[Value],
        (seed, modulus, offset): (u32, u32, u32),
        state: &State,
        then: Then<'_, 'p>,
    ) -> Followed {
        let big_endian = self.surroundings.big_endian;
        let order = if big_endian { ByteOrder::Big } else { ByteOrder::Little };
        if NftHash::new(modulus, seed, offset, order).is_err() {
            return self.unknown(at, "the kernel refuses this hash");
        }
        if let Some(missing) = values.iter().find(|value| matches!(value, Value::Unknown(_))) {
            return then(self, missing.clone(), state);
        }
        if values.iter().any(super::conditions::translated) {
            return then(self, Value::Relative, state);
        }
        let mut parts = Vec::with_capacity(key.len());
        for (part, value) in key.iter().zip(values) {
            let hashed = match value {
                Value::Known(value) => HashedPart::new(HashedValue::Constant(*value), part.kind),
                Value::Variable(variable) => HashedPart::new(HashedValue::Variable(*variable), part.kind),
                Value::Bits(bits) => match masked(bits) {
                    Some((variable, mask)) => {
                        HashedPart { mask, ..HashedPart::new(HashedValue::Variable(variable), part.kind) }
                    }
                    None => return self.not_followed(at, value),
                },
                other => return self.not_followed(at, other),
            };
            parts.push(hashed);
        }
        let constant = values.iter().all(|value| matches!(value, Value::Known(_)));
        let key = HashKey { parts: parts.into(), big_endian };
        if constant {
            let hash = key.value(seed, &|_| 0);
            let value = ((u64::from(hash) * u64::from(modulus)) >> 32) + u64::from(offset);
            return then(self, Value::Known(u128::from(value)), state);
        }
        let number = self.functions.hashes.number(&key, seed);
        then(self, Value::Hashed { number, modulus, offset }, state)
    }

    /// A value as it is, unless it is drawn or a hash: then each of its values.
    pub(super) fn constants_or(&mut self, at: At, value: Value, state: &State, then: Then<'_, 'p>) -> Followed {
        match value {
            Value::Drawn { .. } | Value::Hashed { .. } | Value::Secret { .. } => {
                self.constants(at, &value, state, &mut |run, value, state| then(run, Value::Known(value), state))
            }
            Value::Relative => Err(Failure::NeedsConstants),
            value => then(self, value, state),
        }
    }

    /// Each of the values there may be.
    pub(super) fn constants(
        &mut self,
        at: At,
        value: &Value,
        state: &State,
        then: &mut dyn FnMut(&mut Self, u128, &State) -> Followed,
    ) -> Followed {
        match value {
            Value::Known(value) => then(self, *value, state),
            Value::Relative => Err(Failure::NeedsConstants),
            Value::Drawn { modulus, offset } if *modulus <= DRAWS => {
                let mut shares = Vec::with_capacity(*modulus as usize);
                for drawn in 0..*modulus {
                    shares
                        .push(Share { child: then(self, u128::from(*offset) + u128::from(drawn), state)?, weight: 1 });
                }
                self.mix(shares)
            }
            Value::Hashed { number, modulus, offset } if *modulus <= DRAWS => {
                let mut edges = Vec::with_capacity(*modulus as usize);
                for drawn in 0..*modulus {
                    let value = u128::from(*offset) + u128::from(drawn);
                    let Some((_, upper)) = super::spans::hash_span(*modulus, *offset, value, value) else {
                        continue;
                    };
                    edges.push(Edge { upper, child: then(self, value, state)? });
                }
                self.cases(Variable::Hash(*number), edges)
            }
            Value::Secret { site, modulus, offset } if *modulus <= DRAWS => {
                let (low, high) = super::conditions::remembered(state, *site, *modulus);
                let mut shares = Vec::new();
                for drawn in low..=high {
                    let mut state = state.clone();
                    state.remember_hash(Remembered { site: *site, modulus: *modulus, low: drawn, high: drawn });
                    let child = then(self, u128::from(*offset) + u128::from(drawn), &state)?;
                    shares.push(Share { child, weight: 1 });
                }
                self.mixed(shares)
            }
            other if super::conditions::translated(other) => Err(Failure::NeedsConstants),
            other => self.not_followed(at, other),
        }
    }

    /// It has an answer, but not one that intervals can tell.
    pub(super) fn not_followed(&mut self, at: At, value: &Value) -> Followed {
        if super::conditions::translated(value) {
            return Err(Failure::NeedsConstants);
        }
        self.unknown(at, "what it computes is told for single packets only")
    }
}

/// The variable of which bits are left in their places, and which are.
fn masked(bits: &[Bit]) -> Option<(Variable, u128)> {
    let mut found = None;
    let mut mask = 0;
    for (index, bit) in bits.iter().enumerate() {
        match bit {
            Bit::Known(false) => {}
            Bit::Of { variable, place, inverted: false }
                if usize::from(*place) == index
                    && !matches!(variable, Variable::MarkBit(_))
                    && found.is_none_or(|found| found == *variable) =>
            {
                found = Some(*variable);
                mask |= 1 << place;
            }
            _ => return None,
        }
    }
    found.map(|variable| (variable, mask))
}
