//! Comparisons of functions, against a look at every packet of a tiny universe.

use proptest::prelude::*;
use svcc_core::program::IpVersion;
use svcc_core::proof::{
    Compared, Diagram, Distribution, Edge, Equality, Judge, Judgement, Limits, NodeId, Region, Share, Side, Variable,
    View, compare,
};

const HALF: u128 = 1 << 31;
const VARIABLES: [(Variable, u128); 6] = [
    (Variable::Destination, 1),
    (Variable::DestinationPort, 1),
    (Variable::Hash(0), HALF),
    (Variable::Source, 1),
    (Variable::Record(0), 1),
    (Variable::Question(0), 1),
];
/// Expected: anything is fine. Found: nobody knows what happens.
const SPECIAL: u32 = 6;

#[derive(Clone, Debug)]
enum Tree {
    Leaf(u32),
    Split(usize, u128, Vec<Tree>),
    Mix(Vec<(u64, Tree)>),
}

fn tree(leaves: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Tree> {
    leaves.prop_map(Tree::Leaf).prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            3 => (0..VARIABLES.len(), 1..=2_u128, prop::collection::vec(inner.clone(), 2))
                .prop_map(|(variable, cut, below)| Tree::Split(variable, cut, below)),
            1 => prop::collection::vec((1..4_u64, inner), 2..4).prop_map(Tree::Mix),
        ]
    })
}

fn build(diagram: &mut Diagram, tree: &Tree) -> NodeId {
    match tree {
        Tree::Leaf(outcome) => diagram.leaf(*outcome),
        Tree::Split(place, cut, below) => {
            let (variable, step) = VARIABLES[*place];
            let [low, high] = [&below[0], &below[1]].map(|tree| build(diagram, tree));
            let maximum = variable.maximum(IpVersion::V4);
            let edges = vec![Edge { upper: cut * step - 1, child: low }, Edge { upper: maximum, child: high }];
            // A cut of hashes may be at their end, where there is nothing behind it.
            if cut * step > maximum { low } else { diagram.case(variable, edges).unwrap() }
        }
        Tree::Mix(shares) => {
            let shares =
                shares.iter().map(|(weight, tree)| Share { child: build(diagram, tree), weight: *weight }).collect();
            diagram.mix(shares).unwrap()
        }
    }
}

type Point = [u128; 6];

fn points(questions: bool) -> Vec<Point> {
    let mut found: Vec<Point> = vec![[0; 6]];
    for (place, (_, step)) in VARIABLES.iter().enumerate() {
        let values = match place {
            2 => 0..2,
            5 if !questions => 0..1,
            _ => 0..3_u128,
        };
        found = found
            .iter()
            .flat_map(|point| {
                values.clone().map(move |value| {
                    let mut point = *point;
                    point[place] = value * step;
                    point
                })
            })
            .collect();
    }
    found
}

fn number(weight: u64) -> f64 {
    f64::from(u32::try_from(weight).unwrap())
}

fn at(diagram: &Diagram, node: NodeId, point: &Point) -> Vec<(u32, f64)> {
    match diagram.view(node) {
        View::Leaf(outcome) => vec![(outcome, 1.0)],
        View::Split(variable, _) => {
            let place = VARIABLES.iter().position(|(known, _)| *known == variable).unwrap();
            at(diagram, diagram.child_at(node, variable, point[place]), point)
        }
        View::Mix(shares) => {
            let total: u64 = shares.iter().map(|share| share.weight).sum();
            let mut found: Vec<(u32, f64)> = Vec::new();
            for share in shares {
                for (outcome, chance) in at(diagram, share.child, point) {
                    let chance = chance * number(share.weight) / number(total);
                    match found.iter_mut().find(|known| known.0 == outcome) {
                        Some(known) => known.1 += chance,
                        None => found.push((outcome, chance)),
                    }
                }
            }
            found.sort_unstable_by_key(|share| share.0);
            found
        }
    }
}

struct Plain;

