//! The network around a node, as far as declarations and rules tell.

use super::declared::Declaration;
use super::region::Region;
use super::variable::Variable;
use crate::evaluate::Surroundings;
use crate::program::{Action, End, Field, IpVersion, Program, Rule, Span, Term};
use crate::ruleset::{Comparison, Hook, NatKind};

/// Addresses that nodes may have, for where some address must be the node's own and no known one will do.
const NODES_V4: [u128; 4] = [0xc0a8_fafa, 0xac1e_fafa, 0x0afa_fafa, 0x0a00_00fa];
const NODES_V6: [u128; 1] = [0xfd00_00fa << 96 | 0xfa];

/// What is known of the network, to choose packets that make sense in it, and to tell whose they are.
#[derive(Clone, Debug, Default)]
pub struct Neighbourhood {
    /// The addresses of pods.
    pub pods: Vec<Span>,
    /// The addresses that Services have or may get.
    pub services: Vec<Span>,
    /// The node's own addresses.
    pub own: Vec<u128>,
    /// Networks behind the node that are hidden by its address and hold no pod: those of containers and virtual machines.
    pub networks: Vec<Span>,
    /// Whether there are such networks, of either version: bridges named as Docker and libvirt name them are theirs then,
    /// and not those of pods.
    pub bridges: bool,
}

impl Neighbourhood {
    /// The part of one version of IP, with what else the declaration, the surroundings and the rules tell.
    pub(super) fn of(&self, declaration: &Declaration, surroundings: &Surroundings, program: &Program) -> Self {
        let parts = declaration.parts();
        let version = parts.version;
        let of_version = |span: &&Span| (span.high <= u128::from(u32::MAX)) == (version == IpVersion::V4);
        let pods: Vec<Span> = self.pods.iter().filter(of_version).copied().collect();
        let addresses = parts.frontends.iter().filter_map(|frontend| frontend.address);
        let addresses = addresses.chain(parts.cluster_ips.iter().copied()).map(Span::one);
        let services: Vec<Span> = parts.service_cidrs.iter().copied().chain(addresses).collect();
        let sets = parts.service_ports.iter().flat_map(|port| [&port.cluster, &port.local]);
        let endpoints: Vec<u128> = sets.flat_map(|set| set.places.iter().map(|place| place.0)).collect();
        let own = match version {
            IpVersion::V4 => surroundings.local_v4.clone(),
            IpVersion::V6 => surroundings.local_v6.clone(),
        };
        let rules = || program.chains.iter().flat_map(|chain| &chain.rules);
        let mut networks: Vec<Span> = rules().filter_map(|rule| hidden(rule, version)).collect();
        networks.retain(|network| {
            let holds = |address: &u128| network.contains(*address);
            !pods.iter().chain(&services).any(|span| meet(span, network)) && !own.iter().chain(&endpoints).any(holds)
        });
        networks.sort_unstable_by_key(|network| (network.low, network.high));
        networks.dedup();
        let other = if version == IpVersion::V4 { IpVersion::V6 } else { IpVersion::V4 };
        let others = self.pods.iter().filter(|span| !of_version(span));
        let theirs = rules()
            .filter_map(|rule| hidden(rule, other))
            .any(|network| !others.clone().any(|span| meet(span, &network)));
        let bridges = !networks.is_empty() || theirs && rules().all(|rule| hidden(rule, version).is_none());
        Self { pods, services, own, networks, bridges }
    }

    /// Whether the packets of a region are those of networks that are none of the cluster's: they come from one, or leave
    /// to one by a bridge of Docker or libvirt.
    pub(super) fn is_aside(&self, region: &Region) -> bool {
        let from = region
            .get(Variable::Source)
            .is_some_and(|(low, high)| self.networks.iter().any(|network| network.low <= low && high <= network.high));
        let bridge = region
            .get(Variable::OutputInterface)
            .filter(|(low, high)| low == high)
            .map(|(number, _)| number.to_be_bytes());
        from || self.bridges && bridge.is_some_and(|name| is_bridge(&name))
    }

    /// How believable packets of a region can be; 0 is best.
    pub(super) fn oddity(&self, region: &Region, version: IpVersion, hook: Hook) -> u8 {
        let holds = |variable, value| {
            let (low, high) = region.of(variable, version);
            (low..=high).contains(&value)
        };
        let protocol = [6, 17].iter().any(|protocol| holds(Variable::Protocol, *protocol));
        let source =
            hook != Hook::Output || self.own.is_empty() || self.own.iter().any(|own| holds(Variable::Source, *own));
        let supposed = region.get(Variable::DestinationLocal).is_some_and(|(low, _)| low == 1);
        let destination = !supposed || self.nodes(version).any(|node| holds(Variable::Destination, node));
        [protocol, source, destination].iter().map(|good| u8::from(!good)).sum()
    }

    /// Addresses that the node may have beside its own.
    pub(super) fn nodes(&self, version: IpVersion) -> impl Iterator<Item = u128> + '_ {
        let nodes: &[u128] = if version == IpVersion::V4 { &NODES_V4 } else { &NODES_V6 };
        nodes.iter().copied().filter(|node| !self.is_of_cluster(*node))
    }

    /// Whether it is the address of a pod or a Service, or may be.
    pub(super) fn is_of_cluster(&self, address: u128) -> bool {
        self.pods.iter().chain(&self.services).any(|span| span.contains(address))
    }
}

fn meet(one: &Span, other: &Span) -> bool {
    one.low <= other.high && other.low <= one.high
}

/// The network of which a rule masquerades what leaves it: what goes to other networks, or by other interfaces.
fn hidden(rule: &Rule, version: IpVersion) -> Option<Span> {
    let address = |end| if version == IpVersion::V4 { Field::Ipv4Address(end) } else { Field::Ipv6Address(end) };
    let masquerades = rule
        .actions
        .iter()
        .any(|action| matches!(action, Action::Nat { kind: NatKind::Masquerade | NatKind::Source, .. }));
    let compared = || {
        rule.actions.iter().filter_map(|action| match action {
            Action::Compare { part, comparison, span } => match &part.term {
                Term::Field(field) => Some((field, *comparison, *span)),
                _ => None,
            },
            _ => None,
        })
    };
    let (_, _, network) = compared()
        .find(|(field, comparison, _)| **field == address(End::Source) && *comparison == Comparison::Equal)?;
    let leaves = compared().any(|(field, comparison, span)| {
        comparison == Comparison::NotEqual
            && (*field == Field::OutputInterface || *field == address(End::Destination) && span == network)
    });
    (masquerades && leaves).then_some(network)
}

/// Whether Docker or libvirt name bridges so: `docker0`, `br-1a2b3c4d5e6f`, `virbr0`.
fn is_bridge(name: &[u8]) -> bool {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let all = |rest: &[u8], good: fn(&u8) -> bool| !rest.is_empty() && rest.iter().all(good);
    name.strip_prefix(b"docker").is_some_and(|rest| all(rest, u8::is_ascii_digit))
        || name.strip_prefix(b"virbr").is_some_and(|rest| all(rest, u8::is_ascii_digit))
        || name.strip_prefix(b"br-").is_some_and(|rest| all(rest, u8::is_ascii_hexdigit))
}
