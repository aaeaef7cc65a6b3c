//! Who else touches the mark by which a service proxy has packets masqueraded.

use super::RuleId;
use super::owner::{Owner, TableOwner, owner_of_chain};
use super::references::Graph;
use crate::program::{Action, ChainId, Field, Part, Program, Target, Term};
use crate::ruleset::{Base, ChainType, Hook, Operator};
use rustc_hash::FxHashMap;

/// What a rule does with the bit; what is worse comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkEffect {
    /// Sets it, so that packets are masqueraded that should not be.
    Sets,
    /// Clears it, so that packets are not masqueraded that should be.
    Clears,
    /// May set it, depending on what nobody knows here.
    MaySet,
    /// Asks for it, or for the mark as a whole.
    Reads,
}

/// A rule of somebody else that touches the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkUse {
    /// The rule.
    pub rule: RuleId,
    /// What it does.
    pub effect: MarkEffect,
    /// The bits of the service proxy that it touches.
    pub bits: u32,
}

/// Which bits of the mark an assignment may set, and which it may clear; `known` if it always does the same.
#[derive(Clone, Copy)]
struct Change {
    sets: u32,
    clears: u32,
    known: bool,
}

const ANYTHING: Change = Change { sets: u32::MAX, clears: u32::MAX, known: false };

fn constant(term: &Term) -> Option<u32> {
    match term {
        Term::Constant(value) => u32::try_from(*value).ok(),
        _ => None,
    }
}

fn change(value: &Term) -> Change {
    // From the outermost operator to what it works on, which is one branch beside constants.
    let mut operators = Vec::new();
    let mut inner = value;
    while let Term::Bits(operator, sides, _) = inner {
        let (next, number) = match (constant(&sides.0), constant(&sides.1)) {
            (_, Some(number)) => (&sides.0, number),
            (Some(number), None) => (&sides.1, number),
            (None, None) => return ANYTHING,
        };
        operators.push((*operator, number));
        inner = next;
    }
    let mut found = match inner {
        Term::Field(Field::Mark) => Change { sets: 0, clears: 0, known: true },
        Term::Constant(_) => constant(inner).map_or(ANYTHING, |c| Change { sets: c, clears: !c, known: true }),
        _ => ANYTHING,
    };
    for (operator, number) in operators.into_iter().rev() {
        let Change { sets, clears, known } = found;
        found = match operator {
            Operator::And => Change { sets: sets & number, clears: clears | !number, known },
            Operator::Or => Change { sets: sets | number, clears: clears & !number, known },
            Operator::Xor => Change { sets: sets | number, clears: clears | number, known },
            Operator::ShiftLeft | Operator::ShiftRight => ANYTHING,
        };
    }
    found
}

/// The bits of the mark that a condition asks for.
fn read(action: &Action) -> u32 {
    let of_part = |part: &Part| match &part.term {
        Term::Field(Field::Mark) => u32::MAX,
        Term::Bits(Operator::And, sides, _) => match (&sides.0, &sides.1) {
            (Term::Field(Field::Mark), mask) | (mask, Term::Field(Field::Mark)) => constant(mask).unwrap_or(u32::MAX),
            _ => 0,
        },
        _ => 0,
    };
    match action {
        // A masked comparison may be listed as a prefix.
        Action::Compare { part, span, .. } if matches!(part.term, Term::Field(Field::Mark)) => {
            u32::try_from(span.low ^ span.high).map_or(u32::MAX, |free| !free)
        }
        Action::Compare { part, .. } | Action::AnyBit { part, .. } => of_part(part),
        Action::Member { key, .. } | Action::VerdictMap { key, .. } => key.iter().map(of_part).fold(0, |a, b| a | b),
        _ => 0,
    }
}

