//! Clients that come again: two packets, one after the other.
//!
//! What a ruleset writes must be what it asks for, and no function of one packet shows that. So packets are sent: the
//! first connection of a client to each endpoint it may get, with what it leaves in sets, and then a second one from
//! another port, to the same frontend and to the next one of its Service port, as all of them share one record (S34).

use super::declared::{Declaration, Delivery, Demands, Frontend, NodePorts, Pods, Remembered, Wanted};
use super::diagram::NodeId;
use super::fate::{Fate, Here};
use super::options::Functions;
use super::region::Region;
use super::tell::{Difference, Report, chance};
use super::variable::Variable;
use super::witness::{interface, with};
use super::words::words;
use crate::evaluate::words::address as address_words;
use crate::evaluate::{
    Chance, Changes, ConnectionState, DestinationNat, Fraction, Packet, SourceNat, Surroundings, Verdict,
    outcomes_after, ways,
};
use crate::program::{IpVersion, Program, Span, interface_number};
use crate::ruleset::Hook;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The ports of a client's first and second connection.
const PORTS: [u16; 2] = [40_000, 40_001];
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
/// So many Service ports are worth a thread.
const WORTH_A_THREAD: usize = 64;

/// What is examined: a ruleset beside the declared function of clients of whom anything may be remembered.
#[derive(Clone, Copy)]
pub(super) struct Returning<'a> {
    pub(super) functions: &'a Functions,
    pub(super) declared: NodeId,
    pub(super) demands: &'a Demands,
    pub(super) declaration: &'a Declaration,
    pub(super) program: &'a Program,
    pub(super) surroundings: &'a Surroundings,
}

/// Somebody who opens connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Client {
    source: u128,
    input_interface: Option<u128>,
}

/// A frontend and what is known of packets to it.
struct Aim<'a> {
    number: u32,
    frontend: &'a Frontend,
    destination: u128,
    protocol: u8,
}

/// What is wrong with a second connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    /// It goes elsewhere.
    Lost,
    /// Its source is not what it should be.
    Source,
    /// Nobody knows where it goes.
    Unknown,
    /// It is another client's, and fares as if it was the first's.
    Captured,
}

