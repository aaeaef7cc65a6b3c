//! Whether records count: for each endpoint that clients get, there is a record that keeps them there.
//!
//! The function of a ruleset whose sets may hold anything asks for records. Where a client may be remembered, some
//! answers must lead to each endpoint for sure: what is left to chance, or asks for nothing, forgets the client.

use super::declared::{Declaration, Delivery, Demands, Remembered, Wanted};
use super::diagram::{Edge, NodeId, View};
use super::fate::{Fate, Here};
use super::fold::here;
use super::neighbourhood::Neighbourhood;
use super::options::Functions;
use super::reasons::reasons;
use super::region::Region;
use super::remembered::{delivery, place};
use super::tell::{Difference, Report, chance};
use super::variable::Variable;
use super::witness::Search;
use super::words::words;
use crate::evaluate::{Fraction, Surroundings, outcomes};
use crate::program::Program;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Nodes below one region that are looked at for what records do; more of them are not understood.
const NODES: usize = 1 << 16;

/// An endpoint.
type Place = (u128, u16);

/// A declared function and that of a ruleset, where clients may be remembered.
pub(super) struct Honoured<'a> {
    pub(super) functions: &'a Functions,
    pub(super) demands: &'a Demands,
    pub(super) declaration: &'a Declaration,
    pub(super) program: &'a Program,
    pub(super) surroundings: &'a Surroundings,
    pub(super) neighbourhood: &'a Neighbourhood,
    pub(super) draws: &'a Cell<u128>,
}

/// What is known of the pairs of nodes that were seen.
#[derive(Default)]
struct Seen {
    pairs: FxHashSet<(NodeId, NodeId)>,
    /// Whether clients may be remembered below a node of the declared function.
    remembered: FxHashMap<NodeId, bool>,
    missing: Vec<Missing>,
}

/// By which address regions hold no packet that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LeftOut {
    by_source: bool,
    by_destination: bool,
}

/// A region where a client is not kept at an endpoint.
struct Missing {
    region: Region,
    frontend: Option<u32>,
    remembered: Remembered,
    endpoint: Place,
    /// What is asked, if nobody knows whether some record keeps the client.
    undecided: Option<Vec<String>>,
}