/// The bits that service proxies set, which are theirs.
fn owned(program: &Program, owners: &[TableOwner]) -> u32 {
    let chains = program.chains.iter().filter(|chain| is_ours(&owners[chain.table]));
    let actions = chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.actions);
    let bits = actions.map(|action| match action {
        Action::Assign { target: Target::Mark, value } => match change(value) {
            Change { sets, known: true, .. } => sets,
            _ => 0,
        },
        _ => 0,
    });
    bits.fold(0, |all, some| all | some)
}

fn is_ours(owner: &TableOwner) -> bool {
    matches!(owner.owner, Owner::Svcc | Owner::KubeProxy)
}

/// Rules of others that touch these bits where that makes a difference: the bit is set where destinations are
/// translated, and asked for, then cleared, where sources are.
pub(super) fn uses(program: &Program, graph: &Graph<'_>, owners: &[TableOwner]) -> Vec<MarkUse> {
    let bits = owned(program, owners);
    if bits == 0 {
        return Vec::new();
    }
    let mut starts: FxHashMap<Moment, Vec<ChainId>> = FxHashMap::default();
    for (id, chain) in program.chains.iter().enumerate() {
        let Some(base) = &chain.base else { continue };
        if !is_ours(&owners[chain.table]) && program.ruleset.tables[chain.table].dormant != Some(true) {
            starts.entry(Moment::of(base)).or_default().push(id);
        }
    }
    let mut found: Vec<MarkUse> = Vec::new();
    for (moment, starts) in starts {
        let reached = graph.reached_from(starts);
        for (id, chain) in program.chains.iter().enumerate().filter(|(id, _)| reached[*id]) {
            if matches!(owner_of_chain(program.chain_name(id)), Some(Owner::KubeProxyIptables | Owner::Kubelet)) {
                continue;
            }
            for rule in &chain.rules {
                let place = RuleId { chain: id, rule: rule.place };
                if let Some((effect, bits)) = rule.actions.iter().find_map(|action| touch(action, moment, bits)) {
                    found.push(MarkUse { rule: place, effect, bits });
                }
            }
        }
    }
    found.sort_by_key(|found| (found.rule, found.effect));
    found.dedup_by_key(|found| found.rule);
    found
}

/// When base chains run, as far as it matters to the mark.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Moment {
    before_masquerading: bool,
    while_marked: bool,
    /// Packets end on this node, and are masqueraded no more.
    at_the_end: bool,
}

impl Moment {
    fn of(base: &Base) -> Self {
        Self {
            before_masquerading: before_masquerading(base),
            while_marked: while_marked(base),
            at_the_end: base.hook == Hook::Input,
        }
    }
}

fn touch(action: &Action, moment: Moment, bits: u32) -> Option<(MarkEffect, u32)> {
    if let Action::Assign { target: Target::Mark, value } = action {
        let Change { sets, clears, known } = change(value);
        if sets & bits != 0 && moment.before_masquerading {
            return Some((if known { MarkEffect::Sets } else { MarkEffect::MaySet }, sets & bits));
        }
        let lost = known && clears & bits != 0 && moment.while_marked && !moment.at_the_end;
        return lost.then_some((MarkEffect::Clears, clears & bits));
    }
    let asked = read(action) & bits;
    (asked != 0 && moment.while_marked).then_some((MarkEffect::Reads, asked))
}

/// Where a packet that gets the bit is masqueraded yet.
fn before_masquerading(base: &Base) -> bool {
    match base.hook {
        Hook::Prerouting | Hook::Forward | Hook::Output => true,
        Hook::Postrouting => base.chain_type == ChainType::Nat || base.priority < 100,
        Hook::Ingress | Hook::Input | Hook::Egress => false,
    }
}

/// Where packets may have the bit from their service proxy.
fn while_marked(base: &Base) -> bool {
    match base.hook {
        Hook::Prerouting | Hook::Output => base.chain_type != ChainType::Nat && base.priority > -100,
        Hook::Input | Hook::Forward => true,
        Hook::Postrouting => base.chain_type == ChainType::Nat || base.priority < 100,
        Hook::Ingress | Hook::Egress => false,
    }
}
