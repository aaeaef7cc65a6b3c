//! The function of what was declared: one rule of Services after the other, by hand-made packets.

mod cluster;

use cluster::{
    CLIENT, CLUSTER_IP, LOCAL_POD, NODE, NODE_PORT, Question, REMOTE_POD, TCP, VIP, endpoints, number, parts, prefix,
};
use svcc_core::evaluate::{ConnectionState, Fraction, Surroundings};
use svcc_core::hashing::endpoints::Endpoints as Named;
use svcc_core::hashing::maglev::Maglev;
use svcc_core::kernel_hash::ByteOrder;
use svcc_core::program::{IpVersion, Span, interface_number};
use svcc_core::proof::declared::{
    Decision, Declaration, DeclarationError, Delivery, Demand, Demands, NodePorts, Parts, Pods, Refusal, Table, Wanted,
    declared,
};
use svcc_core::proof::{Functions, Records, TooLarge, Variable};
use svcc_core::ruleset::Hook;

const DROP: Wanted = Wanted::Refused(Refusal::Drop);
const REJECT: Wanted = Wanted::Refused(Refusal::Reject);

fn delivered(address: &str, masquerade: bool) -> Wanted {
    Wanted::Delivered(Delivery { address: number(address), port: 8080, masquerade })
}

fn wanted(question: &Question, parts: Parts, source: &str, destination: &str, port: u16) -> Vec<(Fraction, Wanted)> {
    let answer = question.ask(parts, TCP, source, destination, port);
    answer.chances.into_iter().map(|(chance, demand)| (chance, demand.wanted)).collect()
}

fn part(numerator: u128, denominator: u128) -> Fraction {
    Fraction::new(numerator, denominator).expect("the tests write fractions")
}

#[test]
fn a_connection_to_a_cluster_ip_goes_to_each_endpoint_with_the_same_chance() {
    let found = wanted(&Question::default(), parts(), CLIENT, CLUSTER_IP, 80);
    assert_eq!(found, [(part(1, 2), delivered(LOCAL_POD, true)), (part(1, 2), delivered(REMOTE_POD, true))]);
}

#[test]
fn a_pod_keeps_its_address_unless_it_draws_itself() {
    let found = wanted(&Question::default(), parts(), LOCAL_POD, CLUSTER_IP, 80);
    assert!(found.contains(&(part(1, 2), delivered(LOCAL_POD, true))), "{found:?}");
    assert!(found.contains(&(part(1, 2), delivered(REMOTE_POD, false))), "{found:?}");
}

#[test]
fn weights_are_chances_and_an_endpoint_of_weight_0_gets_nothing() {
    let mut parts = parts();
    parts.service_ports[0].cluster = endpoints(&[LOCAL_POD, REMOTE_POD, "10.244.3.5"]);
    parts.service_ports[0].cluster.weights = vec![3, 1, 0];
    let found = wanted(&Question::default(), parts, CLIENT, CLUSTER_IP, 80);
    assert_eq!(found, [(part(3, 4), delivered(LOCAL_POD, true)), (part(1, 4), delivered(REMOTE_POD, true))]);
}

#[test]
fn a_hashed_client_goes_where_its_slot_says() {
    let both = [format!("{LOCAL_POD} 8080"), format!("{REMOTE_POD} 8080")];
    let named = Named::new(&both, &[1, 1]).expect("two names");
    let maglev = Maglev::new(&named, 251, 7, 99, ByteOrder::Little).expect("251 is a prime");
    let mut parts = parts();
    parts.service_ports[0].cluster.table = Some(Table { by_flow: false, seed: 99, slots: maglev.slots().to_vec() });
    for last in 0..=255_u8 {
        let client = format!("203.0.113.{last}");
        let slot = maglev.slot(&[203, 0, 113, last]) as usize;
        let expected = [LOCAL_POD, REMOTE_POD][maglev.slots()[slot] as usize];
        let found = Question::default().demand(parts.clone(), &client, CLUSTER_IP, 80);
        assert_eq!(found.wanted, delivered(expected, true), "{client}");
    }
}

