//! What the routing table says of addresses that are not told apart yet.

use super::diagram::{Edge, NodeId};
use super::run::{Followed, Run};
use super::state::{Address, State};
use super::variable::Variable;
use crate::evaluate::{DestinationNat, RouteType, Surroundings};
use crate::program::{End, IpVersion, Span};
use std::rc::Rc;

/// Addresses that the routing table treats alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// The last one.
    upper: u128,
    route_type: RouteType,
    /// They are none of the node's, whatever else is not known of its addresses.
    elsewhere: bool,
}

/// All addresses in stretches that the routing table treats alike, with `elsewhere` those apart that are none of the node's.
pub(super) fn stretches(surroundings: &Surroundings, version: IpVersion, elsewhere: bool) -> Rc<[Stretch]> {
    let (own, fixed): (_, &[u128]) = match version {
        IpVersion::V4 => {
            (&surroundings.local_v4, &[0, 0x7eff_ffff, 0x7fff_ffff, 0xdfff_ffff, 0xefff_ffff, 0xffff_fffe, 0xffff_ffff])
        }
        IpVersion::V6 => (&surroundings.local_v6, &[0, 1, (0xff << 120) - 1, u128::MAX]),
    };
    let maximum = Variable::Destination.maximum(version);
    let mut uppers: Vec<u128> = fixed.to_vec();
    uppers.extend(own.iter().flat_map(|address| [address.saturating_sub(1), *address]));
    if elsewhere {
        let addresses = surroundings.elsewhere(version).iter().copied().map(Span::one);
        let ranges = addresses.chain(surroundings.elsewhere_ranges(version).iter().copied());
        uppers.extend(ranges.flat_map(|range| [range.low.saturating_sub(1), range.high]));
    }
    uppers.retain(|upper| *upper <= maximum);
    uppers.sort_unstable();
    uppers.dedup();
    let mut stretches: Vec<Stretch> = Vec::with_capacity(uppers.len());
    for upper in uppers {
        let route_type = surroundings.route_type(version, upper);
        let elsewhere = elsewhere && surroundings.is_elsewhere(version, upper);
        match stretches.last_mut() {
            Some(last) if last.route_type == route_type && last.elsewhere == elsewhere => last.upper = upper,
            _ => stretches.push(Stretch { upper, route_type, elsewhere }),
        }
    }
    stretches.into()
}

impl Run<'_> {
    /// The kind of address, with what follows for each; None where nobody knows.
    pub(super) fn route_type(
        &mut self,
        end: End,
        state: &State,
        then: &mut dyn FnMut(&mut Self, Option<RouteType>) -> Followed,
    ) -> Followed {
        let (address, variable, local) = match end {
            End::Source => (state.source, Variable::Source, Variable::SourceLocal),
            End::Destination => (state.destination, Variable::Destination, Variable::DestinationLocal),
        };
        let asked = !self.options.local_addresses_complete;
        match address {
            Address::Known(address) => {
                let route_type = self.surroundings.route_type(self.version(), address);
                then(self, Some(route_type))
            }
            Address::Original => {
                let Some(address) = state.fact(variable) else {
                    let stretches = if end == End::Destination { &self.sent_routes } else { &self.routes };
                    return self.stretches(variable, &Rc::clone(stretches), asked.then_some(local), then);
                };
                match self.surroundings.route_type(self.version(), address) {
                    RouteType::Unicast if asked && !self.is_elsewhere(end, address) => self.perhaps_local(local, then),
                    route_type => then(self, Some(route_type)),
                }
            }
            Address::Translated => self.stretches(Variable::TranslatedAddress, &Rc::clone(&self.routes), None, then),
            Address::Hidden
                if end == End::Destination && matches!(state.destination_nat, DestinationNat::Redirect(_)) =>
            {
                then(self, Some(RouteType::Local))
            }
            Address::Hidden => then(self, None),
        }
    }

    /// Whether an address as the packet has it from the start is known to be none of the node's.
    fn is_elsewhere(&self, end: End, address: u128) -> bool {
        end == End::Destination && self.surroundings.is_elsewhere(self.version(), address)
    }

    fn perhaps_local(
        &mut self,
        local: Variable,
        then: &mut dyn FnMut(&mut Self, Option<RouteType>) -> Followed,
    ) -> Followed {
        let unicast = then(self, Some(RouteType::Unicast))?;
        let own = then(self, Some(RouteType::Local))?;
        self.cases(local, vec![Edge { upper: 0, child: unicast }, Edge { upper: 1, child: own }])
    }

    fn stretches(
        &mut self,
        variable: Variable,
        stretches: &[Stretch],
        local: Option<Variable>,
        then: &mut dyn FnMut(&mut Self, Option<RouteType>) -> Followed,
    ) -> Followed {
        let mut known: Vec<(RouteType, bool, NodeId)> = Vec::new();
        let mut edges = Vec::with_capacity(stretches.len());
        for Stretch { upper, route_type, elsewhere } in stretches.iter().copied() {
            let asked = local.filter(|_| route_type == RouteType::Unicast && !elsewhere);
            let before = known.iter().find(|(of, perhaps, _)| *of == route_type && *perhaps == asked.is_some());
            let child = match (before, asked) {
                (Some((.., child)), _) => *child,
                (None, Some(local)) => self.perhaps_local(local, then)?,
                (None, None) => then(self, Some(route_type))?,
            };
            if before.is_none() {
                known.push((route_type, asked.is_some(), child));
            }
            edges.push(Edge { upper, child });
        }
        self.cases(variable, edges)
    }
}
