//! Small things: hashes without a seed, address translation that never runs, rules nobody understands.

use super::RuleId;
use super::owner::{Owner, TableOwner};
use crate::program::{Action, ChainId, Field, NatTarget, Program, Target, Term, Verdict};
use crate::ruleset::{ChainType, TableFamily};

fn rules(program: &Program) -> impl Iterator<Item = (RuleId, &[Action])> {
    program.chains.iter().enumerate().flat_map(|(chain, linked)| {
        linked.rules.iter().map(move |rule| (RuleId { chain, rule: rule.place }, &*rule.actions))
    })
}

/// Visits the terms of an action.
fn any_term(action: &Action, wanted: &mut dyn FnMut(&Term) -> bool) -> bool {
    let mut open: Vec<&Term> = Vec::new();
    match action {
        Action::Compare { part, .. } | Action::AnyBit { part, .. } => open.push(&part.term),
        Action::Same { left, right, .. } => open.extend([&left.term, &right.term]),
        Action::Member { key, .. } | Action::VerdictMap { key, .. } => open.extend(key.iter().map(|part| &part.term)),
        Action::Assign { value, .. } => open.push(value),
        Action::Nat { target: NatTarget::Terms { address, port }, .. } => open.extend(address.iter().chain(port)),
        Action::Nat { target: NatTarget::Map { key, .. }, .. } => open.extend(key.iter().map(|part| &part.term)),
        Action::Update { key, data, .. } => open.extend(key.iter().chain(data).map(|part| &part.term)),
        _ => {}
    }
    while let Some(term) = open.pop() {
        if wanted(term) {
            return true;
        }
        match term {
            Term::Bits(_, sides, _) => open.extend([&sides.0, &sides.1]),
            Term::Jhash { key, .. } | Term::Lookup { key, .. } => open.extend(key.iter().map(|part| &part.term)),
            _ => {}
        }
    }
    false
}

/// Rules with `jhash` and no seed: the kernel draws one when they are loaded, and tells nobody (`nft_hash.c`).
pub(super) fn seedless(program: &Program) -> Vec<RuleId> {
    let hashes = |action: &Action| any_term(action, &mut |term| matches!(term, Term::UnknownHash { .. }));
    rules(program)
        .filter(|(_, actions)| actions.iter().any(hashes))
        .map(|(id, _)| id)
        .filter(|id| {
            let chain = &program.chains[id.chain];
            let rule = &program.ruleset.tables[chain.table].chains[chain.place].rules[id.rule];
            // The other hash of no known seed is `symhash`.
            rule.to_string().contains("jhash ")
        })
        .collect()
}

/// Base chains of type nat that no packet meets, since nothing in the namespace has connections tracked: the kernel
/// starts tracking with the first rule that has to do with connections or translation (`nf_ct_netns_get`).
pub(super) fn untracked(program: &Program) -> Vec<ChainId> {
    let mut tracked = [false; 2];
    for (id, actions) in rules(program) {
        if tracked == [true; 2] {
            return Vec::new();
        }
        if actions.iter().any(tracks) {
            for version in versions(program.chains[id.chain].family) {
                tracked[*version] = true;
            }
        }
    }
    let never = |id: &ChainId| {
        let chain = &program.chains[*id];
        let nat = chain.base.as_ref().is_some_and(|base| base.chain_type == ChainType::Nat);
        let works = !chain.rules.is_empty() && program.ruleset.tables[chain.table].dormant != Some(true);
        nat && works && versions(chain.family).iter().all(|version| !tracked[*version])
    };
    (0..program.chains.len()).filter(never).collect()
}

fn versions(family: TableFamily) -> &'static [usize] {
    match family {
        TableFamily::Ip => &[0],
        TableFamily::Ip6 => &[1],
        _ => &[0, 1],
    }
}

/// Whether an action has connections tracked, or may: of what is not understood nobody knows.
fn tracks(action: &Action) -> bool {
    let asks = |term: &Term| match term {
        Term::Field(field) => matches!(
            field,
            Field::ConnectionState
                | Field::ConnectionStatus
                | Field::ConnectionDirection
                | Field::ConnectionMark
                | Field::OriginalAddress(_)
                | Field::OriginalPort(_)
                | Field::OriginalProtocol
        ),
        Term::Unknown(_) => true,
        _ => false,
    };
    match action {
        Action::Nat { .. }
        | Action::Conditional(_)
        | Action::Opaque(_)
        | Action::Assign { target: Target::ConnectionMark | Target::Nothing | Target::Unknown(_), .. } => true,
        _ => any_term(action, &mut |term| asks(term)),
    }
}

/// Rules in the tables of service proxies that are not understood.
pub(super) fn opaque(program: &Program, owners: &[TableOwner]) -> Vec<RuleId> {
    let strange = |action: &Action| matches!(action, Action::Opaque(_) | Action::Verdict(Verdict::Unknown(_)));
    rules(program)
        .filter(|(id, _)| matches!(owners[program.chains[id.chain].table].owner, Owner::Svcc | Owner::KubeProxy))
        .filter(|(_, actions)| actions.iter().any(strange))
        .map(|(id, _)| id)
        .collect()
}
