//! Resolving the names of a ruleset.

use super::kind::{Kind, Span};
use super::rules::{Chain, ChainId, Rule, Verdict};
use super::sets::{Data, Entry, Set, SetId};
use super::terms::Site;
use super::{Path, Program};
use crate::evaluate::Trails;
use crate::ruleset::{self, DataType, Element, ElementData, Expression, Ruleset, TableFamily};
use rustc_hash::FxHashMap;

/// What names mean while one table is linked.
pub(super) struct Linker<'a> {
    pub(super) family: TableFamily,
    pub(super) set_names: FxHashMap<&'a str, SetId>,
    pub(super) chain_names: FxHashMap<&'a str, ChainId>,
    pub(super) sets: &'a mut Vec<Set>,
    pub(super) sites: &'a mut Site,
    pub(super) counts: &'a mut bool,
    /// The site of all `symhash`.
    pub(super) symmetric_hash: &'a mut Option<Site>,
}

pub(super) fn link(ruleset: Ruleset) -> Program {
    let mut chains = Vec::new();
    let mut sets = Vec::new();
    let (mut sites, mut counts, mut symmetric_hash) = (0, false, None);
    for (table_place, table) in ruleset.tables.iter().enumerate() {
        if !super::is_of_ip(table.family) {
            continue;
        }
        let first_set = sets.len();
        let first_chain = chains.len();
        let mut linker = Linker {
            family: table.family,
            set_names: table.sets.iter().enumerate().map(|(place, set)| (&*set.name, first_set + place)).collect(),
            chain_names: table
                .chains
                .iter()
                .enumerate()
                .map(|(place, chain)| (&*chain.name, first_chain + place))
                .collect(),
            sets: &mut sets,
            sites: &mut sites,
            counts: &mut counts,
            symmetric_hash: &mut symmetric_hash,
        };
        for set in &table.sets {
            let named = linker.named_set(set);
            linker.sets.push(named);
        }
        for (place, chain) in table.chains.iter().enumerate() {
            let rules: Vec<Rule> = chain
                .rules
                .iter()
                .enumerate()
                .map(|(place, rule)| Rule { actions: linker.rule(rule), place })
                .collect();
            let live = (0..rules.len()).collect();
            chains.push(Chain {
                table: table_place,
                place,
                family: table.family,
                base: chain.base.clone(),
                rules,
                live,
            });
        }
    }
    Program { ruleset, chains, sets, counts, sites, paths: <[[Path; 5]; 2]>::default(), trails: Trails::default() }
}

impl Linker<'_> {
    pub(super) fn site(&mut self) -> Site {
        *self.sites += 1;
        *self.sites - 1
    }

    pub(super) fn verdict(&self, verdict: &ruleset::Verdict) -> Verdict {
        let chain = |name: &str| self.chain_names.get(name).copied();
        match verdict {
            ruleset::Verdict::Accept => Verdict::Accept,
            ruleset::Verdict::Drop => Verdict::Drop,
            ruleset::Verdict::Continue => Verdict::Continue,
            ruleset::Verdict::Return => Verdict::Return,
            ruleset::Verdict::Jump(name) => match chain(name) {
                Some(chain) => Verdict::Jump(chain),
                None => Verdict::Unknown(format!("jump {name}, which is not in the dump").into()),
            },
            ruleset::Verdict::Goto(name) => match chain(name) {
                Some(chain) => Verdict::Goto(chain),
                None => Verdict::Unknown(format!("goto {name}, which is not in the dump").into()),
            },
            ruleset::Verdict::Queue => Verdict::Unknown("queue".into()),
        }
    }

    fn named_set(&self, set: &ruleset::Set) -> Set {
        let key = Kind::of_key(&set.key);
        let data = match &set.data {
            Some(DataType::Value(parts)) => Kind::of_key(parts),
            _ => Vec::new(),
        };
        let holds_objects = matches!(&set.data, Some(DataType::Object(_)));
        let mut linked = self.set(Some((*set.name).into()), key, data, &set.elements, holds_objects);
        linked.dynamic = set.dynamic;
        linked.default_timeout = set.default_timeout;
        if set.elements_unknown {
            linked.unknown = Some("the dump leaves its elements out".into());
        }
        linked
    }

    /// A set, named or anonymous, of elements whose keys and data have these kinds.
    pub(super) fn set(
        &self,
        name: Option<Box<str>>,
        key: Vec<Kind>,
        data: Vec<Kind>,
        elements: &[Element],
        holds_objects: bool,
    ) -> Set {
        let mut unknown = None;
        let mut entries = Vec::with_capacity(elements.len());
        for element in elements {
            let Some(spans) = element_key(&element.key, &key) else {
                unknown
                    .get_or_insert_with(|| format!("its element {} is not understood", element.key).into_boxed_str());
                continue;
            };
            let data = match &element.data {
                _ if holds_objects => Data::Member,
                None => Data::Member,
                Some(ElementData::Verdict(verdict)) => Data::Verdict(self.verdict(verdict)),
                Some(ElementData::Value(value)) => match element_key(value, &data) {
                    Some(values) if values.iter().all(Span::is_one) => {
                        Data::Values(values.iter().map(|span| span.low).collect())
                    }
                    _ => Data::Unknown(value.to_string().into()),
                },
            };
            let entry = Entry { key: spans, data, comment: element.comment.clone(), limited: element.limited };
            entries.push((entry, matches!(element.key, Expression::CatchAll)));
        }
        let mut set = Set::new(name, key, data, entries);
        set.unknown = unknown;
        set
    }
}

/// The spans of each part of a key; None if it has another number of parts or one of them is not understood.
fn element_key(key: &Expression, kinds: &[Kind]) -> Option<Box<[Span]>> {
    if matches!(key, Expression::CatchAll) {
        return Some(kinds.iter().map(|kind| Span { low: 0, high: kind.maximum() }).collect());
    }
    match (key, kinds) {
        (Expression::Concatenation(parts), kinds) if parts.len() == kinds.len() => {
            parts.iter().zip(kinds).map(|(part, kind)| kind.constant(part)).collect()
        }
        (_, [kind]) => Some(Box::new([kind.constant(key)?])),
        _ => None,
    }
}
