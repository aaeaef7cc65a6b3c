//! Differences as they are told: each with a packet that was sent through both sides.

use super::compare::{Compared, Equality, Side};
use super::declared::{Demands, Wanted};
use super::diagram::NodeId;
use super::distribution::Distribution;
use super::end::End;
use super::fate::{Fate, Here};
use super::fold::{Fold, Folded, here, is_remembered};
use super::neighbourhood::Neighbourhood;
use super::options::Functions;
use super::reasons::reasons;
use super::region::Region;
use super::run::unknown_end;
use super::variable::Variable;
use super::witness::{Found, Search, UNSHOWN, asks_ports};
use super::words::words;
use crate::evaluate::{self, Chance, Fraction, Outcome, Packet, Step, Surroundings, Verdict};
use crate::program::{Action, Program};
use crate::ruleset::{NatKind, TableFamily};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::cmp::Ordering;

/// Where functions differ, or may differ.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself")]
pub struct Difference {
    /// One of the packets.
    pub packet: Packet,
    /// What must be the node's own address for it, beside what is known.
    pub local_addresses: Vec<u128>,
    /// The place of the frontend that decides in the declaration; None where none does.
    pub frontend: Option<u32>,
    /// What is expected; empty where nothing is declared and only a service proxy's translation is wrong.
    pub expected: Vec<Chance>,
    /// Each of the expected outcomes is fine, whatever its chance.
    pub any_of: bool,
    /// What becomes of it.
    pub found: Vec<Chance>,
    /// Nobody knows whether they differ.
    pub undecided: bool,
    /// It is refused on both sides whatever nobody knows, perhaps not in the same way.
    pub refused: bool,
    /// It is about packets of networks that are none of the cluster's, such as those of other containers.
    pub aside: bool,
    /// It depends on what is remembered of earlier packets.
    pub remembered: bool,
    /// How many regions differ in this way.
    pub regions: u64,
    /// The first region in words.
    pub words: String,
}

/// The comparison of one case.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The number of disjoint regions.
    pub regions: u64,
    /// The weakest equality of all that is equal.
    pub equality: Option<Equality>,
    /// What is not equal.
    pub differences: Vec<Difference>,
    /// Regions that are not equal and are in no difference, because there are too many to look at or to tell.
    pub untold: u64,
    /// Regions that differ, in words, and hold no packet that was found.
    pub unattainable: Vec<String>,
    /// Packets of which the proof and the evaluator say different things: an error of one of them.
    pub contradictions: Vec<String>,
}

/// One of the two sides.
#[derive(Clone, Copy)]
pub(super) enum Told<'a> {
    /// A ruleset, and its function.
    Ruleset(&'a Program, NodeId),
    /// What was declared, and its function.
    Declared(&'a Demands, NodeId),
}

/// Whoever tells the differences of a case.
pub(super) struct Teller<'a> {
    pub(super) functions: &'a Functions,
    pub(super) left: Told<'a>,
    pub(super) right: Told<'a>,
    pub(super) surroundings: &'a Surroundings,
    pub(super) neighbourhood: &'a Neighbourhood,
    /// Differences that are told, at most.
    pub(super) most: usize,
    /// Packets that may still be tried.
    pub(super) draws: Cell<u128>,
}

