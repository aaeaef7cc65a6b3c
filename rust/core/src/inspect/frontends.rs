//! Frontends whose destination is translated by the rules of two tables.
//!
//! The first translation of a connection stays (`nf_nat_setup_info`), so the table whose chain comes first at the hook
//! wins; of equal priorities, the chain that was registered last, which no dump tells.

use super::RuleId;
use super::owner::TableOwner;
use super::references::Graph;
use crate::program::{
    Action, ChainId, End, Entry, Field, NatTarget, Part, Program, Span, Target, Term, Transport, Verdict,
};
use crate::ruleset::{ChainType, Comparison, Hook, NatKind, TableFamily};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A destination: address, or None for addresses of the node; protocol and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Frontend {
    version: u8,
    address: Option<u128>,
    protocol: u8,
    port: u16,
}

/// What makes a table translate a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The rule.
    pub rule: RuleId,
    /// The map that the rule looks into and its element, in nft's words; empty without one.
    pub element: String,
    /// The words of the element's comment.
    pub comment: String,
}

/// A frontend that two tables translate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The frontend in words, such as `tcp 10.96.0.1 port 80` or `tcp port 30080 of the node (IPv4)`.
    pub frontend: String,
    /// What claims it, in the order of the tables.
    pub by: [Claimant; 2],
}

/// All frontends that two tables both translate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFrontends {
    /// The tables.
    pub tables: [usize; 2],
    /// For each hook where both translate, the table whose chain comes first; None if nobody knows.
    pub first: Vec<(Hook, Option<usize>)>,
    /// The frontends; no more than [`MOST_CLAIMS`].
    pub claims: Vec<Claim>,
    /// How many there are.
    pub count: usize,
}

/// A rule that translates where a service proxy does, at the same priority, and of which the frontends are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The table of the service proxy.
    pub table: usize,
    /// The rule.
    pub rule: RuleId,
    /// Where.
    pub hook: Hook,
}

/// So many are told one by one.
pub const MOST_CLAIMS: usize = 50;

const HOOKS: [Hook; 2] = [Hook::Prerouting, Hook::Output];

/// What a table translates.
struct Translations<'a> {
    table: usize,
    /// The lowest priority at each of [`HOOKS`].
    priorities: [Option<i32>; 2],
    claims: Vec<(Frontend, RuleId, Option<&'a Entry>, Option<ElementPlace>)>,
    /// The first rule that translates something else than single frontends.
    vague: Option<RuleId>,
}

/// A frontend and the claims of two tables to it, by their places.
type Shared = (Frontend, usize, usize);

/// A named set of a table, and the place of an element in it.
type ElementPlace = (usize, usize);

pub(super) fn shared(program: &Program, graph: &Graph<'_>, owners: &[TableOwner]) -> (Vec<SharedFrontends>, Vec<Tie>) {
    let translating = translating(program, graph);
    let mut bases: FxHashMap<usize, Vec<(ChainId, usize, i32)>> = FxHashMap::default();
    for (id, chain) in program.chains.iter().enumerate().filter(|(id, _)| translating[*id]) {
        let Some(base) = &chain.base else { continue };
        let hook = HOOKS.iter().position(|hook| *hook == base.hook);
        let (Some(hook), ChainType::Nat) = (hook, base.chain_type) else { continue };
        if program.ruleset.tables[chain.table].dormant != Some(true) {
            bases.entry(chain.table).or_default().push((id, hook, base.priority));
        }
    }
    let mut tables: Vec<usize> = bases.keys().copied().collect();
    tables.sort_unstable();
    if tables.len() < 2 {
        return (Vec::new(), Vec::new());
    }
    let mut reached = graph.reached_from(bases.values().flatten().map(|(id, ..)| *id));
    reached.iter_mut().zip(&translating).for_each(|(reached, translating)| *reached &= translating);
    let found: Vec<Translations<'_>> = tables
        .iter()
        .map(|table| translations(program, graph, &translating, &reached, *table, &bases[table]))
        .collect();
    (pairs(program, graph, &found), ties(program, owners, &found))
}

/// The chains from which a destination may be translated.
fn translating(program: &Program, graph: &Graph<'_>) -> Vec<bool> {
    let mut leads_to: Vec<Vec<u32>> = vec![Vec::new(); program.chains.len()];
    let mut open: Vec<usize> = Vec::new();
    for (id, chain) in program.chains.iter().enumerate() {
        for target in graph.next(id) {
            leads_to[target].extend(u32::try_from(id));
        }
        if chain.rules.iter().flat_map(|rule| &rule.actions).any(translates) {
            open.push(id);
        }
    }
    let mut found = vec![false; program.chains.len()];
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut found[id], true) {
            open.extend(leads_to[id].iter().map(|from| *from as usize));
        }
    }
    found
}

