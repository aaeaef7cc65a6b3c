//! Rules that an earlier rule of their chain leaves nothing, seen in the chain alone.
//!
//! A rule ends the way of all packets that meet its conditions, if it has a verdict that ends it and nothing before
//! that which could fail. A later rule that asks all the same and more is never met.

use super::RuleId;
use super::references::Graph;
use crate::evaluate::refusal;
use crate::program::{Action, Field, NatTarget, Part, Program, Rule, Target, Term, Transport, Verdict};
use crate::ruleset::{Comparison, TableFamily};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// A rule that is never met, and the one that leaves it nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The rule that is never met.
    pub rule: RuleId,
    /// The earlier rule.
    pub by: usize,
    /// Whether it would have done something else.
    pub differs: bool,
}

/// Of more conditions not all subsets are looked up.
const MOST_CONDITIONS: usize = 6;

const TCP: u8 = 6;

pub(super) fn shadowed(program: &Program, graph: &Graph<'_>) -> Vec<Shadowed> {
    let lasting: Vec<bool> = program
        .sets
        .iter()
        .zip(&graph.changed)
        .map(|(set, changed)| !set.dynamic && !changed && !set.entries.iter().any(|entry| entry.limited))
        .collect();
    let mut found = Vec::new();
    for (id, chain) in program.chains.iter().enumerate().filter(|(_, chain)| chain.rules.len() > 1) {
        // By the sum of the hashes of their conditions: rules that end the way of what meets these, or of TCP alone.
        let mut ending: FxHashMap<(u64, bool), usize> = FxHashMap::default();
        let mut epoch = 0;
        for (place, rule) in chain.rules.iter().enumerate() {
            let asked = Conditions::of(rule, &lasting, epoch);
            let of_tcp = asked.are_of_tcp();
            let by = asked.subsets().find_map(|sum| {
                let earlier = *ending.get(&(sum, false)).or_else(|| ending.get(&(sum, true)).filter(|_| of_tcp))?;
                asked.include(&chain.rules[earlier].actions).then_some(earlier)
            });
            if let Some(earlier) = by {
                let differs = end(rule) != end(&chain.rules[earlier]);
                let rule = RuleId { chain: id, rule: rule.place };
                found.push(Shadowed { rule, by: chain.rules[earlier].place, differs });
            } else if asked.rest.iter().take(1).any(|action| ends(action, chain.family)) {
                // A reset is an answer to TCP; in tables of one family nft does not list the condition that says so.
                let of_tcp_alone = asked.rest.first().is_some_and(resets);
                ending.entry((asked.sum(), of_tcp_alone)).or_insert(place);
            }
            epoch += u64::from(rule.actions.iter().any(may_change_a_packet));
        }
    }
    found
}

/// The conditions that a rule begins with.
struct Conditions<'a> {
    actions: Vec<&'a Action>,
    hashes: Vec<u64>,
    rest: &'a [Action],
}

impl<'a> Conditions<'a> {
    fn of(rule: &'a Rule, lasting: &[bool], epoch: u64) -> Self {
        let (mut actions, mut hashes) = (Vec::new(), Vec::new());
        for action in &rule.actions {
            let Some(hash) = condition(action, lasting, epoch) else { break };
            if !hashes.contains(&hash) {
                actions.push(action);
                hashes.push(hash);
            }
        }
        let end = rule.actions.iter().position(|action| condition(action, lasting, epoch).is_none());
        Self { actions, hashes, rest: &rule.actions[end.unwrap_or(rule.actions.len())..] }
    }

    fn sum(&self) -> u64 {
        self.hashes.iter().fold(0, |sum, hash| sum.wrapping_add(*hash))
    }

    /// The sums of subsets, that of none first.
    fn subsets(&self) -> impl Iterator<Item = u64> + '_ {
        let some = &self.hashes[..self.hashes.len().min(MOST_CONDITIONS)];
        let sum = |chosen: u32| {
            let held = some.iter().enumerate().filter(move |(place, _)| chosen >> place & 1 == 1);
            held.fold(0_u64, |sum, (_, hash)| sum.wrapping_add(*hash))
        };
        let whole = (self.hashes.len() > some.len()).then(|| self.sum());
        (0..1_u32 << some.len()).map(sum).chain(whole)
    }

    /// Whether nothing but TCP meets them, or what follows.
    fn are_of_tcp(&self) -> bool {
        self.actions.iter().any(|action| is_of_tcp(action)) || self.rest.first().is_some_and(resets)
    }

    /// Whether these are all conditions of an earlier rule; equal hashes prove nothing.
    fn include(&self, earlier: &[Action]) -> bool {
        earlier.iter().take_while(|action| is_condition(action)).all(|action| self.actions.contains(&action))
    }
}