impl Judge for Plain {
    fn class(&mut self, side: Side, outcome: u32) -> u32 {
        if outcome == SPECIAL { SPECIAL + 1 + side as u32 } else { outcome }
    }

    fn judge(&mut self, left: &Distribution, right: &Distribution, support: bool) -> Judgement {
        if matches!(left.shares[..], [(SPECIAL, _)]) {
            return Judgement::Equal(Equality::Exact);
        }
        if right.shares.iter().any(|share| share.0 == SPECIAL) {
            return Judgement::Undecided;
        }
        let equal = if support { left.same_support(right) } else { left == right };
        match (equal, left.shares.len()) {
            (false, _) => Judgement::Differs,
            (true, 1) => Judgement::Equal(Equality::Exact),
            (true, _) => Judgement::Equal(Equality::Distribution),
        }
    }
}

/// The same judgement, without any of the code that is tested.
fn expected_at(left: &[(u32, f64)], right: &[(u32, f64)]) -> Judgement {
    if matches!(left, [(SPECIAL, _)]) {
        return Judgement::Equal(Equality::Exact);
    }
    if right.iter().any(|share| share.0 == SPECIAL) {
        return Judgement::Undecided;
    }
    let equal = left.len() == right.len()
        && left.iter().zip(right).all(|(one, other)| one.0 == other.0 && (one.1 - other.1).abs() < 1e-9);
    match (equal, left.len()) {
        (false, _) => Judgement::Differs,
        (true, 1) => Judgement::Equal(Equality::Exact),
        (true, _) => Judgement::Equal(Equality::Distribution),
    }
}

fn expected(diagram: &Diagram, left: NodeId, right: NodeId, point: &Point) -> Judgement {
    let answers: Vec<Judgement> = (0..3)
        .map(|answer| {
            let mut point = *point;
            point[5] = answer;
            expected_at(&at(diagram, left, &point), &at(diagram, right, &point))
        })
        .collect();
    if answers.iter().all(|answer| *answer == Judgement::Differs) {
        Judgement::Differs
    } else if answers.iter().all(|answer| matches!(answer, Judgement::Equal(_))) {
        answers.into_iter().max_by_key(|answer| matches!(answer, Judgement::Equal(Equality::Distribution))).unwrap()
    } else {
        Judgement::Undecided
    }
}

fn holds(region: &Region, point: &Point) -> bool {
    VARIABLES.iter().zip(point).all(|((variable, _), value)| {
        let (low, high) = region.of(*variable, IpVersion::V4);
        (low..=high).contains(value)
    })
}

fn limits(support: bool) -> Limits {
    Limits { pairs: 1 << 20, support }
}