#[test]
fn a_node_port_answers_on_its_addresses_only_and_names_its_frontend() {
    let question = Question::default();
    let found = question.ask(parts(), TCP, CLIENT, NODE, NODE_PORT);
    assert!(found.chances.iter().all(|(_, demand)| demand.frontend == Some(2)), "{:?}", found.chances);
    assert_eq!(found.chances.len(), 2);
    let elsewhere = question.demand(parts(), CLIENT, "192.168.0.2", NODE_PORT);
    assert_eq!(elsewhere, Demand { wanted: Wanted::Free, frontend: None, remember: None });
}

#[test]
fn loopback_never_serves_node_ports() {
    let mut parts = parts();
    parts.node_ports = NodePorts::Within(vec![Span { low: 0, high: u128::MAX }]);
    let question = Question { hook: Hook::Output, ..Question::default() };
    assert_eq!(question.demand(parts.clone(), "127.0.0.1", "127.0.0.1", NODE_PORT).wanted, Wanted::Free);
    assert_eq!(wanted(&question, parts, NODE, NODE, NODE_PORT).len(), 2);
}

#[test]
fn an_address_that_may_be_the_nodes_serves_node_ports_if_it_is() {
    let mut parts = parts();
    parts.node_ports = NodePorts::Within(vec![prefix("192.168.0.0", 16)]);
    let mut question = Question::default();
    question.options.local_addresses_complete = false;
    assert_eq!(question.demand(parts.clone(), CLIENT, "192.168.0.2", NODE_PORT).wanted, Wanted::Free);
    // The same function, asked with another answer: nothing but the assignment knows the second address.
    let declaration = Declaration::new(parts).expect("the parts fit together");
    let mut functions = Functions::new(question.case(), 100_000);
    let mut demands = Demands::default();
    let node = declared(&declaration, &question.surroundings, &question.options, &mut functions, &mut demands)
        .expect("the function is small");
    let assignment = |variable| match variable {
        Variable::Destination => number("192.168.0.2"),
        Variable::Protocol => u128::from(TCP),
        Variable::DestinationPort => u128::from(NODE_PORT),
        Variable::DestinationLocal => 1,
        _ => number(CLIENT),
    };
    assert_eq!(functions.look_up(node, &assignment).expect("exact").len(), 2);
}

#[test]
fn a_policy_of_local_serves_pods_and_the_node_everywhere_and_others_here() {
    let mut parts = parts();
    for frontend in &mut parts.frontends[1..] {
        frontend.outside = Decision::Local;
    }
    let question = Question::default();
    assert_eq!(wanted(&question, parts.clone(), CLIENT, VIP, 80).len(), 1);
    assert_eq!(wanted(&question, parts.clone(), LOCAL_POD, VIP, 80).len(), 2);
    assert_eq!(wanted(&question, parts, NODE, VIP, 80).len(), 2);
}

#[test]
fn without_local_endpoints_a_policy_of_local_drops_outsiders_alone() {
    let mut parts = parts();
    for frontend in &mut parts.frontends[1..] {
        frontend.outside = Decision::Refused(Refusal::Drop);
    }
    let question = Question::default();
    let dropped = Demand { wanted: DROP, frontend: Some(1), remember: None };
    assert_eq!(question.demand(parts.clone(), CLIENT, VIP, 80), dropped);
    assert_eq!(question.demand(parts.clone(), CLIENT, NODE, NODE_PORT).wanted, DROP);
    assert_eq!(wanted(&question, parts, LOCAL_POD, VIP, 80).len(), 2);
}

#[test]
fn pods_are_told_by_interfaces_where_packets_come_in() {
    let mut parts = parts();
    let low = interface_number("cni").expect("short");
    parts.pods = Pods::Interface(Span { low, high: low | ((1 << 104) - 1) });
    let pod = Question { interface: "cni0", ..Question::default() };
    let output = Question { hook: Hook::Output, ..pod.clone() };
    let masqueraded = |question: &Question| {
        let found = wanted(question, parts.clone(), REMOTE_POD, CLUSTER_IP, 80);
        found.iter().all(|(_, wanted)| matches!(wanted, Wanted::Delivered(delivery) if delivery.masquerade))
    };
    assert!(!masqueraded(&pod));
    assert!(masqueraded(&Question::default()));
    assert!(masqueraded(&output));
}

