//! Who refers to whom: chains nobody jumps to, sets nobody asks, elements that lead nowhere.

use super::{Places, RuleId};
use crate::program::{Action, ChainId, Data, NatTarget, Part, Program, SetId, Term, Verdict};
use crate::ruleset::{self, Element, ElementData, Expression};
use rustc_hash::FxHashMap;

/// A chain that no packet gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadChain {
    /// Which.
    pub chain: ChainId,
    /// Another dead chain leads to it.
    pub from_dead: bool,
}

/// What is wrong with the chain that an element leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HollowTarget {
    /// It is not in the dump.
    Missing,
    /// It has no rules.
    Empty,
}

/// Elements that lead to a chain where nothing happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hollow {
    /// The table.
    pub table: usize,
    /// The place of the map in the table; None of the anonymous map of `rule`.
    pub set: Option<usize>,
    /// The rule of an anonymous map, or the first that looks into a named one.
    pub rule: Option<RuleId>,
    /// The first such element by its words, as nft prints it.
    pub element: String,
    /// How many elements lead there.
    pub elements: usize,
    /// The name of the chain.
    pub chain: String,
    /// What is wrong with it.
    pub target: HollowTarget,
}

/// What an action names.
enum Reference<'a> {
    Chain(ChainId),
    Set(SetId),
    /// Words that were not understood and may name anything.
    Words(&'a str),
}

/// Who refers to whom in a program.
pub(super) struct Graph<'a> {
    pub(super) places: Places<'a>,
    /// The chains that the rules of a chain name.
    direct: Vec<Vec<ChainId>>,
    /// The sets and maps that the rules of a chain name.
    asked: Vec<Vec<SetId>>,
    /// The chains that the elements of a map lead to, each once.
    targets: Vec<Vec<ChainId>>,
    /// Whether any rule names the set.
    used: Vec<bool>,
    /// Whether any rule changes the set.
    pub(super) changed: Vec<bool>,
    /// Whether a packet can get to the chain.
    pub(super) reached: Vec<bool>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        let places = Places::new(program);
        let chains = program.chains.len();
        let mut graph = Self {
            places,
            direct: vec![Vec::new(); chains],
            asked: vec![Vec::new(); chains],
            targets: program.sets.iter().map(|set| targets(&set.entries)).collect(),
            used: vec![false; program.sets.len()],
            changed: vec![false; program.sets.len()],
            reached: vec![false; chains],
        };
        for (id, chain) in program.chains.iter().enumerate() {
            let (mut direct, mut asked) = (Vec::new(), Vec::new());
            for action in chain.rules.iter().flat_map(|rule| &rule.actions) {
                if let Action::Update { set, .. } = action {
                    graph.changed[*set] = true;
                }
                references(action, &mut |reference| match reference {
                    Reference::Chain(target) => direct.push(target),
                    Reference::Set(set) => asked.push(set),
                    Reference::Words(words) => {
                        graph.named_in(chain.table, words, &mut direct, &mut asked);
                    }
                });
            }
            for set in &asked {
                graph.used[*set] = true;
            }
            (graph.direct[id], graph.asked[id]) = (direct, asked);
        }
        let bases = (0..chains).filter(|id| program.chains[*id].base.is_some());
        graph.reached = graph.reached_from(bases);
        graph
    }

    /// The chains a packet can get to from some.
    pub(super) fn reached_from(&self, starts: impl IntoIterator<Item = ChainId>) -> Vec<bool> {
        let mut reached = vec![false; self.direct.len()];
        let mut open: Vec<ChainId> = starts.into_iter().collect();
        let mut looked_into = vec![false; self.targets.len()];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut reached[id], true) {
                continue;
            }
            open.extend(self.direct[id].iter().filter(|target| !reached[**target]));
            for set in &self.asked[id] {
                if !std::mem::replace(&mut looked_into[*set], true) {
                    open.extend(&self.targets[*set]);
                }
            }
        }
        reached
    }

    /// The chains that the rules of a chain lead to, in one step; some may come twice.
    pub(super) fn next(&self, chain: ChainId) -> impl Iterator<Item = ChainId> {
        let mapped = self.asked[chain].iter().flat_map(|set| &self.targets[*set]);
        self.direct[chain].iter().chain(mapped).copied()
    }

    fn named_in(&self, table: usize, words: &str, chains: &mut Vec<ChainId>, sets: &mut Vec<SetId>) {
        let mut before = "";
        for word in words.split(|character: char| character.is_whitespace() || "{},\"[]:".contains(character)) {
            if let Some(name) = word.strip_prefix('@') {
                sets.extend(self.places.set(table, name));
            } else if matches!(before, "jump" | "goto" | "target") {
                chains.extend(self.places.chain(table, word));
            }
            if !word.is_empty() {
                before = word;
            }
        }
    }
}

