//! The walk of a comparison: what every pair of nodes is.

mod classes;

use super::diagram::{Diagram, NodeId, TooLarge, View};
use super::distribution::Distribution;
use super::judgement::{Content, Equality, Judge, Judgement, Known, Limits, Open, Part, Side};
use super::variable::Variable;
use rustc_hash::{FxHashMap, FxHashSet};

/// Functions nest no deeper; it bounds recursion.
const DEPTH: usize = 2048;
const UNKNOWN: NodeId = NodeId::MAX;

/// What is known of the nodes of one of the functions: their classes, and how many ways lead through these.
#[derive(Debug, Default)]
pub(super) struct Seen {
    classes: Vec<NodeId>,
    paths: Vec<u64>,
}

/// The two functions, and what is known of their nodes.
pub(super) struct Walk<'a, J> {
    diagram: &'a mut Diagram,
    judge: &'a mut J,
    limits: Limits,
    /// Of each node, the function of classes; `UNKNOWN` where that was not asked yet.
    classes: [Vec<NodeId>; 2],
    paths: Vec<u64>,
    averages: FxHashMap<NodeId, NodeId>,
    known: FxHashMap<(NodeId, NodeId, bool), Known>,
    opens: Vec<Open>,
    depth: usize,
}

impl<'a, J: Judge> Walk<'a, J> {
    /// A walk that has not begun.
    pub(super) fn new(diagram: &'a mut Diagram, judge: &'a mut J, limits: Limits) -> Self {
        Self {
            diagram,
            judge,
            limits,
            classes: [Vec::new(), Vec::new()],
            paths: Vec::new(),
            averages: FxHashMap::default(),
            known: FxHashMap::default(),
            opens: Vec::new(),
            depth: 0,
        }
    }

    /// A walk of which it is known already what is found on the right alone.
    pub(super) fn with(diagram: &'a mut Diagram, judge: &'a mut J, limits: Limits, seen: Seen) -> Self {
        Self { classes: [Vec::new(), seen.classes], paths: seen.paths, ..Self::new(diagram, judge, limits) }
    }

    /// Looks at the right side before there is a left one: what is found does not depend on that.
    pub(super) fn see(mut self, right: NodeId) -> Result<Seen, TooLarge> {
        let class = self.class(Side::Right, right)?;
        self.paths(class);
        let [_, classes] = self.classes;
        Ok(Seen { classes, paths: self.paths })
    }

    /// What is not equal, by the numbers that [`Known::Open`] gives.
    pub(super) fn into_opens(self) -> Vec<Open> {
        self.opens
    }

    /// What a pair is; with `averaged` hashes have become chances, and only what is possible counts.
    pub(super) fn pair(&mut self, left: NodeId, right: NodeId, averaged: bool) -> Result<Known, TooLarge> {
        // Classes are named by what was seen first, and what was found needs no other names then.
        let other = self.class(Side::Right, right)?;
        let one = self.class(Side::Left, left)?;
        if one == other {
            let mixes = self.diagram.asked(one).mixes();
            let equality = if mixes { Equality::Distribution } else { Equality::Exact };
            return Ok(Known::Equal(equality, self.paths(one)));
        }
        if let Some(known) = self.known.get(&(left, right, averaged)) {
            return Ok(*known);
        }
        if self.depth >= DEPTH || self.known.len() >= self.limits.pairs {
            return Err(TooLarge);
        }
        self.depth += 1;
        let known = self.examine(left, right, averaged)?;
        self.depth -= 1;
        self.known.insert((left, right, averaged), known);
        Ok(known)
    }

    fn examine(&mut self, left: NodeId, right: NodeId, averaged: bool) -> Result<Known, TooLarge> {
        let Some(mut variable) = self.first_asked(left, right) else {
            return self.judged(left, right, averaged);
        };
        let mut cuts = Vec::new();
        if matches!(variable, Variable::Question(_))
            && let Some(earlier) = self.asked_below(left, right)
        {
            // What the packet decides is asked first, or a difference for every answer could not be told.
            variable = earlier;
            self.cuts_below(left, variable, &mut cuts);
            self.cuts_below(right, variable, &mut cuts);
        } else if [left, right].iter().any(|node| self.diagram.variable(*node) == Some(variable)) {
            for node in [left, right] {
                if let View::Split(asked, edges) = self.diagram.view(node)
                    && asked == variable
                {
                    cuts.extend(edges.iter().map(|edge| edge.upper));
                }
            }
        } else {
            self.cuts_at(left, variable, &mut cuts);
            self.cuts_at(right, variable, &mut cuts);
        }
        cuts.sort_unstable();
        cuts.dedup();
        let found = self.divided(left, right, averaged, variable, &cuts)?;
        if matches!(variable, Variable::Hash(_)) && self.limits.support && !averaged && matches!(found, Known::Open(_))
        {
            return self.by_support(left, right, found);
        }
        Ok(found)
    }

