//! Running a program, as the kernel does.

use super::flight::{Address, Flight, Loaded, Missing};
use super::memory::{Change, Changes};
use super::outcome::{DestinationNat, Outcome, SourceNat, Verdict};
use super::packet::{ConnectionState, RouteType};
use super::trails::{Operand, Trail};
use crate::program::{ChainId, End, IpVersion, Part, Program, Site, Stage};
use crate::ruleset::{Hook, NumgenMode};

/// Why a run ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody can say what happens from here on: why.
    Unknown(Box<str>),
    /// The world does not decide between possibilities.
    Undecided,
}

/// What the machine asks, because neither the program nor the packet says it.
pub(super) trait World {
    /// Whether steps are recorded.
    const STEPS: bool;

    /// A number below the modulus, as `numgen` would give it.
    fn numgen(&mut self, site: Site, mode: NumgenMode, modulus: u32) -> Result<u32, Stop>;

    /// A number below the modulus: the hash with an unknown seed; the same one for the same site.
    fn hash(&mut self, site: Site, modulus: u32) -> Result<u32, Stop>;

    /// One of the ports a client would take, where the value for each is what matters.
    fn client_port(&mut self, value: &dyn Fn(u16) -> u32) -> Result<u16, Stop>;

    /// One of several possibilities of which none is known to be real; `condition` names it for good.
    fn undecided(
        &mut self,
        condition: impl FnOnce() -> String,
        reason: impl FnOnce() -> String,
        options: usize,
    ) -> Result<usize, Stop>;

    /// Where the questions that decide about the packet are written down, if they are.
    #[inline]
    fn trail(&mut self) -> Option<&mut Trail> {
        None
    }

    /// A step was made.
    fn step(&mut self, hook: Hook, chain: ChainId, rule: Option<usize>, event: String);
}

/// How a chain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChainEnd {
    /// Its last rule, or `return`.
    Fall,
    Accept,
    Drop,
    Reject(Box<str>),
    Translated,
}

/// More rules than this, and it is a loop (which the kernel refuses in chains that packets reach).
const BUDGET: u32 = 1_000_000;
/// The kernel allows 16 chains on its stack (`NFT_JUMP_STACK_SIZE`).
const STACK: usize = 16;
/// Connection tracking sees packets here (`NF_IP_PRI_CONNTRACK`).
const CONNECTION_TRACKING: i32 = -200;

pub(super) struct Machine<'a, W> {
    pub(super) program: &'a Program,
    pub(super) flight: Flight<'a>,
    pub(super) world: &'a mut W,
    /// What this packet changed in sets.
    pub(super) changes: Vec<Change>,
    /// What packets before it changed.
    pub(super) before: &'a Changes,
    /// Whether it met any of them.
    pub(super) met: bool,
    pub(super) budget: u32,
    pub(super) place: (ChainId, usize),
}

impl<'a, W: World> Machine<'a, W> {
    pub(super) fn new(program: &'a Program, flight: Flight<'a>, world: &'a mut W) -> Self {
        Self {
            program,
            flight,
            world,
            changes: Vec::new(),
            before: Changes::NONE,
            met: false,
            budget: BUDGET,
            place: (0, 0),
        }
    }

    /// The whole way of the packet.
    pub(super) fn run(&mut self) -> Result<Outcome, Stop> {
        let verdict = self.journey()?;
        let accepted = verdict == Verdict::Accept;
        Ok(Outcome {
            verdict,
            destination: if accepted { self.flight.destination_nat.clone() } else { DestinationNat::None },
            source: if accepted { self.flight.source_nat.clone() } else { SourceNat::None },
            mark: self.flight.mark,
        })
    }

