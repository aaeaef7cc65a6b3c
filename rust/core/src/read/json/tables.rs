//! Tables while their objects come in: any object may come before the one that declares what it belongs to.

use super::declarations::{self, Oddities};
use super::elements::{element, elements};
use super::value::Value;
use crate::ruleset::{Base, Chain, Rule, Set, Statement, Table, TableFamily};
use std::collections::{HashMap, HashSet};

/// When something was declared, or else first mentioned, by the numbers of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    declared: usize,
    mentioned: usize,
}

impl Order {
    const UNDECLARED: usize = usize::MAX;

    fn mentioned(place: usize) -> Self {
        Self { declared: Self::UNDECLARED, mentioned: place }
    }

    /// The number of the object.
    pub(super) fn place(self) -> usize {
        self.declared.min(self.mentioned)
    }

    fn declare(&mut self, place: usize) {
        self.declared = self.declared.min(place);
    }
}

/// A table.
pub(super) struct GrowingTable {
    pub(super) order: Order,
    pub(super) dormant: Option<bool>,
    pub(super) comment: Option<String>,
    iptables: bool,
    pub(super) chains: HashMap<String, GrowingChain>,
    pub(super) sets: HashMap<String, GrowingSet>,
    updated: HashSet<Box<str>>,
    /// Objects with handles, anonymous sets (whose handles nobody prints), and the highest handle.
    handles: u64,
    anonymous_sets: u64,
    highest_handle: u64,
}

/// A chain.
pub(super) struct GrowingChain {
    order: Order,
    handle: Option<u64>,
    comment: Option<String>,
    base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

/// A set or map.
pub(super) struct GrowingSet {
    order: Order,
    pub(super) set: Set,
}

impl GrowingSet {
    fn is_map(&self) -> Option<bool> {
        (self.order.declared != Order::UNDECLARED).then_some(self.set.data.is_some())
    }

    /// Adds elements. A listing says of each how long it stays, a command leaves it to the set.
    pub(super) fn add(&mut self, listed: Value<'_>, by_command: bool) {
        let is_map = self.is_map();
        let default = self.set.default_timeout.filter(|_| by_command);
        // Each value is dropped as soon as it is converted: there may be hundreds of thousands.
        self.set.elements.extend(listed.into_items().into_iter().map(|value| {
            let mut added = element(&value, is_map, 0);
            added.expires = added.expires.or(default);
            added
        }));
    }

    /// Deletes elements by their keys.
    pub(super) fn delete(&mut self, listed: &Value<'_>) {
        let gone: HashSet<String> =
            elements(listed, self.is_map(), 0).iter().map(|element| format!("{:?}", element.key)).collect();
        self.set.elements.retain(|element| !gone.contains(&format!("{:?}", element.key)));
    }
}

/// Where something is odd, in what words, and whether it may decide about any packet.
pub(super) type OddPlace = (usize, (String, bool));

impl GrowingTable {
    pub(super) fn mentioned(place: usize) -> Self {
        Self {
            order: Order::mentioned(place),
            dormant: Some(false),
            comment: None,
            iptables: false,
            chains: HashMap::new(),
            sets: HashMap::new(),
            updated: HashSet::new(),
            handles: 0,
            anonymous_sets: 0,
            highest_handle: 0,
        }
    }

    pub(super) fn declare(&mut self, place: usize, object: &Value<'_>, odd: &mut Oddities) {
        self.order.declare(place);
        self.dormant = declarations::is_dormant(object, odd);
        self.comment = object.text_of("comment").map(Into::into);
    }

    /// Remembers the handle of an object that is in the table.
    pub(super) fn count_handle(&mut self, object: &Value<'_>) {
        if let Some(handle) = object.get("handle").and_then(Value::unsigned) {
            self.handles += 1;
            self.highest_handle = self.highest_handle.max(handle);
        }
    }

    pub(super) fn chain(&mut self, place: usize, name: &str) -> &mut GrowingChain {
        if !self.chains.contains_key(name) {
            let order = Order::mentioned(place);
            let chain = GrowingChain { order, handle: None, comment: None, base: None, rules: Vec::new() };
            self.chains.insert(name.to_owned(), chain);
        }
        self.chains.get_mut(name).expect("it is there or was inserted")
    }

