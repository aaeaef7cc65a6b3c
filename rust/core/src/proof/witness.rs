//! A packet for a region, one that could really be sent.

use super::hashes::HashedValue;
use super::neighbourhood::Neighbourhood;
use super::options::Functions;
use super::region::Region;
use super::supposed::Supposed;
use super::variable::Variable;
use crate::evaluate::{Packet, Surroundings};
use crate::program::{IpVersion, interface_number};
use crate::ruleset::Hook;
use std::cell::Cell;

/// Packets tried for one region, where a hash must fall into an interval.
const DRAWS: u128 = 1 << 19;
/// The first port given to clients.
const CLIENT_PORT: u16 = 40_000;
const CLIENT_PORTS: u128 = 16_384;
/// Addresses for documentation (RFC 5737, RFC 3849): nobody's.
const DOCUMENTATION_V4: [u128; 3] = [0xc633_6407, 0xcb00_7107, 0xc000_0207];
const DOCUMENTATION_V6: [u128; 1] = [0x2001_0db8 << 96 | 7];
const INTERFACES: [&str; 4] = ["eth0", "eth1", "cni0", "lo"];

/// DCCP and UDP-Lite: they have ports, but packets that are shown to people have none of theirs.
pub(super) const UNSHOWN: [u8; 2] = [33, 136];

/// A packet of a region, and the addresses that must be the node's own for it, beside those that are known.
pub(super) struct Found {
    pub(super) packet: Packet,
    pub(super) surroundings: Surroundings,
    pub(super) local_addresses: Vec<u128>,
}

/// A search for packets.
pub(super) struct Search<'a> {
    pub(super) functions: &'a Functions,
    pub(super) surroundings: &'a Surroundings,
    pub(super) neighbourhood: &'a Neighbourhood,
    /// Packets that may still be tried in all.
    pub(super) draws: &'a Cell<u128>,
}

