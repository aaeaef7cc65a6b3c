//! The hooks, one after the other, and their base chains.

use super::diagram::NodeId;
use super::position::{ListId, Position, PositionId};
use super::run::{Followed, Run};
use super::state::{Change, State};
use super::value::Value;
use crate::evaluate::{ConnectionState, RouteType, Verdict};
use crate::program::{ChainId, End};
use crate::ruleset::Hook;
use std::rc::Rc;

/// Connection tracking sees packets here (`NF_IP_PRI_CONNTRACK`).
const CONNECTION_TRACKING: i32 = -200;

/// How a chain ended, beside falling off its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChainEnd {
    Accept,
    Drop,
    Reject(Box<str>),
    Translated,
}

impl Run<'_> {
    /// The whole way of all packets.
    pub(super) fn journey(&mut self) -> Followed {
        let state = State::new(self.options.initial_mark);
        if self.case.hook == Hook::Output {
            return self.routed(&state, &mut |run, state| run.hook(Hook::Output, state));
        }
        self.hook(Hook::Prerouting, &state)
    }

    fn hook(&mut self, hook: Hook, state: &State) -> Followed {
        let position = self.positions.number(Position::Stage { hook, stage: 0 });
        self.go_on(position, state)
    }

    /// Decides whether the packet is delivered here.
    fn routed(&mut self, state: &State, then: &mut dyn FnMut(&mut Self, &State) -> Followed) -> Followed {
        let output = self.case.hook == Hook::Output;
        self.route_type(End::Destination, state, &mut |run, route_type| {
            let mut deliver = |run: &mut Self, here: bool| {
                let mut state = state.clone();
                state.delivered_here = Some(here);
                then(run, &state)
            };
            match route_type {
                Some(RouteType::Local) => deliver(run, true),
                Some(RouteType::Broadcast | RouteType::Multicast) => deliver(run, !output),
                Some(RouteType::Unicast | RouteType::Unspecified) => deliver(run, false),
                None => {
                    let children = [deliver(run, true)?, deliver(run, false)?];
                    let reason = || "the address that the kernel chose is not known".to_owned();
                    run.asked("the destination is an address of the node", reason, &children)
                }
            }
        })
    }

    /// Behind the last base chain of a hook.
    fn hook_done(&mut self, hook: Hook, state: &State) -> Followed {
        let mut state = state.clone();
        state.tracked = true;
        if self.has_connection(&state) {
            match hook {
                Hook::Prerouting | Hook::Output => state.destination_done = true,
                _ if hook == Hook::Input || hook == Hook::Postrouting => state.source_done = true,
                _ => {}
            }
        }
        match hook {
            Hook::Output => self.routed(&state, &mut |run, state| run.hook(Hook::Postrouting, state)),
            Hook::Prerouting => self.routed(&state, &mut |run, state| {
                run.hook(if state.delivered_here == Some(true) { Hook::Input } else { Hook::Forward }, state)
            }),
            Hook::Forward => self.hook(Hook::Postrouting, &state),
            Hook::Postrouting if self.case.hook == Hook::Output && !state.looped => {
                if state.delivered_here == Some(false) {
                    return self.end(Verdict::Accept, &state);
                }
                state.looped = true;
                self.hook(Hook::Prerouting, &state)
            }
            _ => self.end(Verdict::Accept, &state),
        }
    }

    pub(super) fn has_connection(&self, state: &State) -> bool {
        state.tracked && !state.untracked && self.case.state != ConnectionState::Invalid
    }

    /// Whether chains of type nat are asked: once a direction, and for the first packet of a connection.
    fn translates(&self, hook: Hook, state: &State) -> bool {
        let done = match hook {
            Hook::Prerouting | Hook::Output => state.destination_done,
            _ => state.source_done,
        };
        !done
            && self.has_connection(state)
            && matches!(self.case.state, ConnectionState::New | ConnectionState::Related)
    }

    pub(super) fn stage(&mut self, hook: Hook, first: usize, state: &State) -> Followed {
        let program = self.program;
        let mut state = state.clone();
        for (place, next) in program.path(self.version(), hook).stages.iter().enumerate().skip(first) {
            if next.nat || next.priority > CONNECTION_TRACKING {
                state.tracked = true;
            }
            if next.nat && !self.translates(hook, &state) {
                continue;
            }
            let free = next.chains.len() > 1
                && (next.nat || super::reach::Reach::new(program, &next.chains).depends_on_order());
            let left = self.positions.list(next.chains.clone());
            return self.base(hook, place, left, free, &state);
        }
        self.hook_done(hook, &state)
    }

    /// One of the base chains that are left, and then the others.
    pub(super) fn base(&mut self, hook: Hook, at: usize, left: ListId, free: bool, state: &State) -> Followed {
        let program = self.program;
        let chains = self.positions.chains(left).to_vec();
        let places = if free { program.perhaps_first(&chains) } else { vec![0] };
        let mut children = Vec::with_capacity(places.len());
        for place in places.iter().copied() {
            let mut rest = chains.clone();
            let chain = rest.remove(place);
            let left = self.positions.list(rest);
            children.push(self.base_chain((hook, at), left, free, chain, state)?);
        }
        if let [only] = children[..] {
            return Ok(only);
        }
        let chains: Vec<ChainId> = places.iter().map(|place| chains[*place]).collect();
        let priority = program.path(self.version(), hook).stages[at].priority;
        let condition = format!("ruleset {}: first at {hook} of {chains:?}", self.ruleset);
        self.asked(&condition, || program.order_words(&chains, priority, hook), &children)
    }

    fn base_chain(
        &mut self,
        (hook, at): (Hook, usize),
        left: ListId,
        free: bool,
        chain: ChainId,
        state: &State,
    ) -> Followed {
        let running = self.positions.number(Position::Running { hook, stage: at, left, free, chain });
        let start = self.start_chain(chain, running);
        let run = self.follow(start, state)?;
        let table = &self.program.ruleset.tables[self.program.chains[chain].table];
        if table.dormant.is_some() {
            return Ok(run);
        }
        let passed = self.leave(running, false, state)?;
        let words = format!("whether table {} {} is dormant is not in the dump", table.family, table.name);
        let condition = format!("ruleset {}: {words}", self.ruleset);
        self.asked(&condition, || words.clone(), &[run, passed])
    }

    /// Behind a base chain that let the packet through, or translated it.
    pub(super) fn leave(&mut self, running: PositionId, translated: bool, state: &State) -> Followed {
        let Position::Running { hook, stage, left, free, .. } = self.positions.get(running) else {
            return self.end(Verdict::Accept, state);
        };
        if !translated && !self.positions.chains(left).is_empty() {
            let next = self.positions.number(Position::Base { hook, stage, left, free });
            return self.go_on(next, state);
        }
        let next = self.positions.number(Position::Stage { hook, stage: stage + 1 });
        if !translated {
            return self.go_on(next, state);
        }
        let mut state = state.clone();
        match hook {
            Hook::Prerouting | Hook::Output => state.destination_done = true,
            _ => state.source_done = true,
        }
        self.forget_unread(hook, &mut state);
        self.go_on(next, &state)
    }

    /// Forgets what no rule asks for behind a translation, so that packets that differ in nothing else are one again.
    fn forget_unread(&self, hook: Hook, state: &mut State) {
        let reads = |change: &Change| self.reaches.reads_when_translated(change.set, hook, state.looped);
        if !state.changes.iter().all(reads) {
            let kept: Vec<Change> = state.changes.iter().filter(|change| reads(change)).cloned().collect();
            state.changes = Rc::new(kept);
        }
        if !self.reaches.asks_priority_when_translated(hook, state.looped) {
            state.priority = Value::Known(0);
        }
    }

    /// A chain ended before its end.
    pub(super) fn chain_end(&mut self, running: PositionId, end: ChainEnd, state: &State) -> Followed {
        match end {
            ChainEnd::Drop => self.end(Verdict::Drop, state),
            ChainEnd::Reject(with) => self.end(Verdict::Reject(with), state),
            ChainEnd::Accept => self.leave(running, false, state),
            ChainEnd::Translated => {
                let nat = match self.positions.get(running) {
                    Position::Running { hook, stage, .. } => self.program.path(self.version(), hook).stages[stage].nat,
                    _ => false,
                };
                // A statement of translation in a chain of another type ends the chain and nothing else.
                self.leave(running, nat, state)
            }
        }
    }

    /// The last rule of a base chain lets the policy decide.
    pub(super) fn fall(&mut self, running: PositionId, state: &State) -> Result<NodeId, super::run::Failure> {
        let dropped = match self.positions.get(running) {
            Position::Running { chain, .. } => {
                self.program.chains[chain].base.as_ref().is_some_and(|base| base.policy_drop)
            }
            _ => false,
        };
        self.chain_end(running, if dropped { ChainEnd::Drop } else { ChainEnd::Accept }, state)
    }
}
