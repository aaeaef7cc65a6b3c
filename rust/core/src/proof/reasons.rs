//! Why nobody knows what becomes of packets.

use super::diagram::{NodeId, View};
use super::options::Functions;
use super::variable::Variable;
use rustc_hash::FxHashSet;

/// More reasons than these are left out.
const REASONS: usize = 16;
/// Nodes that are looked at for reasons.
const NODES: usize = 1 << 16;

/// What a function asks for that no packet tells, and what it says at its leaves, for packets whose variables are in
/// these intervals (None where any value may be). If it asks for nothing but what sets hold that packets write, that is
/// why.
pub(super) fn reasons(
    functions: &Functions,
    node: NodeId,
    within: &dyn Fn(Variable) -> Option<(u128, u128)>,
) -> Vec<String> {
    let (mut asked, mut records): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let add = |reasons: &mut Vec<String>, reason: &str| {
        if reasons.len() < REASONS && !reasons.iter().any(|known| known == reason) {
            reasons.push(reason.to_owned());
        }
    };
    let mut seen = FxHashSet::default();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if seen.len() >= NODES || !seen.insert(node) {
            continue;
        }
        match functions.diagram.view(node) {
            View::Leaf(leaf) => {
                for reason in functions.ends.get(leaf).iter().flat_map(|end| &end.reasons) {
                    add(&mut asked, reason);
                }
            }
            View::Mix(shares) => open.extend(shares.iter().rev().map(|share| share.child)),
            View::Split(variable, edges) => {
                let (reasons, number) = match variable {
                    Variable::Question(number) => (&mut asked, Some(number)),
                    Variable::Record(number) => (&mut records, Some(number)),
                    _ => (&mut asked, None),
                };
                if let Some(question) = number.and_then(|number| functions.questions.get(number)) {
                    add(reasons, &question.reason);
                }
                let (low, high) = within(variable).unwrap_or((0, u128::MAX));
                let first = edges.partition_point(|edge| edge.upper < low);
                let last = edges.partition_point(|edge| edge.upper < high);
                let inside = edges.iter().take(last.saturating_add(1)).skip(first);
                open.extend(inside.rev().map(|edge| edge.child));
            }
        }
    }
    if asked.is_empty() { records } else { asked }
}
