//! Selection over plain records; `tests/unit` compares it with a plain one on random clusters.

use svcc_core::selection::address::{Family, canonical};
use svcc_core::selection::{Endpoint, Hint, HintUse, Selection, Service, Slice, SlicePort, select};

type Key = (&'static str, &'static str);

const HTTP: Key = ("http", "TCP");

fn ready(address: &'static str) -> Endpoint<&'static str> {
    Endpoint {
        address,
        ready: true,
        terminating_but_serving: false,
        local: false,
        node_hint: Hint::Absent,
        zone_hint: Hint::Absent,
    }
}

fn leaving(address: &'static str) -> Endpoint<&'static str> {
    Endpoint { ready: false, terminating_but_serving: true, ..ready(address) }
}

fn local(mut endpoint: Endpoint<&'static str>) -> Endpoint<&'static str> {
    endpoint.local = true;
    endpoint
}

fn hinted(address: &'static str, node_hint: Hint, zone_hint: Hint) -> Endpoint<&'static str> {
    Endpoint { node_hint, zone_hint, ..ready(address) }
}

fn slice(number: u16, endpoints: Vec<Endpoint<&'static str>>) -> Slice<&'static str, Key> {
    Slice { endpoints, ports: vec![SlicePort { key: HTTP, number }] }
}

/// The selection of one port, and what its indices stand for: all candidates, the Cluster set, the Local set.
fn of(slices: Vec<Slice<&'static str, Key>>) -> (Selection, [Vec<String>; 3]) {
    let service = Service { slices, ports: vec![HTTP] };
    let selection = select(std::slice::from_ref(&service)).remove(0).remove(0);
    let text = |&index: &usize| {
        let found = selection.candidates[index];
        format!("{}:{}", service.slices[found.slice].endpoints[found.endpoint].address, found.port)
    };
    let all: Vec<usize> = (0..selection.candidates.len()).collect();
    let texts = [&all, &selection.cluster, &selection.local].map(|indices| indices.iter().map(text).collect());
    (selection, texts)
}

#[test]
fn endpoints_are_in_the_order_of_address_and_port_as_text_s16() {
    let (_, [all, ..]) = of(vec![
        slice(9090, ["10.0.0.1", "10.0.0.10", "10.0.0.9"].map(ready).into()),
        slice(10000, vec![ready("10.0.0.1")]),
    ]);
    assert_eq!(all, ["10.0.0.10:9090", "10.0.0.1:10000", "10.0.0.1:9090", "10.0.0.9:9090"]);
    let addresses = ["fd00::", "fd00::a", "fd00::1", "fd00::1:2", "fd00::1a"];
    let (_, [all, ..]) = of(vec![slice(80, addresses.map(ready).into())]);
    let mut sorted = addresses.map(|address| format!("[{address}]:80"));
    sorted.sort();
    assert_eq!(all, sorted.map(|text| text.replace(['[', ']'], "")));
}

#[test]
fn of_duplicates_the_first_local_one_stays_else_the_first_s15() {
    let (first, _) = of(vec![slice(80, vec![ready("10.0.0.1"), leaving("10.0.0.1")])]);
    assert_eq!((first.candidates[0].slice, first.candidates[0].endpoint), (0, 0));
    let (replaced, [all, cluster, _]) = of(vec![
        slice(80, vec![ready("10.0.0.1")]),
        slice(80, vec![local(leaving("10.0.0.1")), local(ready("10.0.0.1"))]),
    ]);
    assert_eq!((replaced.candidates[0].slice, replaced.candidates[0].endpoint), (1, 0));
    assert_eq!((all.len(), cluster.len()), (1, 1));
}

#[test]
fn the_fallbacks_of_the_two_sets_are_independent_s19() {
    let (selection, [_, cluster, own]) = of(vec![slice(80, vec![local(leaving("10.0.0.1")), ready("10.0.0.2")])]);
    assert_eq!((cluster, own), (vec!["10.0.0.2:80".to_owned()], vec!["10.0.0.1:80".to_owned()]));
    assert_eq!(selection.own, [0]);
}

#[test]
fn a_member_of_both_sets_is_named_once_among_the_nodes_own_s30() {
    let (selection, _) =
        of(vec![slice(80, vec![local(ready("10.0.0.1")), ready("10.0.0.2"), local(ready("10.0.0.3"))])]);
    assert_eq!((selection.cluster, selection.local, selection.own), (vec![0, 1, 2], vec![0, 2], vec![0, 2]));
}

#[test]
fn nothing_usable_is_an_empty_cluster_set_s22() {
    let broken = Endpoint { ready: false, ..ready("10.0.0.1") };
    let (selection, [all, ..]) = of(vec![slice(80, vec![broken])]);
    assert_eq!((all.len(), selection.cluster.len(), selection.local.len()), (1, 0, 0));
}

#[test]
fn ports_match_by_key_and_need_a_number_s12() {
    let ports = [(("http", "UDP"), 1), (("https", "TCP"), 2), (HTTP, 0), (HTTP, 4), (HTTP, 5)];
    let ports = ports.map(|(key, number)| SlicePort { key, number }).into();
    let (_, [all, ..]) = of(vec![Slice { endpoints: vec![ready("10.0.0.1")], ports }]);
    assert_eq!(all, ["10.0.0.1:4", "10.0.0.1:5"]);
}

#[test]
fn hints_narrow_the_cluster_set_by_node_else_by_zone_else_not_at_all_s20() {
    use Hint::{Absent, Elsewhere, Here};
    let both = vec!["10.0.0.1:80", "10.0.0.2:80"];
    for (one, other, cluster, node_hints, zone_hints) in [
        ((Absent, Absent), (Absent, Absent), both.clone(), HintUse::Absent, HintUse::Absent),
        ((Absent, Here), (Absent, Elsewhere), vec!["10.0.0.1:80"], HintUse::Absent, HintUse::Used),
        ((Absent, Here), (Absent, Absent), both.clone(), HintUse::Absent, HintUse::Incomplete),
        ((Absent, Elsewhere), (Absent, Elsewhere), both.clone(), HintUse::Absent, HintUse::Elsewhere),
        ((Elsewhere, Here), (Here, Elsewhere), vec!["10.0.0.2:80"], HintUse::Used, HintUse::Unneeded),
        ((Elsewhere, Here), (Elsewhere, Elsewhere), vec!["10.0.0.1:80"], HintUse::Elsewhere, HintUse::Used),
        ((Here, Absent), (Absent, Absent), both.clone(), HintUse::Incomplete, HintUse::Absent),
    ] {
        let endpoints =
            vec![hinted("10.0.0.1", one.0, one.1), hinted("10.0.0.2", other.0, other.1), leaving("10.0.0.3")];
        let (selection, [_, found, _]) = of(vec![slice(80, endpoints)]);
        assert_eq!(
            (found, selection.node_hints, selection.zone_hints),
            (cluster.iter().map(ToString::to_string).collect(), node_hints, zone_hints)
        );
    }
}

#[test]
fn services_and_ports_are_answered_in_order_and_apart() {
    let dns = ("dns", "UDP");
    let ports = vec![SlicePort { key: HTTP, number: 80 }, SlicePort { key: dns, number: 53 }];
    let one = Service { slices: vec![Slice { endpoints: vec![ready("10.0.0.1")], ports }], ports: vec![dns, HTTP] };
    let none = Service { slices: vec![], ports: vec![HTTP] };
    let found = select(&[none, one]);
    let ports: Vec<Vec<Vec<u16>>> = found
        .iter()
        .map(|service| service.iter().map(|port| port.candidates.iter().map(|each| each.port).collect()).collect())
        .collect();
    assert_eq!(ports, [vec![vec![]], vec![vec![53], vec![80]]]);
}

#[test]
fn addresses_are_read_as_kube_proxy_does_and_written_canonically_s6() {
    let zeros = format!("{}1.2.3.4", "0".repeat(63));
    let too_many = format!("0{zeros}");
    for (text, expected) in [
        ("10.0.0.1", Some((Family::Ipv4, "10.0.0.1"))),
        ("010.000.0.08", Some((Family::Ipv4, "10.0.0.8"))),
        (&zeros, Some((Family::Ipv4, "1.2.3.4"))),
        ("::ffff:10.0.0.1", Some((Family::Ipv4, "10.0.0.1"))),
        ("FD00:0:0::01", Some((Family::Ipv6, "fd00::1"))),
        ("::1.2.3.4", Some((Family::Ipv6, "::102:304"))),
        ("1:0:2:3:4:5:6:7", Some((Family::Ipv6, "1:0:2:3:4:5:6:7"))),
        (&too_many, None),
        ("10.0.0", None),
        ("10.0.0.1.", None),
        ("10.0.0.+1", None),
        ("10.0.0.256", None),
        ("fe80::1%eth0", None),
        ("fd00::1::2", None),
        ("", None),
    ] {
        let found = canonical(text);
        assert_eq!(found.as_ref().map(|(family, text)| (*family, text.as_ref())), expected, "{text}");
    }
}
