//! The way behind a base chain, which packets with different destinations have together.

use super::diagram::{NodeId, View};
use super::end::End;
use super::position::PositionId;
use super::run::{Failure, Followed, Run};
use super::state::{Address, Change, Port, State, placeholder};
use super::translation::Aim;
use super::value::Value;
use super::variable::Variable;
use crate::evaluate::DestinationNat;
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Variables whose values are known.
type Facts = Rc<Vec<(Variable, u128)>>;

/// A way that packets have together: what becomes of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    node: NodeId,
    /// It was followed with what is known of the packet, so it is for no others.
    particular: bool,
}

/// A new destination, and whether a port is part of the translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    address: u128,
    port: Option<u16>,
    translated_port: Option<u16>,
}

/// A translation of a destination, as far as it is the same for all destinations.
#[derive(Debug)]
struct Translation {
    base: PositionId,
    before: State,
    ports: bool,
    way: Way,
}

/// Ways that packets with different new destinations have together.
#[derive(Debug, Default)]
pub(super) struct Onward {
    /// Where nothing can be said for all translated addresses together.
    relative: FxHashSet<(PositionId, u32)>,
    /// What becomes of packets with a destination, where what else is known of them has been told.
    placed: FxHashMap<(NodeId, Place), NodeId>,
    /// The way that was gone last, if it was a common one.
    last: Option<Way>,
    translation: Option<Translation>,
    /// The last way that was told for packets of which something is known, what is known, and what it was told to be.
    told: Option<(NodeId, Facts, NodeId)>,
    no_facts: Facts,
}