    /// What is found where hashes are taken as chances, if the functions do not choose by the same ones.
    fn by_support(&mut self, left: NodeId, right: NodeId, found: Known) -> Result<Known, TooLarge> {
        let (one, other) = (self.diagram.asked(left), self.diagram.asked(right));
        if one.same_hashes(other) {
            return Ok(found);
        }
        let (one, other) = (self.averaged(left)?, self.averaged(right)?);
        Ok(match self.pair(one, other, true)? {
            Known::Equal(_, regions) => Known::Equal(Equality::Support, regions),
            open @ Known::Open(_) => open,
        })
    }

    /// The variable to divide by: the first that either side asks, below mixes only if there is nothing else.
    fn first_asked(&self, left: NodeId, right: NodeId) -> Option<Variable> {
        let split = |node: NodeId| self.diagram.variable(node);
        match (split(left), split(right)) {
            (None, None) => [left, right].into_iter().filter_map(|node| self.first_below_mix(node)).min(),
            (Some(variable), None) | (None, Some(variable)) => Some(variable),
            (Some(one), Some(other)) => Some(one.min(other)),
        }
    }

    fn first_below_mix(&self, node: NodeId) -> Option<Variable> {
        match self.diagram.view(node) {
            View::Leaf(_) => None,
            View::Split(variable, _) => Some(variable),
            View::Mix(shares) => shares.iter().filter_map(|share| self.first_below_mix(share.child)).min(),
        }
    }

    /// The first variable that a packet decides and that is asked anywhere below.
    fn asked_below(&self, left: NodeId, right: NodeId) -> Option<Variable> {
        let mut first = None;
        let mut seen = FxHashSet::default();
        let mut stack = vec![left, right];
        while let Some(node) = stack.pop() {
            if !self.diagram.asked(node).asks_the_packet() || !seen.insert(node) {
                continue;
            }
            match self.diagram.view(node) {
                View::Leaf(_) => {}
                View::Split(variable, edges) => {
                    if !matches!(variable, Variable::Question(_)) && first.is_none_or(|known| variable < known) {
                        first = Some(variable);
                    }
                    stack.extend(edges.iter().map(|edge| edge.child));
                }
                View::Mix(shares) => stack.extend(shares.iter().map(|share| share.child)),
            }
        }
        first
    }

    fn cuts_below(&self, node: NodeId, variable: Variable, cuts: &mut Vec<u128>) {
        let mut seen = FxHashSet::default();
        let mut stack = vec![node];
        while let Some(node) = stack.pop() {
            if !self.diagram.asked(node).may_ask(variable) || !seen.insert(node) {
                continue;
            }
            match self.diagram.view(node) {
                View::Leaf(_) => {}
                View::Split(asked, edges) => {
                    if asked == variable {
                        cuts.extend(edges.iter().map(|edge| edge.upper));
                    }
                    stack.extend(edges.iter().map(|edge| edge.child));
                }
                View::Mix(shares) => stack.extend(shares.iter().map(|share| share.child)),
            }
        }
    }

    fn cuts_at(&self, node: NodeId, variable: Variable, cuts: &mut Vec<u128>) {
        match self.diagram.view(node) {
            View::Split(asked, edges) if asked == variable => cuts.extend(edges.iter().map(|edge| edge.upper)),
            View::Mix(shares) => {
                for share in shares {
                    self.cuts_at(share.child, variable, cuts);
                }
            }
            View::Leaf(_) | View::Split(..) => {}
        }
    }

