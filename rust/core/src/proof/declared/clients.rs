//! Who is asking, as guards: pods, the node itself, allowed sources.

use super::declaration::{Masquerade, Pods};
use super::place::{Places, merged};
use crate::program::Span;
use crate::proof::diagram::{Diagram, Edge, NO, NodeId, TooLarge, YES};
use crate::proof::variable::Variable;

/// The guards that all frontends share.
pub(super) struct Clients {
    /// Pods and the node itself (S27).
    pub(super) inside: NodeId,
    not_pod: NodeId,
    /// The node itself where it is no pod (S29).
    node_only: NodeId,
}

impl Clients {
    pub(super) fn new(pods: &Pods, places: &Places<'_>, diagram: &mut Diagram) -> Result<Self, TooLarge> {
        let pod = match pods {
            Pods::Sources(prefixes) => within(diagram, Variable::Source, prefixes)?,
            // What the node sends came in nowhere (S44).
            Pods::Interface(_) if places.output => NO,
            Pods::Interface(names) => within(diagram, Variable::InputInterface, &[*names])?,
        };
        let node = node(places, diagram)?;
        Ok(Self {
            inside: diagram.choose(pod, YES, node)?,
            not_pod: diagram.choose(pod, NO, YES)?,
            node_only: diagram.choose(pod, NO, node)?,
        })
    }

    /// Whose source is rewritten, but for hairpins.
    pub(super) fn masqueraded(&self, masquerade: Masquerade) -> NodeId {
        match masquerade {
            Masquerade::Never => NO,
            Masquerade::Always => YES,
            Masquerade::UnlessPod => self.not_pod,
            Masquerade::NodeTraffic => self.node_only,
        }
    }
}

/// Whether the source is an address of the node: known, or asked.
fn node(places: &Places<'_>, diagram: &mut Diagram) -> Result<NodeId, TooLarge> {
    let asked =
        diagram.split(Variable::SourceLocal, vec![Edge { upper: 0, child: NO }, Edge { upper: 1, child: YES }])?;
    let elsewhere = within(diagram, Variable::Source, &places.sources_elsewhere())?;
    let here = within(diagram, Variable::Source, &places.known_local())?;
    let otherwise = diagram.choose(elsewhere, NO, asked)?;
    diagram.choose(here, YES, otherwise)
}

/// The guard that a variable has one of these values.
pub(super) fn within(diagram: &mut Diagram, variable: Variable, spans: &[Span]) -> Result<NodeId, TooLarge> {
    let maximum = variable.maximum(diagram.version());
    let mut edges = Vec::with_capacity(2 * spans.len() + 1);
    for span in merged(spans).into_iter().filter(|span| span.low <= maximum) {
        if let Some(before) = span.low.checked_sub(1) {
            edges.push(Edge { upper: before, child: NO });
        }
        edges.push(Edge { upper: span.high.min(maximum), child: YES });
    }
    if edges.last().is_none_or(|last| last.upper < maximum) {
        edges.push(Edge { upper: maximum, child: NO });
    }
    diagram.split(variable, edges)
}