fn regions(compared: &Compared) -> Vec<(Region, bool)> {
    let mut found = Vec::new();
    compared.tell(usize::MAX, usize::MAX, |region, shown| found.push((region.clone(), shown.undecided)));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn exactly_the_packets_that_are_treated_differently_are_told(
        one in tree(2..=SPECIAL), other in tree(2..=SPECIAL), same in any::<bool>()
    ) {
        let mut diagram = Diagram::new(IpVersion::V4, 1 << 20);
        let left = build(&mut diagram, &one);
        let other = build(&mut diagram, &other);
        // Functions that are alike in most places are the usual case.
        let right = if same {
            let maximum = Variable::Destination.maximum(IpVersion::V4);
            let edges = vec![Edge { upper: 0, child: other }, Edge { upper: maximum, child: left }];
            diagram.case(Variable::Destination, edges).unwrap()
        } else { other };
        let compared = compare(&mut diagram, left, right, &mut Plain, limits(false)).unwrap();
        let told = regions(&compared);
        prop_assert_eq!(u64::try_from(told.len()).unwrap(), compared.open().0 + compared.open().1);
        prop_assert!(compared.regions() >= u64::try_from(told.len()).unwrap());
        let mut weakest = None;
        for point in points(false) {
            let mut there = told.iter().filter(|(region, _)| holds(region, &point));
            let found = there.next();
            prop_assert!(there.next().is_none(), "regions overlap");
            match expected(&diagram, left, right, &point) {
                Judgement::Equal(equality) => {
                    weakest = weakest.max(Some(equality));
                    prop_assert!(found.is_none(), "{:?} is told", point);
                }
                Judgement::Undecided => prop_assert_eq!(found.map(|it| it.1), Some(true), "{:?}", point),
                Judgement::Differs => prop_assert_eq!(found.map(|it| it.1), Some(false), "{:?}", point),
                Judgement::RefusedOtherwise => prop_assert!(false, "no leaf here refuses"),
            }
        }
        prop_assert!(compared.equality() >= weakest);
    }

    #[test]
    fn a_function_is_equal_to_itself_however_it_is_built(one in tree(2..=SPECIAL - 1), variable in 0..VARIABLES.len()) {
        let mut diagram = Diagram::new(IpVersion::V4, 1 << 20);
        let left = build(&mut diagram, &one);
        // Mixes of equal functions that are split elsewhere.
        let (variable, _) = VARIABLES[variable];
        let low = diagram.restrict(left, variable, 0, 0).unwrap();
        let high = diagram.restrict(left, variable, 1, variable.maximum(IpVersion::V4)).unwrap();
        let edges = vec![
            Edge { upper: 0, child: low },
            Edge { upper: variable.maximum(IpVersion::V4), child: high },
        ];
        let right = diagram.case(variable, edges).unwrap();
        let compared = compare(&mut diagram, left, right, &mut Plain, limits(false)).unwrap();
        prop_assert_eq!(compared.open(), (0, 0));
    }

    #[test]
    fn equal_support_is_what_hashes_and_chances_may_both_choose(
        one in tree(2..=SPECIAL - 1), other in tree(2..=SPECIAL - 1)
    ) {
        let mut diagram = Diagram::new(IpVersion::V4, 1 << 20);
        let left = build(&mut diagram, &one);
        let right = build(&mut diagram, &other);
        let exact = compare(&mut diagram, left, right, &mut Plain, limits(false)).unwrap();
        let support = compare(&mut diagram, left, right, &mut Plain, limits(true)).unwrap();
        if exact.open() == (0, 0) {
            prop_assert_eq!(support.open(), (0, 0));
        } else if support.open() == (0, 0) {
            prop_assert_eq!(support.equality(), Some(Equality::Support));
            for point in points(true) {
                let possible = |node| {
                    let mut found: Vec<u32> = [0, HALF]
                        .into_iter()
                        .flat_map(|hash| {
                            let mut point = point;
                            point[2] = hash;
                            at(&diagram, node, &point)
                        })
                        .map(|share| share.0)
                        .collect();
                    found.sort_unstable();
                    found.dedup();
                    found
                };
                prop_assert_eq!(possible(left), possible(right));
            }
        }
    }
}

/// A Service: chances of endpoints, each of which is masqueraded where it calls itself.
fn service(diagram: &mut Diagram, number: u32, endpoints: u32, leaves: &mut impl FnMut(u32) -> u32) -> NodeId {
    let maximum = Variable::Source.maximum(IpVersion::V4);
    let shares = (0..endpoints)
        .map(|endpoint| {
            let address = u128::from(number * endpoints + endpoint + 1);
            let leaf = leaves(2 * (number * endpoints + endpoint));
            let hairpin = leaves(2 * (number * endpoints + endpoint) + 1);
            let (leaf, hairpin) = (diagram.leaf(leaf), diagram.leaf(hairpin));
            let edges = vec![
                Edge { upper: address - 1, child: leaf },
                Edge { upper: address, child: hairpin },
                Edge { upper: maximum, child: leaf },
            ];
            Share { child: diagram.split(Variable::Source, edges).unwrap(), weight: 1 }
        })
        .collect();
    diagram.mix(shares).unwrap()
}