impl Search<'_> {
    /// A packet of the region; None if none was found.
    pub(super) fn packet(&self, region: &Region) -> Option<Found> {
        let case = self.functions.case;
        let version = case.version;
        let bound = |variable| region.of(variable, version);
        let flagged = |variable| region.get(variable).map(|(low, high)| (low == 1, high == 1));
        let ports_are_asked = asks_ports(region);
        let others = if version == IpVersion::V4 { [1, 47] } else { [58, 47] };
        let others = if ports_are_asked { UNSHOWN.map(u128::from) } else { others };
        let protocol = pick([6, 17, 132].into_iter().chain(others), bound(Variable::Protocol));
        let has_ports = matches!(protocol, 6 | 17 | 33 | 132 | 136);
        if ports_are_asked && !has_ports {
            return None;
        }
        let destination_here = flagged(Variable::DestinationLocal) == Some((true, true));
        let source_here = flagged(Variable::SourceLocal) == Some((true, true));
        let supposed = self.supposed();
        let choose = |candidates: Vec<u128>, bound, own: bool| match pick(candidates, bound) {
            address if own && !supposed.may_be_own(address) => supposed.first_own(bound),
            address => Some(address),
        };
        let destination = choose(self.destinations(destination_here), bound(Variable::Destination), destination_here)?;
        let destination_port = pick([80, 443, 8080], bound(Variable::DestinationPort));
        let mut mark = 0_u32;
        for bit in 0..32 {
            if region.get(Variable::MarkBit(bit)).is_some_and(|(low, _)| low == 1) {
                mark |= 1 << bit;
            }
        }
        let packet = Packet {
            version,
            protocol: u8::try_from(protocol).ok()?,
            source: 0,
            destination,
            source_port: None,
            destination_port: if has_ports { u16::try_from(destination_port).ok() } else { None },
            hook: case.hook,
            input_interface: interface(region.get(Variable::InputInterface))?,
            output_interface: interface(region.get(Variable::OutputInterface))?,
            mark,
            state: case.state,
        };
        let hashed = region.bounds().iter().any(|(variable, _, _)| matches!(variable, Variable::Hash(_)));
        let (first_port, last_port) = bound(Variable::SourcePort);
        let start_port = u128::from(CLIENT_PORT).clamp(first_port, last_port);
        // From there upwards, and then downwards: the port of a client first, and 0 at last.
        let upwards = last_port - start_port + 1;
        let port_at = |place| {
            if place < upwards { start_port + place } else { start_port - 1 - (place - upwards) }
        };
        let ports = upwards.min(CLIENT_PORTS);
        let (low, high) = bound(Variable::Source);
        let first = choose(self.sources(destination), (low, high), source_here)?;
        let size = (high - low).saturating_add(1);
        // Sources and ports both change with every draw, as either may be all that is hashed; what is small is then gone
        // through altogether.
        let draws = if hashed { DRAWS } else { 8 }.min(self.draws.get());
        let together = (0..draws).map(|draw| (draw % size, draw % ports));
        let all = if size.saturating_mul(ports) <= draws { size * ports } else { 0 };
        let apart = (0..all).map(|draw| (draw / ports, draw % ports));
        let more = last_port - first_port + 1 - ports;
        let rest = if hashed && size.saturating_mul(more) <= draws { size * more } else { 0 };
        let unusual = (0..rest).map(|draw| (draw / more, ports + draw % more));
        for (source, port) in together.chain(apart).chain(unusual) {
            self.draws.set(self.draws.get().saturating_sub(1));
            let source = low + (first - low + source) % size;
            let mut packet = Packet { source, ..packet.clone() };
            if has_ports {
                packet.source_port = u16::try_from(port_at(port)).ok();
            }
            let to_itself = source == destination && size > 1 && region.get(Variable::Source).is_none();
            if to_itself || source_here && !supposed.may_be_own(source) || !self.holds(region, &packet) {
                continue;
            }
            let mut local_addresses = Vec::new();
            for (address, here) in [(destination, destination_here), (source, source_here)] {
                if here && !local_addresses.contains(&address) && !self.surroundings.is_local(version, address) {
                    local_addresses.push(address);
                }
            }
            let surroundings = with(self.surroundings, version, &local_addresses);
            let elsewhere = |variable, address| {
                flagged(variable) != Some((false, false)) || !surroundings.is_local(version, address)
            };
            if elsewhere(Variable::DestinationLocal, destination) && elsewhere(Variable::SourceLocal, source) {
                return Some(Found { packet, surroundings, local_addresses });
            }
        }
        None
    }

    /// Whether no packet can be in the region: a hash must fall into an interval, of all that is hashed only the source
    /// port is free, and none of the ports will do.
    pub(super) fn is_empty(&self, region: &Region) -> bool {
        let version = self.functions.case.version;
        let single = |variable| {
            let (low, high) = region.of(variable, version);
            low == high
        };
        let told = |number| {
            let parts = self.functions.hashes.get(number).map(|(key, _)| &key.parts);
            parts.is_some_and(|parts| {
                parts.iter().all(|part| match part.value {
                    HashedValue::Constant(_) => true,
                    HashedValue::Variable(variable) => variable == Variable::SourcePort || single(variable),
                })
            })
        };
        let hashes: Vec<(u32, u128, u128)> = region
            .bounds()
            .iter()
            .filter_map(|(variable, low, high)| match variable {
                Variable::Hash(number) if told(*number) => Some((*number, *low, *high)),
                _ => None,
            })
            .collect();
        let (first_port, last_port) = region.of(Variable::SourcePort, version);
        let tried = last_port - first_port + 1;
        if hashes.is_empty() || self.draws.get() <= tried {
            return false;
        }
        self.draws.set(self.draws.get() - tried);
        !(first_port..=last_port).any(|port| {
            let values =
                |variable| if variable == Variable::SourcePort { port } else { region.of(variable, version).0 };
            hashes.iter().all(|(number, low, high)| {
                let value = self.functions.hashes.value(*number, &values).map(u128::from);
                value.is_none_or(|value| (*low..=*high).contains(&value))
            })
        })
    }

    /// What may be supposed to be the node's own for a packet.
    pub(super) fn supposed(&self) -> Supposed<'_> {
        let (version, targets) = (self.functions.case.version, &self.functions.targets);
        Supposed { version, surroundings: self.surroundings, targets }
    }

    /// Whether the packet is one of the region, as far as a packet tells.
    fn holds(&self, region: &Region, packet: &Packet) -> bool {
        let answers = |_| 0;
        let assignment = self.functions.assignment(packet, self.surroundings, &answers);
        region.bounds().iter().all(|(variable, low, high)| match variable {
            Variable::Record(_) | Variable::Question(_) | Variable::DestinationLocal | Variable::SourceLocal => true,
            Variable::InputInterface if packet.input_interface.is_none() => true,
            Variable::OutputInterface if packet.output_interface.is_none() => true,
            _ => (*low..=*high).contains(&assignment(*variable)),
        })
    }

    /// Addresses of nobody; where it must be the node's, those that nodes have.
    fn destinations(&self, here: bool) -> Vec<u128> {
        let version = self.functions.case.version;
        let documentation: &[u128] = if version == IpVersion::V4 { &DOCUMENTATION_V4 } else { &DOCUMENTATION_V6 };
        let nodes = self.neighbourhood.nodes(version).filter(|_| here);
        let mut found: Vec<u128> = nodes.chain(documentation.iter().map(|address| address + 3)).collect();
        found.retain(|address| !self.neighbourhood.is_of_cluster(*address));
        found
    }

    /// Outside clients, then pods, then the node; what the node sends has its own address first.
    fn sources(&self, destination: u128) -> Vec<u128> {
        let case = self.functions.case;
        let (documentation, own, loopback): (&[u128], _, _) = match case.version {
            IpVersion::V4 => (&DOCUMENTATION_V4, &self.surroundings.local_v4, 0x7f00_0001),
            IpVersion::V6 => (&DOCUMENTATION_V6, &self.surroundings.local_v6, 1),
        };
        let pods = self.neighbourhood.pods.iter().map(|span| span.low + (span.high - span.low).min(9));
        let mut found: Vec<u128> = documentation.to_vec();
        found.retain(|address| !self.neighbourhood.is_of_cluster(*address));
        found.extend(pods);
        found.extend(own);
        if case.hook == Hook::Output {
            let others = std::mem::take(&mut found);
            found.extend(own);
            found.push(loopback);
            found.extend(others.into_iter().filter(|address| !own.contains(address)));
        }
        found.retain(|address| *address != destination);
        found
    }
}

