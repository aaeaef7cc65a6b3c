//! What the chains of a program read and change, told from their rules alone.

use crate::program::{Action, ChainId, Data, Field, NatTarget, Part, Program, SetId, Target, Term, Verdict};
use crate::ruleset::Hook;
use rustc_hash::{FxHashMap, FxHashSet};

/// What packets may meet in a chain and those it leads to.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// The sets that are looked into.
    pub(super) reads: FxHashSet<SetId>,
    /// Whether `ct status` is asked for.
    pub(super) status: bool,
    /// Whether `meta priority` is asked for.
    priority: bool,
    /// Whether anything of the packet or of a set is changed, or not understood.
    changes: bool,
    /// How packets are stopped.
    stops: FxHashSet<Box<str>>,
}

impl Reach {
    /// Of these chains.
    pub(super) fn new(program: &Program, chains: &[ChainId]) -> Self {
        let mut reach = Self::default();
        let mut seen: FxHashSet<ChainId> = FxHashSet::default();
        let mut open = chains.to_vec();
        while let Some(chain) = open.pop() {
            if !seen.insert(chain) {
                continue;
            }
            let linked = &program.chains[chain];
            if linked.base.as_ref().is_some_and(|base| base.policy_drop) {
                reach.stops.insert("drop".into());
            }
            for place in &linked.live {
                for action in &linked.rules[*place].actions {
                    reach.action(program, action, &mut open);
                }
            }
        }
        reach
    }

    /// Whether the order of chains that reach this may make a difference.
    pub(super) fn depends_on_order(&self) -> bool {
        self.changes || self.stops.len() > 1
    }

    fn action(&mut self, program: &Program, action: &Action, open: &mut Vec<ChainId>) {
        match action {
            Action::Compare { part, .. } | Action::AnyBit { part, .. } => self.term(&part.term),
            Action::Same { left, right, .. } => {
                self.term(&left.term);
                self.term(&right.term);
            }
            Action::Member { key, set, .. } => self.lookup(key, *set),
            Action::VerdictMap { key, map } => {
                self.lookup(key, *map);
                for entry in &program.sets[*map].entries {
                    match &entry.data {
                        Data::Verdict(verdict) => self.verdict(verdict, open),
                        _ => self.changes = true,
                    }
                }
            }
            Action::Verdict(verdict) => self.verdict(verdict, open),
            Action::Assign { target, value } => {
                self.changes |= *target != Target::Nothing;
                self.term(value);
            }
            Action::Nat { target, .. } => {
                self.changes = true;
                match target {
                    NatTarget::Terms { address, port } => address.iter().chain(port).for_each(|term| self.term(term)),
                    NatTarget::Map { key, map } => self.lookup(key, *map),
                    NatTarget::Nothing | NatTarget::Several(_) => {}
                }
            }
            Action::Reject { with } => {
                self.stops.insert(format!("reject {}", with.as_deref().unwrap_or_default()).into());
            }
            Action::Update { key, data, .. } => {
                self.changes = true;
                for part in key.iter().chain(data) {
                    self.term(&part.term);
                }
            }
            Action::Notrack | Action::Opaque(_) => self.changes = true,
            Action::Conditional(_) => {}
        }
    }

    fn verdict(&mut self, verdict: &Verdict, open: &mut Vec<ChainId>) {
        match verdict {
            Verdict::Jump(chain) | Verdict::Goto(chain) => open.push(*chain),
            Verdict::Drop => {
                self.stops.insert("drop".into());
            }
            Verdict::Unknown(_) => self.changes = true,
            Verdict::Accept | Verdict::Continue | Verdict::Return => {}
        }
    }

    fn lookup(&mut self, key: &[Part], set: SetId) {
        self.reads.insert(set);
        for part in key {
            self.term(&part.term);
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Field(Field::ConnectionStatus) => self.status = true,
            Term::Field(Field::Priority) => self.priority = true,
            Term::Field(_) | Term::Constant(_) | Term::Unknown(_) | Term::Numgen { .. } | Term::UnknownHash { .. } => {}
            Term::Bits(_, sides, _) => {
                self.term(&sides.0);
                self.term(&sides.1);
            }
            Term::Jhash { key, .. } => {
                for part in key {
                    self.term(&part.term);
                }
            }
            Term::Lookup { key, map } => self.lookup(key, *map),
        }
    }
}

/// For each hook and kind of chain what is met there.
#[derive(Debug)]
pub(super) struct Reaches {
    by_hook: FxHashMap<(Hook, bool), Reach>,
    output: bool,
    /// Whether any chain asks for `ct status`.
    pub(super) status: bool,
}

impl Reaches {
    /// Of all hooks that packets of a case meet.
    pub(super) fn new(program: &Program, version: crate::program::IpVersion, first: Hook) -> Self {
        let mut by_hook = FxHashMap::default();
        let mut status = false;
        for hook in [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting] {
            for nat in [false, true] {
                let stages = program.path(version, hook).stages.iter().filter(|stage| stage.nat == nat);
                let chains: Vec<ChainId> = stages.flat_map(|stage| stage.chains.iter().copied()).collect();
                let reach = Reach::new(program, &chains);
                status |= reach.status;
                by_hook.insert((hook, nat), reach);
            }
        }
        Self { by_hook, output: first == Hook::Output, status }
    }

    /// Whether a packet at a hook may still look into a set. What the node sends itself and comes back through `lo` is
    /// not translated a second time: the chains of type nat at the hooks behind it do not see it.
    pub(super) fn reads_later(&self, set: SetId, hook: Hook, looped: bool) -> bool {
        self.may_meet(hook, looped, true, |reach| reach.reads.contains(&set))
    }

    /// The same of a packet whose destination is decided: the chains of type nat at this hook do not see it any more.
    pub(super) fn reads_when_translated(&self, set: SetId, hook: Hook, looped: bool) -> bool {
        self.may_meet(hook, looped, !is_destination(hook), |reach| reach.reads.contains(&set))
    }

    /// Whether it may be asked for its priority.
    pub(super) fn asks_priority_when_translated(&self, hook: Hook, looped: bool) -> bool {
        self.may_meet(hook, looped, !is_destination(hook), |reach| reach.priority)
    }

    fn may_meet(&self, hook: Hook, looped: bool, nat: bool, wanted: impl Fn(&Reach) -> bool) -> bool {
        let order: &[(Hook, bool)] = match (self.output, looped, hook) {
            (true, false, Hook::Output) => &[(Hook::Output, nat), (Hook::Postrouting, true), (Hook::Prerouting, false)],
            (true, false, _) => &[(Hook::Postrouting, true), (Hook::Prerouting, false)],
            (_, _, Hook::Prerouting) => &[(Hook::Prerouting, nat && !self.output)],
            (_, _, hook) => &[(hook, !self.output)],
        };
        let reads = |hook: Hook, nat: bool| {
            self.by_hook.get(&(hook, false)).is_some_and(&wanted)
                || nat && self.by_hook.get(&(hook, true)).is_some_and(&wanted)
        };
        let rest: &[Hook] = match hook {
            Hook::Forward => &[Hook::Postrouting],
            Hook::Input | Hook::Postrouting if looped || !self.output => &[],
            _ => &[Hook::Input, Hook::Forward, Hook::Postrouting],
        };
        order.iter().any(|(hook, nat)| reads(*hook, *nat)) || rest.iter().any(|hook| reads(*hook, !self.output))
    }
}

fn is_destination(hook: Hook) -> bool {
    matches!(hook, Hook::Prerouting | Hook::Output)
}
