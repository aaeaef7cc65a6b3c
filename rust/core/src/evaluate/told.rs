//! What the machine tells the trail of its packet, where it has one. In other worlds all of this is nothing.

use super::flight::{Address, Loaded};
use super::machine::{Machine, World};
use super::origins::Origins;
use super::packet::RouteType;
use super::trails::Operand;
use crate::program::{End, Field, NatTarget, Part, SetId, Span, Target};
use crate::ruleset::Comparison;

impl<W: World> Machine<'_, W> {
    /// Where the value that was read last comes from.
    #[inline]
    pub(super) fn origin(&mut self) -> Operand {
        self.world.trail().map_or(Operand::Constant(0), |trail| trail.last())
    }

    /// The same of the two values of a map.
    #[inline]
    pub(super) fn origins(&mut self) -> [Operand; 2] {
        self.world.trail().map_or([Operand::Constant(0); 2], |trail| trail.last_pair())
    }

    /// What follows depends on more than trails can say.
    #[inline]
    pub(super) fn leave_trail(&mut self) {
        if let Some(trail) = self.world.trail() {
            trail.leave();
        }
    }

    #[inline]
    pub(super) fn tell_constant(&mut self, value: u128) {
        if let Some(trail) = self.world.trail() {
            trail.read(Operand::Constant(value));
        }
    }

    #[inline]
    pub(super) fn tell_read(&mut self, field: Field, loaded: Loaded<'_>) {
        if self.world.trail().is_none() {
            return;
        }
        match field {
            Field::RouteType(end) => self.tell_route(end),
            Field::PacketType => self.tell_route(End::Destination),
            _ => {}
        }
        if let (Some(trail), Loaded::Value(value)) = (self.world.trail(), loaded) {
            trail.read(self.flight.origins.of(field, value));
        }
    }

    /// The route to an address that is not known does not depend on the packet's own.
    #[inline]
    pub(super) fn tell_route(&mut self, end: End) {
        let flight = &self.flight;
        let (address, origin) = match end {
            End::Source => (flight.source, flight.origins.source),
            End::Destination => (flight.destination, flight.origins.destination),
        };
        let version = flight.packet.version;
        if let (Some(trail), Address::Known(address)) = (self.world.trail(), address) {
            let route: RouteType = flight.surroundings.route_type(version, address);
            trail.route(version, origin, route);
        }
    }

    /// Marks and priorities are part of what a node of the tree stands for: only constants will do.
    #[inline]
    pub(super) fn tell_assigned(&mut self, target: &Target) {
        if let Some(trail) = self.world.trail()
            && *target != Target::Nothing
            && matches!(trail.last(), Operand::Slot(_))
        {
            trail.leave();
        }
    }

    #[inline]
    pub(super) fn tell_found(&mut self, set: SetId, parts: &[Part], key: &[Operand], values: &[u128]) {
        let program = self.program;
        let changed = self.changes.iter().any(|change| change.set == set);
        match self.world.trail() {
            Some(trail) if changed => trail.leave(),
            Some(trail) => trail.find(program, set, parts, key, values),
            None => {}
        }
    }

    /// A number that is no port is none. Maps of ports hold no others.
    #[inline]
    pub(super) fn tell_port(&mut self, target: &NatTarget, port: Option<u128>, origin: Operand) {
        if let NatTarget::Map { map, .. } = target
            && self.program.sets[*map].data.get(1).is_some_and(|kind| kind.bits() <= u16::BITS)
        {
            return;
        }
        if let (Some(trail), Some(port)) = (self.world.trail(), port) {
            trail.read(origin);
            let most = u128::from(u16::MAX);
            trail.compare(Comparison::LessOrEqual, Span::one(most), port <= most);
        }
    }

    /// Whether translation to an address changes anything is what `ct status dnat` asks: the port matters only where the
    /// address does not tell.
    #[inline]
    pub(super) fn tell_destination(&mut self, address: Option<u128>, port: Option<u16>, [to, to_port]: [Operand; 2]) {
        let flight = &mut self.flight;
        let Some(trail) = self.world.trail() else { return };
        flight.origins.translated = Origins::PACKET.translated;
        let mut changed = flight.destination_changed;
        if let Some(address) = address {
            if let (Address::Known(before), false) = (flight.destination, changed) {
                trail.same(flight.origins.destination, to, before == address);
            }
            changed |= flight.destination != Address::Known(address);
            flight.origins.destination = to;
            flight.origins.translated[0] = to;
        }
        if let Some(port) = port {
            if let Some(before) = flight.destination_port {
                if !changed {
                    trail.same(flight.origins.destination_port, to_port, before == port);
                }
                flight.origins.destination_port = to_port;
            }
            flight.origins.translated[1] = to_port;
        }
    }

    /// The same for `ct status snat`.
    #[inline]
    pub(super) fn tell_source(&mut self, address: u128, to: Operand) {
        let flight = &mut self.flight;
        let Some(trail) = self.world.trail() else { return };
        if let Address::Known(before) = flight.source {
            trail.same(flight.origins.source, to, before == address);
        }
        flight.origins.source = to;
    }
}
