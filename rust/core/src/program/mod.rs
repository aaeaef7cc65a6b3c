//! A ruleset with its names resolved, its constants understood and its sets ready to be looked into.
//!
//! Whatever is asked of a ruleset is asked of this form. What cannot be understood is kept where it stands and says why
//! ([`Term::Unknown`], [`Action::Opaque`], [`Set::unknown`]); nothing is left out.

mod expressions;
mod identity;
mod kind;
mod link;
mod live;
mod names;
mod rules;
mod sets;
mod statements;
mod terms;

pub(crate) use kind::apply;
pub use kind::{Kind, Span, interface_number};
pub use rules::{Action, Chain, ChainId, NatTarget, Rule, Target, Verdict};
pub use sets::{Answer, Data, Entry, Hit, Set, SetId};
pub use terms::{End, Field, Part, Site, Term, Transport};

use crate::evaluate::Trails;
use crate::ruleset::{ChainType, Hook, Ruleset, TableFamily};
use std::borrow::Cow;

/// The version of the Internet Protocol a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A ruleset that can be run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The ruleset it was made of.
    pub ruleset: Ruleset,
    /// All chains of tables of IP.
    pub chains: Vec<Chain>,
    /// All sets and maps, anonymous ones too.
    pub sets: Vec<Set>,
    /// Whether any rule counts with `numgen inc`.
    pub counts: bool,
    /// How many sites there are.
    pub sites: u32,
    paths: [[Path; 5]; 2],
    pub(crate) trails: Trails,
}

/// The base chains of a hook: those of filters by priority, and between them, at one place, all of address translation.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// By priority.
    pub stages: Vec<Stage>,
}

/// Base chains of one priority, of which the order is not known if there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The priority.
    pub priority: i32,
    /// Whether these are chains of type nat.
    pub nat: bool,
    /// The chains.
    pub chains: Vec<ChainId>,
}

impl Program {
    /// The program of a ruleset.
    #[must_use]
    pub fn new(ruleset: Ruleset) -> Self {
        let mut program = link::link(ruleset);
        live::mark(&mut program.chains, &program.sets);
        for version in [IpVersion::V4, IpVersion::V6] {
            for hook in [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting] {
                program.paths[version as usize][place(hook)] = path(&program, version, hook);
            }
        }
        program
    }

    /// The same program without what rules have remembered in its sets: nobody knows what a node has forgotten, or
    /// remembers by now.
    #[must_use]
    pub fn without_records(&self) -> Cow<'_, Self> {
        let actions = self.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.actions);
        let mut updated: Vec<SetId> = actions
            .filter_map(|action| match action {
                Action::Update { set, .. } => Some(*set),
                _ => None,
            })
            .filter(|set| !self.sets[*set].entries.is_empty())
            .collect();
        updated.sort_unstable();
        updated.dedup();
        if updated.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut program = self.clone();
        for set in updated {
            program.sets[set].clear();
        }
        Cow::Owned(program)
    }

    /// Whether any rule remembers anything.
    #[must_use]
    pub fn has_records(&self) -> bool {
        let mut actions = self.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.actions);
        actions.any(|action| matches!(action, Action::Update { .. }))
    }

    /// The base chains a packet meets at a hook.
    #[inline]
    #[must_use]
    pub fn path(&self, version: IpVersion, hook: Hook) -> &Path {
        &self.paths[version as usize][place(hook)]
    }

    /// Which of these base chains of one priority may be the first that packets meet, by their places: what was
    /// registered last is (`nf_hook_entries_grow` in `net/netfilter/core.c`). Of one table that is the chain with the
    /// greatest handle, even where the table was dormant, as its chains are registered again in their order
    /// (`nf_tables_table_enable`); which of two tables' chains was registered last no dump tells.
    #[must_use]
    pub fn perhaps_first(&self, chains: &[ChainId]) -> Vec<usize> {
        let known = |chain: ChainId| {
            let chain = &self.chains[chain];
            Some((chain.table, self.ruleset.tables[chain.table].chains[chain.place].handle?))
        };
        let later = |(table, handle): (usize, u64)| {
            chains.iter().filter_map(|chain| known(*chain)).any(|other| other.0 == table && other.1 > handle)
        };
        (0..chains.len()).filter(|place| !known(chains[*place]).is_some_and(later)).collect()
    }

    /// Why it is not known which of the chains of one priority is first, in words for people.
    #[must_use]
    pub fn order_words(&self, chains: &[ChainId], priority: i32, hook: Hook) -> String {
        let name = |chain: &ChainId| {
            let table = &self.ruleset.tables[self.chains[*chain].table];
            format!("{} {} {}", table.family, table.name, self.chain_name(*chain))
        };
        let names: Vec<String> = chains.iter().map(name).collect();
        let names = match &names[..] {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            names => names.join(", "),
        };
        format!(
            "the chains {names} have the same priority {priority} at {hook}, and which was made first is not in the dump"
        )
    }

    /// The name of a chain.
    #[must_use]
    pub fn chain_name(&self, chain: ChainId) -> &str {
        let chain = &self.chains[chain];
        &self.ruleset.tables[chain.table].chains[chain.place].name
    }
}

/// Whether packets of IP meet a table of this family, so that its chains are part of a program.
#[must_use]
pub fn is_of_ip(family: TableFamily) -> bool {
    matches!(family, TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet)
}

fn place(hook: Hook) -> usize {
    match hook {
        Hook::Ingress | Hook::Egress | Hook::Prerouting => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

/// Chains of type nat are run where connection tracking translates, whatever their own priority is; that orders them
/// among themselves only (`nf_nat_register_fn` in `net/netfilter/nf_nat_core.c`).
fn path(program: &Program, version: IpVersion, hook: Hook) -> Path {
    let mut stages: Vec<Stage> = Vec::new();
    let translation = match hook {
        Hook::Input | Hook::Postrouting => 100,
        _ => -100,
    };
    for (chain_id, chain) in program.chains.iter().enumerate() {
        let Some(base) = &chain.base else { continue };
        let met = match chain.family {
            TableFamily::Ip => version == IpVersion::V4,
            TableFamily::Ip6 => version == IpVersion::V6,
            TableFamily::Inet => true,
            TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev => false,
        };
        let idle = chain.live.is_empty() && !base.policy_drop;
        if base.hook != hook || !met || idle || program.ruleset.tables[chain.table].dormant == Some(true) {
            continue;
        }
        let nat = base.chain_type == ChainType::Nat;
        match stages.iter_mut().find(|stage| stage.nat == nat && stage.priority == base.priority) {
            Some(stage) => stage.chains.push(chain_id),
            None => stages.push(Stage { priority: base.priority, nat, chains: vec![chain_id] }),
        }
    }
    stages.sort_by_key(|stage| if stage.nat { (translation, 1, stage.priority) } else { (stage.priority, 0, 0) });
    Path { stages }
}
