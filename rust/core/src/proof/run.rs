//! Running a program for all packets of a case at once.

use super::coverage::Coverage;
use super::diagram::{Edge, NO, NodeId, Share, TooLarge, View, YES};
use super::end::{Case, End};
use super::onward::Onward;
use super::options::{Functions, Options};
use super::position::{Position, PositionId, Positions, RulePosition};
use super::reach::Reaches;
use super::routes::Stretch;
use super::sets::SetIndexes;
use super::state::{Mark, State};
use super::value::Value;
use super::variable::Variable;
use crate::evaluate::{DestinationNat, SourceNat, Surroundings, Verdict, decisive_notes};
use crate::program::{ChainId, IpVersion, Program, SetId};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Ways that are followed inside of one another: rules that change the packet, jumps, hooks.
const DEPTH: usize = 3000;
/// Enough for that many: what is not used costs nothing.
const STACK: usize = 512 << 20;
/// Of a way that is being followed.
const IN_PROGRESS: NodeId = NodeId::MAX;

/// Why something was not followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is too much of it.
    TooLarge,
    /// It has to be told for each translated address by itself.
    NeedsConstants,
    /// It is more than a question about the packet.
    NoGuard,
}

impl From<TooLarge> for Failure {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

pub(super) type Followed = Result<NodeId, Failure>;

/// What a program does with every packet of a case, as a function over the leaves of [`Functions::ends`].
///
/// It is what [`crate::evaluate::outcomes`] says of each packet whose ports and interfaces are all given.
///
/// # Errors
/// There would be more nodes than the diagram may have, or more steps than the options allow.
pub fn behaviour(
    program: &Program,
    surroundings: &Surroundings,
    case: Case,
    options: &Options,
    functions: &mut Functions,
    coverage: &mut Coverage,
) -> Result<NodeId, TooLarge> {
    let unread: Box<[Box<str>]> = decisive_notes(program).map(String::into_boxed_str).collect();
    if !unread.is_empty() {
        let number = functions.ends.number(unknown_end(unread));
        return Ok(functions.diagram.leaf(number));
    }
    let run = || {
        let mut run = Run::new(program, surroundings, case, options, functions, coverage);
        run.journey().map_err(|_| TooLarge)
    };
    std::thread::scope(|scope| {
        let running = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        let Ok(running) = running else { return Err(TooLarge) };
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(super) struct Run<'p> {
    pub(super) program: &'p Program,
    pub(super) surroundings: &'p Surroundings,
    pub(super) case: Case,
    pub(super) options: &'p Options,
    pub(super) functions: &'p mut Functions,
    pub(super) coverage: &'p mut Coverage,
    pub(super) positions: Positions,
    pub(super) reaches: Reaches,
    pub(super) indexes: SetIndexes,
    /// Whether only guards are wanted: draws and unknown outcomes are failures.
    pub(super) guarding: bool,
    /// The guards of lookups that are made again and again.
    pub(super) members: FxHashMap<(SetId, Vec<Value>), NodeId>,
    /// The last addresses of stretches that the routing table treats alike.
    pub(super) routes: Rc<[Stretch]>,
    /// The same of destinations as they were sent, some of which may be known to be elsewhere.
    pub(super) sent_routes: Rc<[Stretch]>,
    /// Which ruleset this is of those whose functions are compared.
    pub(super) ruleset: u32,
    states: FxHashMap<Rc<State>, u32>,
    followed: FxHashMap<(PositionId, u32), NodeId>,
    /// Ways that packets with different new destinations have together.
    pub(super) onward: Onward,
    depth: usize,
    steps: usize,
}

impl<'p> Run<'p> {
    fn new(
        program: &'p Program,
        surroundings: &'p Surroundings,
        case: Case,
        options: &'p Options,
        functions: &'p mut Functions,
        coverage: &'p mut Coverage,
    ) -> Self {
        let ruleset = functions.questions.ruleset();
        Self {
            program,
            surroundings,
            case,
            options,
            functions,
            coverage,
            positions: Positions::default(),
            reaches: Reaches::new(program, case.version, case.hook),
            indexes: SetIndexes::default(),
            guarding: false,
            members: FxHashMap::default(),
            routes: super::routes::stretches(surroundings, case.version, false),
            sent_routes: super::routes::stretches(surroundings, case.version, !options.local_addresses_complete),
            ruleset,
            states: FxHashMap::default(),
            followed: FxHashMap::default(),
            onward: Onward::default(),
            depth: 0,
            steps: 0,
        }
    }

    pub(super) fn state_number(&mut self, state: &State) -> u32 {
        if let Some(number) = self.states.get(state) {
            return *number;
        }
        let number = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.insert(Rc::new(state.clone()), number);
        number
    }

    /// What becomes of packets from a position on.
    pub(super) fn follow(&mut self, position: PositionId, state: &State) -> Followed {
        let number = self.state_number(state);
        self.follow_numbered(position, state, number)
    }

    /// What becomes of packets from a position on, in a state of this number.
    pub(super) fn follow_numbered(&mut self, position: PositionId, state: &State, number: u32) -> Followed {
        let key = (position, number);
        if let Some(found) = self.followed.get(&key).copied() {
            if found == IN_PROGRESS {
                return self.unknown_words("the rules go round in circles".into());
            }
            return Ok(found);
        }
        self.steps += 1;
        let withdrawn = self.functions.withdrawn.load(Ordering::Relaxed);
        if self.depth >= DEPTH || self.steps > self.options.limit || withdrawn {
            return Err(Failure::TooLarge);
        }
        self.followed.insert(key, IN_PROGRESS);
        self.depth += 1;
        let result = match self.positions.get(position) {
            Position::Stage { hook, stage } => self.stage(hook, stage, state),
            Position::Base { hook, stage, left, free } => self.base(hook, stage, left, free, state),
            Position::Running { .. } => self.leave(position, false, state),
            Position::Rule(rule) => self
                .rules(rule, state, number)
                .and_then(|node| Ok(self.functions.diagram.simplify(node, rule.within)?)),
        };
        self.depth -= 1;
        match result {
            Ok(node) => self.followed.insert(key, node),
            Err(_) => self.followed.remove(&key),
        };
        result
    }

    pub(super) fn known_result(&self, position: PositionId, state: u32) -> Option<NodeId> {
        self.followed.get(&(position, state)).copied().filter(|node| *node != IN_PROGRESS)
    }

    pub(super) fn set_result(&mut self, position: PositionId, state: u32, node: NodeId) {
        self.followed.insert((position, state), node);
    }

    /// The leaf of an outcome.
    #[expect(clippy::unnecessary_wraps, reason = "it stands where other ways may fail")]
    pub(super) fn end(&mut self, verdict: Verdict, state: &State) -> Followed {
        let accepted = verdict == Verdict::Accept;
        let (mark, unknown_mark) = match state.mark {
            Mark::Bits { known, values } => ((known, values & known), 0),
            Mark::Unknown => ((0, 0), u32::MAX),
        };
        let end = End {
            verdict,
            destination: if accepted { state.destination_nat.clone() } else { DestinationNat::None },
            source: if accepted { state.source_nat.clone() } else { SourceNat::None },
            mark,
            unknown_mark,
            remembers: state.remembers.as_slice().into(),
            reasons: Box::default(),
        };
        let number = self.functions.ends.number(end);
        Ok(self.functions.diagram.leaf(number))
    }

    pub(super) fn unknown_words(&mut self, reason: Box<str>) -> Followed {
        if self.guarding {
            return Err(Failure::NoGuard);
        }
        let number = self.functions.ends.number(unknown_end(Box::new([reason])));
        Ok(self.functions.diagram.leaf(number))
    }

    /// The answers to a question, each with what follows it.
    pub(super) fn asked(&mut self, condition: &str, reason: impl FnOnce() -> String, children: &[NodeId]) -> Followed {
        let answers = u32::try_from(children.len()).unwrap_or(u32::MAX);
        let variable = Variable::Question(self.functions.questions.number(condition, answers, reason));
        let edges = (0..).zip(children).map(|(upper, child)| Edge { upper, child: *child });
        self.cases(variable, edges.collect())
    }

    /// A split whose last edge reaches to the end.
    pub(super) fn cases(&mut self, variable: Variable, mut edges: Vec<Edge>) -> Followed {
        if let Some(last) = edges.last_mut() {
            last.upper = variable.maximum(self.case.version);
        }
        Ok(self.functions.diagram.case(variable, edges)?)
    }

    pub(super) fn choose(&mut self, guard: NodeId, then: NodeId, otherwise: NodeId) -> Followed {
        Ok(self.functions.diagram.choose(guard, then, otherwise)?)
    }

    pub(super) fn mix(&mut self, shares: Vec<Share>) -> Followed {
        if self.guarding {
            return Err(Failure::NoGuard);
        }
        Ok(self.functions.diagram.mix(shares)?)
    }

    /// The guard that a variable lies between two values.
    pub(super) fn between(&mut self, variable: Variable, low: u128, high: u128) -> Followed {
        let maximum = variable.maximum(self.case.version);
        if low > high || low > maximum {
            return Ok(NO);
        }
        let mut edges = Vec::with_capacity(3);
        if low > 0 {
            edges.push(Edge { upper: low - 1, child: NO });
        }
        edges.push(Edge { upper: high.min(maximum), child: YES });
        if high < maximum {
            edges.push(Edge { upper: maximum, child: NO });
        }
        Ok(self.functions.diagram.split(variable, edges)?)
    }

    /// What is known of the destination, with what a guard says of it where it says nothing of anything else.
    pub(super) fn narrowed(&mut self, within: NodeId, guard: NodeId) -> Followed {
        let diagram = &self.functions.diagram;
        let local = |node| match diagram.view(node) {
            View::Leaf(_) => true,
            View::Split(variable, _) => variable == Variable::DestinationLocal,
            View::Mix(_) => false,
        };
        let of_destination = match diagram.view(guard) {
            View::Split(Variable::Destination, edges) => edges.iter().all(|edge| local(edge.child)),
            _ => local(guard),
        };
        if of_destination { self.choose(within, guard, NO) } else { Ok(within) }
    }

    pub(super) fn version(&self) -> IpVersion {
        self.case.version
    }

    pub(super) fn start_chain(&mut self, chain: ChainId, running: PositionId) -> PositionId {
        let rule = RulePosition { chain, index: 0, parent: None, base: running, depth: 0, within: YES };
        self.positions.number(Position::Rule(rule))
    }
}

/// What nobody knows, and why.
pub(super) fn unknown_end(reasons: Box<[Box<str>]>) -> End {
    End {
        verdict: Verdict::Unknown,
        destination: DestinationNat::None,
        source: SourceNat::None,
        mark: (0, 0),
        unknown_mark: u32::MAX,
        remembers: Box::default(),
        reasons,
    }
}
