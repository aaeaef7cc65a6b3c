//! Which rules can do anything at all: most rules of a ruleset that serves every case ask sets that are empty here.

use super::rules::{Action, Chain, NatTarget, Rule, Target, Verdict};
use super::sets::Set;

/// Chains jump no deeper than this (`NFT_JUMP_STACK_SIZE`), so what is idle is known after as many passes.
const PASSES: usize = 16;

/// Leaves only those rules alive that may change a packet, a set, or what becomes of the packet.
///
/// A rule that cannot is passed over even where one of its questions has no known answer: no answer makes a difference.
pub(super) fn mark(chains: &mut [Chain], sets: &[Set]) {
    let mut empty: Vec<bool> =
        sets.iter().map(|set| set.entries.is_empty() && set.unknown.is_none() && !set.dynamic).collect();
    for action in chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.actions) {
        if let Action::Update { set, .. } = action {
            empty[*set] = false;
        }
    }
    let mut idle = vec![false; chains.len()];
    for _ in 0..PASSES {
        for chain in &mut *chains {
            let rules = &chain.rules;
            chain.live.retain(|place| does_anything(&rules[*place], &empty, &idle));
        }
        let now: Vec<bool> = chains.iter().map(|chain| chain.live.is_empty()).collect();
        if now == idle {
            break;
        }
        idle = now;
    }
}

fn does_anything(rule: &Rule, empty: &[bool], idle: &[bool]) -> bool {
    for action in &rule.actions {
        match action {
            Action::Member { set, negated: false, .. } if empty[*set] => return false,
            Action::VerdictMap { map, .. } | Action::Nat { target: NatTarget::Map { map, .. }, .. } if empty[*map] => {
                return false;
            }
            Action::Verdict(Verdict::Jump(chain)) if idle[*chain] => return false,
            Action::Verdict(Verdict::Continue)
            | Action::Assign { target: Target::Nothing, .. }
            | Action::Compare { .. }
            | Action::AnyBit { .. }
            | Action::Same { .. }
            | Action::Member { .. }
            | Action::Conditional(_) => {}
            Action::VerdictMap { .. }
            | Action::Verdict(_)
            | Action::Assign { .. }
            | Action::Nat { .. }
            | Action::Reject { .. }
            | Action::Update { .. }
            | Action::Notrack
            | Action::Opaque(_) => return true,
        }
    }
    false
}
