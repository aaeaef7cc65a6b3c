//! Decision diagrams over intervals: what becomes of packets, as a function that is stored once.
//!
//! A split asks for one variable and has a child for each interval of its values. A mix is a choice with chances that
//! nothing of the packet decides; it may stand anywhere, and splits may follow below it. A leaf is an outcome. Splits
//! on one path ask in the order of [`Variable`], except that the children of a mix begin anew. Equal functions without
//! mixes have equal numbers; equal numbers always are equal functions.

mod choose;
mod narrow;

use super::asked::Asked;
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

/// Outcomes are counted from 0 and from here: by a ruleset, and by what was declared.
const HALF: u32 = 1 << 31;
/// The leaves of the first outcomes of each half are found by their places.
const LEAVES: usize = 1 << 24;

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
    /// Of each node, what it and those below it ask for.
    asked: Vec<Asked>,
    edges: Vec<Edge>,
    shares: Vec<Share>,
    /// The leaves of the first outcomes of each half; `NodeId::MAX` if there is none.
    leaves: [Vec<NodeId>; 2],
    /// The latest node with a hash.
    known: FxHashMap<u64, NodeId>,
    /// Of each node, the one before it with the same hash; its own number if there is none.
    before: Vec<NodeId>,
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
            asked: Vec::new(),
            leaves: [Vec::new(), Vec::new()],
            edges: Vec::new(),
            shares: Vec::new(),
            known: FxHashMap::default(),
            before: Vec::new(),
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
    #[inline]
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
    #[inline]
    #[must_use]
    pub fn variable(&self, node: NodeId) -> Option<Variable> {
        match self.nodes[node as usize] {
            Node::Split { variable, .. } => Some(variable),
            Node::Leaf(_) | Node::Mix { .. } => None,
        }
    }

    /// The leaf of an outcome.
    pub fn leaf(&mut self, outcome: u32) -> NodeId {
        let (half, place) = (usize::from(outcome >= HALF), (outcome % HALF) as usize);
        if place < LEAVES {
            if place >= self.leaves[half].len() {
                self.leaves[half].resize(place + 1, NodeId::MAX);
            }
            if self.leaves[half][place] == NodeId::MAX {
                let leaf = self.add(Node::Leaf(outcome));
                self.before.push(leaf);
                self.leaves[half][place] = leaf;
            }
            return self.leaves[half][place];
        }
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

    /// Whether chances stand at or below a node.
    #[must_use]
    pub fn is_mixed(&self, node: NodeId) -> bool {
        self.asked(node).mixes()
    }

    /// What a node and those below it ask for.
    #[must_use]
    pub(super) fn asked(&self, node: NodeId) -> Asked {
        self.asked[node as usize]
    }

    /// Whether a node or one below it may ask for a variable.
    #[inline]
    #[must_use]
    pub fn may_ask(&self, node: NodeId, variable: Variable) -> bool {
        let asked = self.asked(node);
        asked.may_ask(variable) && (asked.mixes() || self.variable(node).is_some_and(|first| first <= variable))
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
        let mut node = *self.known.get(&hash)?;
        loop {
            if same(self, node) {
                return Some(node);
            }
            let before = self.before[node as usize];
            if before == node {
                return None;
            }
            node = before;
        }
    }

    fn insert(&mut self, hash: u64, node: Node) -> NodeId {
        let number = self.add(node);
        self.before.push(self.known.insert(hash, number).unwrap_or(number));
        number
    }

    fn add(&mut self, node: Node) -> NodeId {
        let number = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        let asked = match node {
            Node::Leaf(_) => Asked::default(),
            Node::Mix { start, length } => {
                let shares = &self.shares[start as usize..(start + length) as usize];
                shares.iter().fold(Asked::MIX, |asked, share| asked.and(self.asked(share.child)))
            }
            Node::Split { variable, start, length } => {
                let edges = &self.edges[start as usize..(start + length) as usize];
                edges.iter().fold(Asked::one(variable), |asked, edge| asked.and(self.asked(edge.child)))
            }
        };
        self.nodes.push(node);
        self.asked.push(asked);
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