impl Returning<'_> {
    /// Adds what happens to second connections that should not; so many differences are told.
    pub(super) fn examine(&self, most: usize, report: &mut Report) {
        let (node, assumed) = self.node_port_address();
        let surroundings = with(self.surroundings, self.version(), &assumed);
        let groups = self.groups(node);
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, Vec<Difference>)>> = Mutex::default();
        let worker = || {
            while let Some((place, group)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|it| Some((it, groups.get(it)?)))
            {
                let found = self.service_port(group, &surroundings, &assumed);
                if !found.is_empty() {
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((place, found));
                }
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(groups.len() / WORTH_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 1..workers {
                // Where no thread can be made, this one does the work.
                drop(std::thread::Builder::new().spawn_scoped(scope, worker));
            }
            worker();
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(place, _)| *place);
        for difference in results.into_iter().flat_map(|(_, found)| found) {
            if report.differences.len() >= most {
                report.untold = report.untold.saturating_add(difference.regions);
            } else {
                report.differences.push(difference);
            }
        }
    }

    fn version(&self) -> IpVersion {
        self.functions.case.version
    }

    /// The frontends of each Service port with session affinity; node ports are asked at one address.
    fn groups(&self, node: Option<u128>) -> Vec<Vec<Aim<'_>>> {
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
    fn node_port_address(&self) -> (Option<u128>, Vec<u128>) {
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

    fn service_port(&self, aims: &[Aim<'_>], surroundings: &Surroundings, assumed: &[u128]) -> Vec<Difference> {
        let mut found = Found { differences: Vec::new(), places: FxHashMap::default() };
        let wanted = |client, aim| self.wanted(&self.packet(client, aim, PORTS[1]), surroundings, aim);
        for (place, aim) in aims.iter().enumerate() {
            for (kind, clients) in self.clients(aim).into_iter().enumerate() {
                let mut known: Vec<(u128, u16)> = Vec::new();
                for client in &clients {
                    let Some(allowed) = wanted(*client, aim) else { continue };
                    let others = [Some(aim), aims.get((place + 1) % aims.len()).filter(|_| aims.len() > 1)];
                    let seconds: Vec<_> = others
                        .into_iter()
                        .flatten()
                        .filter_map(|other| Some((other, wanted(*client, other)?)))
                        .collect();
                    let first = self.packet(*client, aim, PORTS[0]);
                    let here = here(&first);
                    let mut everything = Changes::default();
                    for (outcome, changes) in ways(self.program, surroundings, &first) {
                        let fate = Fate::of_outcome(&outcome, here);
                        // What is wrong with first connections is told as such.
                        let Some(to) = delivery(&fate, here).filter(|to| self.demands.allows(allowed, *to)) else {
                            continue;
                        };
                        if clients.len() > 2 && known.contains(&(to.address, to.port)) {
                            continue;
                        }
                        known.push((to.address, to.port));
                        everything.add(&changes);
                        for (second, remembered) in &seconds {
                            let Some(delivery) = [false, true]
                                .map(|masquerade| Delivery { masquerade, ..to })
                                .into_iter()
                                .find(|it| self.demands.allows(*remembered, *it))
                            else {
                                continue;
                            };
                            let packet = self.packet(*client, second, PORTS[1]);
                            if let Some(wrong) = self.wrong(surroundings, &changes, &packet, delivery) {
                                let key = (second.number, kind, wrong);
                                found.add(key, || {
                                    self.told(wrong, surroundings, assumed, &changes, &packet, second, to)
                                });
                            }
                        }
                    }
                    if everything.is_empty() {
                        continue;
                    }
                    if let Some(other) = clients.iter().find(|other| other.source != client.source) {
                        let packet = self.packet(*other, aim, PORTS[0]);
                        let alone =
                            fates(&outcomes_after(self.program, surroundings, Changes::NONE, &packet, false), &packet);
                        let after = outcomes_after(self.program, surroundings, &everything, &packet, false);
                        if alone != fates(&after, &packet) {
                            found.add((aim.number, kind, Wrong::Captured), || {
                                self.captured(surroundings, assumed, &everything, &packet, aim, client.source)
                            });
                        }
                    }
                }
            }
        }
        found.differences
    }

    /// Clients of each kind: two of each, of which the second is another client, or more where a hash decides.
    fn clients(&self, aim: &Aim<'_>) -> Vec<Vec<Client>> {
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

    fn packet(&self, client: Client, aim: &Aim<'_>, port: u16) -> Packet {
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

    /// Where a remembered client may go, if its packet is the frontend's to decide.
    fn wanted(&self, packet: &Packet, surroundings: &Surroundings, aim: &Aim<'_>) -> Option<Remembered> {
        let answers = |_| 0;
        let assignment = self.functions.assignment(packet, surroundings, &answers);
        let leaves = self.functions.look_up(self.declared, &assignment)?;
        let [(_, leaf)] = leaves[..] else { return None };
        let demand = self.demands.get(leaf).filter(|demand| demand.frontend == Some(aim.number))?;
        match demand.wanted {
            Wanted::Remembered(remembered) => Some(remembered),
            _ => None,
        }
    }

    fn wrong(
        &self,
        surroundings: &Surroundings,
        changes: &Changes,
        packet: &Packet,
        expected: Delivery,
    ) -> Option<Wrong> {
        let here = here(packet);
        let mut wrong = None;
        for chance in outcomes_after(self.program, surroundings, changes, packet, false) {
            let fate = Fate::of_outcome(&chance.outcome, here);
            match delivery(&fate, here) {
                Some(found) if found == expected => {}
                Some(found) if (found.address, found.port) == (expected.address, expected.port) => {
                    wrong = Some(Wrong::Source);
                }
                _ if fate.verdict == Verdict::Unknown => wrong = wrong.or(Some(Wrong::Unknown)),
                _ => return Some(Wrong::Lost),
            }
        }
        wrong
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is one connection after another")]
    fn told(
        &self,
        wrong: Wrong,
        surroundings: &Surroundings,
        assumed: &[u128],
        changes: &Changes,
        packet: &Packet,
        aim: &Aim<'_>,
        before: Delivery,
    ) -> Difference {
        let to = place(self.version(), before.address, before.port);
        let remembered = [false, true].map(|masquerade| Delivery { masquerade, ..before });
        let allowed = self.wanted(packet, surroundings, aim);
        let expected = allowed.and_then(|allowed| remembered.into_iter().find(|it| self.demands.allows(allowed, *it)));
        let end = expected.and_then(|delivery| Wanted::Delivered(delivery).end(self.version()));
        Difference {
            packet: packet.clone(),
            local_addresses: assumed_of(packet, assumed),
            frontend: Some(aim.number),
            expected: end.iter().map(|end| chance(end, Fraction::ONE)).collect(),
            any_of: false,
            found: outcomes_after(self.program, surroundings, changes, packet, true),
            undecided: wrong == Wrong::Unknown,
            refused: false,
            aside: false,
            remembered: true,
            regions: 1,
            words: format!("{}, a client that was sent to {to} before", self.words(packet)),
        }
    }

    fn captured(
        &self,
        surroundings: &Surroundings,
        assumed: &[u128],
        changes: &Changes,
        packet: &Packet,
        aim: &Aim<'_>,
        before: u128,
    ) -> Difference {
        let found = outcomes_after(self.program, surroundings, changes, packet, true);
        let unknown = |chance: &Chance| chance.outcome.verdict == Verdict::Unknown;
        let before = address_words(self.version(), before);
        Difference {
            packet: packet.clone(),
            local_addresses: assumed_of(packet, assumed),
            frontend: Some(aim.number),
            expected: outcomes_after(self.program, surroundings, Changes::NONE, packet, false),
            any_of: false,
            undecided: found.iter().any(unknown),
            found,
            refused: false,
            aside: false,
            remembered: true,
            regions: 1,
            words: format!("{}, a new client after {before} was there", self.words(packet)),
        }
    }

    fn words(&self, packet: &Packet) -> String {
        let one = |value: u128| (value, value);
        let bounds = [
            (Variable::Source, one(packet.source)),
            (Variable::Destination, one(packet.destination)),
            (Variable::Protocol, one(u128::from(packet.protocol))),
            (Variable::DestinationPort, one(packet.destination_port.map_or(0, u128::from))),
        ];
        let region = bounds
            .into_iter()
            .fold(Region::default(), |region, (variable, (low, high))| region.within(variable, low, high));
        words(&region, self.functions.case, &self.functions.questions)
    }
}

/// Differences, one for each frontend, kind of client and way to be wrong.
struct Found {
    differences: Vec<Difference>,
    places: FxHashMap<(u32, usize, Wrong), usize>,
}

impl Found {
    fn add(&mut self, key: (u32, usize, Wrong), difference: impl FnOnce() -> Difference) {
        if let Some(place) = self.places.get(&key) {
            self.differences[*place].regions += 1;
        } else {
            self.places.insert(key, self.differences.len());
            self.differences.push(difference());
        }
    }
}

fn here(packet: &Packet) -> Here {
    Here { address: Some(packet.destination), port: packet.destination_port }
}

/// Where a fate leads, an endpoint that the packet was sent to itself included; None of all that is no delivery.
pub(super) fn delivery(fate: &Fate, here: Here) -> Option<Delivery> {
    if fate.verdict != Verdict::Accept {
        return None;
    }
    let masquerade = match fate.source {
        SourceNat::None => false,
        SourceNat::Masquerade => true,
        SourceNat::Address(..) | SourceNat::Several(_) => return None,
    };
    let (address, port) = match &fate.destination {
        DestinationNat::Address(address, port) => (address.or(here.address)?, port.or(here.port)?),
        DestinationNat::None => (here.address?, here.port?),
        DestinationNat::Redirect(_) | DestinationNat::Several(_) => return None,
    };
    Some(Delivery { address, port, masquerade })
}

/// An address and a port in words.
pub(super) fn place(version: IpVersion, address: u128, port: u16) -> String {
    let words = address_words(version, address);
    if version == IpVersion::V4 { format!("{words}:{port}") } else { format!("[{words}]:{port}") }
}

fn assumed_of(packet: &Packet, assumed: &[u128]) -> Vec<u128> {
    assumed.iter().copied().filter(|address| *address == packet.destination).collect()
}

/// Fates with their chances, in order.
fn fates(chances: &[Chance], packet: &Packet) -> Vec<(Fate, Fraction)> {
    let mut found: Vec<(Fate, Fraction)> = Vec::new();
    for chance in chances {
        let fate = Fate::of_outcome(&chance.outcome, here(packet));
        match found.iter_mut().find(|(known, _)| *known == fate) {
            Some((_, sum)) => *sum = sum.plus(chance.probability).unwrap_or(*sum),
            None => found.push((fate, chance.probability)),
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}
