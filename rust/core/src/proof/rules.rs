//! Chains, rule by rule.

use super::diagram::{NO, NodeId, YES};
use super::journey::ChainEnd;
use super::lookup::Found;
use super::position::{Position, PositionId, RulePosition};
use super::run::{Failure, Followed, Run};
use super::state::State;
use crate::evaluate::refusal;
use crate::program::{Action, Data, IpVersion, Kind, Rule, Verdict};
use crate::ruleset::Hook;

/// The kernel allows 16 chains on its stack (`NFT_JUMP_STACK_SIZE`).
const JUMPS: usize = 16;

/// Where a rule is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) hook: Hook,
    pub(super) position: RulePosition,
    /// The place of the rule in the chain of the ruleset.
    pub(super) place: usize,
    /// The rule behind it.
    pub(super) next: PositionId,
}

/// A rule that is met, what its first matches ask for, and its first action that is more than that.
struct Met {
    at: At,
    guard: NodeId,
    action: usize,
}

impl<'p> Run<'p> {
    /// A chain from one of its rules on. Rules are met forwards and followed backwards, so that what follows a rule that
    /// does nothing is known already, however long the chain is.
    pub(super) fn rules(&mut self, start: RulePosition, state: &State, state_number: u32) -> Followed {
        let program = self.program;
        if start.depth > JUMPS {
            return self.unknown_words("chains call each other more than 16 deep".into());
        }
        let Position::Running { hook, .. } = self.positions.get(start.base) else { return Err(Failure::TooLarge) };
        let chain = &program.chains[start.chain];
        let mut met: Vec<Met> = Vec::new();
        let mut passed: Vec<(PositionId, usize)> = Vec::new();
        let mut rest = None;
        let mut closed = false;
        let mut here = None;
        for index in start.index..chain.live.len() {
            let rule = &chain.rules[chain.live[index]];
            if let Some(here) = here {
                rest = self.known_result(here, state_number);
                if rest.is_some() {
                    break;
                }
                passed.push((here, met.len()));
            }
            let next = self.positions.number(Position::Rule(RulePosition { index: index + 1, ..start }));
            here = Some(next);
            let at = At { hook, position: start, place: rule.place, next };
            let (guard, action) = self.leading(at, rule, state)?;
            if guard == NO {
                continue;
            }
            self.coverage.reach_rule(start.chain, rule.place);
            if action == rule.actions.len() {
                continue;
            }
            met.push(Met { at, guard, action });
            if guard == YES && ends(&rule.actions[action]) {
                closed = true;
                break;
            }
        }
        // Behind a translation that is asked of every packet few come, or none: they are followed if they do.
        let translates = |one: &Met| {
            let rule = &chain.rules[chain.live[self.live_index(one.at.next)]];
            one.guard == YES && matches!(rule.actions[one.action], Action::Nat { .. })
        };
        if rest.is_none() && !closed && met.last().is_some_and(translates) {
            closed = true;
            passed.retain(|(_, before)| *before < met.len());
        }
        let mut result = match rest {
            Some(rest) => rest,
            None if closed => NO,
            None => self.chain_done(start, state)?,
        };
        let mut open = passed.len();
        for (number, one) in met.iter().enumerate().rev() {
            if !(closed && number + 1 == met.len()) {
                // What follows this rule stands at every position behind it up to the next rule that is met.
                while open > 0 && passed[open - 1].1 > number {
                    open -= 1;
                    self.set_result(passed[open].0, state_number, result);
                }
                self.set_result(one.at.next, state_number, result);
            }
            let rule = &chain.rules[chain.live[self.live_index(one.at.next)]];
            let mut within = one.at;
            within.position.within = self.narrowed(one.at.position.within, one.guard)?;
            let then = self.actions(within, rule, one.action, state)?;
            let then = self.functions.diagram.simplify(then, within.position.within)?;
            result = self.choose(one.guard, then, result)?;
        }
        while open > 0 {
            open -= 1;
            self.set_result(passed[open].0, state_number, result);
        }
        Ok(result)
    }

    /// The place among the live rules of the one before a position.
    fn live_index(&self, next: PositionId) -> usize {
        match self.positions.get(next) {
            Position::Rule(rule) => rule.index - 1,
            _ => 0,
        }
    }

    /// Behind the last rule of a chain.
    pub(super) fn chain_done(&mut self, position: RulePosition, state: &State) -> Followed {
        let node = match position.parent {
            Some(parent) => self.go_back(parent, state)?,
            None => self.fall(position.base, state)?,
        };
        Ok(self.functions.diagram.simplify(node, position.within)?)
    }

    /// What the matches at the beginning of a rule ask for, and the first action behind them.
    fn leading(&mut self, at: At, rule: &'p Rule, state: &State) -> Result<(NodeId, usize), Failure> {
        let mut guard = YES;
        for (place, action) in rule.actions.iter().enumerate() {
            let Some(next) = self.guard(at, action, state)? else { return Ok((guard, place)) };
            guard = self.choose(guard, next, NO)?;
            if guard == NO {
                return Ok((NO, place));
            }
        }
        Ok((guard, rule.actions.len()))
    }