fn translates(action: &Action) -> bool {
    match action {
        Action::Nat { kind, .. } => matches!(kind, NatKind::Destination | NatKind::Redirect),
        Action::Opaque(words) => words.contains("DNAT") || words.contains("REDIRECT"),
        _ => false,
    }
}

fn translations<'a>(
    program: &'a Program,
    graph: &Graph<'_>,
    translating: &[bool],
    reached: &[bool],
    table: usize,
    bases: &[(ChainId, usize, i32)],
) -> Translations<'a> {
    let mut found = Translations { table, priorities: [None; 2], claims: Vec::new(), vague: None };
    for (_, hook, priority) in bases {
        let lowest = found.priorities[*hook].get_or_insert(*priority);
        *lowest = (*lowest).min(*priority);
    }
    for id in graph.places.chains[table].clone().filter(|id| reached[*id]) {
        for rule in &program.chains[id].rules {
            let place = RuleId { chain: id, rule: rule.place };
            claims(program, graph, translating, place, &rule.actions, &mut found);
        }
    }
    // Of several elements for one frontend, one that says whose it is.
    found.claims.sort_by_key(|(_, _, entry, _)| entry.is_none_or(|entry| entry.comment.is_none()));
    found
}

/// What a rule asks of the destination before it acts.
#[derive(Clone, Copy, Default)]
struct Asked {
    address: Option<u128>,
    version: Option<u8>,
    protocol: Option<u8>,
    port: Option<u16>,
}

impl Asked {
    /// Takes in that a field has one value.
    fn take(&mut self, part: &Part, span: &Span) {
        let Term::Field(field) = &part.term else { return };
        if !span.is_one() {
            return;
        }
        let value = span.low;
        match field {
            Field::Ipv4Address(End::Destination) => (self.address, self.version) = (Some(value), Some(4)),
            Field::Ipv6Address(End::Destination) => (self.address, self.version) = (Some(value), Some(6)),
            Field::Protocol | Field::Ipv4Protocol | Field::Ipv6NextHeader => self.protocol = u8::try_from(value).ok(),
            Field::Port(transport, End::Destination) => {
                if let Transport::Number(number) = transport {
                    self.protocol = Some(*number);
                }
                self.port = u16::try_from(value).ok();
            }
            _ => {}
        }
    }

    fn frontends(self, family: TableFamily) -> impl Iterator<Item = Frontend> {
        let versions: &[u8] = match (self.version, family) {
            (Some(4), _) | (None, TableFamily::Ip) => &[4],
            (Some(_), _) | (None, TableFamily::Ip6) => &[6],
            (None, _) => &[4, 6],
        };
        let whole = self.protocol.zip(self.port);
        versions.iter().filter_map(move |version| {
            let (protocol, port) = whole?;
            Some(Frontend { version: *version, address: self.address, protocol, port })
        })
    }
}

fn claims<'a>(
    program: &'a Program,
    graph: &Graph<'_>,
    translating: &[bool],
    place: RuleId,
    actions: &'a [Action],
    found: &mut Translations<'a>,
) {
    let family = program.chains[place.chain].family;
    let mut asked = Asked::default();
    // What the rule has looked up for the key of a verdict map.
    let mut numbers = None;
    for action in actions {
        let (key, map) = match action {
            Action::Compare { part, comparison: Comparison::Equal, span } => {
                asked.take(part, span);
                continue;
            }
            Action::Assign { target: Target::Priority, value: Term::Lookup { key, map } } => {
                numbers = Some((key, *map));
                continue;
            }
            Action::VerdictMap { key, map } => match (&key[..], numbers) {
                ([one], Some(numbers)) if one.term == Term::Field(Field::Priority) => numbers,
                _ => (key, *map),
            },
            Action::Nat { kind, target: NatTarget::Map { key, map }, .. } if *kind == NatKind::Destination => {
                (key, *map)
            }
            Action::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) if translating[*chain] => {
                found.claims.extend(asked.frontends(family).map(|frontend| (frontend, place, None, None)));
                continue;
            }
            _ if translates(action) => {
                if asked.port.is_none() {
                    found.vague.get_or_insert(place);
                }
                found.claims.extend(asked.frontends(family).map(|frontend| (frontend, place, None, None)));
                continue;
            }
            _ => continue,
        };
        let set = &program.sets[map];
        let named = graph.places.sets[found.table].contains(&map).then(|| map - graph.places.sets[found.table].start);
        let is_port = |part: &Part| matches!(part.term, Term::Field(Field::Port(_, End::Destination)));
        if !key.iter().any(is_port) {
            if asked.port.is_none() && matches!(action, Action::Nat { .. }) {
                found.vague.get_or_insert(place);
            }
            found.claims.extend(asked.frontends(family).map(|frontend| (frontend, place, None, None)));
            continue;
        }
        for (number, entry) in set.entries.iter().enumerate() {
            let mut asked = asked;
            key.iter().zip(&entry.key).for_each(|(part, span)| asked.take(part, span));
            let element = named.map(|set| (set, number));
            found.claims.extend(asked.frontends(family).map(|frontend| (frontend, place, Some(entry), element)));
        }
    }
}

