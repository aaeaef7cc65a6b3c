//! Diagrams against plain enumeration of a tiny universe: three variables, of which eight values each are told apart.

use proptest::prelude::*;
use svcc_core::program::IpVersion;
use svcc_core::proof::{Diagram, Edge, NO, NodeId, Share, TooLarge, Variable, View, YES};

const VARIABLES: [Variable; 3] = [Variable::Destination, Variable::DestinationPort, Variable::SourcePort];
const VALUES: u128 = 8;

type Point = [u128; 3];

/// A function as it is written down, to be built and to be asked directly.
#[derive(Clone, Debug)]
enum Written {
    Leaf(u32),
    /// By a variable, what holds up to each value; in any order of variables.
    Case(usize, Vec<(u128, Written)>),
    Mix(Vec<(u64, Written)>),
}

fn written(mixes: bool) -> impl Strategy<Value = Written> {
    (2_u32..5).prop_map(Written::Leaf).prop_recursive(4, 24, 4, move |inner| {
        let edges = proptest::collection::vec((0..VALUES, inner.clone()), 1..4);
        let case = (0_usize..3, edges).prop_map(|(variable, mut edges)| {
            edges.sort_by_key(|(upper, _)| *upper);
            edges.dedup_by_key(|(upper, _)| *upper);
            Written::Case(variable, edges)
        });
        let mix = proptest::collection::vec((1_u64..4, inner), 1..4).prop_map(Written::Mix);
        if mixes { prop_oneof![3 => case, 1 => mix].boxed() } else { case.boxed() }
    })
}

fn guard() -> impl Strategy<Value = Written> {
    written(false).prop_map(|written| as_guard(&written))
}

fn as_guard(written: &Written) -> Written {
    match written {
        Written::Leaf(outcome) => Written::Leaf(outcome % 2),
        Written::Case(variable, edges) => {
            Written::Case(*variable, edges.iter().map(|(upper, inner)| (*upper, as_guard(inner))).collect())
        }
        Written::Mix(_) => Written::Leaf(0),
    }
}

fn build(diagram: &mut Diagram, written: &Written) -> Result<NodeId, TooLarge> {
    match written {
        Written::Leaf(outcome) => Ok(diagram.leaf(*outcome)),
        Written::Case(variable, edges) => {
            let variable = VARIABLES[*variable];
            let mut built = Vec::new();
            for (upper, inner) in edges {
                built.push(Edge { upper: *upper, child: build(diagram, inner)? });
            }
            if let Some(last) = built.last_mut() {
                last.upper = variable.maximum(IpVersion::V4);
            }
            diagram.case(variable, built)
        }
        Written::Mix(shares) => {
            let mut built = Vec::new();
            for (weight, inner) in shares {
                built.push(Share { child: build(diagram, inner)?, weight: *weight });
            }
            diagram.mix(built)
        }
    }
}

/// The chances of each outcome, in parts of a common number that all weights up to 4 levels of up to 9 divide.
type Chances = [f64; 6];

fn plain(written: &Written, point: Point) -> Chances {
    let mut chances = Chances::default();
    match written {
        Written::Leaf(outcome) => chances[*outcome as usize] = 1.0,
        Written::Case(variable, edges) => {
            let last = edges.len() - 1;
            let place = edges.iter().position(|(upper, _)| point[*variable] <= *upper).unwrap_or(last);
            return plain(&edges[place].1, point);
        }
        Written::Mix(shares) => {
            let total: u64 = shares.iter().map(|(weight, _)| weight).sum();
            for (weight, inner) in shares {
                add(&mut chances, plain(inner, point), *weight, total);
            }
        }
    }
    chances
}

fn looked_up(diagram: &Diagram, node: NodeId, point: Point) -> Chances {
    let mut chances = Chances::default();
    match diagram.view(node) {
        View::Leaf(outcome) => chances[outcome as usize] = 1.0,
        View::Split(variable, _) => {
            let place = VARIABLES.iter().position(|one| *one == variable).unwrap();
            return looked_up(diagram, diagram.child_at(node, variable, point[place]), point);
        }
        View::Mix(shares) => {
            let total = shares.iter().map(|share| share.weight).sum();
            for share in shares {
                add(&mut chances, looked_up(diagram, share.child, point), share.weight, total);
            }
        }
    }
    chances
}

#[expect(clippy::cast_precision_loss, reason = "the weights are below ten")]
fn add(chances: &mut Chances, more: Chances, weight: u64, total: u64) {
    for (sum, chance) in chances.iter_mut().zip(more) {
        *sum += chance * weight as f64 / total as f64;
    }
}

