//! The function of what was declared: for each packet of a case, what a node owes it.
//!
//! It is made of the semantics of Services (S22 to S47), one rule after the other, not of the rules that svcc or another
//! proxy would make. Its leaves are the [`Demand`]s of an interner of their own; their numbers are never those of ends.

mod clients;
mod declaration;
mod delivery;
mod demand;
mod place;

pub use declaration::{
    Decision, Declaration, DeclarationError, Endpoints, Frontend, Masquerade, NodePorts, Parts, Pods, Refusal,
    ServicePort, Table,
};
pub use demand::{Delivery, Demand, Demands, Remembered, Wanted};

use super::diagram::{Edge, NodeId, TooLarge};
use super::options::{Functions, Options};
use super::variable::Variable;
use crate::evaluate::{ConnectionState, Surroundings};
use clients::{Clients, within};
use delivery::{Deliveries, Way};
use place::{Class, Locality, Places, Situation};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// SCTP is the last of the protocols that Services speak: TCP 6, UDP 17, SCTP 132.
const PROTOCOLS: [u8; 3] = [6, 17, 132];

/// What is owed to every packet of a case ([`Functions::case`]).
///
/// What `options` say of marks is not asked: no mark changes what is owed. Destinations and sources are the node's if
/// they are among the surroundings, or loopback addresses; whether others are is asked unless the surroundings are
/// complete or, of destinations, take them for addresses elsewhere. Endpoints are the node's only if they are among them.
///
/// # Errors
/// The diagram is full; or the declaration is not for the case's version of IP, so that there is no such function.
pub fn declared(
    declaration: &Declaration,
    surroundings: &Surroundings,
    options: &Options,
    functions: &mut Functions,
    demands: &mut Demands,
) -> Result<NodeId, TooLarge> {
    let case = functions.case;
    if case.version != declaration.parts().version {
        return Err(TooLarge);
    }
    if case.state != ConnectionState::New {
        let anything = Demand { wanted: Wanted::Anything, frontend: None, remember: None };
        return Ok(functions.diagram.leaf(demands.number(anything)));
    }
    let places = Places::new(declaration, surroundings, options, case.hook);
    let clients = Clients::new(&declaration.parts().pods, &places, &mut functions.diagram)?;
    let deliveries = Deliveries::new(declaration, &places, &clients, options.records, surroundings.big_endian);
    let (situations, delivered) = (FxHashMap::default(), FxHashMap::default());
    demands.reserve(deliveries_of(declaration));
    Builder { declaration, deliveries, functions, demands, situations, delivered }.destinations()
}

/// About how many deliveries there are: to each endpoint of each frontend, with its source rewritten or not.
fn deliveries_of(declaration: &Declaration) -> usize {
    let parts = declaration.parts();
    let endpoints = |frontend: &Frontend| {
        parts.service_ports[frontend.service_port].endpoints(frontend.inside).map_or(0, |set| set.places.len())
    };
    2 * parts.frontends.iter().map(endpoints).sum::<usize>()
}

struct Builder<'a> {
    declaration: &'a Declaration,
    deliveries: Deliveries<'a>,
    functions: &'a mut Functions,
    demands: &'a mut Demands,
    situations: FxHashMap<(Class, bool), Rc<Answers>>,
    /// By frontend and decision; the destination makes no difference to what is delivered.
    delivered: FxHashMap<(u32, Decision), NodeId>,
}

/// The nodes of addresses that have no frontends of their own.
#[derive(Clone, Debug)]
struct Answers {
    otherwise: NodeId,
    /// Those of node ports by protocol, as in [`PROTOCOLS`], in the order of their ports.
    ports: [Vec<(u16, NodeId)>; 3],
}

