//! Who connects, and to what: clients of each kind, and the frontends that remember them.

use super::Returning;
use crate::evaluate::{ConnectionState, Packet};
use crate::program::IpVersion;
use crate::program::{Span, interface_number};
use crate::proof::declared::{Frontend, NodePorts, Pods};
use crate::proof::witness::interface;
use crate::ruleset::Hook;
use rustc_hash::FxHashMap;

/// Clients from outside: addresses for documentation (RFC 5737, RFC 3849).
const OUTSIDE_V4: [u128; 2] = [0xc633_6407, 0xcb00_7107];
const OUTSIDE_V6: [u128; 2] = [0x2001_0db8 << 96 | 7, 0x2001_0db8 << 96 | 9];
/// An address of the node, where none is known.
const NODE_V4: u128 = 0xc000_020a;
const NODE_V6: u128 = 0x2001_0db8 << 96 | 0x0a;
/// Clients tried for a frontend that goes by a hash, for each of its endpoints: each gets one of them.
const OF_A_HASH: u128 = 4;
const OF_HASHES: u128 = 256;
/// Where packets of clients from outside come in, unless that is where pods are, and where packets leave: what is not
/// known of a packet may not be known of its fate.
const INTERFACES: [&str; 2] = ["eth0", "eth1"];
/// Where packets of pods come in, if they are not told by that.
const OF_PODS: &str = "cni0";

/// Somebody who opens connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) source: u128,
    pub(super) input_interface: Option<u128>,
}

/// A frontend and what is known of packets to it.
pub(super) struct Aim<'a> {
    pub(super) number: u32,
    pub(super) frontend: &'a Frontend,
    pub(super) destination: u128,
    pub(super) protocol: u8,
}

impl Returning<'_> {
    /// The frontends of each Service port with session affinity; node ports are asked at one address.
    pub(super) fn groups(&self, node: Option<u128>) -> Vec<Vec<Aim<'_>>> {
        let parts = self.declaration.parts();
        let mut groups: Vec<Vec<Aim<'_>>> = Vec::new();
        let mut places: FxHashMap<usize, usize> = FxHashMap::default();
        for (number, frontend) in (0..).zip(&parts.frontends) {
            let service_port = &parts.service_ports[frontend.service_port];
            let Some(destination) = frontend.address.or(node).filter(|_| service_port.affinity.is_some()) else {
                continue;
            };
            let place = *places.entry(frontend.service_port).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(Aim { number, frontend, destination, protocol: service_port.protocol });
        }
        groups
    }

    /// An address that serves node ports, and whether it must be taken for the node's own.
    pub(super) fn node_port_address(&self) -> (Option<u128>, Vec<u128>) {
        let version = self.version();
        let is_loopback = |address: u128| match version {
            IpVersion::V4 => address >> 24 == 127,
            IpVersion::V6 => address == 1,
        };
        match &self.declaration.parts().node_ports {
            NodePorts::Listed(listed) => (listed.iter().copied().find(|it| !is_loopback(*it)), Vec::new()),
            NodePorts::Within(prefixes) => {
                let known = match version {
                    IpVersion::V4 => &self.surroundings.local_v4,
                    IpVersion::V6 => &self.surroundings.local_v6,
                };
                let within = |address: &u128| prefixes.iter().any(|prefix| prefix.contains(*address));
                if let Some(own) = known.iter().copied().filter(within).find(|it| !is_loopback(*it)) {
                    return (Some(own), Vec::new());
                }
                let usual = if version == IpVersion::V4 { NODE_V4 } else { NODE_V6 };
                if within(&usual) { (Some(usual), vec![usual]) } else { (None, Vec::new()) }
            }
        }
    }

    /// Clients of each kind: two of each, of which the second is another client, or more where a hash decides.
    pub(super) fn clients(&self, aim: &Aim<'_>) -> Vec<Vec<Client>> {
        let parts = self.declaration.parts();
        let service_port = &parts.service_ports[aim.frontend.service_port];
        let hashed = [aim.frontend.inside, aim.frontend.outside]
            .into_iter()
            .filter_map(|decision| service_port.endpoints(decision).filter(|set| set.table.is_some()))
            .map(|set| (OF_A_HASH * set.places.len() as u128).min(OF_HASHES))
            .max();
        let count = hashed.unwrap_or(2);
        let of = |span: Span, interface: Option<u128>| -> Vec<Client> {
            // Behind the last address the first ones follow.
            let size = (span.high - span.low).saturating_add(1);
            let first = (size - 1).min(9);
            let sources = (0..count.min(size)).map(|step| span.low + (first + step) % size);
            sources.map(|source| Client { source, input_interface: interface }).collect()
        };
        let (outside, own) = match self.version() {
            IpVersion::V4 => (OUTSIDE_V4, &self.surroundings.local_v4),
            IpVersion::V6 => (OUTSIDE_V6, &self.surroundings.local_v6),
        };
        if self.functions.case.hook == Hook::Output {
            let loopback = if self.version() == IpVersion::V4 { 0x7f00_0001 } else { 1 };
            let first = own.first().copied().unwrap_or(loopback);
            let sources = [first].into_iter().chain(own.get(1).copied());
            return vec![sources.map(|source| Client { source, input_interface: None }).collect()];
        }
        let mut uplinks = INTERFACES.into_iter().filter_map(interface_number);
        let (pods, interface) = match &parts.pods {
            Pods::Sources(prefixes) => (prefixes.first().copied(), interface_number(OF_PODS)),
            Pods::Interface(names) => {
                let name = interface(Some((names.low, names.high))).flatten();
                (name.map(|_| Span { low: outside[0], high: outside[0] + 99 }), name)
            }
        };
        let uplink = uplinks.find(|name| !matches!(&parts.pods, Pods::Interface(names) if names.contains(*name)));
        let elsewhere = Span { low: outside[0], high: outside[0] + 99 };
        let mut found = vec![of(elsewhere, uplink)];
        if count == 2 {
            found[0][1].source = outside[1];
        }
        found.extend(pods.map(|span| of(span, interface)));
        let allowed = aim.frontend.allowed_sources.iter().flatten();
        if !allowed.clone().any(|span| span.contains(outside[0])) {
            found.extend(allowed.take(1).map(|span| of(*span, uplink)));
        }
        found
    }

    pub(super) fn packet(&self, client: Client, aim: &Aim<'_>, port: u16) -> Packet {
        Packet {
            version: self.version(),
            protocol: aim.protocol,
            source: client.source,
            destination: aim.destination,
            source_port: Some(port),
            destination_port: Some(aim.frontend.port),
            hook: self.functions.case.hook,
            input_interface: client.input_interface,
            output_interface: interface_number(INTERFACES[0]),
            mark: 0,
            state: ConnectionState::New,
        }
    }
}