    /// A rule from one of its actions on.
    pub(super) fn actions(&mut self, at: At, rule: &'p Rule, first: usize, state: &State) -> Followed {
        let Some(action) = rule.actions.get(first) else { return self.broken(at, state) };
        match action {
            Action::Compare { .. }
            | Action::AnyBit { .. }
            | Action::Same { .. }
            | Action::Member { .. }
            | Action::Conditional(_) => {
                if let Some(guard) = self.guard(at, action, state)? {
                    let then = if guard == NO { NO } else { self.actions(at, rule, first + 1, state)? };
                    let otherwise = if guard == YES { NO } else { self.broken(at, state)? };
                    return self.choose(guard, then, otherwise);
                }
                self.check(at, action, state, &mut |run, holds, state| {
                    if holds { run.actions(at, rule, first + 1, state) } else { run.broken(at, state) }
                })
            }
            Action::VerdictMap { key, map } => {
                self.find(at, key, *map, state, true, &mut |run, found, state| match found {
                    Found::Data(Data::Verdict(Verdict::Continue)) => run.actions(at, rule, first + 1, state),
                    Found::Data(Data::Verdict(verdict)) => run.verdict(at, verdict, state),
                    Found::Data(_) | Found::Changed(_) | Found::Record(_) => {
                        run.unknown(at, "the map holds no verdicts")
                    }
                    Found::Nothing | Found::Break => run.broken(at, state),
                })
            }
            Action::Verdict(Verdict::Continue) => self.actions(at, rule, first + 1, state),
            Action::Verdict(verdict) => self.verdict(at, verdict, state),
            Action::Assign { target, value } => self.assign(at, target, value, state, &mut |run, done, state| {
                if done { run.actions(at, rule, first + 1, state) } else { run.broken(at, state) }
            }),
            Action::Nat { kind, family, target, flags: _ } => {
                if family.is_some_and(|family| (family == Kind::Ipv4) != (self.version() == IpVersion::V4)) {
                    return self.broken(at, state);
                }
                self.translate(at, *kind, target, state)
            }
            Action::Reject { with } => {
                let v4 = self.version() == IpVersion::V4;
                let mut outcomes = [NO; 2];
                for (outcome, tcp) in outcomes.iter_mut().zip([true, false]) {
                    *outcome = match refusal(v4, tcp, with.as_deref()) {
                        Some(with) => self.chain_end(at.position.base, ChainEnd::Reject(with), state)?,
                        None => self.broken(at, state)?,
                    };
                }
                let tcp = self.protocol(&[6], state)?;
                self.choose(tcp, outcomes[0], outcomes[1])
            }
            Action::Update { operation, set, key, data, timeout } => {
                self.update(at, (*operation, *set, *timeout), (key, data), state, &mut |run, done, state| {
                    if done { run.actions(at, rule, first + 1, state) } else { run.broken(at, state) }
                })
            }
            Action::Notrack => {
                let mut state = state.clone();
                state.untracked |= !state.tracked;
                self.actions(at, rule, first + 1, &state)
            }
            Action::Opaque(words) => self.unknown(at, &format!("`{words}` is not understood")),
        }
    }

    /// The rule does nothing more.
    pub(super) fn broken(&mut self, at: At, state: &State) -> Followed {
        let node = self.follow(at.next, state)?;
        Ok(self.functions.diagram.simplify(node, at.position.within)?)
    }

    fn verdict(&mut self, at: At, verdict: &Verdict, state: &State) -> Followed {
        match verdict {
            Verdict::Accept => self.chain_end(at.position.base, ChainEnd::Accept, state),
            Verdict::Drop => self.chain_end(at.position.base, ChainEnd::Drop, state),
            Verdict::Continue => self.broken(at, state),
            Verdict::Return => self.chain_done(at.position, state),
            Verdict::Jump(chain) => {
                let position = RulePosition {
                    chain: *chain,
                    index: 0,
                    parent: Some(at.next),
                    depth: at.position.depth + 1,
                    ..at.position
                };
                let position = self.positions.number(Position::Rule(position));
                self.follow(position, state)
            }
            Verdict::Goto(chain) => {
                let position = RulePosition { chain: *chain, index: 0, ..at.position };
                let position = self.positions.number(Position::Rule(position));
                self.follow(position, state)
            }
            Verdict::Unknown(words) => self.unknown(at, &format!("`{words}` cannot be followed")),
        }
    }

    /// Nobody knows what becomes of packets that come here.
    pub(super) fn unknown(&mut self, at: At, why: &str) -> Followed {
        if self.guarding {
            return Err(Failure::NoGuard);
        }
        let words = format!("{why}: {}", self.rule_words(at));
        self.unknown_words(words.into())
    }

    /// The words of a rule, and where it stands.
    pub(super) fn rule_words(&self, at: At) -> String {
        let linked = &self.program.chains[at.position.chain];
        let table = &self.program.ruleset.tables[linked.table];
        let listed = &table.chains[linked.place];
        let rule = &listed.rules[at.place];
        let handle = rule.handle.map_or_else(String::new, |handle| format!(", handle {handle}"));
        format!("`{rule}` (table {} {}, chain {}{handle})", table.family, table.name, listed.name)
    }

    /// The place of a rule in words that are the same in every listing of the ruleset.
    pub(super) fn rule_place(&self, at: At) -> String {
        let linked = &self.program.chains[at.position.chain];
        let table = &self.program.ruleset.tables[linked.table];
        let listed = &table.chains[linked.place];
        format!("rule {} of {} {} {}: {}", at.place, table.family, table.name, listed.name, listed.rules[at.place])
    }
}

/// Whether nothing behind a rule is met in the same state once this action is.
fn ends(action: &Action) -> bool {
    match action {
        Action::Verdict(Verdict::Continue) => false,
        Action::Verdict(_) | Action::Opaque(_) => true,
        _ => false,
    }
}