impl Teller<'_> {
    pub(super) fn report(&self, compared: &Compared, folded: Folded) -> Report {
        let mut report = Report {
            regions: compared.regions(),
            equality: compared.equality(),
            untold: folded.unseen,
            ..Report::default()
        };
        if folded.equal > 0 {
            report.equality = report.equality.max(Some(Equality::Exact));
        }
        for fold in folded.folds {
            if report.differences.len() >= self.most {
                report.untold = report.untold.saturating_add(fold.regions);
            } else {
                self.tell(&fold, &mut report);
            }
        }
        report
    }

    fn tell(&self, fold: &Fold, report: &mut Report) {
        let search = Search {
            functions: self.functions,
            surroundings: self.surroundings,
            neighbourhood: self.neighbourhood,
            draws: &self.draws,
        };
        let packets = fold.kept.iter().find_map(|kept| Some((kept, search.packet(&kept.0)?)));
        let Some(((region, left, right), found)) = packets else {
            if self.draws.get() == 0 {
                report.untold = report.untold.saturating_add(fold.regions);
            } else if fold.kept.len() as u64 == fold.regions && fold.kept.iter().all(|kept| search.is_empty(&kept.0)) {
                // Nobody can send what differs.
            } else if let Some((region, ..)) = fold.kept.first() {
                report.unattainable.push(self.words(region));
            }
            return;
        };
        let words = self.words(region);
        let [(mut expected, any_of), (mut there, _)] =
            [(self.left, *left, Side::Left), (self.right, *right, Side::Right)]
                .map(|(side, node, which)| self.chances(side, node, which, region, &found, &words, report));
        let mut packet = found.packet.clone();
        if UNSHOWN.contains(&packet.protocol) {
            (packet.source_port, packet.destination_port) = (None, None);
            let sides = [(self.left, &mut expected), (self.right, &mut there)];
            let alike = |(side, chances)| fares_alike(side, region, &packet, &found, chances);
            if asks_ports(region) || !sides.into_iter().all(alike) {
                report.unattainable.push(format!("{words} (packets of this protocol are not shown with ports)"));
                return;
            }
        }
        let mut undecided = fold.undecided;
        let remembered = is_remembered(region);
        if let Told::Ruleset(program, _) = self.right
            && matches!(self.left, Told::Declared(..))
        {
            if expected.is_empty() && !undecided && !remembered && translated_by_others(program, &there) {
                return;
            }
            // Whether the client is in a set that refuses it is known to nobody.
            let refused = |chance: &Chance| matches!(chance.outcome.verdict, Verdict::Drop | Verdict::Reject(_));
            undecided |= remembered && there.iter().any(refused) && !expected.iter().any(refused);
        }
        if undecided {
            for (side, chances) in [(self.left, &mut expected), (self.right, &mut there)] {
                if let Told::Ruleset(_, root) = side {
                    self.explain(chances, root, region, &found);
                }
            }
        }
        report.differences.push(Difference {
            packet,
            local_addresses: found.local_addresses,
            frontend: fold.frontend,
            expected,
            any_of,
            found: there,
            undecided,
            refused: fold.refused,
            aside: fold.aside,
            remembered,
            regions: fold.regions,
            words,
        });
    }

    /// Says why nobody knows what becomes of a packet, if nothing does yet.
    fn explain(&self, chances: &mut Vec<Chance>, root: NodeId, region: &Region, found: &Found) {
        if chances.iter().any(|chance| !chance.reasons.is_empty()) {
            return;
        }
        let answers = |_| 0;
        let assignment = self.functions.assignment(&found.packet, &found.surroundings, &answers);
        let why = reasons(self.functions, root, &|variable| match variable {
            Variable::Record(_) => region.get(variable),
            Variable::Question(_) => None,
            _ => Some((assignment(variable), assignment(variable))),
        });
        if chances.is_empty() {
            chances.push(chance(&unknown_end(Box::default()), Fraction::ONE));
        }
        for chance in chances {
            chance.reasons.clone_from(&why);
        }
    }

    fn words(&self, region: &Region) -> String {
        words(region, self.functions.case, &self.functions.questions)
    }

    /// What becomes of the packet, and whether that is a choice of things that are all fine.
    #[expect(clippy::too_many_arguments, reason = "all of it is one region and its witness")]
    fn chances(
        &self,
        side: Told<'_>,
        shown: NodeId,
        which: Side,
        region: &Region,
        found: &Found,
        words: &str,
        report: &mut Report,
    ) -> (Vec<Chance>, bool) {
        match side {
            Told::Declared(demands, root) => self.demanded(demands, root, shown, found),
            // No packet brings its records along, so what becomes of it with them is told by the function alone.
            Told::Ruleset(..) if is_remembered(region) => (self.by_function(shown), false),
            Told::Ruleset(program, root) => {
                let chances = evaluate::outcomes(program, &found.surroundings, &found.packet, true);
                if let Some(contradiction) = self.contradiction(root, &chances, found, here(region)) {
                    let which = if which == Side::Left { "first" } else { "second" };
                    report.contradictions.push(format!("{words}, in the {which} ruleset: {contradiction}"));
                }
                (chances, false)
            }
        }
    }

    /// The leaves for the packet; None if it asks what no packet tells, or the chances are too small.
    fn at(&self, root: NodeId, found: &Found) -> Option<Vec<(Fraction, u32)>> {
        let asked = Cell::new(false);
        let answers = |variable| {
            asked.set(true);
            // Nothing is remembered; questions have their first answer, and are noted.
            if matches!(variable, Variable::Record(_)) { u128::MAX } else { 0 }
        };
        let assignment = self.functions.assignment(&found.packet, &found.surroundings, &answers);
        let leaves = self.functions.look_up(root, &assignment)?;
        (!asked.get()).then_some(leaves)
    }

    fn demanded(&self, demands: &Demands, root: NodeId, shown: NodeId, found: &Found) -> (Vec<Chance>, bool) {
        let leaves = self.at(root, found).or_else(|| shares(self.functions, shown)).unwrap_or_default();
        let mut chances = Vec::new();
        for (probability, leaf) in leaves {
            let Some(demand) = demands.get(leaf) else { continue };
            if let Wanted::Remembered(remembered) = demand.wanted {
                let allowed: Vec<Wanted> = demands.allowed(remembered).collect();
                let each = Fraction::new(1, allowed.len() as u128).unwrap_or(Fraction::ZERO);
                let ends = allowed.iter().filter_map(|wanted| wanted.end(self.functions.case.version));
                return (ends.map(|end| chance(&end, each)).collect(), true);
            }
            chances.extend(demand.wanted.end(self.functions.case.version).map(|end| chance(&end, probability)));
        }
        (chances, false)
    }

    fn by_function(&self, shown: NodeId) -> Vec<Chance> {
        let leaves = shares(self.functions, shown).unwrap_or_default();
        let ends = leaves.iter().filter_map(|(part, leaf)| Some((self.functions.ends.get(*leaf)?, *part)));
        ends.map(|(end, part)| chance(end, part)).collect()
    }

    /// What function and evaluator disagree in, where both know.
    fn contradiction(&self, root: NodeId, chances: &[Chance], found: &Found, here: Here) -> Option<String> {
        let mut balance: FxHashMap<Option<Fate>, [Fraction; 2]> = FxHashMap::default();
        let mut add = |fate: Fate, side: usize, part: Fraction| {
            let known = (fate.verdict != Verdict::Unknown).then_some(fate);
            let sums = balance.entry(known).or_insert([Fraction::ZERO; 2]);
            sums[side] = sums[side].plus(part)?;
            Some(())
        };
        for (part, leaf) in self.at(root, found)? {
            let fate = Fate::of(self.functions.ends.get(leaf)?, here);
            add(Fate { remembers: Box::default(), ..fate }, 0, part)?;
        }
        for chance in chances {
            add(Fate::of_outcome(&chance.outcome, here), 1, chance.probability)?;
        }
        // What one of them does not know may be whatever the other says.
        let open = balance.remove(&None).unwrap_or([Fraction::ZERO; 2]);
        let beyond = |part: Fraction, other: Fraction, open: Fraction| {
            other.plus(open).is_some_and(|most| most.compare(part) == Some(Ordering::Less))
        };
        let (fate, [proved, evaluated]) = balance
            .into_iter()
            .find(|(_, [left, right])| beyond(*left, *right, open[1]) || beyond(*right, *left, open[0]))?;
        let what = fate.map_or_else(String::new, |fate| format!("{fate:?}"));
        let chance = |part: Fraction| format!("{}/{}", part.numerator, part.denominator);
        Some(format!("the proof says {} and the evaluator {} of {what}", chance(proved), chance(evaluated)))
    }
}

