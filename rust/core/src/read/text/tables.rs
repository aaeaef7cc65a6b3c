//! The ruleset while its text is read: blocks add up, and commands take things away again.

use crate::ruleset::{Chain, Element, Note, Rule, Ruleset, Set, Statement, Table, TableFamily};
use std::collections::{HashMap, HashSet};

/// Things with names, in the order in which they came.
struct Named<T> {
    items: Vec<Option<T>>,
    places: HashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: HashMap::new() }
    }
}

impl<T> Named<T> {
    fn get(&mut self, name: &str) -> Option<&mut T> {
        self.items.get_mut(*self.places.get(name)?)?.as_mut()
    }

    /// Where it is; it is made if there is none.
    fn place(&mut self, name: &str, make: impl FnOnce() -> T) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.places.insert(name.to_owned(), self.items.len());
        self.items.push(Some(make()));
        self.items.len() - 1
    }

    fn remove(&mut self, name: &str) -> bool {
        let place = self.places.remove(name);
        if let Some(item) = place.and_then(|place| self.items.get_mut(place)) {
            *item = None;
        }
        place.is_some()
    }

    fn remove_where(&mut self, hit: impl Fn(&T) -> bool) -> bool {
        let found = self.items.iter_mut().find(|item| item.as_ref().is_some_and(&hit));
        let is_found = found.is_some();
        if let Some(item) = found {
            *item = None;
            let items = &self.items;
            self.places.retain(|_, place| items.get(*place).is_some_and(Option::is_some));
        }
        is_found
    }
}

/// A chain, with the rules that were inserted at its head in reverse order.
pub(super) struct OpenChain {
    pub(super) chain: Chain,
    pub(super) head: Vec<Rule>,
}

/// A set, with what the form of rulesets does not hold.
#[derive(Default)]
pub(super) struct OpenSet {
    pub(super) set: Set,
    /// Every element has a statement that may stop a match.
    pub(super) limited: bool,
    deleted: Vec<Element>,
}

impl OpenSet {
    /// Adds elements, to which the timeout of the set applies.
    pub(super) fn add(&mut self, elements: Vec<Element>) {
        self.forget_deleted();
        if self.set.elements.is_empty() {
            self.set.elements = elements;
        } else {
            self.set.elements.extend(elements);
        }
    }

    /// Takes elements away by their keys.
    pub(super) fn delete(&mut self, elements: Vec<Element>) {
        self.deleted.extend(elements);
    }

    /// Takes all elements away.
    pub(super) fn flush(&mut self) {
        self.deleted = Vec::new();
        self.set.elements = Vec::new();
    }

    fn forget_deleted(&mut self) {
        if !self.deleted.is_empty() {
            let keys: HashSet<String> = self.deleted.drain(..).map(|element| element.key.to_string()).collect();
            self.set.elements.retain(|element| !keys.contains(&element.key.to_string()));
        }
    }

    fn finish(mut self) -> Set {
        self.forget_deleted();
        for element in &mut self.set.elements {
            element.expires = element.expires.or(self.set.default_timeout);
            element.limited |= self.limited;
        }
        self.set
    }
}

/// A table while it is read.
pub(super) struct OpenTable {
    pub(super) table: Table,
    chains: Named<OpenChain>,
    sets: Named<OpenSet>,
}

impl OpenTable {
    fn new(family: TableFamily, name: &str) -> Self {
        let table = Table {
            family,
            name: name.to_owned(),
            dormant: Some(false),
            comment: None,
            managed_by_iptables: false,
            chains: Vec::new(),
            sets: Vec::new(),
        };
        Self { table, chains: Named::default(), sets: Named::default() }
    }

    /// The chain of this name, which is made if there is none.
    pub(super) fn chain(&mut self, name: &str) -> Option<&mut OpenChain> {
        let place = self.chains.place(name, || {
            let chain = Chain { name: name.to_owned(), handle: None, comment: None, base: None, rules: Vec::new() };
            OpenChain { chain, head: Vec::new() }
        });
        self.chains.items.get_mut(place)?.as_mut()
    }

    /// The set or map of this name, which is made if there is none.
    pub(super) fn set(&mut self, name: &str) -> Option<&mut OpenSet> {
        let place = self
            .sets
            .place(name, || OpenSet { set: Set { name: name.to_owned(), ..Set::default() }, ..OpenSet::default() });
        self.sets.items.get_mut(place)?.as_mut()
    }