fn services(diagram: &mut Diagram, count: u32, mut leaves: impl FnMut(u32) -> u32) -> NodeId {
    let miss = diagram.leaf(2);
    let mut edges = Vec::new();
    for number in 0..count {
        let address = u128::from(1000 + 2 * number);
        edges.push(Edge { upper: address - 1, child: miss });
        let child = service(diagram, number, 10, &mut leaves);
        edges.push(Edge { upper: address, child });
    }
    edges.push(Edge { upper: Variable::Destination.maximum(IpVersion::V4), child: miss });
    diagram.split(Variable::Destination, edges).unwrap()
}

/// Leaves of the sides have different numbers; those of equal classes are one million apart.
struct Apart;

const APART: u32 = 1_000_000;

impl Judge for Apart {
    fn class(&mut self, _: Side, outcome: u32) -> u32 {
        outcome % APART
    }

    fn judge(&mut self, left: &Distribution, right: &Distribution, support: bool) -> Judgement {
        let (left, right) = (left.map(|it| it % APART).unwrap(), right.map(|it| it % APART).unwrap());
        Plain.judge(&left, &right, support)
    }
}

#[test]
fn ten_thousand_services_with_leaves_of_their_own_are_equal_without_pushing_chances_down() {
    let mut diagram = Diagram::new(IpVersion::V4, 1 << 24);
    let left = services(&mut diagram, 10_000, |leaf| 3 + leaf);
    let right = services(&mut diagram, 10_000, |leaf| 3 + leaf + APART);
    let before = diagram.len();
    let compared = compare(&mut diagram, left, right, &mut Apart, limits(false)).unwrap();
    assert_eq!(compared.open(), (0, 0));
    assert_eq!(compared.equality(), Some(Equality::Distribution));
    assert_eq!(compared.regions(), 10_001 + 10_000 * 21);
    assert!(diagram.len() - before <= before / 2 + 2, "only the function of classes is new");
}

#[test]
fn an_endpoint_that_differs_is_told_for_its_service_alone() {
    let mut diagram = Diagram::new(IpVersion::V4, 1 << 24);
    let left = services(&mut diagram, 1000, |leaf| 10 + leaf);
    let right = services(&mut diagram, 1000, |leaf| 10 + APART + if leaf == 2 * 5007 { 7 } else { leaf });
    let compared = compare(&mut diagram, left, right, &mut Apart, limits(false)).unwrap();
    let told = regions(&compared);
    assert!(told.iter().all(|(region, _)| region.get(Variable::Destination) == Some((2000, 2000))));
    // Where each of the other nine calls itself, below and above them all; the tenth is right where it calls itself.
    assert_eq!(compared.open(), (11, 0));
}

#[test]
fn every_destination_gets_its_regions_told_however_many_another_has() {
    let mut diagram = Diagram::new(IpVersion::V4, 1 << 24);
    let left = services(&mut diagram, 50, |leaf| 10 + leaf);
    let right = services(&mut diagram, 50, |leaf| 10 + APART + if leaf % 20 == 2 { 7 } else { leaf });
    let compared = compare(&mut diagram, left, right, &mut Apart, limits(false)).unwrap();
    let mut destinations = std::collections::BTreeMap::new();
    let told = compared.tell(3, usize::MAX, |region, _| {
        *destinations.entry(region.get(Variable::Destination)).or_insert(0) += 1;
    });
    assert_eq!((told, destinations.len()), (150, 50));
    assert!(destinations.values().all(|count| *count == 3));
    assert_eq!(compared.open(), (50 * 11, 0));
}

#[test]
fn a_comparison_that_would_need_too_many_pairs_is_given_up() {
    let mut diagram = Diagram::new(IpVersion::V4, 1 << 24);
    let left = services(&mut diagram, 50, |leaf| 10 + leaf);
    let right = services(&mut diagram, 50, |leaf| 10 + APART + if leaf % 20 == 2 { 7 } else { leaf });
    let limits = Limits { pairs: 100, support: false };
    assert!(compare(&mut diagram, left, right, &mut Apart, limits).is_err());
}