/// Whether a region is one of certain ports.
pub(super) fn asks_ports(region: &Region) -> bool {
    [Variable::DestinationPort, Variable::SourcePort].iter().any(|port| region.get(*port).is_some())
}

/// The surroundings with more addresses of the node.
pub(super) fn with(surroundings: &Surroundings, version: IpVersion, more: &[u128]) -> Surroundings {
    // What is elsewhere does not matter to a packet.
    let Surroundings { local_v4, local_v6, big_endian, .. } = surroundings;
    let (local_v4, local_v6) = (local_v4.clone(), local_v6.clone());
    let mut surroundings = Surroundings { local_v4, local_v6, big_endian: *big_endian, ..Surroundings::default() };
    let known = match version {
        IpVersion::V4 => &mut surroundings.local_v4,
        IpVersion::V6 => &mut surroundings.local_v6,
    };
    known.extend(more);
    known.sort_unstable();
    surroundings
}

/// The first candidate in the interval; else a value of it that is not at its ends, where odd addresses are.
fn pick(candidates: impl IntoIterator<Item = u128>, (low, high): (u128, u128)) -> u128 {
    let inside = candidates.into_iter().find(|candidate| (low..=high).contains(candidate));
    inside.unwrap_or_else(|| if high - low >= 2 { low + 1 } else { low })
}

/// The name of an interface as a number; None outside if the interval has none. Where none is asked for, any will do.
#[expect(clippy::option_option, reason = "no interface is found, or none is needed")]
pub(super) fn interface(bound: Option<(u128, u128)>) -> Option<Option<u128>> {
    let Some((low, high)) = bound else { return Some(None) };
    let named = INTERFACES.iter().filter_map(|name| interface_number(name));
    if let Some(found) = named.into_iter().find(|name| (low..=high).contains(name)) {
        return Some(Some(found));
    }
    // A name is a run of printable bytes, padded with zeros: the lower end is one if a rule named it, else what follows.
    let nearby = [Some(low), low.checked_add(1), Some(high), next_name(low)];
    nearby.into_iter().flatten().find(|name| (low..=high).contains(name) && is_name(*name)).map(Some)
}

/// The first name behind a number: its bytes up to the first that is zero, and one letter more.
fn next_name(number: u128) -> Option<u128> {
    let mut bytes = number.to_be_bytes();
    let end = bytes.iter().position(|byte| *byte == 0)?;
    if end >= 15 {
        return None;
    }
    bytes[end] = b'0';
    for byte in &mut bytes[end + 1..] {
        *byte = 0;
    }
    Some(u128::from_be_bytes(bytes))
}

fn is_name(number: u128) -> bool {
    let bytes = number.to_be_bytes();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(16);
    (1..16).contains(&length)
        && bytes[..length].iter().all(u8::is_ascii_graphic)
        && bytes[length..].iter().all(|byte| *byte == 0)
}
