//! Clients that come again: two packets, one after the other.
//!
//! What a ruleset writes must be what it asks for, and no function of one packet shows that. So packets are sent: the
//! first connection of a client to each endpoint it may get, with what it leaves in sets, and then a second one from
//! another port, to the same frontend and to the next one of its Service port, as all of them share one record (S34).

mod clients;
mod told;

use super::declared::{Declaration, Delivery, Demands, Remembered, Wanted};
use super::diagram::NodeId;
use super::fate::{Fate, Here};
use super::options::Functions;
use super::tell::{Difference, Report};
use super::witness::with;
use crate::evaluate::words::address as address_words;
use crate::evaluate::{
    Chance, Changes, DestinationNat, Fraction, Packet, SourceNat, Surroundings, Verdict, is_untouched, outcomes_after,
    ways,
};
use crate::program::{IpVersion, Program};
use clients::Aim;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The ports of a client's first and second connection.
const PORTS: [u16; 2] = [40_000, 40_001];
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
                        if is_untouched(self.program, surroundings, &everything, &packet) {
                            continue;
                        }
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