fn alike(left: Chances, right: Chances) -> bool {
    left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-9)
}

fn points() -> impl Iterator<Item = Point> {
    (0..VALUES).flat_map(|x| (0..VALUES).flat_map(move |y| (0..VALUES).map(move |z| [x, y, z])))
}

/// Variables ascend on every path, but anew below a mix; neighbours differ; nothing is asked that decides nothing.
fn is_in_order(diagram: &Diagram, node: NodeId, before: Option<Variable>) -> bool {
    match diagram.view(node) {
        View::Leaf(_) => true,
        View::Split(variable, edges) => {
            before.is_none_or(|before| before < variable)
                && edges.len() > 1
                && edges.windows(2).all(|pair| pair[0].upper < pair[1].upper && pair[0].child != pair[1].child)
                && edges.last().is_some_and(|edge| edge.upper == variable.maximum(IpVersion::V4))
                && edges.iter().all(|edge| is_in_order(diagram, edge.child, Some(variable)))
        }
        View::Mix(shares) => shares.len() > 1 && shares.iter().all(|share| is_in_order(diagram, share.child, None)),
    }
}

fn diagram() -> Diagram {
    Diagram::new(IpVersion::V4, 1 << 20)
}

proptest! {
    #[test]
    fn what_was_built_says_what_was_written(function in written(true)) {
        let mut diagram = diagram();
        let node = build(&mut diagram, &function).unwrap();
        prop_assert!(is_in_order(&diagram, node, None));
        for point in points() {
            prop_assert!(alike(looked_up(&diagram, node, point), plain(&function, point)), "{point:?}");
        }
    }

    #[test]
    fn equal_functions_without_chances_have_equal_numbers(one in written(false), other in written(false)) {
        let mut diagram = diagram();
        let (left, right) = (build(&mut diagram, &one).unwrap(), build(&mut diagram, &other).unwrap());
        let same = points().all(|point| alike(plain(&one, point), plain(&other, point)));
        prop_assert_eq!(left == right, same);
    }

    #[test]
    fn choosing_takes_one_side_or_the_other(asked in guard(), one in written(true), other in written(true)) {
        let mut diagram = diagram();
        let nodes = [&asked, &one, &other].map(|each| build(&mut diagram, each).unwrap());
        let chosen = diagram.choose(nodes[0], nodes[1], nodes[2]).unwrap();
        prop_assert!(is_in_order(&diagram, chosen, None));
        for point in points() {
            let side = if plain(&asked, point)[YES as usize] > 0.5 { &one } else { &other };
            prop_assert!(alike(looked_up(&diagram, chosen, point), plain(side, point)), "{point:?}");
        }
    }

    #[test]
    fn a_restricted_function_is_the_same_inside_and_does_not_ask_outside(
        function in written(true), variable in 0_usize..3, ends in (0..VALUES, 0..VALUES)
    ) {
        let (low, high) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let mut diagram = diagram();
        let node = build(&mut diagram, &function).unwrap();
        let restricted = diagram.restrict(node, VARIABLES[variable], low, high).unwrap();
        for point in points().filter(|point| low <= point[variable] && point[variable] <= high) {
            prop_assert!(alike(looked_up(&diagram, restricted, point), plain(&function, point)), "{point:?}");
        }
        if low == high {
            for point in points() {
                let mut inside = point;
                inside[variable] = low;
                let (found, wanted) = (looked_up(&diagram, restricted, point), plain(&function, inside));
                prop_assert!(alike(found, wanted), "{point:?}");
            }
        }
    }

    #[test]
    fn a_simplified_function_is_the_same_where_the_guard_holds(function in written(true), asked in guard()) {
        let mut diagram = diagram();
        let (node, guard) = (build(&mut diagram, &function).unwrap(), build(&mut diagram, &asked).unwrap());
        let simple = diagram.simplify(node, guard).unwrap();
        prop_assert!(is_in_order(&diagram, simple, None));
        for point in points().filter(|point| plain(&asked, *point)[NO as usize] < 0.5) {
            prop_assert!(alike(looked_up(&diagram, simple, point), plain(&function, point)), "{point:?}");
        }
    }

    #[test]
    fn other_leaves_are_put_in_everywhere(function in written(true)) {
        let mut diagram = diagram();
        let node = build(&mut diagram, &function).unwrap();
        let changed = diagram.map_leaves(node, &mut |leaf| if leaf == 2 { 5 } else { leaf }).unwrap();
        for point in points() {
            let mut wanted = plain(&function, point);
            wanted.swap(2, 5);
            prop_assert!(alike(looked_up(&diagram, changed, point), wanted), "{point:?}");
        }
    }
}