impl Run<'_> {
    /// Goes on behind a base chain, where what was learned of the packet is not used any more, and where packets with
    /// different new destinations have the same way: it is followed once, and then told for this one.
    ///
    /// Where a packet has changed an element that is of its own service port, hardly any other has the same way: with
    /// all that was learned of it, it meets one element of each map, and not those of all frontends.
    pub(super) fn go_on(&mut self, position: PositionId, state: &State) -> Followed {
        let constant = |change: &Change| change.key.iter().any(|value| matches!(value, Value::Known(_)));
        let particular = state.changes.iter().any(constant);
        let mut general = state.clone();
        if !particular {
            general.facts = Rc::clone(&self.onward.no_facts);
        }
        let mut place = None;
        let mut whole = false;
        if let Address::Known(address) = state.destination {
            general.destination = Address::Translated;
            let mut known_port = None;
            if let Port::Known(known) = state.destination_port {
                known_port = Some(known);
                general.destination_port = Port::Translated;
            }
            let mut translated_port = None;
            if let DestinationNat::Address(Some(to), port) = state.destination_nat {
                general.destination_nat = placeholder();
                translated_port = port;
                whole = to == address;
            }
            place = Some(Place { address, port: known_port, translated_port });
        }
        if (particular || state.facts.is_empty()) && place.is_none() {
            return self.follow_alone(position, state);
        }
        let number = self.state_number(&general);
        if self.onward.relative.contains(&(position, number)) {
            return self.follow_alone(position, state);
        }
        let node = match self.follow_numbered(position, &general, number) {
            Err(Failure::NeedsConstants) if place.is_some() => {
                self.onward.relative.insert((position, number));
                return self.follow_alone(position, state);
            }
            other => other?,
        };
        let way = Way { node, particular };
        let node = self.told_facts(node, state)?;
        let node = match place {
            Some(place) if whole => self.placed(node, place)?,
            Some(place) => {
                let node = self.placed_without(node, place)?;
                self.put_in(node, &state.destination_nat)?
            }
            None => node,
        };
        self.onward.last = whole.then_some(way);
        Ok(node)
    }

    /// Follows a way that this packet has with no other. What was common to others behind it begins behind a later base
    /// chain, and must not be taken for the way from here.
    fn follow_alone(&mut self, position: PositionId, state: &State) -> Followed {
        let node = self.follow(position, state)?;
        self.onward.last = None;
        Ok(node)
    }

    /// Goes on behind the jump that led to a chain which has ended. Where the way is told for all translations together,
    /// what a map of many frontends told of the packet is forgotten: else the rest were followed for each of them.
    pub(super) fn go_back(&mut self, parent: PositionId, state: &State) -> Followed {
        if state.destination != Address::Translated || state.facts.is_empty() {
            return self.follow(parent, state);
        }
        let general = State { facts: Rc::clone(&self.onward.no_facts), ..state.clone() };
        let node = self.follow(parent, &general)?;
        self.told_facts(node, state)
    }

    /// What becomes of packets that are translated; None if this translation is not like the last one.
    pub(super) fn go_on_alike(&mut self, base: PositionId, aim: Aim, state: &State) -> Result<Option<NodeId>, Failure> {
        let Some(last) = &self.onward.translation else { return Ok(None) };
        if last.base != base || last.ports != aim.port.is_some() || !last.before.is_but_for_facts(state) {
            return Ok(None);
        }
        let way = last.way;
        if way.particular && last.before.facts != state.facts {
            return Ok(None);
        }
        let known_port = match state.destination_port {
            Port::Known(port) => Some(port),
            Port::Original | Port::Translated => None,
        };
        let place = Place { address: aim.address, port: aim.port.or(known_port), translated_port: aim.port };
        // Translations follow one another that differ in the destination alone: all endpoints of a frontend.
        let node = match &self.onward.told {
            Some((node, facts, told)) if *node == way.node && Rc::ptr_eq(facts, &state.facts) => *told,
            _ => {
                let told = self.told_facts(way.node, state)?;
                self.onward.told = Some((way.node, Rc::clone(&state.facts), told));
                told
            }
        };
        Ok(Some(self.placed(node, place)?))
    }

    /// Forgets how the last packet went on.
    pub(super) fn forget_way(&mut self) {
        self.onward.last = None;
    }

    /// Notes that packets of a state go on as the last one did when they are translated.
    pub(super) fn note_way(&mut self, base: PositionId, aim: Aim, before: &State) {
        if let Some(way) = self.onward.last.take() {
            let translation = Translation { base, before: before.clone(), ports: aim.port.is_some(), way };
            self.onward.translation = Some(translation);
        }
    }

    fn placed(&mut self, told: NodeId, place: Place) -> Followed {
        let destination = DestinationNat::Address(Some(place.address), place.translated_port);
        let child = self.functions.diagram.child_at(told, Variable::TranslatedAddress, place.address);
        if matches!(self.functions.diagram.view(child), View::Leaf(_)) {
            // Most packets: to put the destination in takes no longer than to look it up.
            return self.put_in(child, &destination);
        }
        if let Some(found) = self.onward.placed.get(&(told, place)) {
            return Ok(*found);
        }
        let node = self.placed_without(told, place)?;
        let node = self.put_in(node, &destination)?;
        self.onward.placed.insert((told, place), node);
        Ok(node)
    }

    fn placed_without(&mut self, node: NodeId, place: Place) -> Followed {
        let node = self.told(node, Variable::TranslatedAddress, place.address)?;
        match place.port {
            Some(port) => self.told(node, Variable::TranslatedPort, u128::from(port)),
            None => Ok(node),
        }
    }

    fn told_facts(&mut self, mut node: NodeId, state: &State) -> Followed {
        for (variable, value) in state.facts.iter().copied() {
            node = self.told(node, variable, value)?;
        }
        Ok(node)
    }

    /// The function where a variable has this value.
    fn told(&mut self, node: NodeId, variable: Variable, value: u128) -> Followed {
        let child = self.functions.diagram.child_at(node, variable, value);
        Ok(self.functions.diagram.restrict(child, variable, value, value)?)
    }

    /// The function with the destination in the place of what stands for it.
    fn put_in(&mut self, node: NodeId, destination: &DestinationNat) -> Followed {
        let ends = &mut self.functions.ends;
        let mut changed = |number: u32| match ends.get(number) {
            Some(end) if end.destination == placeholder() => {
                let end = End { destination: destination.clone(), ..end.clone() };
                ends.number(end)
            }
            _ => number,
        };
        Ok(self.functions.diagram.map_leaves(node, &mut changed)?)
    }
}