fn targets(entries: &[crate::program::Entry]) -> Vec<ChainId> {
    let mut found: Vec<ChainId> = entries
        .iter()
        .filter_map(|entry| match entry.data {
            Data::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => Some(chain),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn references<'a>(action: &'a Action, found: &mut impl FnMut(Reference<'a>)) {
    let parts = |parts: &'a [Part], found: &mut dyn FnMut(Reference<'a>)| {
        for part in parts {
            terms(&part.term, found);
        }
    };
    match action {
        Action::Compare { part, .. } | Action::AnyBit { part, .. } => terms(&part.term, found),
        Action::Same { left, right, .. } => {
            terms(&left.term, found);
            terms(&right.term, found);
        }
        Action::Member { key, set, .. } | Action::VerdictMap { key, map: set } => {
            found(Reference::Set(*set));
            parts(key, found);
        }
        Action::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => found(Reference::Chain(*chain)),
        Action::Verdict(_) | Action::Reject { .. } | Action::Notrack => {}
        Action::Assign { value, .. } => terms(value, found),
        Action::Nat { target, .. } => match target {
            NatTarget::Nothing => {}
            NatTarget::Terms { address, port } => {
                address.iter().chain(port).for_each(|term| terms(term, found));
            }
            NatTarget::Map { key, map } => {
                found(Reference::Set(*map));
                parts(key, found);
            }
            NatTarget::Several(words) => found(Reference::Words(words)),
        },
        Action::Update { set, key, data, .. } => {
            found(Reference::Set(*set));
            parts(key, found);
            parts(data, found);
        }
        Action::Conditional(words) | Action::Opaque(words) => found(Reference::Words(words)),
    }
}

fn terms<'a>(term: &'a Term, found: &mut dyn FnMut(Reference<'a>)) {
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            Term::Bits(_, sides, _) => open.extend([&sides.0, &sides.1]),
            Term::Jhash { key, .. } => open.extend(key.iter().map(|part| &part.term)),
            Term::Lookup { key, map } => {
                found(Reference::Set(*map));
                open.extend(key.iter().map(|part| &part.term));
            }
            Term::Unknown(words) => found(Reference::Words(words)),
            Term::Field(_) | Term::Constant(_) | Term::Numgen { .. } | Term::UnknownHash { .. } => {}
        }
    }
}

/// Chains that are not hooked, and that nothing leads to which is.
pub(super) fn dead_chains(program: &Program, graph: &Graph<'_>) -> Vec<DeadChain> {
    let mut from_dead = vec![false; program.chains.len()];
    for chain in (0..program.chains.len()).filter(|id| !graph.reached[*id]) {
        for target in graph.next(chain).filter(|target| *target != chain) {
            from_dead[target] = true;
        }
    }
    let dead = (0..program.chains.len()).filter(|id| !graph.reached[*id]);
    dead.map(|chain| DeadChain { chain, from_dead: from_dead[chain] }).collect()
}

/// Named sets that no rule names.
pub(super) fn unused_sets(program: &Program, graph: &Graph<'_>) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (table, sets) in graph.places.sets.iter().enumerate() {
        // Objects such as counters are shown by maps to people, not to rules.
        let decides = |place: &usize| {
            let set = &program.ruleset.tables[table].sets[*place];
            !matches!(set.data, Some(ruleset::DataType::Object(_)))
        };
        let unused = sets.clone().enumerate().filter(|(_, set)| !graph.used[*set]).map(|(place, _)| place);
        found.extend(unused.filter(decides).map(|place| (table, place)));
    }
    found
}

/// Elements of verdict maps that lead to chains without rules, or that the dump lacks.
pub(super) fn hollow(program: &Program, graph: &Graph<'_>) -> Vec<Hollow> {
    let mut found = Vec::new();
    let mut first_rule: FxHashMap<SetId, RuleId> = FxHashMap::default();
    for (id, chain) in program.chains.iter().enumerate() {
        for rule in &chain.rules {
            let place = RuleId { chain: id, rule: rule.place };
            for action in &rule.actions {
                let Action::VerdictMap { map, .. } = action else { continue };
                first_rule.entry(*map).or_insert(place);
                if program.sets[*map].name.is_none() && suspicious(program, *map) {
                    let statements = &program.ruleset.tables[chain.table].chains[chain.place].rules[rule.place];
                    let elements = statements.statements.iter().filter_map(|statement| match statement {
                        ruleset::Statement::VerdictMap { data: Expression::Set(elements), .. } => Some(elements),
                        _ => None,
                    });
                    collect(program, graph, chain.table, elements.flatten(), &mut |hollow| {
                        found.push(Hollow { rule: Some(place), ..hollow });
                    });
                }
            }
        }
    }
    for (table, sets) in graph.places.sets.iter().enumerate() {
        for (place, set) in sets.clone().enumerate().filter(|(_, set)| suspicious(program, *set)) {
            let elements = program.ruleset.tables[table].sets[place].elements.iter();
            collect(program, graph, table, elements, &mut |hollow| {
                found.push(Hollow { set: Some(place), rule: first_rule.get(&set).copied(), ..hollow });
            });
        }
    }
    found
}

/// Whether a map has an element that leads nowhere.
fn suspicious(program: &Program, set: SetId) -> bool {
    program.sets[set].entries.iter().any(|entry| match &entry.data {
        Data::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => program.chains[*chain].rules.is_empty(),
        Data::Verdict(Verdict::Unknown(_)) => true,
        _ => false,
    })
}

fn collect<'a>(
    program: &Program,
    graph: &Graph<'_>,
    table: usize,
    elements: impl Iterator<Item = &'a Element>,
    found: &mut dyn FnMut(Hollow),
) {
    let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
    let mut hollows: Vec<Hollow> = Vec::new();
    for element in elements {
        let Some(ElementData::Verdict(ruleset::Verdict::Jump(name) | ruleset::Verdict::Goto(name))) = &element.data
        else {
            continue;
        };
        let target = match graph.places.chain(table, name) {
            None => HollowTarget::Missing,
            Some(chain) if program.chains[chain].rules.is_empty() => HollowTarget::Empty,
            Some(_) => continue,
        };
        if let Some(place) = seen.get(&**name) {
            let hollow = &mut hollows[*place];
            hollow.elements += 1;
            // The order of the listing is the kernel's, and may be another next time.
            hollow.element = std::mem::take(&mut hollow.element).min(element.key.to_string());
            continue;
        }
        seen.insert(name, hollows.len());
        hollows.push(Hollow {
            table,
            set: None,
            rule: None,
            element: element.key.to_string(),
            elements: 1,
            chain: name.to_string(),
            target,
        });
    }
    hollows.into_iter().for_each(found);
}