    pub(super) fn has_chain(&mut self, name: &str) -> bool {
        self.chains.get(name).is_some()
    }

    /// The declared set of this name.
    pub(super) fn declared_set(&mut self, name: &str) -> Option<&mut OpenSet> {
        self.sets.get(name)
    }

    pub(super) fn remove_chain(&mut self, name: &str) -> bool {
        self.chains.remove(name)
    }

    pub(super) fn remove_chain_by_handle(&mut self, handle: u64) -> bool {
        self.chains.remove_where(|open| open.chain.handle == Some(handle))
    }

    pub(super) fn remove_set(&mut self, name: &str) -> bool {
        self.sets.remove(name)
    }

    pub(super) fn remove_set_by_handle(&mut self, handle: u64) -> bool {
        self.sets.remove_where(|open| open.set.handle == Some(handle))
    }

    /// Takes all rules away, but no chain.
    pub(super) fn flush(&mut self) {
        for open in self.chains.items.iter_mut().flatten() {
            open.head = Vec::new();
            open.chain.rules = Vec::new();
        }
    }

    fn finish(self) -> Table {
        let mut table = self.table;
        let limited: HashSet<Box<str>> = self
            .sets
            .items
            .iter()
            .flatten()
            .filter(|open| open.limited)
            .map(|open| open.set.name.as_str().into())
            .collect();
        table.sets = self.sets.items.into_iter().flatten().map(OpenSet::finish).collect();
        table.chains = self.chains.items.into_iter().flatten().map(|open| finish_chain(open, &limited)).collect();
        table
    }
}

fn finish_chain(open: OpenChain, limiting: &HashSet<Box<str>>) -> Chain {
    let mut chain = open.chain;
    if !open.head.is_empty() {
        let rules = std::mem::take(&mut chain.rules);
        chain.rules = open.head.into_iter().rev().chain(rules).collect();
    }
    if !limiting.is_empty() {
        // The statements of a set are those of every element that a packet adds (kernel: nft_dynset.c).
        for statement in chain.rules.iter_mut().flat_map(|rule| &mut rule.statements) {
            if let Statement::Update { set, limited, .. } = statement {
                *limited |= limiting.contains(set);
            }
        }
    }
    chain
}

/// The ruleset while it is read.
#[derive(Default)]
pub(super) struct Tables {
    open: Vec<Option<OpenTable>>,
    places: HashMap<(TableFamily, String), usize>,
    pub(super) notes: Vec<Note>,
}

impl Tables {
    /// The place of a table, which is made if there is none.
    pub(super) fn place(&mut self, family: TableFamily, name: &str) -> usize {
        let key = (family, name.to_owned());
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        self.places.insert(key, self.open.len());
        self.open.push(Some(OpenTable::new(family, name)));
        self.open.len() - 1
    }

    /// The table at a place.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut OpenTable> {
        self.open.get_mut(place)?.as_mut()
    }

    /// The table of this name, if there is one.
    pub(super) fn find(&mut self, family: TableFamily, name: &str) -> Option<&mut OpenTable> {
        let place = *self.places.get(&(family, name.to_owned()))?;
        self.at(place)
    }

    pub(super) fn remove(&mut self, family: TableFamily, name: &str) -> bool {
        let place = self.places.remove(&(family, name.to_owned()));
        if let Some(table) = place.and_then(|place| self.open.get_mut(place)) {
            *table = None;
        }
        place.is_some()
    }

    /// Takes all tables away, or all of a family.
    pub(super) fn flush(&mut self, family: Option<TableFamily>) {
        let open = &mut self.open;
        self.places.retain(|&(of, _), place| {
            let stays = family.is_some_and(|family| family != of);
            if !stays && let Some(table) = open.get_mut(*place) {
                *table = None;
            }
            stays
        });
    }

    pub(super) fn note(&mut self, place: usize, decisive: bool, message: String) {
        self.notes.push(Note { place, message, decisive });
    }

    pub(super) fn finish(self) -> Ruleset {
        let tables = self.open.into_iter().flatten().map(OpenTable::finish).collect();
        Ruleset { nft_version: None, tables, notes: self.notes }
    }
}