    fn divided(
        &mut self,
        left: NodeId,
        right: NodeId,
        averaged: bool,
        variable: Variable,
        cuts: &[u128],
    ) -> Result<Known, TooLarge> {
        let content = Content::Shown(0, 0);
        let mut whole = Open { equality: None, differing: 0, undecided: 0, regions: 0, refused: false, content };
        let mut parts: Vec<Part> = Vec::new();
        let mut low = 0;
        for high in cuts {
            let one = self.within(left, variable, low, *high)?;
            let other = self.within(right, variable, low, *high)?;
            match self.pair(one, other, averaged)? {
                Known::Equal(equality, regions) => {
                    whole.equality = whole.equality.max(Some(equality));
                    whole.regions = whole.regions.saturating_add(regions);
                }
                Known::Open(open) => {
                    if let Some(last) = parts.last_mut()
                        && last.open == open
                        && last.high.checked_add(1) == Some(low)
                    {
                        last.high = *high;
                    } else {
                        let there = &self.opens[open as usize];
                        whole.equality = whole.equality.max(there.equality);
                        whole.regions = whole.regions.saturating_add(there.regions);
                        whole.differing = whole.differing.saturating_add(there.differing);
                        whole.undecided = whole.undecided.saturating_add(there.undecided);
                        parts.push(Part { low, high: *high, open });
                    }
                }
            }
            low = high.wrapping_add(1);
        }
        if parts.is_empty() {
            return Ok(Known::Equal(whole.equality.unwrap_or(Equality::Exact), whole.regions));
        }
        whole.content = Content::Parts(variable, parts.into());
        if matches!(variable, Variable::Question(_)) {
            self.answered(&mut whole);
        }
        self.open(whole)
    }

    /// Makes one region of what depends on unknown answers alone: it differs only if every answer makes it differ.
    fn answered(&self, whole: &mut Open) {
        let every = whole.equality.is_none() && whole.undecided == 0;
        (whole.differing, whole.undecided, whole.regions) = (u64::from(every), u64::from(!every), 1);
        // Every part was made one region before, so the first shows how it looks.
        if let Content::Parts(_, parts) = &whole.content {
            // What is equal is refused on both sides, too, or the other parts would not be.
            whole.refused = parts.iter().all(|part| self.opens[part.open as usize].refused);
        }
        if let Content::Parts(_, parts) = &whole.content
            && let Some(shown) = parts
                .iter()
                .filter_map(|part| match self.opens[part.open as usize] {
                    Open { content: Content::Shown(left, right), differing, .. } => Some((differing == 0, left, right)),
                    Open { content: Content::Parts(..), .. } => None,
                })
                .min_by_key(|shown| shown.0)
        {
            whole.content = Content::Shown(shown.1, shown.2);
        }
    }

    fn judged(&mut self, left: NodeId, right: NodeId, averaged: bool) -> Result<Known, TooLarge> {
        let distributions = (Distribution::of(self.diagram, left), Distribution::of(self.diagram, right));
        let judgement = match distributions {
            (Some(one), Some(other)) => self.judge.judge(&one, &other, averaged),
            _ => Judgement::Undecided,
        };
        let (differing, undecided) = match judgement {
            Judgement::Equal(equality) => return Ok(Known::Equal(equality, 1)),
            Judgement::Differs | Judgement::RefusedOtherwise => (1, 0),
            Judgement::Undecided => (0, 1),
        };
        let (refused, content) = (judgement == Judgement::RefusedOtherwise, Content::Shown(left, right));
        let shown = Open { equality: None, differing, undecided, regions: 1, refused, content };
        self.open(shown)
    }

    fn open(&mut self, open: Open) -> Result<Known, TooLarge> {
        let number = u32::try_from(self.opens.len()).map_err(|_| TooLarge)?;
        self.opens.push(open);
        Ok(Known::Open(number))
    }

    /// The function where the variable is in the interval, which no cut divides unless a mix stands between.
    fn within(&mut self, node: NodeId, variable: Variable, low: u128, high: u128) -> Result<NodeId, TooLarge> {
        let mut node = node;
        if let View::Split(asked, edges) = self.diagram.view(node)
            && asked == variable
        {
            let edge = edges[edges.partition_point(|edge| edge.upper < low)];
            if edge.upper >= high {
                node = edge.child;
            }
        }
        if !self.diagram.asked(node).may_ask(variable) {
            return Ok(node);
        }
        self.diagram.restrict(node, variable, low, high)
    }
}