#[test]
fn source_ranges_drop_all_others_before_anything_else() {
    let mut parts = parts();
    parts.frontends[1].allowed_sources = Some(vec![prefix("203.0.113.0", 24)]);
    parts.frontends[1].inside = Decision::Refused(Refusal::Reject);
    parts.frontends[1].outside = Decision::Refused(Refusal::Reject);
    let question = Question::default();
    assert_eq!(question.demand(parts.clone(), CLIENT, VIP, 80).wanted, REJECT);
    assert_eq!(question.demand(parts.clone(), LOCAL_POD, VIP, 80).wanted, DROP);
    parts.frontends[1].allowed_sources = Some(Vec::new());
    assert_eq!(question.demand(parts, CLIENT, VIP, 80).wanted, DROP);
}

#[test]
fn cluster_ips_refuse_what_no_service_port_has_and_their_ranges_drop() {
    let question = Question::default();
    assert_eq!(question.demand(parts(), CLIENT, CLUSTER_IP, 81).wanted, REJECT);
    assert_eq!(question.demand(parts(), CLIENT, "10.96.0.11", 80).wanted, DROP);
    let icmp = question.ask(parts(), 1, CLIENT, CLUSTER_IP, 0);
    assert_eq!(icmp.chances[0].1.wanted, REJECT);
}

#[test]
fn a_cluster_ip_that_is_the_nodes_refuses_only_what_the_node_sends() {
    let mut question = Question::default();
    question.surroundings.local_v4 = vec![number(CLUSTER_IP)];
    assert_eq!(question.demand(parts(), CLIENT, CLUSTER_IP, 81).wanted, Wanted::Free);
    question.hook = Hook::Output;
    assert_eq!(question.demand(parts(), CLIENT, CLUSTER_IP, 81).wanted, REJECT);
}

#[test]
fn an_endpoint_that_is_a_cluster_ip_is_refused() {
    let mut parts = parts();
    parts.cluster_ips.push(number("10.96.0.77"));
    parts.service_ports[0].cluster = endpoints(&["10.96.0.77", REMOTE_POD]);
    let found = Question::default().ask(parts, TCP, CLIENT, CLUSTER_IP, 80);
    let refused = Demand { wanted: REJECT, frontend: Some(0), remember: None };
    assert!(found.chances.iter().any(|(_, demand)| *demand == refused), "{:?}", found.chances);
}

#[test]
fn what_stays_on_the_node_keeps_its_source_on_its_way_in() {
    let mut parts = parts();
    parts.service_ports[0].cluster = endpoints(&[NODE]);
    let question = Question::default();
    assert_eq!(question.demand(parts.clone(), CLIENT, VIP, 80).wanted, delivered(NODE, false));
    let output = Question { hook: Hook::Output, ..question };
    assert_eq!(output.demand(parts, NODE, VIP, 80).wanted, delivered(NODE, true));
}

#[test]
fn sticky_connections_are_remembered_and_may_go_where_they_went() {
    let mut parts = parts();
    parts.service_ports[0].affinity = Some(10_800_000);
    parts.service_ports[0].cluster.weights = vec![1, 0];
    let mut question = Question::default();
    let first = question.demand(parts.clone(), LOCAL_POD, CLUSTER_IP, 80);
    assert_eq!((first.wanted, first.remember), (delivered(LOCAL_POD, true), Some(10_800_000)));
    question.options.records = Records::Any;
    let answer = question.ask(parts, TCP, LOCAL_POD, CLUSTER_IP, 80);
    let [(_, Demand { wanted: Wanted::Remembered(remembered), remember: Some(10_800_000), .. })] = answer.chances[..]
    else {
        panic!("{:?}", answer.chances);
    };
    let allowed: Vec<_> = answer.demands.allowed(remembered).collect();
    assert_eq!(allowed, [delivered(LOCAL_POD, true), delivered(REMOTE_POD, false)]);
    for wanted in allowed {
        let Wanted::Delivered(delivery) = wanted else { panic!("{wanted:?}") };
        assert!(answer.demands.allows(remembered, delivery));
        assert!(!answer.demands.allows(remembered, Delivery { masquerade: !delivery.masquerade, ..delivery }));
        assert!(!answer.demands.allows(remembered, Delivery { port: 1, ..delivery }));
    }
}

