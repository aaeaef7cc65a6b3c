//! Destinations: what is known of an address before anything is looked up, and what refuses packets there.

use super::declaration::{Declaration, Frontend, NodePorts, Refusal};
use crate::evaluate::Surroundings;
use crate::program::{IpVersion, Span};
use crate::proof::options::Options;
use crate::ruleset::Hook;
use rustc_hash::{FxHashMap, FxHashSet};

/// Whether a packet to an address is for the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Locality {
    /// It is an address of the node.
    Here,
    /// It is none, but what arrives for it stays on the node: multicast and broadcast.
    Stays,
    /// It goes on.
    Away,
    /// It may be an address of the node.
    Unknown,
}

/// All that the ways of packets to an address without a frontend of its own depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Class {
    pub(super) locality: Locality,
    /// What refuses packets to the address whatever their port (S38, S39).
    by_address: Option<Refusal>,
    /// It serves node ports, if it is known to be the node's or that does not matter.
    serves: bool,
    /// It serves node ports if it is the node's.
    serves_if_here: bool,
}

/// A class where it is known whether the address is the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Situation {
    /// Packets to it stay on the node.
    stays: bool,
    by_address: Option<Refusal>,
    pub(super) serves: bool,
}

impl Class {
    /// The situation if the address is the node's, or is not; the same where it is known.
    pub(super) fn situation(self, here: bool, output: bool) -> Situation {
        let is_here = match self.locality {
            Locality::Here => true,
            Locality::Unknown => here,
            Locality::Stays | Locality::Away => false,
        };
        Situation {
            stays: is_here || self.locality == Locality::Stays && !output,
            by_address: self.by_address,
            serves: self.serves || self.serves_if_here && is_here,
        }
    }
}

/// What is declared and known about addresses, ready to be asked.
pub(super) struct Places<'a> {
    declaration: &'a Declaration,
    surroundings: &'a Surroundings,
    complete: bool,
    pub(super) output: bool,
    cluster_ips: FxHashSet<u128>,
    addresses: FxHashSet<u128>,
    frontends: FxHashMap<(u128, u8, u16), u32>,
    node_ports: FxHashMap<(u8, u16), u32>,
    service_cidrs: Vec<Span>,
    listed: Option<Vec<u128>>,
    prefixes: Vec<Span>,
    loopback: Span,
}

impl<'a> Places<'a> {
    pub(super) fn new(
        declaration: &'a Declaration,
        surroundings: &'a Surroundings,
        options: &Options,
        hook: Hook,
    ) -> Self {
        let parts = declaration.parts();
        let mut frontends = FxHashMap::default();
        let mut addresses = FxHashSet::default();
        let mut node_ports = FxHashMap::default();
        for (number, frontend) in (0..).zip(&parts.frontends) {
            let protocol = parts.service_ports[frontend.service_port].protocol;
            match frontend.address {
                Some(address) => {
                    addresses.insert(address);
                    frontends.entry((address, protocol, frontend.port)).or_insert(number);
                }
                None => {
                    node_ports.entry((protocol, frontend.port)).or_insert(number);
                }
            }
        }
        let (listed, prefixes) = match &parts.node_ports {
            NodePorts::Listed(listed) => (Some(listed.clone()), Vec::new()),
            NodePorts::Within(prefixes) => (None, prefixes.clone()),
        };
        Self {
            declaration,
            surroundings,
            complete: options.local_addresses_complete,
            output: hook == Hook::Output,
            cluster_ips: parts.cluster_ips.iter().copied().collect(),
            addresses,
            frontends,
            node_ports,
            service_cidrs: merged(&parts.service_cidrs),
            listed,
            prefixes: merged(&prefixes),
            loopback: loopback(parts.version),
        }
    }

    fn version(&self) -> IpVersion {
        self.declaration.parts().version
    }

    /// Whether an address is the node's; None if nobody said.
    pub(super) fn locality(&self, address: u128) -> Locality {
        let version = self.version();
        if self.surroundings.is_local(version, address) {
            Locality::Here
        } else if broadcasts(version).iter().any(|span| span.contains(address)) {
            Locality::Stays
        } else if self.complete || address == 0 || self.surroundings.is_elsewhere(version, address) {
            Locality::Away
        } else {
            Locality::Unknown
        }
    }

    /// What is known of a destination as it was sent.
    pub(super) fn class(&self, address: u128) -> Class {
        let by_address = if self.cluster_ips.contains(&address) {
            Some(Refusal::Reject)
        } else {
            contains(&self.service_cidrs, address).then_some(Refusal::Drop)
        };
        let is_loopback = self.loopback.contains(address);
        let serves = !is_loopback && self.listed.as_ref().is_some_and(|listed| listed.contains(&address));
        let serves_if_here = !is_loopback && self.listed.is_none() && contains(&self.prefixes, address);
        Class { locality: self.locality(address), by_address, serves, serves_if_here }
    }

