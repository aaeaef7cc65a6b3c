//! A function where nothing is remembered, made of one where anything may be.

use super::diagram::{Diagram, Edge, NodeId, Share, TooLarge, View};
use super::variable::Variable;
use rustc_hash::FxHashMap;

/// The function where every lookup of a record finds nothing.
///
/// # Errors
/// The diagram is full.
pub(super) fn forget(diagram: &mut Diagram, node: NodeId) -> Result<NodeId, TooLarge> {
    Forget { diagram, known: FxHashMap::default() }.node(node)
}

struct Forget<'a> {
    diagram: &'a mut Diagram,
    known: FxHashMap<NodeId, NodeId>,
}

impl Forget<'_> {
    fn node(&mut self, node: NodeId) -> Result<NodeId, TooLarge> {
        if !self.diagram.asked(node).may_ask(Variable::Record(0)) {
            return Ok(node);
        }
        if let Some(found) = self.known.get(&node) {
            return Ok(*found);
        }
        let found = match self.diagram.view(node) {
            View::Leaf(_) => node,
            // The highest value stands for no element.
            View::Split(Variable::Record(_), edges) => match edges.last().map(|edge| edge.child) {
                Some(child) => self.node(child)?,
                None => node,
            },
            View::Split(variable, edges) => {
                let mut edges: Vec<Edge> = edges.to_vec();
                for edge in &mut edges {
                    edge.child = self.node(edge.child)?;
                }
                // A child that took a record's place asks for something behind it, so the order holds.
                self.diagram.split(variable, edges)?
            }
            View::Mix(shares) => {
                let mut shares: Vec<Share> = shares.to_vec();
                for share in &mut shares {
                    share.child = self.node(share.child)?;
                }
                self.diagram.mix(shares)?
            }
        };
        self.known.insert(node, found);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::forget;
    use crate::program::IpVersion;
    use crate::proof::{Diagram, Edge, Share, Variable};

    fn by(diagram: &mut Diagram, variable: Variable, upper: u128, children: [u32; 2]) -> u32 {
        let last = variable.maximum(IpVersion::V4);
        let edges = vec![Edge { upper, child: children[0] }, Edge { upper: last, child: children[1] }];
        diagram.split(variable, edges).unwrap()
    }

    #[test]
    fn what_records_lead_to_is_forgotten_wherever_they_are_asked_for() {
        let mut diagram = Diagram::new(IpVersion::V4, 1000);
        let [kept, chosen, other] = [5, 6, 7].map(|outcome| diagram.leaf(outcome));
        let second = by(&mut diagram, Variable::Record(1), u128::MAX - 1, [kept, chosen]);
        let first = by(&mut diagram, Variable::Record(0), u128::MAX - 1, [kept, second]);
        let shares = [first, other].map(|child| Share { child, weight: 1 });
        let mixed = diagram.mix(shares.to_vec()).unwrap();
        let whole = by(&mut diagram, Variable::Destination, 9, [mixed, other]);
        let shares = [chosen, other].map(|child| Share { child, weight: 1 });
        let mixed = diagram.mix(shares.to_vec()).unwrap();
        let expected = by(&mut diagram, Variable::Destination, 9, [mixed, other]);
        assert_eq!(forget(&mut diagram, whole), Ok(expected));
        assert_eq!(forget(&mut diagram, expected), Ok(expected));
    }
}