    pub(super) fn set(&mut self, place: usize, name: &str) -> &mut GrowingSet {
        if !self.sets.contains_key(name) {
            let set = Set { name: name.to_owned(), ..Set::default() };
            let order = Order::mentioned(place);
            self.sets.insert(name.to_owned(), GrowingSet { order, set });
        }
        self.sets.get_mut(name).expect("it is there or was inserted")
    }

    pub(super) fn declare_chain(
        &mut self,
        place: usize,
        name: &str,
        family: TableFamily,
        object: &Value<'_>,
        odd: &mut Oddities,
    ) {
        let chain = self.chain(place, name);
        chain.order.declare(place);
        chain.handle = object.get("handle").and_then(Value::unsigned).or(chain.handle);
        chain.comment = object.text_of("comment").map(Into::into).or(chain.comment.take());
        chain.base = declarations::base(object, family, odd).or(chain.base.take());
    }

    pub(super) fn declare_set(
        &mut self,
        place: usize,
        is_map: bool,
        mut object: Value<'_>,
        by_command: bool,
        odd: &mut Oddities,
    ) {
        let listed = object.take("elem");
        let mut declared = declarations::set(&object, is_map, odd);
        let growing = self.set(place, &declared.name);
        growing.order.declare(place);
        declared.elements = std::mem::take(&mut growing.set.elements);
        growing.set = declared;
        if let Some(listed) = listed {
            growing.add(listed, by_command);
        }
    }

    /// A rule, which is not put into its chain yet.
    pub(super) fn rule(&mut self, object: &Value<'_>) -> Rule {
        let statements = object.get("expr").map_or(&[][..], Value::items);
        self.iptables |= statements.iter().any(|statement| matches!(statement.single(), Some(("xt", _))));
        self.anonymous_sets += statements.iter().map(Value::anonymous_sets).sum::<u64>();
        let rule = declarations::rule(object);
        for statement in &rule.statements {
            if let Statement::Update { set, .. } = statement
                && !self.updated.contains(set)
            {
                self.updated.insert(set.clone());
            }
        }
        rule
    }

    /// How many handles below the highest are of nothing that was listed.
    pub(super) fn missing_handles(&self) -> u64 {
        self.highest_handle.saturating_sub(self.handles.saturating_add(self.anonymous_sets))
    }

    /// The table, with what is wrong in it and the object to which that applies.
    pub(super) fn finish(self, family: TableFamily, name: String) -> (Table, Vec<OddPlace>) {
        let mut odd = Vec::new();
        let mut sets: Vec<GrowingSet> = self.sets.into_values().collect();
        sets.sort_unstable_by_key(|growing| growing.order);
        for GrowingSet { order, set, .. } in &mut sets {
            // Before 1.1.0 the flag is not printed. No rule can add to a set that is not dynamic.
            set.dynamic |= self.updated.contains(set.name.as_str());
            if order.declared == Order::UNDECLARED {
                let words = format!("set {} is not declared, so its type is unknown", set.name);
                odd.push((order.mentioned, (words, false)));
            }
        }
        let mut chains: Vec<(String, GrowingChain)> = self.chains.into_iter().collect();
        chains.sort_unstable_by_key(|(_, growing)| growing.order);
        for (name, GrowingChain { order, .. }) in &chains {
            if order.declared == Order::UNDECLARED {
                let words = format!("chain {name} is not declared, so its hook is unknown");
                odd.push((order.mentioned, (words, true)));
            }
        }
        let chains = chains
            .into_iter()
            .map(|(name, GrowingChain { handle, comment, base, rules, .. })| Chain {
                name,
                handle,
                comment,
                base,
                rules,
            })
            .collect();
        let sets = sets.into_iter().map(|growing| growing.set).collect();
        let (dormant, comment) = (self.dormant, self.comment);
        (Table { family, name, dormant, comment, managed_by_iptables: self.iptables, chains, sets }, odd)
    }
}
