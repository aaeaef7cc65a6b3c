//! Translation: new addresses and ports.

use super::diagram::{NO, YES};
use super::journey::ChainEnd;
use super::lookup::Found;
use super::rules::At;
use super::run::{Failure, Followed, Run};
use super::state::{Address, Port, State};
use super::value::Value;
use super::variable::Variable;
use crate::evaluate::{DestinationNat, SourceNat};
use crate::program::{Data, IpVersion, NatTarget, Term};
use crate::ruleset::{Hook, NatKind};

/// What follows a new address or port, which may be none; None where the rule ends.
type Aimed<'k, 'p> = &'k mut dyn FnMut(&mut Run<'p>, Option<Option<u128>>, &State) -> Followed;

/// A new destination; the port stays if there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) address: u128,
    pub(super) port: Option<u16>,
}

impl<'p> Run<'p> {
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
