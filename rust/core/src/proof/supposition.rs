//! Which addresses are supposed to be the node's and Services', before it is known what was declared.

use super::begun::{Elsewhere, elsewhere};
use crate::evaluate::Surroundings;
use crate::program::{Action, Data, End, Field, IpVersion, Part, Program, SetId, Span, Term, Verdict};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is taken for granted by whoever runs a ruleset early. It may be withdrawn: who works on it then stops.
#[derive(Debug)]
pub struct Supposition {
    pub(super) surroundings: Surroundings,
    pub(super) versions: Vec<IpVersion>,
    pub(super) withdrawn: Arc<AtomicBool>,
}

impl Supposition {
    /// A node that may have other addresses than those that are known, but none of those elsewhere.
    #[must_use]
    pub fn new(surroundings: &Surroundings, supposed: Vec<Elsewhere>) -> Self {
        let versions = supposed.iter().map(|each| each.version).collect();
        Self { surroundings: elsewhere(surroundings, supposed), versions, withdrawn: Arc::default() }
    }

    /// What a ruleset itself says, if it is right: Services have the addresses that are looked up beside a port, the node
    /// those that are looked up alone, and what is dropped whatever its port is an address that a Service may get.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let mut surroundings = Surroundings::default();
        let mut supposed = Vec::new();
        for version in [IpVersion::V4, IpVersion::V6] {
            let Told { beside_ports, alone, ranges } = told(program, version);
            let own: Vec<u128> = alone.into_iter().filter(|address| !beside_ports.contains(address)).collect();
            match version {
                IpVersion::V4 => surroundings.local_v4 = own,
                IpVersion::V6 => surroundings.local_v6 = own,
            }
            let addresses = beside_ports.into_iter().collect();
            supposed.push(Elsewhere { version, addresses, service_cidrs: ranges.into_iter().collect() });
        }
        surroundings.local_v4.sort_unstable();
        surroundings.local_v6.sort_unstable();
        Self::new(&surroundings, supposed)
    }

    /// Whether the same is supposed of all addresses.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        self.surroundings == other.surroundings
            && self.versions.iter().all(|version| other.versions.contains(version))
            && other.versions.iter().all(|version| self.versions.contains(version))
    }

    /// Says that it is of no use any more.
    pub fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Relaxed);
    }
}

/// What rules look destinations up by.
#[derive(Default)]
struct Told {
    beside_ports: FxHashSet<u128>,
    alone: FxHashSet<u128>,
    ranges: FxHashSet<Span>,
}

fn told(program: &Program, version: IpVersion) -> Told {
    let address = match version {
        IpVersion::V4 => Field::Ipv4Address(End::Destination),
        IpVersion::V6 => Field::Ipv6Address(End::Destination),
    };
    let is = |part: &Part, field: Field| part.term == Term::Field(field);
    let mut told = Told::default();
    let mut seen: FxHashSet<(SetId, usize, bool)> = FxHashSet::default();
    for rule in program.chains.iter().flat_map(|chain| &chain.rules) {
        let drops = matches!(rule.actions[..], [_, Action::Verdict(Verdict::Drop)]);
        if let [Action::Compare { part, span, .. }, _] = &rule.actions[..]
            && drops
            && is(part, address)
            && !span.is_one()
        {
            told.ranges.insert(*span);
        }
        for (key, set) in rule.actions.iter().filter_map(lookups) {
            let Some(place) = key.iter().position(|part| is(part, address)) else { continue };
            if !seen.insert((set, place, drops)) {
                continue;
            }
            let set = &program.sets[set];
            let spans = set.entries.iter().filter_map(|entry| entry.key.get(place));
            if key.len() == 1 {
                for span in spans {
                    if !span.is_one() {
                        if drops {
                            told.ranges.insert(*span);
                        }
                    } else if set.name.is_some() {
                        told.alone.insert(span.low);
                    }
                }
            } else if key.iter().all(|part| matches!(part.term, Term::Field(_)))
                && key.iter().any(|part| matches!(part.term, Term::Field(Field::Port(_, End::Destination))))
                && !set.entries.iter().any(|entry| matches!(entry.data, Data::Unknown(_)))
            {
                told.beside_ports.extend(spans.filter(|span| span.is_one()).map(|span| span.low));
            }
        }
    }
    told
}

/// The keys that an action looks up, and where.
fn lookups(action: &Action) -> Option<(&[Part], SetId)> {
    match action {
        Action::Member { key, set, .. } => Some((key, *set)),
        Action::VerdictMap { key, map } | Action::Assign { value: Term::Lookup { key, map }, .. } => Some((key, *map)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Supposition;
    use crate::evaluate::Surroundings;
    use crate::program::{IpVersion, Program, Span};
    use crate::proof::begun::Elsewhere;
    use crate::read;

    const RULES: &str = "
        table ip t {
            set own { type ipv4_addr; elements = { 192.0.2.1, 10.0.0.1 } }
            set ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/24, 192.0.2.0/24 } }
            set dropped { type ipv4_addr; flags interval; elements = { 10.1.0.0/16 } }
            set pairs { type ipv4_addr . ipv4_addr; elements = { 10.9.0.1 . 10.9.0.1 } }
            map services { type inet_proto . ipv4_addr . inet_service : verdict; elements = { tcp . 10.0.0.1 . 80 : accept } }
            map marked { type ipv4_addr . inet_service : mark; elements = { 10.0.0.2 . 80 : 1 } }
            map chosen {
                typeof ip daddr . tcp dport . numgen random mod 2 : ip daddr . tcp dport
                elements = { 10.0.0.3 . 80 . 0 : 10.9.0.1 . 80 }
            }
            chain nat {
                type nat hook prerouting priority -100; policy accept;
                meta l4proto . ip daddr . th dport vmap @services
                meta mark set ip daddr . th dport map @marked
                ip saddr . ip daddr @pairs accept
                ip daddr @own accept
                ip daddr @ranges accept
                ip daddr @dropped drop
                ip daddr 10.2.0.0/16 drop
                dnat ip to ip daddr . tcp dport . numgen random mod 2 map @chosen
            }
        }";

    fn supposed(addresses: Vec<u128>, local: Vec<u128>) -> Supposition {
        let surroundings = Surroundings { local_v4: local, ..Surroundings::default() };
        let range = |low| Span { low, high: low | 0xffff };
        let service_cidrs = vec![range(0x0a02_0000), range(0x0a01_0000)];
        let none = Elsewhere { version: IpVersion::V6, addresses: Vec::new(), service_cidrs: Vec::new() };
        let services = Elsewhere { version: IpVersion::V4, addresses, service_cidrs };
        Supposition::new(&surroundings, vec![none, services])
    }

    #[test]
    fn services_have_what_is_looked_up_beside_a_port_and_the_node_what_is_looked_up_alone() {
        let program = Program::new(read::text(RULES.as_bytes()).unwrap());
        let found = Supposition::of(&program);
        assert!(found.agrees(&supposed(vec![0x0a00_0002, 0x0a00_0001], vec![0xc000_0201])), "{found:?}");
        assert!(!found.agrees(&supposed(vec![0x0a00_0001], vec![0xc000_0201])));
        assert!(!found.agrees(&supposed(vec![0x0a00_0001, 0x0a00_0002], Vec::new())));
    }
}
