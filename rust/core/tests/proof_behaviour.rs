//! What a run of a ruleset takes for granted about the node.

use std::cell::Cell;

use svcc_core::evaluate::{ConnectionState, Surroundings, Verdict};
use svcc_core::program::{IpVersion, Program};
use svcc_core::proof::{Case, Coverage, Functions, Options, Records, Variable, behaviour};
use svcc_core::read;
use svcc_core::ruleset::Hook;

const OWN: u128 = 0xc0a8_000a;
const ELSEWHERE: u128 = 0x0a00_0001;
const ANY: u128 = 0x0a00_0002;
const RULES: &[u8] = b"table ip filter {
	chain prerouting {
		type filter hook prerouting priority 0; policy accept;
		fib daddr type local drop
		fib saddr type local drop
	}
}
";

/// What becomes of a packet, and which questions about addresses of the node it meets; their answer is no.
fn met(complete: bool, destination: u128, source: u128) -> (Verdict, bool, bool) {
    let program = Program::new(read::text(RULES).expect("the rules are fine"));
    let surroundings = Surroundings { local_v4: vec![OWN], elsewhere_v4: vec![ELSEWHERE], ..Surroundings::default() };
    let case = Case { hook: Hook::Prerouting, version: IpVersion::V4, state: ConnectionState::New };
    let options =
        Options { initial_mark: Some(0), records: Records::Absent, local_addresses_complete: complete, limit: 10_000 };
    let mut functions = Functions::new(case, 10_000);
    let node = behaviour(&program, &surroundings, case, &options, &mut functions, &mut Coverage::new(&program))
        .expect("the function is small");
    let (of_destination, of_source) = (Cell::new(false), Cell::new(false));
    let assignment = |variable| match variable {
        Variable::Destination => destination,
        Variable::Source => source,
        Variable::DestinationLocal => u128::from(of_destination.replace(true)),
        Variable::SourceLocal => u128::from(of_source.replace(true)),
        _ => 0,
    };
    let found = functions.look_up(node, &assignment).expect("there are no chances");
    let end = functions.ends.get(found[0].1).expect("it is an outcome");
    (end.verdict.clone(), of_destination.get(), of_source.get())
}

#[test]
fn nobody_asks_whether_a_destination_elsewhere_is_the_nodes() {
    assert_eq!(met(false, ELSEWHERE, 0), (Verdict::Accept, false, false));
    assert_eq!(met(false, ANY, 0), (Verdict::Accept, true, false));
    assert_eq!(met(false, OWN, 0), (Verdict::Drop, false, false));
}

#[test]
fn sources_are_asked_even_if_they_are_no_destinations_of_the_nodes() {
    assert_eq!(met(false, ELSEWHERE, ELSEWHERE), (Verdict::Accept, false, true));
    assert_eq!(met(false, ELSEWHERE, OWN), (Verdict::Drop, false, false));
}

#[test]
fn nothing_is_asked_where_all_addresses_of_the_node_are_known() {
    assert_eq!(met(true, ANY, ANY), (Verdict::Accept, false, false));
    assert_eq!(met(true, OWN, ANY), (Verdict::Drop, false, false));
}
