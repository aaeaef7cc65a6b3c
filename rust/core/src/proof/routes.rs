//! What the routing table says of addresses that are not told apart yet.

use super::diagram::{Edge, NodeId};
use super::run::{Followed, Run};
use super::state::{Address, State};
use super::variable::Variable;
use crate::evaluate::{DestinationNat, RouteType, Surroundings};
use crate::program::{End, IpVersion};
use std::rc::Rc;

/// The last addresses of stretches that the routing table treats alike, and how.
pub(super) fn stretches(surroundings: &Surroundings, version: IpVersion) -> Rc<[(u128, RouteType)]> {
    let (own, fixed): (_, &[u128]) = match version {
        IpVersion::V4 => {
            (&surroundings.local_v4, &[0, 0x7eff_ffff, 0x7fff_ffff, 0xdfff_ffff, 0xefff_ffff, 0xffff_fffe, 0xffff_ffff])
        }
        IpVersion::V6 => (&surroundings.local_v6, &[0, 1, (0xff << 120) - 1, u128::MAX]),
    };
    let maximum = Variable::Destination.maximum(version);
    let mut uppers: Vec<u128> = fixed.to_vec();
    uppers.extend(own.iter().flat_map(|address| [address.saturating_sub(1), *address]));
    uppers.retain(|upper| *upper <= maximum);
    uppers.sort_unstable();
    uppers.dedup();
    let mut stretches: Vec<(u128, RouteType)> = Vec::with_capacity(uppers.len());
    for upper in uppers {
        let route_type = surroundings.route_type(version, upper);
        match stretches.last_mut() {
            Some(last) if last.1 == route_type => last.0 = upper,
            _ => stretches.push((upper, route_type)),
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
            Address::Original => match state.fact(variable) {
                Some(address) => match self.surroundings.route_type(self.version(), address) {
                    RouteType::Unicast if asked => self.perhaps_local(local, then),
                    route_type => then(self, Some(route_type)),
                },
                None => self.stretches(variable, asked.then_some(local), then),
            },
            Address::Translated => self.stretches(Variable::TranslatedAddress, None, then),
            Address::Hidden
                if end == End::Destination && matches!(state.destination_nat, DestinationNat::Redirect(_)) =>
            {
                then(self, Some(RouteType::Local))
            }
            Address::Hidden => then(self, None),
        }
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
        local: Option<Variable>,
        then: &mut dyn FnMut(&mut Self, Option<RouteType>) -> Followed,
    ) -> Followed {
        let stretches = Rc::clone(&self.routes);
        let mut known: Vec<(RouteType, NodeId)> = Vec::new();
        let mut edges = Vec::with_capacity(stretches.len());
        for (upper, route_type) in stretches.iter().copied() {
            let child = match (known.iter().find(|(of, _)| *of == route_type), local) {
                (Some((_, child)), _) => *child,
                (None, Some(local)) if route_type == RouteType::Unicast => self.perhaps_local(local, then)?,
                (None, _) => then(self, Some(route_type))?,
            };
            known.push((route_type, child));
            edges.push(Edge { upper, child });
        }
        self.cases(variable, edges)
    }
}
