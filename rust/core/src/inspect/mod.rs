//! What a ruleset says by its structure: whose tables these are, and what in them cannot be right or has no effect.
//!
//! Facts only: which of them is worth a word, and how bad it is, depends on whose table it is about and is decided by
//! whoever asks. Everything here is linear in the size of the ruleset, but for logarithms.

mod departures;
mod endpoints;
mod frontends;
mod hygiene;
mod marks;
mod numbers;
mod owner;
mod references;
mod shadow;

pub use departures::{ChainDeparture, Departures, SetDeparture, departures};
pub use endpoints::Unselectable;
pub use frontends::{Claim, Claimant, MOST_CLAIMS, SharedFrontends, Tie};

pub use marks::{MarkEffect, MarkUse};
pub use owner::{Owner, TableOwner, Tenant};
pub use references::{DeadChain, Hollow, HollowTarget};
pub use shadow::Shadowed;

use crate::program::{ChainId, Program, SetId, is_of_ip};
use references::Graph;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A rule: its chain, and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId {
    /// The chain.
    pub chain: ChainId,
    /// The place, counted from 0.
    pub rule: usize,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Whose each table is; one for each table of the ruleset.
    pub owners: Vec<TableOwner>,
    /// Chains that no packet gets to.
    pub dead_chains: Vec<DeadChain>,
    /// Sets and maps that no rule names: table and place in it.
    pub unused_sets: Vec<(usize, usize)>,
    /// Elements that lead nowhere.
    pub hollow: Vec<Hollow>,
    /// Rules behind others that leave them nothing.
    pub shadowed: Vec<Shadowed>,
    /// Elements of svcc's maps that no packet can meet.
    pub unselectable: Vec<Unselectable>,
    /// Rules of others that touch the bit by which packets are masqueraded.
    pub marks: Vec<MarkUse>,
    /// Frontends that several tables claim.
    pub shared_frontends: Vec<SharedFrontends>,
    /// Translations of which nobody knows whether they come before those of a service proxy.
    pub ties: Vec<Tie>,
    /// Rules with a hash whose seed the kernel draws.
    pub seedless: Vec<RuleId>,
    /// Base chains of type nat that are never run, since nothing asks for connections to be tracked.
    pub untracked: Vec<ChainId>,
    /// Rules of service proxies that are not understood.
    pub opaque: Vec<RuleId>,
}

/// Looks through a ruleset.
#[must_use]
pub fn inspect(program: &Program) -> Inspection {
    let graph = Graph::new(program);
    let owners = owner::owners(program, &graph);
    let (shared_frontends, ties) = frontends::shared(program, &graph, &owners);
    Inspection {
        dead_chains: references::dead_chains(program, &graph),
        unused_sets: references::unused_sets(program, &graph),
        hollow: [references::hollow(program, &graph), numbers::lost(program, &graph)].concat(),
        shadowed: shadow::shadowed(program, &graph),
        unselectable: endpoints::unselectable(program, &graph, &owners),
        marks: marks::uses(program, &graph, &owners),
        shared_frontends,
        ties,
        seedless: hygiene::seedless(program),
        untracked: hygiene::untracked(program),
        opaque: hygiene::opaque(program, &owners),
        owners,
    }
}

/// Where the chains and named sets of each table are in its program, and what they are called.
struct Places<'a> {
    /// The first chain of each table and the one behind its last; empty for tables that are in no program.
    chains: Vec<Range<ChainId>>,
    /// The same of named sets.
    sets: Vec<Range<SetId>>,
    chain_names: FxHashMap<(usize, &'a str), ChainId>,
    set_names: FxHashMap<(usize, &'a str), SetId>,
}

impl<'a> Places<'a> {
    fn new(program: &'a Program) -> Self {
        let tables = &program.ruleset.tables;
        let mut chains = vec![0..0; tables.len()];
        let mut sets = vec![0..0; tables.len()];
        let (mut chain_names, mut set_names) = (FxHashMap::default(), FxHashMap::default());
        for (id, chain) in program.chains.iter().enumerate() {
            let range: &mut Range<ChainId> = &mut chains[chain.table];
            *range = if range.end == 0 { id..id + 1 } else { range.start..id + 1 };
            chain_names.insert((chain.table, program.chain_name(id)), id);
        }
        let mut next = 0;
        for (place, table) in tables.iter().enumerate().filter(|(_, table)| is_of_ip(table.family)) {
            // The named sets of a table come first, then the anonymous ones of its rules.
            sets[place] = next..next + table.sets.len();
            set_names.extend(table.sets.iter().zip(next..).map(|(set, id)| ((place, &*set.name), id)));
            next += table.sets.len();
            while program.sets.get(next).is_some_and(|set| set.name.is_none()) {
                next += 1;
            }
        }
        Self { chains, sets, chain_names, set_names }
    }

    fn chain(&self, table: usize, name: &str) -> Option<ChainId> {
        self.chain_names.get(&(table, name)).copied()
    }

    fn set(&self, table: usize, name: &str) -> Option<SetId> {
        self.set_names.get(&(table, name)).copied()
    }
}