#[test]
fn later_packets_of_a_connection_are_owed_nothing() {
    let question = Question { state: ConnectionState::Established, ..Question::default() };
    assert_eq!(question.demand(parts(), CLIENT, CLUSTER_IP, 80).wanted, Wanted::Anything);
}

#[test]
fn no_demand_has_the_number_of_an_end() {
    let mut demands = Demands::default();
    let free = Demand { wanted: Wanted::Free, frontend: None, remember: None };
    let first = demands.number(free);
    let second = demands.number(Demand { frontend: Some(1), ..free });
    assert_eq!((demands.number(free), second), (first, first + 1));
    assert_eq!(first, 1 << 31);
    assert_eq!(demands.get(2), None);
    assert_eq!(demands.get(second).and_then(|demand| demand.frontend), Some(1));
}

#[test]
fn a_declaration_of_another_version_has_no_function() {
    let question = Question::default();
    let declaration = Declaration::new(Parts { version: IpVersion::V6, ..parts() }).expect("the parts fit together");
    let mut functions = Functions::new(question.case(), 100_000);
    let made =
        declared(&declaration, &question.surroundings, &question.options, &mut functions, &mut Demands::default());
    assert_eq!(made, Err(TooLarge));
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    type Spoil = fn(&mut Parts);
    let cases: [(DeclarationError, Spoil); 5] = [
        (DeclarationError::ServicePort, |parts| parts.frontends[0].service_port = 1),
        (DeclarationError::NoEndpoints, |parts| parts.service_ports[0].cluster = endpoints(&[])),
        (DeclarationError::Weights, |parts| parts.service_ports[0].cluster.weights = vec![1]),
        (DeclarationError::Weights, |parts| parts.service_ports[0].cluster.weights = vec![0, 0]),
        (DeclarationError::Table, |parts| {
            parts.service_ports[0].cluster.table = Some(Table { by_flow: false, seed: 0, slots: vec![2] });
        }),
    ];
    for (error, spoil) in cases {
        let mut parts = parts();
        spoil(&mut parts);
        assert_eq!(Declaration::new(parts), Err(error));
    }
}

#[test]
fn addresses_of_frontends_are_elsewhere_unless_they_are_known_to_be_here() {
    let declaration = Declaration::new(parts()).expect("the parts fit together");
    let surroundings = Surroundings { local_v4: vec![number(VIP)], ..Surroundings::default() };
    assert_eq!(declaration.addresses_elsewhere(&surroundings), [number(CLUSTER_IP)]);
}

#[test]
fn nobody_asks_whether_an_address_elsewhere_is_the_nodes() {
    let mut parts = parts();
    parts.node_ports = NodePorts::Within(vec![Span { low: 0, high: u128::MAX }]);
    let declaration = Declaration::new(parts).expect("the parts fit together");
    let mut question = Question::default();
    question.options.local_addresses_complete = false;
    question.surroundings.elsewhere_v4 = declaration.addresses_elsewhere(&question.surroundings);
    let mut functions = Functions::new(question.case(), 100_000);
    let mut demands = Demands::default();
    let node = declared(&declaration, &question.surroundings, &question.options, &mut functions, &mut demands)
        .expect("the function is small");
    let asked = |destination: &'static str, source: &'static str| {
        let seen = std::cell::Cell::new(false);
        let assignment = |variable| match variable {
            Variable::Destination => number(destination),
            Variable::Source => number(source),
            Variable::Protocol => u128::from(TCP),
            Variable::DestinationPort => u128::from(NODE_PORT),
            Variable::DestinationLocal | Variable::SourceLocal => {
                seen.set(true);
                1
            }
            _ => 0,
        };
        functions.look_up(node, &assignment).expect("the chances are exact");
        seen.get()
    };
    assert!(asked("192.0.2.77", REMOTE_POD));
    assert!(!asked(CLUSTER_IP, REMOTE_POD));
    assert!(!asked(VIP, REMOTE_POD));
}