/// What a rule does behind the conditions it begins with.
fn end(rule: &Rule) -> &[Action] {
    let start = rule.actions.iter().position(|action| !is_condition(action));
    &rule.actions[start.unwrap_or(rule.actions.len())..]
}

fn is_condition(action: &Action) -> bool {
    matches!(action, Action::Compare { .. } | Action::AnyBit { .. } | Action::Same { .. } | Action::Member { .. })
}

/// A number that is the same for the same condition; None of what may hold now and not hold later.
fn condition(action: &Action, lasting: &[bool], epoch: u64) -> Option<u64> {
    let mut changes = false;
    let mut stays = |part: &Part| stays_the_same(&part.term, lasting, &mut changes);
    let mut hasher = FxHasher::default();
    match action {
        Action::Compare { part, comparison, span } if stays(part) => {
            (0_u8, part, *comparison as u8, span).hash(&mut hasher);
        }
        Action::AnyBit { part, bits, negated } if stays(part) => (1_u8, part, bits, negated).hash(&mut hasher),
        Action::Same { left, right, negated } if stays(left) && stays(right) => {
            (2_u8, left, right, negated).hash(&mut hasher);
        }
        Action::Member { key, set, negated } if lasting[*set] && key.iter().all(stays) => {
            (3_u8, key, set, negated).hash(&mut hasher);
        }
        _ => return None,
    }
    if changes {
        epoch.hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Whether a term has one value for a packet; notes what rules can change in between.
fn stays_the_same(term: &Term, lasting: &[bool], changes: &mut bool) -> bool {
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            // Each stands for several expressions that are not the same.
            Term::Field(Field::Absent | Field::ReversePath) => return false,
            Term::Field(field) => {
                *changes |= matches!(
                    field,
                    Field::Mark | Field::Priority | Field::ConnectionMark | Field::ConnectionState | Field::PacketType
                );
            }
            Term::Constant(_) | Term::UnknownHash { .. } => {}
            Term::Bits(_, sides, _) => open.extend([&sides.0, &sides.1]),
            Term::Jhash { key, .. } => open.extend(key.iter().map(|part| &part.term)),
            Term::Lookup { key, map } if lasting[*map] => open.extend(key.iter().map(|part| &part.term)),
            Term::Lookup { .. } | Term::Numgen { .. } | Term::Unknown(_) => return false,
        }
    }
    true
}

/// Whether an action ends the way of whatever gets to it.
fn ends(action: &Action, family: TableFamily) -> bool {
    match action {
        Action::Verdict(Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Goto(_)) => true,
        // An answer in the words of one version of IP is for its packets alone.
        Action::Reject { with } => {
            let is_for = |v4| refusal(v4, true, with.as_deref()).is_some();
            (family == TableFamily::Ip6 || is_for(true)) && (family == TableFamily::Ip || is_for(false))
        }
        Action::Nat { family: version, target, .. } => {
            let constant = |term: &Option<Term>| matches!(term, None | Some(Term::Constant(_)));
            let fixed = match target {
                NatTarget::Nothing => true,
                NatTarget::Terms { address, port } => constant(address) && constant(port),
                _ => false,
            };
            fixed && (version.is_none() || family != TableFamily::Inet)
        }
        _ => false,
    }
}

/// Whether an action is an answer that only TCP gets.
fn resets(action: &Action) -> bool {
    matches!(action, Action::Reject { with } if refusal(true, false, with.as_deref()).is_none()
        && refusal(true, true, with.as_deref()).is_some())
}

/// Whether only TCP meets a condition.
fn is_of_tcp(action: &Action) -> bool {
    let is_tcp =
        |part: &Part| matches!(part.term, Term::Field(Field::Port(Transport::Number(TCP), _) | Field::TcpFlags));
    match action {
        Action::Compare {
            part: Part { term: Term::Field(Field::Protocol | Field::Ipv4Protocol | Field::Ipv6NextHeader), .. },
            comparison: Comparison::Equal,
            span,
        } => span.is_one() && span.low == u128::from(TCP),
        Action::Compare { part, .. } | Action::AnyBit { part, .. } => is_tcp(part),
        Action::Same { left, right, .. } => is_tcp(left) || is_tcp(right),
        Action::Member { key, .. } => key.iter().any(is_tcp),
        _ => false,
    }
}

/// Whether what a rule reads may be another afterwards.
fn may_change_a_packet(action: &Action) -> bool {
    match action {
        Action::Assign { target, .. } => *target != Target::Nothing,
        Action::Verdict(Verdict::Jump(_)) | Action::VerdictMap { .. } | Action::Notrack | Action::Opaque(_) => true,
        _ => false,
    }
}
