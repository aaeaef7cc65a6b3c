//! Functions of classes, and of averages: what the walk looks at in the place of the functions themselves.

use super::{UNKNOWN, Walk};
use crate::proof::compare::{Judge, Side};
use crate::proof::diagram::{Edge, NodeId, Share, TooLarge, View};
use crate::proof::variable::Variable;

impl<J: Judge> Walk<'_, J> {
    /// The function with every leaf replaced by its class.
    pub(super) fn class(&mut self, side: Side, node: NodeId) -> Result<NodeId, TooLarge> {
        let known = &mut self.classes[side as usize];
        if known.len() <= node as usize {
            known.resize(self.diagram.len(), UNKNOWN);
        }
        if known[node as usize] != UNKNOWN {
            return Ok(known[node as usize]);
        }
        let found = match self.diagram.view(node) {
            View::Leaf(outcome) => {
                let class = self.judge.class(side, outcome);
                if class == outcome { node } else { self.diagram.leaf(class) }
            }
            View::Split(variable, edges) => match self.classed(side, node, edges.len())? {
                None => node,
                Some(children) => {
                    let View::Split(_, edges) = self.diagram.view(node) else { return Err(TooLarge) };
                    let edges = edges.iter().zip(children).map(|(edge, child)| Edge { upper: edge.upper, child });
                    let edges: Vec<Edge> = edges.collect();
                    self.diagram.split(variable, edges)?
                }
            },
            View::Mix(shares) => match self.classed(side, node, shares.len())? {
                None => node,
                Some(children) => {
                    let View::Mix(shares) = self.diagram.view(node) else { return Err(TooLarge) };
                    let shares =
                        shares.iter().zip(children).map(|(share, child)| Share { child, weight: share.weight });
                    let shares: Vec<Share> = shares.collect();
                    self.diagram.mix(shares)?
                }
            },
        };
        self.classes[side as usize][node as usize] = found;
        Ok(found)
    }

    /// The functions of classes of a node's children; None if they are the children themselves.
    fn classed(&mut self, side: Side, node: NodeId, length: usize) -> Result<Option<Vec<NodeId>>, TooLarge> {
        let mut changed: Option<Vec<NodeId>> = None;
        for place in 0..length {
            let child = self.child(node, place);
            let class = self.class(side, child)?;
            if class != child && changed.is_none() {
                let mut before = Vec::with_capacity(length);
                before.extend((0..place).map(|earlier| self.child(node, earlier)));
                changed = Some(before);
            }
            if let Some(children) = &mut changed {
                children.push(class);
            }
        }
        Ok(changed)
    }

    /// A child by its place.
    fn child(&self, node: NodeId, place: usize) -> NodeId {
        match self.diagram.view(node) {
            View::Leaf(_) => node,
            View::Split(_, edges) => edges[place].child,
            View::Mix(shares) => shares[place].child,
        }
    }

    /// The function with every hash replaced by a number that is drawn.
    pub(super) fn averaged(&mut self, node: NodeId) -> Result<NodeId, TooLarge> {
        if let Some(found) = self.averages.get(&node) {
            return Ok(*found);
        }
        let found = match self.diagram.view(node) {
            View::Leaf(_) => node,
            View::Split(variable, edges) => {
                let mut edges: Vec<Edge> = edges.to_vec();
                for edge in &mut edges {
                    edge.child = self.averaged(edge.child)?;
                }
                if matches!(variable, Variable::Hash(_)) {
                    let mut low = 0;
                    let mut shares = Vec::with_capacity(edges.len());
                    for edge in edges {
                        let width = u64::try_from(edge.upper - low + 1).map_err(|_| TooLarge)?;
                        shares.push(Share { child: edge.child, weight: width });
                        low = edge.upper + 1;
                    }
                    self.diagram.mix(shares)?
                } else {
                    self.diagram.split(variable, edges)?
                }
            }
            View::Mix(shares) => {
                let mut shares: Vec<Share> = shares.to_vec();
                for share in &mut shares {
                    share.child = self.averaged(share.child)?;
                }
                self.diagram.mix(shares)?
            }
        };
        self.averages.insert(node, found);
        Ok(found)
    }

    /// How many ways lead through a function.
    pub(super) fn paths(&mut self, node: NodeId) -> u64 {
        if self.paths.len() <= node as usize {
            self.paths.resize(self.diagram.len(), 0);
        }
        if self.paths[node as usize] != 0 {
            return self.paths[node as usize];
        }
        let (mixed, length) = match self.diagram.view(node) {
            View::Leaf(_) => return 1,
            View::Split(_, edges) => (0, edges.len()),
            View::Mix(shares) => (1, shares.len()),
        };
        let mut sum: u64 = mixed;
        for place in 0..length {
            let child = self.child(node, place);
            sum = sum.saturating_add(self.paths(child) - mixed);
        }
        self.paths[node as usize] = sum;
        sum
    }
}
