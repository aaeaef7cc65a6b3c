//! Decision diagrams over intervals: what becomes of packets, as a function that is stored once.
//!
//! A split asks for one variable and has a child for each interval of its values. A mix is a choice with chances that
//! nothing of the packet decides; it may stand anywhere, and splits may follow below it. A leaf is an outcome. Splits
//! on one path ask in the order of [`Variable`], except that the children of a mix begin anew. Equal functions without
//! mixes have equal numbers; equal numbers always are equal functions.

use super::variable::Variable;
use crate::program::IpVersion;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// The number of a node in its [`Diagram`].
pub type NodeId = u32;

/// The guard that never holds, the leaf 0.
pub const NO: NodeId = 0;
/// The guard that always holds, the leaf 1.
pub const YES: NodeId = 1;

/// An interval of values, from behind the one before to `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The last value; of the last edge it is the variable's highest.
    pub upper: u128,
    /// What follows.
    pub child: NodeId,
}

/// One of the possibilities of a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share {
    /// What follows.
    pub child: NodeId,
    /// How many of the mix's chances.
    pub weight: u64,
}

/// A node, as it can be looked at.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    /// The number of an outcome, as the owner of the diagram counts them; guards have 0 and 1.
    Leaf(u32),
    /// A question, and the intervals of the answer.
    Split(Variable, &'a [Edge]),
    /// Chances: no two of one child, in the order of their numbers, divided as far as they can be.
    Mix(&'a [Share]),
}

/// The diagram would have more nodes or edges than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

#[derive(Clone, Copy, Debug)]
enum Node {
    Leaf(u32),
    Split { variable: Variable, start: u32, length: u32 },
    Mix { start: u32, length: u32 },
}

/// The nodes of functions over one version of IP.
#[derive(Clone, Debug)]
pub struct Diagram {
    version: IpVersion,
    nodes: Vec<Node>,
    /// Of each node, whether a mix stands at or below it: below, the order of variables begins anew.
    mixed: Vec<bool>,
    edges: Vec<Edge>,
    shares: Vec<Share>,
    known: FxHashMap<u64, Vec<NodeId>>,
    chosen: FxHashMap<(NodeId, NodeId, NodeId), NodeId>,
    restricted: FxHashMap<(NodeId, Variable, u128, u128), NodeId>,
    limit: usize,
}

impl Diagram {
    /// An empty diagram that may get this many edges; it has the guards already.
    #[must_use]
    pub fn new(version: IpVersion, limit: usize) -> Self {
        let mut diagram = Self {
            version,
            nodes: Vec::new(),
            mixed: Vec::new(),
            edges: Vec::new(),
            shares: Vec::new(),
            known: FxHashMap::default(),
            chosen: FxHashMap::default(),
            restricted: FxHashMap::default(),
            limit,
        };
        diagram.leaf(0);
        diagram.leaf(1);
        diagram
    }

    /// The version of IP that addresses are of.
    #[must_use]
    pub fn version(&self) -> IpVersion {
        self.version
    }

    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing but the guards.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() <= 2
    }

    /// A node.
    #[must_use]
    pub fn view(&self, node: NodeId) -> View<'_> {
        match self.nodes[node as usize] {
            Node::Leaf(outcome) => View::Leaf(outcome),
            Node::Split { variable, start, length } => {
                View::Split(variable, &self.edges[start as usize..(start + length) as usize])
            }
            Node::Mix { start, length } => View::Mix(&self.shares[start as usize..(start + length) as usize]),
        }
    }

    /// The variable a node asks for; None of leaves and mixes.
    #[must_use]
    pub fn variable(&self, node: NodeId) -> Option<Variable> {
        match self.nodes[node as usize] {
            Node::Split { variable, .. } => Some(variable),
            Node::Leaf(_) | Node::Mix { .. } => None,
        }
    }

    /// The leaf of an outcome.
    pub fn leaf(&mut self, outcome: u32) -> NodeId {
        let hash = hashed(&(0_u8, outcome));
        if let Some(found) =
            self.find(hash, |diagram, node| matches!(diagram.nodes[node as usize], Node::Leaf(it) if it == outcome))
        {
            return found;
        }
        self.insert(hash, Node::Leaf(outcome))
    }

    /// A split; neighbours that lead to the same are one, and a split that decides nothing is its child.
    ///
    /// Edges ascend and the last reaches the variable's highest value; no child asks for this variable or an earlier
    /// one (see [`Diagram::case`] where one may).
    ///
    /// # Errors
    /// The diagram is full.
    pub fn split(&mut self, variable: Variable, mut edges: Vec<Edge>) -> Result<NodeId, TooLarge> {
        edges.dedup_by(|next, before| {
            let same = next.child == before.child;
            if same {
                before.upper = next.upper;
            }
            same
        });
        if let [only] = edges[..] {
            return Ok(only.child);
        }
        let hash = hashed(&(1_u8, variable, &edges));
        let same = |diagram: &Self, node| matches!(diagram.view(node), View::Split(asked, found) if asked == variable && found == edges);
        if let Some(found) = self.find(hash, same) {
            return Ok(found);
        }
        self.room(edges.len())?;
        let (start, length) = (index(self.edges.len())?, index(edges.len())?);
        self.edges.append(&mut edges);
        Ok(self.insert(hash, Node::Split { variable, start, length }))
    }

    /// A split whose children may ask for anything: what they ask for earlier is asked first.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn case(&mut self, variable: Variable, edges: Vec<Edge>) -> Result<NodeId, TooLarge> {
        let Some(first) = edges.iter().filter_map(|edge| self.variable(edge.child)).min() else {
            return self.split(variable, edges);
        };
        if first > variable {
            return self.split(variable, edges);
        }
        let mut low = 0;
        if first == variable {
            let mut flat = Vec::with_capacity(edges.len());
            for edge in edges {
                match self.view(edge.child) {
                    View::Split(asked, below) if asked == variable => {
                        for inner in &below[below.partition_point(|inner| inner.upper < low)..] {
                            flat.push(Edge { upper: inner.upper.min(edge.upper), child: inner.child });
                            if inner.upper >= edge.upper {
                                break;
                            }
                        }
                    }
                    _ => flat.push(edge),
                }
                low = edge.upper.wrapping_add(1);
            }
            return self.split(variable, flat);
        }
        let mut cuts: Vec<u128> = Vec::new();
        for edge in &edges {
            if let View::Split(asked, below) = self.view(edge.child)
                && asked == first
            {
                cuts.extend(below.iter().map(|inner| inner.upper));
            }
        }
        cuts.sort_unstable();
        cuts.dedup();
        let mut outer = Vec::with_capacity(cuts.len());
        for upper in cuts {
            let inner = edges
                .iter()
                .map(|edge| Edge { upper: edge.upper, child: self.child_at(edge.child, first, upper) })
                .collect();
            outer.push(Edge { upper, child: self.case(variable, inner)? });
        }
        self.split(first, outer)
    }

    /// A choice with chances.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn mix(&mut self, mut shares: Vec<Share>) -> Result<NodeId, TooLarge> {
        shares.retain(|share| share.weight != 0);
        if let Some(flat) = self.flattened(&shares) {
            shares = flat;
        }
        shares.sort_unstable();
        shares.dedup_by(|next, before| {
            let same = next.child == before.child;
            if same {
                before.weight += next.weight;
            }
            same
        });
        let divisor = shares.iter().fold(0, |divisor, share| greatest_common_divisor(divisor, share.weight));
        for share in &mut shares {
            share.weight /= divisor.max(1);
        }
        match shares[..] {
            [] => return Err(TooLarge),
            [only] => return Ok(only.child),
            _ => {}
        }
        let hash = hashed(&(2_u8, &shares));
        let same = |diagram: &Self, node| matches!(diagram.view(node), View::Mix(found) if found == shares);
        if let Some(found) = self.find(hash, same) {
            return Ok(found);
        }
        self.room(shares.len())?;
        let (start, length) = (index(self.shares.len())?, index(shares.len())?);
        self.shares.append(&mut shares);
        Ok(self.insert(hash, Node::Mix { start, length }))
    }

    /// `then` where the guard holds, and `otherwise` where it does not. Guards have no mixes.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn choose(&mut self, guard: NodeId, then: NodeId, otherwise: NodeId) -> Result<NodeId, TooLarge> {
        match guard {
            YES => return Ok(then),
            NO => return Ok(otherwise),
            _ if then == otherwise => return Ok(then),
            _ if then == YES && otherwise == NO => return Ok(guard),
            _ => {}
        }
        if let Some(found) = self.chosen.get(&(guard, then, otherwise)) {
            return Ok(*found);
        }
        let three = [guard, then, otherwise];
        let Some(first) = three.iter().filter_map(|node| self.variable(*node)).min() else {
            return Ok(otherwise);
        };
        let mut places = [0_usize; 3];
        let mut edges = Vec::new();
        loop {
            let mut upper = first.maximum(self.version);
            let mut children = three;
            for (place, node) in places.iter().zip(&mut children) {
                if let View::Split(asked, below) = self.view(*node)
                    && asked == first
                {
                    upper = upper.min(below[*place].upper);
                    *node = below[*place].child;
                }
            }
            let child = self.choose(children[0], children[1], children[2])?;
            edges.push(Edge { upper, child });
            if upper == first.maximum(self.version) {
                break;
            }
            for (place, node) in places.iter_mut().zip(three) {
                if let View::Split(asked, below) = self.view(node)
                    && asked == first
                    && below[*place].upper == upper
                {
                    *place += 1;
                }
            }
        }
        let result = self.split(first, edges)?;
        self.chosen.insert((guard, then, otherwise), result);
        Ok(result)
    }

    /// The function where a variable has one of the values from `low` to `high`; below mixes, too.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn restrict(&mut self, node: NodeId, variable: Variable, low: u128, high: u128) -> Result<NodeId, TooLarge> {
        match self.nodes[node as usize] {
            Node::Leaf(_) => return Ok(node),
            Node::Split { variable: asked, .. } if asked > variable && !self.mixed[node as usize] => return Ok(node),
            _ => {}
        }
        if let Some(found) = self.restricted.get(&(node, variable, low, high)) {
            return Ok(*found);
        }
        let result = match self.nodes[node as usize] {
            Node::Leaf(_) => node,
            Node::Mix { start, length } => {
                let mut shares = self.shares[start as usize..(start + length) as usize].to_vec();
                for share in &mut shares {
                    share.child = self.restrict(share.child, variable, low, high)?;
                }
                self.mix(shares)?
            }
            Node::Split { variable: asked, start, length } => {
                let range = start as usize..(start + length) as usize;
                if asked == variable {
                    let first = self.edges[range.clone()].partition_point(|edge| edge.upper < low);
                    let mut kept = Vec::new();
                    for edge in self.edges[range][first..].iter().copied() {
                        kept.push(edge);
                        if edge.upper >= high {
                            break;
                        }
                    }
                    if let Some(last) = kept.last_mut() {
                        last.upper = variable.maximum(self.version);
                    }
                    for edge in &mut kept {
                        edge.child = self.restrict(edge.child, variable, low, high)?;
                    }
                    self.split(variable, kept)?
                } else {
                    let mut edges = self.edges[range].to_vec();
                    for edge in &mut edges {
                        edge.child = self.restrict(edge.child, variable, low, high)?;
                    }
                    self.case(asked, edges)?
                }
            }
        };
        self.restricted.insert((node, variable, low, high), result);
        Ok(result)
    }

    /// A function that is the same wherever the guard holds, and simpler if it may be: where the guard does not hold,
    /// nothing is asked. Of the guard only the first variable counts.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn simplify(&mut self, node: NodeId, guard: NodeId) -> Result<NodeId, TooLarge> {
        let (View::Split(variable, edges), View::Split(first, cares)) = (self.view(node), self.view(guard)) else {
            return Ok(node);
        };
        if variable != first {
            return Ok(node);
        }
        let (edges, cares) = (edges.to_vec(), cares.to_vec());
        let mut kept: Vec<Edge> = Vec::with_capacity(edges.len());
        let mut place = 0;
        let mut low = 0;
        for care in &cares {
            if care.child != NO {
                place += edges[place..].partition_point(|edge| edge.upper < low);
                for edge in &edges[place..] {
                    let upper = edge.upper.min(care.upper);
                    match kept.last_mut() {
                        Some(last) if last.child == edge.child => last.upper = upper,
                        _ => kept.push(Edge { upper, child: edge.child }),
                    }
                    if edge.upper >= care.upper {
                        break;
                    }
                }
            }
            low = care.upper.wrapping_add(1);
        }
        let Some(last) = kept.last_mut() else { return Ok(node) };
        last.upper = variable.maximum(self.version);
        self.split(variable, kept)
    }

    /// Whether chances stand at or below a node.
    #[must_use]
    pub fn is_mixed(&self, node: NodeId) -> bool {
        self.mixed[node as usize]
    }

    /// The function with other outcomes at its leaves.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn map_leaves(&mut self, node: NodeId, changed: &mut dyn FnMut(u32) -> u32) -> Result<NodeId, TooLarge> {
        if let Node::Leaf(outcome) = self.nodes[node as usize] {
            return Ok(self.leaf(changed(outcome)));
        }
        self.map_below(node, changed, &mut FxHashMap::default())
    }

    fn map_below(
        &mut self,
        node: NodeId,
        changed: &mut dyn FnMut(u32) -> u32,
        known: &mut FxHashMap<NodeId, NodeId>,
    ) -> Result<NodeId, TooLarge> {
        if let Some(found) = known.get(&node) {
            return Ok(*found);
        }
        let result = match self.nodes[node as usize] {
            Node::Leaf(outcome) => self.leaf(changed(outcome)),
            Node::Mix { start, length } => {
                let mut shares = self.shares[start as usize..(start + length) as usize].to_vec();
                for share in &mut shares {
                    share.child = self.map_below(share.child, changed, known)?;
                }
                self.mix(shares)?
            }
            Node::Split { variable, start, length } => {
                let mut edges = self.edges[start as usize..(start + length) as usize].to_vec();
                for edge in &mut edges {
                    edge.child = self.map_below(edge.child, changed, known)?;
                }
                self.split(variable, edges)?
            }
        };
        known.insert(node, result);
        Ok(result)
    }

    /// What follows a node for a value of a variable, if that is what it asks for; else the node.
    #[must_use]
    pub fn child_at(&self, node: NodeId, variable: Variable, value: u128) -> NodeId {
        match self.view(node) {
            View::Split(asked, edges) if asked == variable => {
                edges[edges.partition_point(|edge| edge.upper < value)].child
            }
            _ => node,
        }
    }

    /// The shares with the shares of mixes among them put in their place; None if there are none, or numbers too large.
    fn flattened(&self, shares: &[Share]) -> Option<Vec<Share>> {
        let total = |node: NodeId| match self.view(node) {
            View::Mix(inner) => inner.iter().try_fold(0_u64, |sum, share| sum.checked_add(share.weight)),
            _ => Some(1),
        };
        if !shares.iter().any(|share| matches!(self.view(share.child), View::Mix(_))) {
            return None;
        }
        let mut common = 1_u64;
        for share in shares {
            let total = total(share.child)?;
            common = common.checked_mul(total / greatest_common_divisor(common, total))?;
        }
        let mut flat = Vec::with_capacity(shares.len());
        for share in shares {
            let factor = share.weight.checked_mul(common / total(share.child)?)?;
            match self.view(share.child) {
                View::Mix(inner) => {
                    for each in inner {
                        flat.push(Share { child: each.child, weight: each.weight.checked_mul(factor)? });
                    }
                }
                _ => flat.push(Share { child: share.child, weight: factor }),
            }
        }
        flat.iter().try_fold(0_u64, |sum, share| sum.checked_add(share.weight))?;
        Some(flat)
    }

    fn room(&self, more: usize) -> Result<(), TooLarge> {
        if self.edges.len() + self.shares.len() + more > self.limit { Err(TooLarge) } else { Ok(()) }
    }

    fn find(&self, hash: u64, same: impl Fn(&Self, NodeId) -> bool) -> Option<NodeId> {
        self.known.get(&hash)?.iter().copied().find(|node| same(self, *node))
    }

    fn insert(&mut self, hash: u64, node: Node) -> NodeId {
        let number = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        let mixed = match node {
            Node::Leaf(_) => false,
            Node::Mix { .. } => true,
            Node::Split { start, length, .. } => {
                self.edges[start as usize..(start + length) as usize].iter().any(|edge| self.mixed[edge.child as usize])
            }
        };
        self.nodes.push(node);
        self.mixed.push(mixed);
        self.known.entry(hash).or_default().push(number);
        number
    }
}

fn hashed(content: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    content.hash(&mut hasher);
    hasher.finish()
}

fn index(length: usize) -> Result<u32, TooLarge> {
    u32::try_from(length).map_err(|_| TooLarge)
}

fn greatest_common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