impl Builder<'_> {
    fn destinations(&mut self) -> Result<NodeId, TooLarge> {
        let places = self.deliveries.places;
        let maximum = Variable::Destination.maximum(self.functions.case.version);
        let frontends = places.frontends();
        let mut groups = frontends.chunk_by(|(left, _), (right, _)| left.0 == right.0).peekable();
        let mut known: FxHashMap<Class, NodeId> = FxHashMap::default();
        let mut cuts = places.cuts();
        cuts.retain(|cut| *cut <= maximum);
        let mut edges = Vec::with_capacity(cuts.len());
        for (index, first) in cuts.iter().enumerate() {
            let upper = cuts.get(index + 1).map_or(maximum, |next| next - 1);
            let class = places.class(*first);
            let child = if let Some(group) = groups.next_if(|group| group[0].0.0 == *first) {
                self.address(class, group)?
            } else if let Some(node) = known.get(&class) {
                *node
            } else {
                let node = self.address(class, &[])?;
                known.insert(class, node);
                node
            };
            edges.push(Edge { upper, child });
        }
        self.functions.diagram.split(Variable::Destination, edges)
    }

    /// The function of the packets to an address with these frontends, which are in the order of protocol and port.
    fn address(&mut self, class: Class, frontends: &[((u128, u8, u16), u32)]) -> Result<NodeId, TooLarge> {
        let answers = self.answers(class)?;
        let situation = class.situation(false, self.deliveries.places.output);
        let mut edges = Vec::with_capacity(2 * PROTOCOLS.len() + 1);
        let mut rest = frontends;
        for (protocol, node_ports) in PROTOCOLS.into_iter().zip(&answers.ports) {
            let (own, others) = rest.split_at(rest.partition_point(|((_, its, _), _)| *its <= protocol));
            rest = others;
            let mut ports = Vec::with_capacity(own.len());
            for ((_, _, port), number) in own {
                ports.push((*port, self.frontend(*number, situation)?));
            }
            edges.push(Edge { upper: u128::from(protocol) - 1, child: answers.otherwise });
            let child = self.ports(&ports, node_ports, answers.otherwise)?;
            edges.push(Edge { upper: u128::from(protocol), child });
        }
        edges.push(Edge { upper: Variable::Protocol.maximum(self.functions.case.version), child: answers.otherwise });
        self.functions.diagram.split(Variable::Protocol, edges)
    }

    /// Ports that lead somewhere, the address's own before node ports of the same number (S24).
    fn ports(
        &mut self,
        own: &[(u16, NodeId)],
        node_ports: &[(u16, NodeId)],
        otherwise: NodeId,
    ) -> Result<NodeId, TooLarge> {
        let mut edges: Vec<Edge> = Vec::with_capacity(2 * (own.len() + node_ports.len()) + 1);
        let mut next = 0_u128;
        let (mut own, mut node_ports) = (own.iter().peekable(), node_ports.iter().peekable());
        loop {
            let from_own = match (own.peek(), node_ports.peek()) {
                (Some((left, _)), Some((right, _))) => left <= right,
                (left, _) => left.is_some(),
            };
            let Some((port, child)) = (if from_own { own.next() } else { node_ports.next() }) else { break };
            node_ports.next_if(|(other, _)| other == port);
            let port = u128::from(*port);
            if let Some(before) = port.checked_sub(1).filter(|_| port > next) {
                edges.push(Edge { upper: before, child: otherwise });
            }
            edges.push(Edge { upper: port, child: *child });
            next = port + 1;
        }
        let maximum = Variable::DestinationPort.maximum(self.functions.case.version);
        if next <= maximum {
            edges.push(Edge { upper: maximum, child: otherwise });
        }
        self.functions.diagram.split(Variable::DestinationPort, edges)
    }

    /// What an address without frontends of its own answers; asked whether it is the node's where that is not known.
    fn answers(&mut self, class: Class) -> Result<Rc<Answers>, TooLarge> {
        let away = self.answers_if(class, false)?;
        if class.locality != Locality::Unknown {
            return Ok(away);
        }
        let here = self.answers_if(class, true)?;
        let diagram = &mut self.functions.diagram;
        let mut either = |away, here| {
            let edges = vec![Edge { upper: 0, child: away }, Edge { upper: 1, child: here }];
            diagram.split(Variable::DestinationLocal, edges)
        };
        let otherwise = either(away.otherwise, here.otherwise)?;
        let mut ports: [Vec<(u16, NodeId)>; 3] = Default::default();
        for (place, ports) in ports.iter_mut().enumerate() {
            // Whatever serves node ports elsewhere serves them here, too, so the ports are those served here.
            let (away_ports, here_ports) = (&away.ports[place], &here.ports[place]);
            for (port, node) in here_ports {
                let other = away_ports.binary_search_by_key(port, |(port, _)| *port);
                let other = other.map_or(away.otherwise, |place| away_ports[place].1);
                ports.push((*port, either(other, *node)?));
            }
        }
        let answers = Rc::new(Answers { otherwise, ports });
        Ok(answers)
    }

    fn answers_if(&mut self, class: Class, here: bool) -> Result<Rc<Answers>, TooLarge> {
        if let Some(found) = self.situations.get(&(class, here)) {
            return Ok(Rc::clone(found));
        }
        let places = self.deliveries.places;
        let situation = class.situation(here, places.output);
        let otherwise = self.turned_away(situation, None, None);
        let mut ports: [Vec<(u16, NodeId)>; 3] = Default::default();
        if situation.serves {
            for (protocol, ports) in PROTOCOLS.into_iter().zip(&mut ports) {
                for (port, number) in places.node_ports(protocol) {
                    ports.push((port, self.frontend(number, situation)?));
                }
            }
        }
        let answers = Rc::new(Answers { otherwise, ports });
        self.situations.insert((class, here), Rc::clone(&answers));
        Ok(answers)
    }

    /// The function of the packets to a frontend at an address in a situation.
    fn frontend(&mut self, number: u32, situation: Situation) -> Result<NodeId, TooLarge> {
        let frontend = &self.declaration.parts().frontends[number as usize];
        let inside = self.decision(number, frontend, frontend.inside, situation)?;
        let outside = if frontend.outside == frontend.inside {
            inside
        } else {
            self.decision(number, frontend, frontend.outside, situation)?
        };
        let served = self.functions.diagram.choose(self.deliveries.clients.inside, inside, outside)?;
        let Some(allowed) = &frontend.allowed_sources else { return Ok(served) };
        let allowed = within(&mut self.functions.diagram, Variable::Source, allowed)?;
        let dropped = self.leaf(Some(number), Wanted::Refused(Refusal::Drop));
        self.functions.diagram.choose(allowed, served, dropped)
    }

    fn decision(
        &mut self,
        number: u32,
        frontend: &Frontend,
        decision: Decision,
        situation: Situation,
    ) -> Result<NodeId, TooLarge> {
        let service_port = &self.declaration.parts().service_ports[frontend.service_port];
        if let Some(set) = service_port.endpoints(decision) {
            let (protocol, affinity) = (service_port.protocol, service_port.affinity);
            if let Some(node) = self.delivered.get(&(number, decision)) {
                return Ok(*node);
            }
            let way = Way { number, frontend, protocol, affinity, set };
            let node = self.deliveries.node(way, self.functions, self.demands)?;
            self.delivered.insert((number, decision), node);
            return Ok(node);
        }
        let by_address = frontend.address.is_some();
        Ok(self.turned_away(
            situation,
            by_address.then_some((number, frontend)),
            (!by_address).then_some((number, frontend)),
        ))
    }

    /// The leaf of packets that are not translated.
    fn turned_away(
        &mut self,
        situation: Situation,
        frontend: Option<(u32, &Frontend)>,
        node_port: Option<(u32, &Frontend)>,
    ) -> NodeId {
        let places = self.deliveries.places;
        let refusal = places.refusal(situation, frontend.map(|(_, it)| it), node_port.map(|(_, it)| it));
        let number = frontend.or(node_port).map(|(number, _)| number);
        match refusal {
            Some(refusal) => self.leaf(number, Wanted::Refused(refusal)),
            None => self.leaf(None, Wanted::Free),
        }
    }

    fn leaf(&mut self, frontend: Option<u32>, wanted: Wanted) -> NodeId {
        self.functions.diagram.leaf(self.demands.number(Demand { wanted, frontend, remember: None }))
    }
}
