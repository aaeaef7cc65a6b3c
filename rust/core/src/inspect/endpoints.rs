//! Elements of svcc's maps that no packet can meet: endpoints at slots that are never drawn, frontends nobody serves.

use super::owner::{Owner, TableOwner};
use super::references::Graph;
use crate::program::{Action, ChainId, Data, Entry, NatTarget, Program, SetId, Span, Term, Verdict};
use rustc_hash::FxHashMap;

/// Elements of one map that have the same frontend, and that no packet can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unselectable {
    /// The table.
    pub table: usize,
    /// The place of the map or set in it.
    pub set: usize,
    /// The first such element by its key, in nft's words.
    pub element: String,
    /// How many there are.
    pub elements: usize,
    /// Whether the frontend is served at all, by other slots.
    pub served: bool,
}

/// A frontend: protocol, address and port; a node port has the address None.
type Frontend = (u128, Option<u128>, u128);

/// The slots that a chain draws from a map: the first and the last.
type Slots = (SetId, u128, u128);

const PROTOCOLS: [(&str, u128); 3] = [("tcp", 6), ("udp", 17), ("sctp", 132)];

/// The maps of frontends, and the sets and maps whose elements are about frontends that are in them.
const BY_ADDRESS: [&str; 5] =
    ["balanced-services", "services", "balanced-outside-services", "outside-services", "refused-services"];
const ABOUT_ADDRESSES: [&str; 4] = ["masquerade-frontends", "source-ranged", "allowed-sources", "remember-frontends"];
const BY_NODE_PORT: [&str; 5] =
    ["balanced-nodeports", "nodeports", "balanced-outside-nodeports", "outside-nodeports", "refused-nodeports"];
const ABOUT_NODE_PORTS: [&str; 2] = ["masquerade-nodeports", "remember-nodeports"];
/// The map with the chains behind the numbers that maps of frontends hold.
const PICKS: &str = "picks";

pub(super) fn unselectable(program: &Program, graph: &Graph<'_>, owners: &[TableOwner]) -> Vec<Unselectable> {
    let mut found = Vec::new();
    for (table, _) in owners.iter().enumerate().filter(|(_, owner)| owner.owner == Owner::Svcc) {
        for (maps, about, start) in
            [(&BY_ADDRESS, &ABOUT_ADDRESSES[..], ""), (&BY_NODE_PORT, &ABOUT_NODE_PORTS[..], "nodeport-")]
        {
            let Some(frontends) = Frontends::new(program, graph, table, maps, start.is_empty()) else { continue };
            for name in about {
                let key_of = |entry: &Entry| frontend(entry, start.is_empty());
                let meets = |entry: &Entry| key_of(entry).is_none_or(|key| frontends.chains.contains_key(&key));
                collect(
                    program,
                    graph,
                    table,
                    name,
                    &meets,
                    &|entry| key_of(entry).map(|key| (key, false)),
                    &mut found,
                );
            }
            for (protocol, number) in PROTOCOLS {
                let key_of = |entry: &Entry| endpoint_key(entry, number, start.is_empty());
                let set = graph.places.set(table, &format!("{start}endpoints-{protocol}"));
                let meets = |entry: &Entry| key_of(entry).is_none_or(|(key, slot)| frontends.draw(set, &key, slot));
                let group = |entry: &Entry| key_of(entry).map(|(key, _)| (key, frontends.chains.contains_key(&key)));
                collect(program, graph, table, &format!("{start}endpoints-{protocol}"), &meets, &group, &mut found);
            }
        }
    }
    found
}

/// Where the frontends of a table lead.
struct Frontends {
    chains: FxHashMap<Frontend, Vec<ChainId>>,
    slots: FxHashMap<ChainId, Vec<Slots>>,
}

impl Frontends {
    /// None if some are not known.
    fn new(program: &Program, graph: &Graph<'_>, table: usize, maps: &[&str], by_address: bool) -> Option<Self> {
        let entries = |name: &str| {
            let set = &program.sets[graph.places.set(table, name)?];
            set.unknown.is_none().then_some(&set.entries)
        };
        let mut picks = FxHashMap::default();
        for entry in entries(PICKS)? {
            picks.insert(one(entry.key.first()?)?, target(entry));
        }
        let mut found = Self { chains: FxHashMap::default(), slots: FxHashMap::default() };
        for name in maps {
            for entry in entries(name)? {
                let chains = found.chains.entry(frontend(entry, by_address)?).or_default();
                let chain = match &entry.data {
                    Data::Values(values) => picks.get(values.first()?).copied().flatten(),
                    _ => target(entry),
                };
                if let Some(chain) = chain {
                    chains.push(chain);
                    found.slots.entry(chain).or_insert_with(|| slots(program, chain));
                }
            }
        }
        Some(found)
    }