/// Whether the packet that is shown fares as the one that was found, which has ports; its outcomes take the place of
/// the other's, as marks may be hashes of ports.
fn fares_alike(side: Told<'_>, region: &Region, packet: &Packet, found: &Found, chances: &mut Vec<Chance>) -> bool {
    let Told::Ruleset(program, _) = side else { return true };
    if is_remembered(region) {
        return true;
    }
    let shown = evaluate::outcomes(program, &found.surroundings, packet, true);
    let alike = match (fates(&shown, here(region)), fates(chances, here(region))) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    };
    *chances = shown;
    alike
}

/// What may become of a packet, each fate once; None if the chances are too small.
fn fates(chances: &[Chance], here: Here) -> Option<FxHashMap<Fate, Fraction>> {
    let mut found: FxHashMap<Fate, Fraction> = FxHashMap::default();
    for chance in chances {
        let sum = found.entry(Fate::of_outcome(&chance.outcome, here)).or_insert(Fraction::ZERO);
        *sum = sum.plus(chance.probability)?;
    }
    Some(found)
}

/// The leaves of a node that asks nothing more.
fn shares(functions: &Functions, node: NodeId) -> Option<Vec<(Fraction, u32)>> {
    let distribution = Distribution::of(&functions.diagram, node)?;
    let part = |weight| Fraction::new(weight, distribution.total);
    distribution.shares.iter().map(|(leaf, weight)| Some((part(*weight)?, *leaf))).collect()
}

pub(super) fn chance(end: &End, probability: Fraction) -> Chance {
    let outcome = Outcome {
        verdict: end.verdict.clone(),
        destination: end.destination.clone(),
        source: end.source.clone(),
        mark: None,
    };
    let reasons = end.reasons.iter().map(ToString::to_string).collect();
    Chance { outcome, probability, steps: Vec::new(), reasons }
}

/// Whether no service proxy translates the packet: whoever else does may do so.
fn translated_by_others(program: &Program, chances: &[Chance]) -> bool {
    !chances.iter().flat_map(|chance| &chance.steps).any(|step| translates(program, step) && is_proxys(program, step))
}

fn translates(program: &Program, step: &Step) -> bool {
    let rules = program.chains.get(step.chain).map(|chain| &chain.rules);
    let rule = rules.zip(step.rule).and_then(|(rules, place)| rules.iter().find(|rule| rule.place == place));
    rule.is_some_and(|rule| {
        rule.actions.iter().any(|action| {
            matches!(action, Action::Nat { kind: NatKind::Destination | NatKind::Redirect, .. } | Action::Opaque(_))
        })
    })
}

/// Whether a step was made by kube-proxy (nftables or iptables) or by svcc: they are known by their names.
fn is_proxys(program: &Program, step: &Step) -> bool {
    let Some(chain) = program.chains.get(step.chain) else { return false };
    let Some(table) = program.ruleset.tables.get(chain.table) else { return false };
    match table.name.as_str() {
        "kube-proxy" | "svcc" => matches!(table.family, TableFamily::Ip | TableFamily::Ip6 | TableFamily::Inet),
        _ => program.chain_name(step.chain).starts_with("KUBE-"),
    }
}
