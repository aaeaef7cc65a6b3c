//! Parts of functions, and functions with other outcomes.

use super::{Diagram, Edge, NO, Node, NodeId, TooLarge, View};
use crate::proof::variable::Variable;
use rustc_hash::FxHashMap;

/// So many nodes are found faster one by one than by their hashes.
const FEW: usize = 12;

/// Nodes and what they became.
#[derive(Default)]
struct Mapped {
    few: Vec<(NodeId, NodeId)>,
    more: FxHashMap<NodeId, NodeId>,
}

impl Mapped {
    fn get(&self, node: NodeId) -> Option<NodeId> {
        let found = self.few.iter().find(|(before, _)| *before == node).map(|(_, after)| *after);
        found.or_else(|| if self.more.is_empty() { None } else { self.more.get(&node).copied() })
    }

    fn insert(&mut self, before: NodeId, after: NodeId) {
        if self.few.len() < FEW {
            self.few.push((before, after));
        } else {
            self.more.insert(before, after);
        }
    }
}

impl Diagram {
    /// The function where a variable has one of the values from `low` to `high`; below mixes, too.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn restrict(&mut self, node: NodeId, variable: Variable, low: u128, high: u128) -> Result<NodeId, TooLarge> {
        if !self.may_ask(node, variable) {
            return Ok(node);
        }
        if let View::Split(asked, edges) = self.view(node)
            && asked == variable
        {
            let first = edges.partition_point(|edge| edge.upper < low).min(edges.len() - 1);
            let edges = &edges[first..];
            let child = edges[0].child;
            if high <= edges[0].upper {
                return self.restrict(child, variable, low, high);
            }
        }
        if let (View::Split(asked, edges), false) = (self.view(node), self.is_mixed(node))
            && asked == variable
        {
            // Nothing below asks for it again.
            let first = edges.partition_point(|edge| edge.upper < low).min(edges.len() - 1);
            let edges = &edges[first..];
            let last = edges.partition_point(|edge| edge.upper < high).min(edges.len() - 1);
            if last == 0 {
                return Ok(edges[0].child);
            }
            let mut kept = edges[..=last].to_vec();
            kept[last].upper = variable.maximum(self.version);
            return self.split(variable, kept);
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

    /// The function with other outcomes at its leaves.
    ///
    /// # Errors
    /// The diagram is full.
    pub fn map_leaves(&mut self, node: NodeId, changed: &mut dyn FnMut(u32) -> u32) -> Result<NodeId, TooLarge> {
        if let Node::Leaf(outcome) = self.nodes[node as usize] {
            return Ok(self.leaf(changed(outcome)));
        }
        self.map_below(node, changed, &mut Mapped::default())
    }

    fn map_below(
        &mut self,
        node: NodeId,
        changed: &mut dyn FnMut(u32) -> u32,
        known: &mut Mapped,
    ) -> Result<NodeId, TooLarge> {
        if let Some(found) = known.get(node) {
            return Ok(found);
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
    #[inline]
    #[must_use]
    pub fn child_at(&self, node: NodeId, variable: Variable, value: u128) -> NodeId {
        match self.view(node) {
            View::Split(asked, edges) if asked == variable => {
                edges[edges.partition_point(|edge| edge.upper < value)].child
            }
            _ => node,
        }
    }
}
