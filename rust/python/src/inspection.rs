//! The binding of what a ruleset says by its structure: rows for `svcc.auditing.inspection`.

use crate::program::Program;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use svcc_core::inspect::{self, Claimant, HollowTarget, MarkEffect, RuleId};
use svcc_core::program;
use svcc_core::ruleset::Table;

/// What was found in a ruleset.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Inspection {
    program: Py<Program>,
    found: inspect::Inspection,
}

type TenantRow = (String, String, usize, usize, bool);
type BaseRow = (String, String, String, i32);
type TableRow = (String, String, Option<bool>, String, &'static str, Vec<TenantRow>, Vec<BaseRow>);
type PlaceRow = (usize, String, Option<u64>, String);
type ClaimantRow = (PlaceRow, String, String);
type ClaimRow = (String, ClaimantRow, ClaimantRow);
type ChainDepartureRow = (usize, String, bool, Option<String>, usize, Vec<String>, Vec<PlaceRow>);
type SetDepartureRow = (usize, String, usize, Vec<String>, Vec<String>);
type SharedRow = ((usize, usize), Vec<(String, Option<usize>)>, Vec<ClaimRow>, usize);

#[pymethods]
impl Inspection {
    /// Looks through a ruleset.
    #[new]
    fn new(py: Python<'_>, program: Py<Program>) -> Self {
        let looked_at = &program.get().program;
        let found = py.detach(|| inspect::inspect(looked_at));
        Self { program, found }
    }

    /// The version of nft that printed the dump.
    fn nft_version(&self) -> Option<String> {
        self.program().ruleset.nft_version.clone()
    }

    /// The tables: family, name, whether it is dormant, owner, layout, who else has chains in it, base chains.
    fn tables(&self) -> Vec<TableRow> {
        let owners = self.found.owners.iter();
        self.tables_listed()
            .iter()
            .zip(owners)
            .map(|(table, owner)| {
                let tenants = owner.tenants.iter().map(|tenant| {
                    (tenant.owner.to_string(), tenant.first.clone(), tenant.chains, tenant.rules, tenant.hooked)
                });
                let bases = table.chains.iter().filter_map(|chain| {
                    let base = chain.base.as_ref()?;
                    Some((chain.name.clone(), base.chain_type.to_string(), base.hook.to_string(), base.priority))
                });
                (
                    table.family.to_string(),
                    table.name.clone(),
                    table.dormant,
                    owner.owner.to_string(),
                    owner.layout,
                    tenants.collect(),
                    bases.collect(),
                )
            })
            .collect()
    }

    /// The names of chains, and of sets and maps, that are made of no object's name: those without a slash.
    fn plain_names(&self, table: usize) -> PyResult<(Vec<String>, Vec<String>)> {
        let table = self.tables_listed().get(table).ok_or_else(|| PyIndexError::new_err("no such table"))?;
        let plain = |name: &&String| !name.contains('/');
        Ok((
            table.chains.iter().map(|chain| &chain.name).filter(plain).cloned().collect(),
            table.sets.iter().map(|set| &set.name).filter(plain).cloned().collect(),
        ))
    }

    /// Chains no packet gets to: table, name, number of rules, whether another such chain leads to it.
    fn dead_chains(&self) -> Vec<(usize, String, usize, bool)> {
        let program = self.program();
        let row = |dead: &inspect::DeadChain| {
            let chain = &program.chains[dead.chain];
            (chain.table, program.chain_name(dead.chain).to_owned(), chain.rules.len(), dead.from_dead)
        };
        self.found.dead_chains.iter().map(row).collect()
    }

    /// Sets and maps no rule names: table, name.
    fn unused_sets(&self) -> Vec<(usize, String)> {
        let name = |(table, set): &(usize, usize)| (*table, self.tables_listed()[*table].sets[*set].name.clone());
        self.found.unused_sets.iter().map(name).collect()
    }

    /// Elements that lead nowhere: table, rule, the first element, how many, the chain, whether it is missing.
    fn hollow(&self) -> Vec<(usize, Option<PlaceRow>, String, usize, String, bool)> {
        let row = |hollow: &inspect::Hollow| {
            let element = match hollow.set {
                Some(set) => format!("{}: {}", self.tables_listed()[hollow.table].sets[set].name, hollow.element),
                None => hollow.element.clone(),
            };
            let missing = hollow.target == HollowTarget::Missing;
            let rule = hollow.rule.map(|rule| self.place(rule));
            (hollow.table, rule, element, hollow.elements, hollow.chain.clone(), missing)
        };
        self.found.hollow.iter().map(row).collect()
    }

    /// Rules that are never met, the rule in front, and whether they would do something else.
    fn shadowed(&self) -> Vec<(PlaceRow, PlaceRow, bool)> {
        let row = |found: &inspect::Shadowed| {
            let by = RuleId { rule: found.by, ..found.rule };
            (self.place(found.rule), self.place(by), found.differs)
        };
        self.found.shadowed.iter().map(row).collect()
    }

    /// Elements of svcc's maps that no packet can meet: table, the first, how many, whether the frontend is served.
    fn unselectable(&self) -> Vec<(usize, String, usize, bool)> {
        let row = |found: &inspect::Unselectable| {
            let set = &self.tables_listed()[found.table].sets[found.set].name;
            (found.table, format!("{set}: {}", found.element), found.elements, found.served)
        };
        self.found.unselectable.iter().map(row).collect()
    }

    /// Rules of others that touch a service proxy's bit of the mark.
    fn marks(&self) -> Vec<(PlaceRow, &'static str, u32)> {
        let row = |found: &inspect::MarkUse| {
            let effect = match found.effect {
                MarkEffect::Sets => "sets",
                MarkEffect::MaySet => "may set",
                MarkEffect::Clears => "clears",
                MarkEffect::Reads => "reads",
            };
            (self.place(found.rule), effect, found.bits)
        };
        self.found.marks.iter().map(row).collect()
    }

    /// Frontends of two tables: the tables, which is first at each hook, some of the frontends, how many.
    fn shared_frontends(&self) -> Vec<SharedRow> {
        let row = |found: &inspect::SharedFrontends| {
            let first = found.first.iter().map(|(hook, table)| (hook.to_string(), *table));
            let claims = found.claims.iter().map(|claim| {
                (claim.frontend.clone(), self.claimant_row(&claim.by[0]), self.claimant_row(&claim.by[1]))
            });
            ((found.tables[0], found.tables[1]), first.collect(), claims.collect(), found.count)
        };
        self.found.shared_frontends.iter().map(row).collect()
    }

    /// Translations that may come before those of a service proxy, or after: its table, the rule, the hook.
    fn ties(&self) -> Vec<(usize, PlaceRow, String)> {
        self.found.ties.iter().map(|tie| (tie.table, self.place(tie.rule), tie.hook.to_string())).collect()
    }

    /// Rules with a hash whose seed nobody knows.
    fn seedless(&self) -> Vec<PlaceRow> {
        self.found.seedless.iter().map(|rule| self.place(*rule)).collect()
    }

    /// Base chains of type nat that are never run: table, name.
    fn untracked(&self) -> Vec<(usize, String)> {
        let program = self.program();
        let row = |chain: &usize| (program.chains[*chain].table, program.chain_name(*chain).to_owned());
        self.found.untracked.iter().map(row).collect()
    }

    /// What is not as in a compiled ruleset. Chains: table, name, whether it is there, how it should be hooked, number
    /// of rules, rules that are missing, and that are too much. Sets: table, name, number of elements, missing, too much.
    fn departures(&self, py: Python<'_>, compiled: &Program) -> (Vec<ChainDepartureRow>, Vec<SetDepartureRow>) {
        let found = py.detach(|| inspect::departures(self.program(), &compiled.program));
        let chain = |each: inspect::ChainDeparture| {
            let excess = each.excess.iter().map(|rule| self.place(*rule)).collect();
            (each.table, each.chain, each.is_there, each.hook, each.rules, each.missing, excess)
        };
        let set = |each: inspect::SetDeparture| (each.table, each.set, each.elements, each.missing, each.excess);
        (found.chains.into_iter().map(chain).collect(), found.sets.into_iter().map(set).collect())
    }

    /// Rules of service proxies that are not understood.
    fn opaque(&self) -> Vec<PlaceRow> {
        self.found.opaque.iter().map(|rule| self.place(*rule)).collect()
    }
}

impl Inspection {
    fn program(&self) -> &program::Program {
        &self.program.get().program
    }

    fn tables_listed(&self) -> &[Table] {
        &self.program().ruleset.tables
    }

    /// Table, chain, handle and words of a rule.
    fn place(&self, rule: RuleId) -> PlaceRow {
        let linked = &self.program().chains[rule.chain];
        let chain = &self.tables_listed()[linked.table].chains[linked.place];
        let listed = &chain.rules[rule.rule];
        (linked.table, chain.name.clone(), listed.handle, listed.to_string())
    }

    fn claimant_row(&self, claimant: &Claimant) -> ClaimantRow {
        (self.place(claimant.rule), claimant.element.clone(), claimant.comment.clone())
    }
}