    /// What refuses a packet to a frontend's address and port, or a node port's, after the translation of destinations
    /// has let it pass (S37 to S39): the filter hooks on its way, in their order.
    ///
    /// Frontends with an address are looked up in all of them, node ports where packets stay on the node; addresses of
    /// Services where they do not. The first that is found by address keeps the node port from being asked.
    pub(super) fn refusal(
        &self,
        situation: Situation,
        frontend: Option<&Frontend>,
        node_port: Option<&Frontend>,
    ) -> Option<Refusal> {
        let leaving = self.output || !situation.stays;
        let by_frontend = frontend.and_then(Frontend::refusal);
        let at_leaving = if leaving { by_frontend.or(situation.by_address) } else { None };
        at_leaving.or_else(|| match frontend {
            _ if !situation.stays => None,
            Some(_) => by_frontend,
            None => node_port.filter(|_| situation.serves).and_then(Frontend::refusal),
        })
    }

    /// What refuses a packet that was translated to an endpoint, and whether it stays on the node (S28).
    pub(super) fn endpoint(&self, address: u128, protocol: u8, port: u16) -> (Option<Refusal>, bool) {
        let class = self.class(address);
        let situation = class.situation(false, self.output);
        let numbered = |number: &u32| &self.declaration.parts().frontends[*number as usize];
        let frontend = self
            .addresses
            .contains(&address)
            .then(|| self.frontends.get(&(address, protocol, port)).map(numbered))
            .flatten();
        let node_port = situation.serves.then(|| self.node_ports.get(&(protocol, port)).map(numbered)).flatten();
        (self.refusal(situation, frontend, node_port), situation.stays)
    }

    /// The numbers of the frontends with an address, by address, protocol and port.
    pub(super) fn frontends(&self) -> Vec<((u128, u8, u16), u32)> {
        let mut frontends: Vec<_> = self.frontends.iter().map(|(key, number)| (*key, *number)).collect();
        frontends.sort_unstable();
        frontends
    }

    /// The numbers of the node ports of a protocol, by port.
    pub(super) fn node_ports(&self, protocol: u8) -> Vec<(u16, u32)> {
        let of_protocol = self.node_ports.iter().filter(|((its, _), _)| *its == protocol);
        let mut ports: Vec<_> = of_protocol.map(|((_, port), number)| (*port, *number)).collect();
        ports.sort_unstable();
        ports
    }

    /// The first addresses of intervals in each of which all addresses without frontends are of one class.
    pub(super) fn cuts(&self) -> Vec<u128> {
        let mut cuts = vec![0];
        let mut cut = |span: Span| {
            cuts.push(span.low);
            cuts.extend(span.high.checked_add(1));
        };
        self.addresses.iter().chain(&self.cluster_ips).copied().map(Span::one).for_each(&mut cut);
        self.listed.iter().flatten().copied().chain([0]).map(Span::one).for_each(&mut cut);
        if !self.complete {
            self.surroundings.elsewhere(self.version()).iter().copied().map(Span::one).for_each(&mut cut);
            self.surroundings.elsewhere_ranges(self.version()).iter().copied().for_each(&mut cut);
        }
        self.known_local().into_iter().chain(broadcasts(self.version()).iter().copied()).for_each(&mut cut);
        self.service_cidrs.iter().chain(&self.prefixes).copied().for_each(&mut cut);
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    /// The addresses known to be the node's, loopback among them.
    pub(super) fn known_local(&self) -> Vec<Span> {
        let known = match self.version() {
            IpVersion::V4 => &self.surroundings.local_v4,
            IpVersion::V6 => &self.surroundings.local_v6,
        };
        known.iter().copied().map(Span::one).chain([self.loopback]).collect()
    }

    /// The sources known not to be the node's, other than those that are; all of them if it is known what is.
    pub(super) fn sources_elsewhere(&self) -> Vec<Span> {
        if self.complete {
            return vec![Span { low: 0, high: u128::MAX }];
        }
        broadcasts(self.version()).iter().copied().chain([Span::one(0)]).collect()
    }
}

/// Spans in their order, those that overlap or touch as one.
pub(super) fn merged(spans: &[Span]) -> Vec<Span> {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    sorted.dedup_by(|next, before| {
        let touches = next.low <= before.high.saturating_add(1);
        if touches {
            before.high = before.high.max(next.high);
        }
        touches
    });
    sorted
}

fn contains(merged: &[Span], value: u128) -> bool {
    merged.get(merged.partition_point(|span| span.high < value)).is_some_and(|span| span.contains(value))
}

/// `127.0.0.0/8`, `::1`.
fn loopback(version: IpVersion) -> Span {
    match version {
        IpVersion::V4 => Span { low: 0x7f00_0000, high: 0x7fff_ffff },
        IpVersion::V6 => Span::one(1),
    }
}

/// Multicast and broadcast: `224.0.0.0/4` and `255.255.255.255`, `ff00::/8`.
fn broadcasts(version: IpVersion) -> &'static [Span] {
    match version {
        IpVersion::V4 => &[Span { low: 0xe000_0000, high: 0xefff_ffff }, Span { low: 0xffff_ffff, high: 0xffff_ffff }],
        IpVersion::V6 => &[Span { low: 0xff << 120, high: u128::MAX }],
    }
}
