//! Where connections go: a set of endpoints, one of them chosen by chance or by a hash.

use super::clients::Clients;
use super::declaration::{Declaration, Endpoints, Frontend, Refusal, Table};
use super::demand::{Allowed, AllowedSet, Delivery, Demand, Demands, Remembered, Wanted};
use super::place::Places;
use crate::program::{IpVersion, Kind};
use crate::proof::diagram::{Edge, NO, NodeId, Share, TooLarge, YES};
use crate::proof::hashes::{HashKey, HashedPart, HashedValue};
use crate::proof::options::{Functions, Records};
use crate::proof::variable::Variable;
use rustc_hash::FxHashSet;

/// What deliveries are made of, and made into.
pub(super) struct Deliveries<'a> {
    pub(super) places: &'a Places<'a>,
    pub(super) clients: &'a Clients,
    local_endpoints: FxHashSet<u128>,
    records: Records,
    big_endian: bool,
}

/// A frontend and the set it leads to.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) number: u32,
    pub(super) frontend: &'a Frontend,
    pub(super) protocol: u8,
    pub(super) affinity: Option<u64>,
    pub(super) set: &'a Endpoints,
}

impl<'a> Deliveries<'a> {
    pub(super) fn new(
        declaration: &Declaration,
        places: &'a Places<'a>,
        clients: &'a Clients,
        records: Records,
        big_endian: bool,
    ) -> Self {
        let local_endpoints = declaration.parts().local_endpoints.iter().copied().collect();
        Self { places, clients, local_endpoints, records, big_endian }
    }

    /// The function of connections that go to an endpoint of a set.
    pub(super) fn node(
        &self,
        way: Way<'_>,
        functions: &mut Functions,
        demands: &mut Demands,
    ) -> Result<NodeId, TooLarge> {
        let guard = self.clients.masqueraded(way.frontend.masquerade);
        let set = (self.records == Records::Any && way.affinity.is_some()).then(|| self.allowed(way));
        let number = set.as_ref().map(|set| demands.set(set.clone()));
        let endpoint = |(address, port): &(u128, u16)| self.places.endpoint(*address, way.protocol, *port);
        let met: Vec<_> = if set.is_none() { way.set.places.iter().map(endpoint).collect() } else { Vec::new() };
        let mut node = |masquerade| match (&set, number) {
            (Some(set), Some(number)) => self.remembered(way, (number, set), masquerade, functions, demands),
            _ => self.chosen(way, &met, masquerade, functions, demands),
        };
        match guard {
            YES => node(true),
            NO => node(false),
            _ => {
                let (then, otherwise) = (node(true)?, node(false)?);
                functions.diagram.choose(guard, then, otherwise)
            }
        }
    }

    /// One of the endpoints, by chance or by the hash of the client; what each meets is given in their order.
    fn chosen(
        &self,
        way: Way<'_>,
        met: &[(Option<Refusal>, bool)],
        masquerade: bool,
        functions: &mut Functions,
        demands: &mut Demands,
    ) -> Result<NodeId, TooLarge> {
        let mut nodes = Vec::with_capacity(way.set.places.len());
        for (place, met) in way.set.places.iter().zip(met) {
            nodes.push(self.endpoint(way, *place, *met, masquerade, functions, demands)?);
        }
        if let Some(table) = &way.set.table {
            return self.hashed(table, &nodes, functions);
        }
        let weights = way.set.weights.iter().copied().chain(std::iter::repeat(1));
        let shares = nodes.into_iter().zip(weights).map(|(child, weight)| Share { child, weight: u64::from(weight) });
        functions.diagram.mix(shares.collect())
    }

