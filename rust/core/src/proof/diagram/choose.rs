//! Functions made of others by a question.

use super::{Diagram, Edge, NO, NodeId, TooLarge, View, YES};
use crate::proof::variable::Variable;

impl Diagram {
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
}