    fn journey(&mut self) -> Result<Verdict, Stop> {
        if self.flight.packet.hook == Hook::Output {
            self.route()?;
            for hook in [Hook::Output, Hook::Postrouting] {
                let verdict = self.hook(hook)?;
                if verdict != Verdict::Accept {
                    return Ok(verdict);
                }
                if hook == Hook::Output {
                    self.route()?;
                }
            }
            if self.flight.delivered_here == Some(false) {
                return Ok(Verdict::Accept);
            }
            self.flight.looped = true;
        }
        let verdict = self.hook(Hook::Prerouting)?;
        if verdict != Verdict::Accept {
            return Ok(verdict);
        }
        self.route()?;
        let rest: &[Hook] = match self.flight.delivered_here {
            Some(true) => &[Hook::Input],
            _ => &[Hook::Forward, Hook::Postrouting],
        };
        for hook in rest {
            let verdict = self.hook(*hook)?;
            if verdict != Verdict::Accept {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Accept)
    }

    fn route(&mut self) -> Result<(), Stop> {
        self.tell_route(End::Destination);
        let here = match self.flight.route_type(End::Destination) {
            Some(RouteType::Local | RouteType::Broadcast | RouteType::Multicast) => {
                self.flight.packet.hook != Hook::Output
                    || self.flight.route_type(End::Destination) == Some(RouteType::Local)
            }
            Some(RouteType::Unicast | RouteType::Unspecified) => false,
            None => {
                let condition = || "the destination is an address of the node".to_owned();
                self.world.undecided(condition, || Missing::TranslatedAddress.words().into_owned(), 2)? == 0
            }
        };
        self.flight.delivered_here = Some(here);
        Ok(())
    }

    fn hook(&mut self, hook: Hook) -> Result<Verdict, Stop> {
        self.flight.hook = hook;
        let program = self.program;
        for stage in &program.path(self.flight.packet.version, hook).stages {
            if stage.nat || stage.priority > CONNECTION_TRACKING {
                self.flight.tracked = true;
            }
            let verdict = if stage.nat {
                if !self.translates(hook) {
                    continue;
                }
                self.translation(stage)?
            } else {
                self.filters(stage)?
            };
            if verdict != Verdict::Accept {
                return Ok(verdict);
            }
        }
        self.flight.tracked = true;
        if self.flight.has_connection() {
            match hook {
                Hook::Prerouting | Hook::Output => self.flight.destination_done = true,
                Hook::Input | Hook::Postrouting => self.flight.source_done = true,
                _ => {}
            }
        }
        Ok(Verdict::Accept)
    }

    /// Whether chains of type nat are asked: once a direction, and for the first packet of a connection.
    fn translates(&self, hook: Hook) -> bool {
        let done = match hook {
            Hook::Prerouting | Hook::Output => self.flight.destination_done,
            _ => self.flight.source_done,
        };
        !done
            && self.flight.has_connection()
            && matches!(self.flight.packet.state, ConnectionState::New | ConnectionState::Related)
    }

    fn translation(&mut self, stage: &Stage) -> Result<Verdict, Stop> {
        let order;
        let chains = if stage.chains.len() == 1 {
            &stage.chains
        } else {
            order = self.order(stage)?;
            &order
        };
        for chain in chains.iter().copied() {
            match self.base_chain(chain)? {
                ChainEnd::Translated => {
                    match self.flight.hook {
                        Hook::Prerouting | Hook::Output => self.flight.destination_done = true,
                        _ => self.flight.source_done = true,
                    }
                    break;
                }
                ChainEnd::Drop => return Ok(Verdict::Drop),
                ChainEnd::Reject(with) => return Ok(Verdict::Reject(with)),
                ChainEnd::Accept | ChainEnd::Fall => {}
            }
        }
        Ok(Verdict::Accept)
    }

    fn filters(&mut self, stage: &Stage) -> Result<Verdict, Stop> {
        if let [chain] = stage.chains[..] {
            return self.filter(chain);
        }
        // Several chains of one priority: the last one registered runs first, which no dump tells. If all of them leave
        // the packet as it is, or only one of them stops it, the order does not matter.
        let before = (self.flight.clone(), self.changes.len());
        let (mut quiet, mut stopped) = (true, Vec::new());
        for chain in stage.chains.iter().copied() {
            let verdict = self.filter(chain)?;
            if self.changes.len() != before.1 || self.differs(&before.0) {
                quiet = false;
            }
            if verdict != Verdict::Accept && !stopped.contains(&verdict) {
                stopped.push(verdict);
            }
            self.flight = before.0.clone();
            self.changes.truncate(before.1);
        }
        if quiet && stopped.len() <= 1 {
            return Ok(stopped.pop().unwrap_or(Verdict::Accept));
        }
        for chain in self.order(stage)? {
            let verdict = self.filter(chain)?;
            if verdict != Verdict::Accept {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Accept)
    }

    fn differs(&self, before: &Flight<'_>) -> bool {
        self.flight.mark != before.mark
            || self.flight.priority != before.priority
            || self.flight.connection_mark != before.connection_mark
            || self.flight.untracked != before.untracked
    }

    fn filter(&mut self, chain: ChainId) -> Result<Verdict, Stop> {
        Ok(match self.base_chain(chain)? {
            ChainEnd::Drop => Verdict::Drop,
            ChainEnd::Reject(with) => Verdict::Reject(with),
            _ => Verdict::Accept,
        })
    }

    /// The chains of a stage in an order the kernel may have them in.
    fn order(&mut self, stage: &Stage) -> Result<Vec<ChainId>, Stop> {
        let mut left = stage.chains.clone();
        let mut order = Vec::with_capacity(left.len());
        while left.len() > 1 {
            let first = self.program.perhaps_first(&left);
            let next = if let [only] = first[..] {
                only
            } else {
                let (program, hook, priority) = (self.program, self.flight.hook, stage.priority);
                let chains: Vec<ChainId> = first.iter().map(|place| left[*place]).collect();
                let condition = || format!("first at {hook} of {chains:?}");
                let reason = || program.order_words(&chains, priority, hook);
                first[self.world.undecided(condition, reason, first.len())?]
            };
            order.push(left.remove(next));
        }
        order.append(&mut left);
        Ok(order)
    }

    fn base_chain(&mut self, chain: ChainId) -> Result<ChainEnd, Stop> {
        let table = &self.program.ruleset.tables[self.program.chains[chain].table];
        if table.dormant.is_none() {
            let words = || format!("whether table {} {} is dormant is not in the dump", table.family, table.name);
            if self.world.undecided(words, words, 2)? == 1 {
                return Ok(ChainEnd::Accept);
            }
        }
        let end = self.chain(chain, 0)?;
        if end != ChainEnd::Fall {
            return Ok(end);
        }
        let base = self.program.chains[chain].base.as_ref();
        let dropped = base.is_some_and(|base| base.policy_drop);
        if W::STEPS && dropped {
            self.world.step(self.flight.hook, chain, None, "policy drop".to_owned());
        }
        Ok(if dropped { ChainEnd::Drop } else { ChainEnd::Accept })
    }

    fn chain(&mut self, mut chain: ChainId, depth: usize) -> Result<ChainEnd, Stop> {
        if depth > STACK {
            return Err(Stop::Unknown("chains call each other more than 16 deep".into()));
        }
        let program = self.program;
        let mut gotos = 0;
        'chain: loop {
            let linked = &program.chains[chain];
            for place in &linked.live {
                let rule = &linked.rules[*place];
                self.budget = self.budget.checked_sub(1).ok_or_else(in_circles)?;
                self.place = (chain, rule.place);
                match self.rule(rule)? {
                    super::rule::Next::Rule => {}
                    super::rule::Next::Jump(target) => {
                        let end = self.chain(target, depth + 1)?;
                        if end != ChainEnd::Fall {
                            return Ok(end);
                        }
                    }
                    super::rule::Next::Goto(target) => {
                        gotos += 1;
                        // Some chain has come twice then, which the kernel refuses whatever rules ask (`nft_chain_validate`).
                        if gotos >= program.chains.len() {
                            return Err(in_circles());
                        }
                        chain = target;
                        continue 'chain;
                    }
                    super::rule::Next::End(end) => return Ok(end),
                }
            }
            return Ok(ChainEnd::Fall);
        }
    }

    /// The words of the rule that is being run, and where it stands.
    pub(super) fn rule_words(&self) -> String {
        let (chain, rule) = self.place;
        let linked = &self.program.chains[chain];
        let table = &self.program.ruleset.tables[linked.table];
        let listed = &table.chains[linked.place];
        let handle = listed.rules[rule].handle.map_or_else(String::new, |handle| format!(", handle {handle}"));
        format!("`{}` (table {} {}, chain {}{handle})", listed.rules[rule], table.family, table.name, listed.name)
    }

    pub(super) fn set_destination(&mut self, address: Option<u128>, port: Option<u16>, origins: [Operand; 2]) {
        let before = (self.flight.destination, self.flight.destination_port);
        self.tell_destination(address, port, origins);
        if let Some(address) = address {
            self.flight.destination = Address::Known(address);
        }
        if let (Some(port), Some(_)) = (port, self.flight.destination_port) {
            self.flight.destination_port = Some(port);
        }
        self.flight.destination_changed |= before != (self.flight.destination, self.flight.destination_port);
        self.flight.destination_nat = DestinationNat::Address(address, port);
    }

    pub(super) fn loopback(&self) -> u128 {
        if self.flight.packet.version == IpVersion::V4 { 0x7f00_0001 } else { 1 }
    }

    #[inline]
    pub(super) fn value(&mut self, part: &'a Part) -> Result<Loaded<'a>, Stop> {
        self.term(&part.term)
    }
}

fn in_circles() -> Stop {
    Stop::Unknown("the rules go round in circles".into())
}
