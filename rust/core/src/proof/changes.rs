//! What rules change besides addresses and ports: marks, sets.

use super::diagram::NO;
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Change, Mark, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::program::{Part, SetId, Target, Term};
use crate::ruleset::SetOperation;
use std::rc::Rc;

/// What follows a statement that goes through, or ends its rule.
type Branch<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, bool, &State) -> Followed;

impl<'p> Run<'p> {
    /// Sets a mark or the like.
    pub(super) fn assign(
        &mut self,
        at: At,
        target: &'p Target,
        value: &'p Term,
        state: &State,
        then: Branch<'_, 'p>,
    ) -> Followed {
        match target {
            Target::Nothing => return then(self, true, state),
            Target::Mark | Target::Priority | Target::ConnectionMark | Target::Unknown(_) => {}
        }
        self.term(at, value, state, &mut |run, value, state| {
            let mut state = state.clone();
            match (target, value) {
                (_, Value::Break) => then(run, false, &state),
                (Target::Nothing, _) => then(run, true, &state),
                (Target::Unknown(words), _) => run.unknown(at, &format!("what `{words}` changes is not modelled")),
                (Target::Priority, value) => run.set_priority(at, value, &state, then),
                (Target::ConnectionMark, _) if !run.has_connection(&state) => then(run, true, &state),
                (_, Value::Unknown(_)) => {
                    set_mark(&mut state, target, Mark::Unknown);
                    then(run, true, &state)
                }
                (_, value) => run.constants_or(at, value, &state, &mut |run, value, state| {
                    run.set_bits(at, target, &value, state, then)
                }),
            }
        })
    }

    fn set_priority(&mut self, at: At, value: Value, state: &State, then: Branch<'_, 'p>) -> Followed {
        let mut state = state.clone();
        match value {
            Value::Known(value) => state.priority = Value::Known(value & 0xffff_ffff),
            Value::Unknown(_) => state.priority = Value::Unknown("its priority is not known".into()),
            Value::Hashed { .. } => state.priority = value,
            Value::Variable(variable)
                if matches!(variable, Variable::Record(_))
                    || variable.maximum(self.version()) <= u128::from(u32::MAX) =>
            {
                state.priority = Value::Variable(variable);
            }
            Value::Bits(bits) if bits.len() <= 32 => state.priority = Value::Bits(bits),
            value => {
                return self.constants(at, &value, &state, &mut |run, value, state| {
                    let mut state = state.clone();
                    state.priority = Value::Known(value & 0xffff_ffff);
                    then(run, true, &state)
                });
            }
        }
        then(self, true, &state)
    }

    /// Gives a mark its bits; those that are neither known nor what they were are told apart.
    fn set_bits(&mut self, at: At, target: &Target, value: &Value, state: &State, then: Branch<'_, 'p>) -> Followed {
        let Some(mut bits) = value.bits(self.version()) else { return self.not_followed(at, value) };
        bits.resize(32, Bit::Known(false));
        let (mut known, mut values) = (u32::MAX, 0);
        for (place, bit) in (0_u8..).zip(bits.iter()) {
            match *bit {
                Bit::Known(set) => values |= u32::from(set) << place,
                Bit::Of { variable: Variable::MarkBit(of), inverted: false, .. } if of == place => {
                    known &= !(1 << place);
                }
                Bit::Of { variable: variable @ Variable::MarkBit(_), .. } => {
                    let mut children = [NO; 2];
                    for (child, set) in children.iter_mut().zip([true, false]) {
                        let told = bits.iter().map(|bit| match *bit {
                            Bit::Of { variable: of, inverted, .. } if of == variable => Bit::Known(set != inverted),
                            other => other,
                        });
                        let told = Value::of_bits(told.collect(), self.version());
                        *child = self.set_bits(at, target, &told, state, then)?;
                    }
                    let guard = self.between(variable, 1, 1)?;
                    return self.choose(guard, children[0], children[1]);
                }
                Bit::Of { .. } => return self.not_followed(at, value),
            }
        }
        let mut state = state.clone();
        set_mark(&mut state, target, Mark::Bits { known, values });
        then(self, true, &state)
    }

    /// Changes a set. What is put there matters only to later lookups of the same packet.
    pub(super) fn update(
        &mut self,
        at: At,
        (operation, set, timeout): (SetOperation, SetId, Option<u64>),
        (key, data): (&'p [Part], &'p [Part]),
        state: &State,
        then: Branch<'_, 'p>,
    ) -> Followed {
        self.values(at, key, Vec::new(), state, &mut |run, key, state| {
            let Some(key) = key else { return then(run, false, state) };
            run.values(at, data, Vec::new(), state, &mut |run, data, state| {
                let Some(data) = data else { return then(run, false, state) };
                let missing = key.iter().chain(&data).find_map(|value| match value {
                    Value::Unknown(why) => Some(why.clone()),
                    _ => None,
                });
                if let Some(why) = missing {
                    return run.unknown(at, &why);
                }
                let mut state = state.clone();
                if operation != SetOperation::Delete {
                    Rc::make_mut(&mut state.remembers).push(timeout.map_or(0, |seconds| seconds.saturating_mul(1000)));
                }
                if !run.reaches.reads_later(set, at.hook, state.looped) {
                    return then(run, true, &state);
                }
                if key.iter().chain(&data).any(super::conditions::translated) {
                    return Err(Failure::NeedsConstants);
                }
                let drawn = |value: &Value| matches!(value, Value::Drawn { .. } | Value::Secret { .. });
                if key.iter().chain(&data).any(drawn) {
                    return run.unknown(at, "what it remembers is told for single packets only");
                }
                if operation == SetOperation::Delete {
                    change(&mut state, Change { set, key: key.clone(), data: None });
                    return then(run, true, &state);
                }
                let new = Change { set, key: key.clone(), data: Some(data) };
                let mut before = state.clone();
                before.changes = Rc::default();
                let changes = state.changes.clone();
                run.find_values(at, &key, set, &before, false, &mut |run, found, found_state| {
                    let mut state = found_state.clone();
                    state.changes.clone_from(&changes);
                    let mut put = |run: &mut Self, there: bool| {
                        let mut state = state.clone();
                        if !there {
                            change(&mut state, new.clone());
                        }
                        then(run, true, &state)
                    };
                    match found {
                        Found::Record(record) => {
                            let there = run.between(record, 0, u128::MAX - 1)?;
                            let (kept, new) = (put(run, true)?, put(run, false)?);
                            run.choose(there, kept, new)
                        }
                        Found::Nothing | Found::Break => put(run, false),
                        Found::Data(_) | Found::Changed(_) => put(run, true),
                    }
                })
            })
        })
    }
}

fn set_mark(state: &mut State, target: &Target, mark: Mark) {
    match target {
        Target::Mark => state.mark = mark,
        Target::ConnectionMark => state.connection_mark = mark,
        Target::Priority | Target::Nothing | Target::Unknown(_) => {}
    }
}

/// Notes a change; only the last one of an element matters.
fn change(state: &mut State, change: Change) {
    let changes = Rc::make_mut(&mut state.changes);
    changes.retain(|before| before.set != change.set || before.key != change.key);
    changes.push(change);
}