impl Honoured<'_> {
    /// Adds the frontends and endpoints where no record counts, as far as nothing is told of the frontend yet.
    pub(super) fn examine(&self, (left, right): (NodeId, NodeId), most: usize, report: &mut Report) {
        let mut seen = Seen::default();
        self.walk(left, right, &Region::default(), &mut seen);
        let mut told: FxHashMap<Option<u32>, Option<usize>> =
            report.differences.iter().map(|difference| (difference.frontend, None)).collect();
        for missing in seen.missing {
            match told.get(&missing.frontend) {
                Some(None) => continue,
                Some(Some(place)) => {
                    report.differences[*place].regions += 1;
                    continue;
                }
                None => {}
            }
            if report.differences.len() >= most {
                report.untold = report.untold.saturating_add(1);
                continue;
            }
            match self.difference(&missing) {
                Some(difference) => {
                    told.insert(missing.frontend, Some(report.differences.len()));
                    report.differences.push(difference);
                }
                None if self.draws.get() == 0 => report.untold = report.untold.saturating_add(1),
                None => report.unattainable.push(self.words(&missing)),
            }
        }
    }

    /// Looks at all regions where a client may be remembered: each pair of nodes once. What is left out is told, and is
    /// looked at again where the same nodes are met for other packets.
    fn walk(&self, left: NodeId, right: NodeId, region: &Region, seen: &mut Seen) -> LeftOut {
        if !self.remembers(left, seen) || seen.pairs.contains(&(left, right)) {
            return LeftOut::default();
        }
        if let Some(address) = self.search().supposed().emptied_by(region) {
            let by_source = address == Variable::Source;
            return LeftOut { by_source, by_destination: !by_source };
        }
        let left_out = self.walk_parts(left, right, region, seen);
        if left_out == LeftOut::default() {
            seen.pairs.insert((left, right));
        }
        left_out
    }

    fn walk_parts(&self, left: NodeId, right: NodeId, region: &Region, seen: &mut Seen) -> LeftOut {
        let diagram = &self.functions.diagram;
        let packets = |variable: &Variable| !matches!(variable, Variable::Record(_) | Variable::Question(_));
        let asked = [left, right].map(|node| diagram.variable(node).filter(packets));
        let Some(variable) = asked.into_iter().flatten().min() else {
            if let View::Leaf(leaf) = diagram.view(left) {
                self.judge(leaf, right, region, seen);
            }
            return LeftOut::default();
        };
        let mut low = 0;
        let highest = variable.maximum(diagram.version());
        let mut left_out = LeftOut::default();
        let mut places = [0_usize; 2];
        loop {
            let mut upper = highest;
            let mut children = [left, right];
            for (place, node) in places.iter().zip(&mut children) {
                if let View::Split(its, edges) = diagram.view(*node)
                    && its == variable
                {
                    upper = upper.min(edges[*place].upper);
                    *node = edges[*place].child;
                }
            }
            if self.remembers(children[0], seen) && !seen.pairs.contains(&(children[0], children[1])) {
                let below = self.walk(children[0], children[1], &region.within(variable, low, upper), seen);
                left_out.by_source |= below.by_source;
                left_out.by_destination |= below.by_destination;
            }
            if upper == highest {
                // Whoever comes here has all of the variable's values.
                left_out.by_source &= variable != Variable::Source;
                left_out.by_destination &= variable != Variable::Destination;
                return left_out;
            }
            low = upper + 1;
            for (place, node) in places.iter_mut().zip([left, right]) {
                if let View::Split(its, edges) = diagram.view(node)
                    && its == variable
                    && edges[*place].upper == upper
                {
                    *place += 1;
                }
            }
        }
    }

    fn remembers(&self, node: NodeId, seen: &mut Seen) -> bool {
        if let Some(known) = seen.remembered.get(&node) {
            return *known;
        }
        let found = match self.functions.diagram.view(node) {
            View::Leaf(leaf) => {
                let demand = self.demands.get(leaf);
                demand.is_some_and(|demand| matches!(demand.wanted, Wanted::Remembered(_)))
            }
            View::Split(_, edges) => edges.iter().any(|edge| self.remembers(edge.child, seen)),
            View::Mix(_) => false,
        };
        seen.remembered.insert(node, found);
        found
    }

    fn judge(&self, leaf: u32, right: NodeId, region: &Region, seen: &mut Seen) {
        let Some(demand) = self.demands.get(leaf) else { return };
        let Wanted::Remembered(remembered) = demand.wanted else { return };
        let empty = [FxHashSet::default(), FxHashSet::default()];
        let mut answers = Answers { functions: self.functions, region, here: here(region), empty, left: NODES };
        let drawn = answers.drawn(right);
        let certain = answers.certain(right, true);
        let hashed = region.bounds().iter().any(|(variable, ..)| matches!(variable, Variable::Hash(_)));
        let wanted = self.demands.allowed(remembered).filter_map(|wanted| match wanted {
            Wanted::Delivered(Delivery { address, port, .. }) => Some((address, port)),
            _ => None,
        });
        // An endpoint that first connections should get and do not is told as such. By a hash, every client gets another
        // one; those of weight 0 keep the clients they have.
        let counts = |endpoint: &Place| {
            hashed
                || drawn.contains(endpoint)
                || demand.frontend.is_some_and(|number| self.is_drained(number, *endpoint))
        };
        let missing: Vec<Place> = wanted.filter(|it| !certain.contains(it) && counts(it)).collect();
        for endpoint in missing {
            let undecided = if answers.left == 0 {
                Some(vec!["there are too many ways in which a client may be remembered".to_owned()])
            } else if answers.certain(right, false).contains(&endpoint) {
                Some(reasons(self.functions, right, &|variable| region.get(variable)))
            } else {
                None
            };
            let (region, frontend) = (region.clone(), demand.frontend);
            seen.missing.push(Missing { region, frontend, remembered, endpoint, undecided });
        }
    }

    /// Whether an endpoint of a frontend gets no new connections.
    fn is_drained(&self, frontend: u32, endpoint: Place) -> bool {
        let parts = self.declaration.parts();
        let Some(frontend) = parts.frontends.get(frontend as usize) else { return false };
        let service_port = &parts.service_ports[frontend.service_port];
        [&service_port.cluster, &service_port.local]
            .into_iter()
            .any(|set| set.places.iter().zip(&set.weights).any(|(place, weight)| *weight == 0 && *place == endpoint))
    }

    fn search(&self) -> Search<'_> {
        let Self { functions, surroundings, neighbourhood, draws, .. } = self;
        Search { functions, surroundings, neighbourhood, draws }
    }

    fn difference(&self, missing: &Missing) -> Option<Difference> {
        let found = self.search().packet(&missing.region)?;
        let delivered = |wanted: &Wanted| match wanted {
            Wanted::Delivered(Delivery { address, port, .. }) => (*address, *port) == missing.endpoint,
            _ => false,
        };
        let expected = self.demands.allowed(missing.remembered).find(delivered)?;
        let end = expected.end(self.functions.case.version)?;
        let mut there = outcomes(self.program, &found.surroundings, &found.packet, true);
        if let Some(reasons) = missing.undecided.as_ref().filter(|_| there.iter().all(|it| it.reasons.is_empty())) {
            for chance in &mut there {
                chance.reasons.clone_from(reasons);
            }
        }
        Some(Difference {
            found: there,
            packet: found.packet,
            local_addresses: found.local_addresses,
            frontend: missing.frontend,
            expected: vec![chance(&end, Fraction::ONE)],
            any_of: false,
            undecided: missing.undecided.is_some(),
            refused: false,
            aside: self.neighbourhood.is_aside(&missing.region),
            remembered: true,
            regions: 1,
            words: self.words(missing),
        })
    }

    fn words(&self, missing: &Missing) -> String {
        let (address, port) = missing.endpoint;
        let region = words(&missing.region, self.functions.case, &self.functions.questions);
        let to = place(self.functions.case.version, address, port);
        format!("{region}, a client that was sent to {to} before")
    }
}