    fn draw(&self, map: Option<SetId>, key: &Frontend, slot: u128) -> bool {
        let chains = self.chains.get(key).into_iter().flatten();
        let mut drawn = chains.filter_map(|chain| self.slots.get(chain)).flatten();
        drawn.any(|(set, first, last)| Some(*set) == map && *first <= slot && slot <= *last)
    }
}

/// The chain that an element of a verdict map leads to.
fn target(entry: &Entry) -> Option<ChainId> {
    match entry.data {
        Data::Verdict(Verdict::Goto(chain) | Verdict::Jump(chain)) => Some(chain),
        _ => None,
    }
}

fn one(span: &Span) -> Option<u128> {
    span.is_one().then_some(span.low)
}

fn frontend(entry: &Entry, by_address: bool) -> Option<Frontend> {
    match &*entry.key {
        [protocol, address, port, ..] if by_address => Some((one(protocol)?, Some(one(address)?), one(port)?)),
        [protocol, port, ..] if !by_address => Some((one(protocol)?, None, one(port)?)),
        _ => None,
    }
}

fn endpoint_key(entry: &Entry, protocol: u128, by_address: bool) -> Option<(Frontend, u128)> {
    match &*entry.key {
        [address, port, slot] if by_address => Some(((protocol, Some(one(address)?), one(port)?), one(slot)?)),
        [port, slot] if !by_address => Some(((protocol, None, one(port)?), one(slot)?)),
        _ => None,
    }
}

/// The slots that the rules of a chain draw, or all, where that is not understood.
fn slots(program: &Program, chain: ChainId) -> Vec<Slots> {
    let actions = program.chains[chain].rules.iter().flat_map(|rule| &rule.actions);
    let drawn = actions.filter_map(|action| match action {
        Action::Nat { target: NatTarget::Map { key, map }, .. } => Some((*map, key.last()?)),
        _ => None,
    });
    drawn
        .map(|(map, part)| match &part.term {
            Term::Numgen { modulus, offset, .. }
            | Term::Jhash { modulus, offset, .. }
            | Term::UnknownHash { modulus, offset, .. } => {
                let first = u128::from(*offset);
                (map, first, first + u128::from(modulus.saturating_sub(1)))
            }
            Term::Constant(value) => (map, *value, *value),
            _ => (map, 0, u128::MAX),
        })
        .collect()
}

/// The elements of a set that nothing meets, those of one group as one.
fn collect(
    program: &Program,
    graph: &Graph<'_>,
    table: usize,
    name: &str,
    meets: &dyn Fn(&Entry) -> bool,
    group: &dyn Fn(&Entry) -> Option<(Frontend, bool)>,
    found: &mut Vec<Unselectable>,
) {
    let Some(id) = graph.places.set(table, name) else { return };
    let set = &program.sets[id];
    let place = id - graph.places.sets[table].start;
    let listed = &program.ruleset.tables[table].sets[place].elements;
    // Where some elements are not understood, the others cannot be told by their places.
    if set.unknown.is_some() || listed.len() != set.entries.len() {
        return;
    }
    // By frontend: where the finding is, and its first element by key; the order of the listing is the kernel's.
    let mut groups: FxHashMap<(Frontend, bool), (usize, usize)> = FxHashMap::default();
    for (number, entry) in set.entries.iter().enumerate().filter(|(_, entry)| !meets(entry)) {
        let Some(key) = group(entry) else { continue };
        let (at, first) = groups.entry(key).or_insert_with(|| {
            found.push(Unselectable { table, set: place, element: String::new(), elements: 0, served: key.1 });
            (found.len() - 1, number)
        });
        found[*at].elements += 1;
        if entry.key < set.entries[*first].key {
            *first = number;
        }
    }
    for (at, first) in groups.into_values() {
        found[at].element = listed[first].key.to_string();
    }
}