fn pairs(program: &Program, graph: &Graph<'_>, tables: &[Translations<'_>]) -> Vec<SharedFrontends> {
    let mut taken: FxHashMap<Frontend, (usize, usize)> = FxHashMap::default();
    let mut shared: FxHashMap<(usize, usize), Vec<Shared>> = FxHashMap::default();
    for (number, translations) in tables.iter().enumerate() {
        let mut own: FxHashSet<Frontend> = FxHashSet::default();
        for (at, (frontend, ..)) in translations.claims.iter().enumerate() {
            if !own.insert(*frontend) {
                continue;
            }
            match taken.get(frontend) {
                Some((other, there)) => shared.entry((*other, number)).or_default().push((*frontend, *there, at)),
                None => {
                    taken.insert(*frontend, (number, at));
                }
            }
        }
    }
    let mut found: Vec<SharedFrontends> = Vec::new();
    for ((one, other), mut frontends) in shared {
        let (one, other) = (&tables[one], &tables[other]);
        let first = order(one, other);
        if first.is_empty() {
            continue;
        }
        frontends.sort_unstable();
        let claims = frontends.iter().take(MOST_CLAIMS).map(|(frontend, here, there)| Claim {
            frontend: words(frontend),
            by: [claimant(program, graph, one, *here), claimant(program, graph, other, *there)],
        });
        found.push(SharedFrontends {
            tables: [one.table, other.table],
            first,
            claims: claims.collect(),
            count: frontends.len(),
        });
    }
    found.sort_by_key(|pair| pair.tables);
    found
}

fn order(one: &Translations<'_>, other: &Translations<'_>) -> Vec<(Hook, Option<usize>)> {
    let both = HOOKS.iter().zip(one.priorities).zip(other.priorities);
    both.filter_map(|((hook, here), there)| {
        let first = match here?.cmp(&there?) {
            std::cmp::Ordering::Less => Some(one.table),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(other.table),
        };
        Some((*hook, first))
    })
    .collect()
}

fn claimant(program: &Program, graph: &Graph<'_>, table: &Translations<'_>, at: usize) -> Claimant {
    let (_, rule, entry, element) = &table.claims[at];
    let listed = element.and_then(|(set, number)| {
        let listed = &program.ruleset.tables[table.table].sets[set];
        let linked = &program.sets[graph.places.sets[table.table].start + set];
        // Where some elements are not understood, the others cannot be told by their places.
        (listed.elements.len() == linked.entries.len())
            .then(|| format!("{}: {}", listed.name, listed.elements[number].key))
    });
    let comment = entry.and_then(|entry| entry.comment.as_deref()).unwrap_or_default();
    Claimant { rule: *rule, element: listed.unwrap_or_default(), comment: comment.to_owned() }
}

fn words(frontend: &Frontend) -> String {
    let Frontend { version, address, protocol, port } = frontend;
    let protocol = match protocol {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        132 => "sctp".to_owned(),
        number => format!("protocol {number}"),
    };
    match (address, version) {
        (None, version) => format!("{protocol} port {port} of the node (IPv{version})"),
        (Some(address), 4) => {
            let address = u32::try_from(*address).map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from);
            format!("{protocol} {address} port {port}")
        }
        (Some(address), _) => format!("{protocol} {} port {port}", Ipv6Addr::from(*address)),
    }
}

fn ties(program: &Program, owners: &[TableOwner], tables: &[Translations<'_>]) -> Vec<Tie> {
    let mut found = Vec::new();
    for proxy in tables.iter().filter(|each| owners[each.table].owner.is_service_proxy()) {
        for other in tables.iter().filter(|each| !owners[each.table].owner.is_service_proxy()) {
            let meet = |version: TableFamily| version == TableFamily::Inet;
            let families = [proxy.table, other.table].map(|table| program.ruleset.tables[table].family);
            if families[0] != families[1] && !families.into_iter().any(meet) {
                continue;
            }
            let tied = order(proxy, other).into_iter().find(|(_, first)| first.is_none());
            if let (Some((hook, _)), Some(rule)) = (tied, other.vague) {
                found.push(Tie { table: proxy.table, rule, hook });
            }
        }
    }
    found
}