/// What answers to questions about records lead to.
struct Answers<'a> {
    functions: &'a Functions,
    region: &'a Region,
    here: Here,
    /// Nodes that certainly lead nowhere, strictly or not.
    empty: [FxHashSet<NodeId>; 2],
    /// Nodes that may still be looked at.
    left: usize,
}

impl Answers<'_> {
    /// The children of a split that packets of the region get to; below a mix, questions come anew.
    fn children(&self, variable: Variable, edges: &[Edge]) -> Vec<NodeId> {
        let (low, high) = self.region.of(variable, self.functions.case.version);
        let first = edges.partition_point(|edge| edge.upper < low);
        let last = edges.partition_point(|edge| edge.upper < high);
        edges[first..].iter().take(last + 1 - first).map(|edge| edge.child).collect()
    }

    fn place(&self, leaf: u32) -> Option<Place> {
        let fate = Fate::of(self.functions.ends.get(leaf)?, self.here);
        delivery(&fate, self.here).map(|delivery| (delivery.address, delivery.port))
    }

    /// Where clients go of whom nothing is remembered.
    fn drawn(&mut self, node: NodeId) -> BTreeSet<Place> {
        let (mut found, mut open, mut seen) = (BTreeSet::new(), vec![node], FxHashSet::default());
        while let Some(node) = open.pop() {
            if self.left == 0 || !seen.insert(node) {
                continue;
            }
            self.left -= 1;
            match self.functions.diagram.view(node) {
                View::Leaf(leaf) => found.extend(self.place(leaf)),
                View::Split(Variable::Record(_), edges) => open.extend(edges.last().map(|edge| edge.child)),
                View::Split(variable, edges) => open.extend(self.children(variable, edges)),
                View::Mix(shares) => open.extend(shares.iter().map(|share| share.child)),
            }
        }
        found
    }

    /// The endpoints for each of which there are records that lead there for sure; with `strict` whatever the answer to
    /// what nobody knows, else with some answer.
    fn certain(&mut self, node: NodeId, strict: bool) -> BTreeSet<Place> {
        if self.left == 0 || self.empty[usize::from(strict)].contains(&node) {
            return BTreeSet::new();
        }
        self.left -= 1;
        let (children, each): (Vec<NodeId>, bool) = match self.functions.diagram.view(node) {
            View::Leaf(leaf) => return self.place(leaf).into_iter().collect(),
            View::Split(variable, edges) => {
                let each = match variable {
                    Variable::Record(_) => false,
                    Variable::Question(_) => strict,
                    _ => true,
                };
                (self.children(variable, edges), each)
            }
            View::Mix(shares) => (shares.iter().map(|share| share.child).collect(), true),
        };
        let mut found: Option<BTreeSet<Place>> = None;
        for child in children {
            let mut there = self.certain(child, strict);
            match &mut found {
                None => found = Some(there),
                Some(found) if each => found.retain(|place| there.contains(place)),
                Some(found) => found.append(&mut there),
            }
            if each && found.as_ref().is_some_and(BTreeSet::is_empty) {
                break;
            }
        }
        let found = found.unwrap_or_default();
        if found.is_empty() && self.left > 0 {
            self.empty[usize::from(strict)].insert(node);
        }
        found
    }
}