    /// An arc of all hashes for each slot: those that are scaled to its number.
    fn hashed(&self, table: &Table, nodes: &[NodeId], functions: &mut Functions) -> Result<NodeId, TooLarge> {
        let address = match functions.case.version {
            IpVersion::V4 => Kind::Ipv4,
            IpVersion::V6 => Kind::Ipv6,
        };
        let mut parts = vec![HashedPart::new(HashedValue::Variable(Variable::Source), address)];
        if table.by_flow {
            parts.push(HashedPart::new(HashedValue::Variable(Variable::SourcePort), Kind::Port));
        }
        let key = HashKey { parts: parts.into(), big_endian: self.big_endian };
        let number = functions.hashes.number(&key, table.seed);
        let size = table.slots.len() as u128;
        let edges = (1..).zip(&table.slots).map(|(next, place): (u128, &u32)| Edge {
            upper: (next << 32).div_ceil(size) - 1,
            child: nodes[*place as usize],
        });
        functions.diagram.split(Variable::Hash(number), edges.collect())
    }

    fn endpoint(
        &self,
        way: Way<'_>,
        (address, port): (u128, u16),
        (refusal, stays): (Option<Refusal>, bool),
        masquerade: bool,
        functions: &mut Functions,
        demands: &mut Demands,
    ) -> Result<NodeId, TooLarge> {
        let mut leaf = |wanted, remember| {
            let demand = Demand { wanted, frontend: Some(way.number), remember };
            functions.diagram.leaf(demands.number(demand))
        };
        if let Some(refusal) = refusal {
            return Ok(leaf(Wanted::Refused(refusal), None));
        }
        // What arrives for the node itself passes no hook where its source could be rewritten.
        let keeps_source = stays && !self.places.output;
        let delivered = |masquerade| Wanted::Delivered(Delivery { address, port, masquerade });
        let plain = leaf(delivered(masquerade && !keeps_source), way.affinity);
        if masquerade || keeps_source || !self.local_endpoints.contains(&address) {
            return Ok(plain);
        }
        let hairpin = leaf(delivered(true), way.affinity);
        by_source(&[(address, hairpin)], plain, functions)
    }

    /// Clients that may be remembered, and those of them that may reach themselves.
    fn remembered(
        &self,
        way: Way<'_>,
        (number, set): (u32, &AllowedSet),
        masquerade: bool,
        functions: &mut Functions,
        demands: &mut Demands,
    ) -> Result<NodeId, TooLarge> {
        let mut leaf = |hairpin| {
            let wanted = Wanted::Remembered(Remembered { set: number, masquerade, hairpin });
            let demand = Demand { wanted, frontend: Some(way.number), remember: way.affinity };
            functions.diagram.leaf(demands.number(demand))
        };
        let otherwise = leaf(None);
        if masquerade {
            return Ok(otherwise);
        }
        let mut cuts: Vec<(u128, NodeId)> = Vec::new();
        for (place, allowed) in (0..).zip(&set.endpoints) {
            let again = cuts.last().is_some_and(|(address, _)| *address == allowed.address);
            if !again && self.local_endpoints.contains(&allowed.address) {
                cuts.push((allowed.address, leaf(Some(place))));
            }
        }
        by_source(&cuts, otherwise, functions)
    }

    fn allowed(&self, way: Way<'_>) -> AllowedSet {
        let mut set = AllowedSet::default();
        for (address, port) in way.set.places.iter().copied() {
            match self.places.endpoint(address, way.protocol, port) {
                (Some(refusal), _) => {
                    if !set.refusals.contains(&refusal) {
                        set.refusals.push(refusal);
                    }
                }
                (None, stays) => {
                    set.endpoints.push(Allowed { address, port, stays: stays && !self.places.output });
                }
            }
        }
        set.endpoints.sort_unstable();
        set
    }
}

/// Some sources, which ascend, and all others.
fn by_source(cuts: &[(u128, NodeId)], otherwise: NodeId, functions: &mut Functions) -> Result<NodeId, TooLarge> {
    let maximum = Variable::Source.maximum(functions.case.version);
    let mut edges: Vec<Edge> = Vec::with_capacity(2 * cuts.len() + 1);
    for (source, child) in cuts {
        if let Some(before) = source.checked_sub(1)
            && edges.last().is_none_or(|last| last.upper < before)
        {
            edges.push(Edge { upper: before, child: otherwise });
        }
        edges.push(Edge { upper: *source, child: *child });
    }
    if edges.last().is_none_or(|last| last.upper < maximum) {
        edges.push(Edge { upper: maximum, child: otherwise });
    }
    functions.diagram.split(Variable::Source, edges)
}
