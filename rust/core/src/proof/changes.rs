//! What rules change: translations, marks, sets.

use super::diagram::{NO, YES};
use super::journey::ChainEnd;
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Address, Change, Mark, Port, State};
use super::value::{Bit, Value};
use super::variable::Variable;
use crate::evaluate::{DestinationNat, SourceNat};
use crate::program::{Data, IpVersion, NatTarget, Part, SetId, Target, Term};
use crate::ruleset::{Hook, NatKind, SetOperation};
use std::rc::Rc;

/// What follows a statement that goes through, or ends its rule.
type Branch<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, bool, &State) -> Followed;

/// What follows a new address or port, which may be none; None where the rule ends.
type Aimed<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, Option<Option<u128>>, &State) -> Followed;

/// A new destination; the port stays if there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) address: u128,
    pub(super) port: Option<u16>,
}

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

    /// A statement of translation.
    pub(super) fn translate(&mut self, at: At, kind: NatKind, target: &'p NatTarget, state: &State) -> Followed {
        match target {
            NatTarget::Nothing => self.translated_to(at, kind, None, (None, None), state),
            NatTarget::Several(words) => self.translated_to(at, kind, Some(words), (None, None), state),
            NatTarget::Terms { address, port } => {
                self.target(at, address.as_ref(), state, &mut |run, address, state| {
                    let Some(address) = address else { return run.broken(at, state) };
                    run.target(at, port.as_ref(), state, &mut |run, port, state| {
                        let Some(port) = port else { return run.broken(at, state) };
                        run.translated_to(at, kind, None, (address, port), state)
                    })
                })
            }
            NatTarget::Map { key, map } => {
                self.find(at, key, *map, state, true, &mut |run, found, state| match found {
                    Found::Data(Data::Values(values)) => {
                        let target = (values.first().copied(), values.get(1).copied());
                        run.translated_to(at, kind, None, target, state)
                    }
                    Found::Nothing | Found::Break => run.broken(at, state),
                    Found::Changed(_) | Found::Record(_) => {
                        run.unknown(at, "where it goes is told for single packets only")
                    }
                    Found::Data(_) => run.unknown(at, "the map holds no addresses"),
                })
            }
        }
    }

    /// A new address or port: each there may be; None where the rule ends.
    fn target(&mut self, at: At, term: Option<&'p Term>, state: &State, then: Aimed<'_, 'p>) -> Followed {
        let Some(term) = term else { return then(self, Some(None), state) };
        self.term(at, term, state, &mut |run, value, state| match value {
            Value::Break => then(run, None, state),
            Value::Unknown(why) => run.unknown(at, &why),
            value => run.constants(at, &value, state, &mut |run, value, state| then(run, Some(Some(value)), state)),
        })
    }

    fn translated_to(
        &mut self,
        at: At,
        kind: NatKind,
        several: Option<&str>,
        (address, port): (Option<u128>, Option<u128>),
        state: &State,
    ) -> Followed {
        let port = port.and_then(|port| u16::try_from(port).ok());
        if kind == NatKind::Destination && several.is_none() {
            return self.set_destination(at, address, port, state);
        }
        let mut next = state.clone();
        match kind {
            NatKind::Destination => {
                hide_destination(&mut next, DestinationNat::Several(several.unwrap_or_default().into()));
            }
            NatKind::Redirect if at.hook == Hook::Output => {
                let loopback = if self.version() == IpVersion::V4 { 0x7f00_0001 } else { 1 };
                return self.set_destination(at, Some(loopback), port, state);
            }
            NatKind::Redirect => {
                hide_destination(&mut next, DestinationNat::Redirect(port));
                next.destination_port_unknown = several.is_some();
                if let Some(port) = port {
                    next.destination_port = Port::Known(port);
                }
            }
            NatKind::Source => match (several, address) {
                (None, Some(address)) => return self.set_source(at, address, port, next),
                (words, _) => hide_source(&mut next, SourceNat::Several(words.unwrap_or("snat").into())),
            },
            NatKind::Masquerade => hide_source(&mut next, SourceNat::Masquerade),
        }
        self.chain_end(at.position.base, ChainEnd::Translated, &next)
    }

    /// Whether the destination becomes another, where that is the same for all packets of a state.
    fn surely_changes(&self, address: u128, state: &State) -> bool {
        state.destination_changed
            || !self.reaches.status
            || match state.destination {
                Address::Original => state.fact(Variable::Destination).is_some_and(|known| known != address),
                Address::Known(known) => known != address,
                Address::Hidden => true,
                Address::Translated => false,
            }
    }

    fn set_destination(&mut self, at: At, address: Option<u128>, port: Option<u16>, state: &State) -> Followed {
        if let Some(address) = address {
            self.functions.targets.note(address);
        }
        if let Some(address) = address.filter(|address| self.surely_changes(*address, state)) {
            let aim = Aim { address, port };
            if let Some(found) = self.go_on_alike(at.position.base, aim, state)? {
                return Ok(found);
            }
            if state.destination == Address::Translated {
                return Err(Failure::NeedsConstants);
            }
            let mut next = state.clone();
            next.destination = Address::Known(address);
            if let Some(port) = port {
                next.destination_port = Port::Known(port);
            }
            next.destination_nat = DestinationNat::Address(Some(address), port);
            next.destination_changed = true;
            self.forget_way();
            let node = self.chain_end(at.position.base, ChainEnd::Translated, &next)?;
            self.note_way(at.position.base, aim, state);
            return Ok(node);
        }
        let mut next = state.clone();
        let mut same = if next.destination_changed || !self.reaches.status { NO } else { YES };
        if let (Some(address), true) = (address, same == YES) {
            same = match next.destination {
                Address::Original => self.was_sent_to(at, address, &next)?,
                Address::Known(known) if known == address => YES,
                Address::Known(_) | Address::Hidden => NO,
                Address::Translated => return Err(Failure::NeedsConstants),
            };
        }
        if let (Some(port), true) = (port, same != NO) {
            let with_ports = self.has_ports(&next)?;
            let equal = match next.destination_port {
                Port::Original => match next.fact(Variable::DestinationPort) {
                    Some(known) if known == u128::from(port) => YES,
                    Some(_) => NO,
                    None => self.between(Variable::DestinationPort, u128::from(port), u128::from(port))?,
                },
                Port::Known(known) if known == port => YES,
                Port::Known(_) => NO,
                Port::Translated => return Err(Failure::NeedsConstants),
            };
            let equal = self.choose(with_ports, equal, YES)?;
            same = self.choose(same, equal, NO)?;
        }
        if let Some(address) = address {
            if next.destination == Address::Translated {
                return Err(Failure::NeedsConstants);
            }
            next.destination = Address::Known(address);
        }
        if let Some(port) = port {
            next.destination_port = Port::Known(port);
        }
        next.destination_nat = DestinationNat::Address(address, port);
        let unchanged = if same == NO { NO } else { self.chain_end(at.position.base, ChainEnd::Translated, &next)? };
        next.destination_changed = true;
        let changed = if same == YES { NO } else { self.chain_end(at.position.base, ChainEnd::Translated, &next)? };
        self.choose(same, unchanged, changed)
    }

    /// The guard that the packet was sent to an address.
    fn was_sent_to(&mut self, at: At, address: u128, state: &State) -> Followed {
        if let Some(known) = state.fact(Variable::Destination) {
            return Ok(if known == address { YES } else { NO });
        }
        let diagram = &self.functions.diagram;
        let within = diagram.child_at(at.position.within, Variable::Destination, address);
        let local = u128::from(self.surroundings.is_local(self.version(), address));
        if diagram.child_at(within, Variable::DestinationLocal, local) == NO {
            return Ok(NO);
        }
        self.between(Variable::Destination, address, address)
    }

    fn set_source(&mut self, at: At, address: u128, port: Option<u16>, mut next: State) -> Followed {
        self.functions.targets.note(address);
        let same = match next.source {
            _ if next.source_changed || !self.reaches.status => NO,
            Address::Original => match next.fact(Variable::Source) {
                Some(known) if known == address => YES,
                Some(_) => NO,
                None => self.between(Variable::Source, address, address)?,
            },
            Address::Known(known) if known == address => YES,
            _ => NO,
        };
        next.source = Address::Known(address);
        next.source_port_unknown = true;
        next.source_nat = SourceNat::Address(address, port);
        let unchanged = if same == NO { NO } else { self.chain_end(at.position.base, ChainEnd::Translated, &next)? };
        next.source_changed = true;
        let changed = if same == YES { NO } else { self.chain_end(at.position.base, ChainEnd::Translated, &next)? };
        self.choose(same, unchanged, changed)
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

fn hide_destination(state: &mut State, translated: DestinationNat) {
    state.destination = Address::Hidden;
    state.destination_port_unknown = matches!(translated, DestinationNat::Several(_));
    state.destination_changed = true;
    state.destination_nat = translated;
}

fn hide_source(state: &mut State, translated: SourceNat) {
    state.source = Address::Hidden;
    state.source_port_unknown = true;
    state.source_changed = true;
    state.source_nat = translated;
}
