"""Explanations: each reason why something is not used or does not answer, and the names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from svcc import (
    ClusterSettings,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Explanation,
    IPMode,
    LoadBalancerIngress,
    Node,
    NodeAddress,
    Service,
    ServicePort,
    TrafficPolicy,
    explain,
)
from svcc.explanation.contract import EndpointExplanation, ReasonCode
from svcc.model.cluster import ClusterObject
from svcc.report.explanation import explanation_lines

HERE = Node(
    "here",
    addresses=[NodeAddress("192.168.0.10"), NodeAddress("192.168.7.7")],
    labels={"topology.kubernetes.io/zone": "zone-a"},
)
THERE = Node("there", addresses=[NodeAddress("192.168.0.11")])
PORTS = [ServicePort(80, "http", target_port=8080, node_port=30080)]
POD = "10.244.1.1"
OTHER_POD = "10.244.2.2"


def web(**fields: object) -> Service:
    return Service("web", "shop", **{"cluster_ips": ["10.96.0.10"], "ports": PORTS, "type": "NodePort", **fields})  # type: ignore[arg-type]


def slice_of(*endpoints: Endpoint, name: str = "web-1", **fields: object) -> EndpointSlice:
    given = {"service_name": "web", "ports": [EndpointPort(8080, "http")], **fields}
    return EndpointSlice(name, "shop", endpoints=endpoints, **given)  # type: ignore[arg-type]


def here(address: str = POD, **fields: object) -> Endpoint:
    return Endpoint([address], node_name="here", **fields)  # type: ignore[arg-type]


def there(address: str = OTHER_POD, **fields: object) -> Endpoint:
    return Endpoint([address], node_name="there", **fields)  # type: ignore[arg-type]


def explained(*objects: ClusterObject, node: Node = HERE, settings: ClusterSettings | None = None) -> Explanation:
    settings = settings or ClusterSettings(cluster_cidrs=["10.244.0.0/16"])
    return explain([node, THERE, *objects], "web", namespace="shop", node="here", settings=settings)


def endpoint(explanation: Explanation, address: str) -> EndpointExplanation:
    (found,) = [item for port in explanation.ports for item in port.endpoints if item.address == address]
    return found


def codes(found: EndpointExplanation) -> list[ReasonCode]:
    return [reason.code for reason in found.reasons]


def outcomes(explanation: Explanation) -> dict[str, str]:
    return {item.what: item.outcome for item in explanation.silences}


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"ready": False}, ReasonCode.NOT_READY),
        ({"ready": False, "terminating": True, "serving": False}, ReasonCode.TERMINATING),
        ({"ready": False, "terminating": True, "serving": True}, ReasonCode.FALLBACK_ONLY),
    ],
)
def test_an_endpoint_that_is_not_ready_says_in_which_way(conditions: dict[str, Any], code: ReasonCode) -> None:
    found = endpoint(explained(web(), slice_of(here(), there(**conditions))), OTHER_POD)
    assert (found.in_cluster_set, codes(found)) == (False, [code])


def test_a_terminating_endpoint_that_serves_for_want_of_others_says_so() -> None:
    found = endpoint(explained(web(), slice_of(here(ready=False, terminating=True))), POD)
    assert (found.in_cluster_set, codes(found)) == (True, [])
    assert found.note == "terminating, serves because no other is ready"


def test_under_a_local_policy_an_endpoint_elsewhere_says_where() -> None:
    explanation = explained(web(external_traffic_policy=TrafficPolicy.LOCAL), slice_of(here(), there()))
    found = endpoint(explanation, OTHER_POD)
    assert (found.in_cluster_set, found.in_local_set, codes(found)) == (True, False, [ReasonCode.OTHER_NODE])
    assert [reason.text for reason in found.reasons] == ["not local: on there"]
    assert endpoint(explanation, POD).in_local_set


def test_an_endpoint_hinted_for_another_zone_says_so_and_the_port_says_that_hints_count() -> None:
    explanation = explained(web(), slice_of(here(zone_hints=["zone-a"]), there(zone_hints=["zone-b"])))
    found = endpoint(explanation, OTHER_POD)
    assert codes(found) == [ReasonCode.HINTED_ELSEWHERE]
    assert found.reasons[0].text == "hints are for zone-b, this node is in zone-a"
    assert explanation.ports[0].hints == ("hints for zones: only endpoints hinted for zone-a are used",)


@pytest.mark.parametrize(
    ("endpoints", "node", "sentence"),
    [
        (
            [here(zone_hints=["zone-a"]), there()],
            HERE,
            "hints for zones are ignored: 1 of 2 ready endpoints has none",
        ),
        (
            [here(zone_hints=["zone-b"]), there(zone_hints=["zone-c"])],
            HERE,
            "hints for zones are ignored: no ready endpoint is hinted for zone-a",
        ),
        (
            [here(zone_hints=["zone-b"])],
            Node("here"),
            "hints for zones are ignored: this node has no label topology.kubernetes.io/zone",
        ),
        ([there(node_hints=["there"])], HERE, "hints for nodes are ignored: no ready endpoint is hinted for here"),
    ],
)
def test_hints_that_are_ignored_have_a_reason_s20(endpoints: list[Endpoint], node: Node, sentence: str) -> None:
    explanation = explained(web(), slice_of(*endpoints), node=node)
    assert explanation.ports[0].hints == (sentence,)
    assert all(item.in_cluster_set for item in explanation.ports[0].endpoints)


def test_a_wish_for_near_endpoints_without_hints_is_said_to_have_no_effect_s21() -> None:
    explanation = explained(web(traffic_distribution="PreferSameZone"), slice_of(here()))
    assert explanation.ports[0].hints == (
        "trafficDistribution PreferSameZone has no effect: no endpoint carries hints",
    )


def test_the_entry_of_a_duplicate_that_does_not_count_names_the_one_that_does_s15() -> None:
    explanation = explained(web(), slice_of(Endpoint([POD])), slice_of(here(), name="web-2"))
    first, second = explanation.ports[0].endpoints
    assert (first.node, first.in_cluster_set) == ("here", True)
    assert codes(second) == [ReasonCode.DUPLICATE]
    assert second.reasons[0].text == "listed in EndpointSlice shop/web-2 as well, and that one counts"


def test_an_endpoint_of_the_wrong_family_in_a_slice_is_told() -> None:
    # Only an object made in Python can hold one, and validation would leave it out.
    from svcc.explanation.build import explain_cluster  # noqa: PLC0415
    from svcc.model.cluster import Cluster  # noqa: PLC0415

    cluster = Cluster.of([HERE, web(), slice_of(Endpoint(["fd00::1"]), Endpoint([]))])
    explanation = explain_cluster(cluster, "shop/web", namespace=None, node="here", settings=ClusterSettings())
    texts = [item.reasons[0].text for item in explanation.ports[0].endpoints]
    assert texts == ["fd00::1 is no IPv4 address", "it has no address"]


@pytest.mark.parametrize(
    ("unused", "code"),
    [
        (slice_of(here(), ports=[EndpointPort(8080, "web")]), ReasonCode.PORT_MISMATCH),
        (slice_of(here(), ports=[EndpointPort(8080, "http", "UDP")]), ReasonCode.PORT_MISMATCH),
        (slice_of(here(), service_name=None), ReasonCode.LABEL_MISSING),
        (slice_of(here(), service_name="wbe"), ReasonCode.LABEL_OF_ANOTHER),
        (slice_of(Endpoint(["fd00::1"]), address_type="IPv6"), ReasonCode.ADDRESS_TYPE),
        (slice_of(Endpoint(["pod.example.com"]), address_type="FQDN"), ReasonCode.ADDRESS_TYPE),
        (slice_of(here(), labels={"service.kubernetes.io/headless": ""}), ReasonCode.HEADLESS_LABEL),
        (slice_of(here(), labels={"service.kubernetes.io/service-proxy-name": "x"}), ReasonCode.OTHER_PROXY),
        (EndpointSlice("web-1", "other", service_name="web", endpoints=[here()]), ReasonCode.OTHER_NAMESPACE),
    ],
)
def test_a_slice_that_gives_nothing_has_a_reason(unused: EndpointSlice, code: ReasonCode) -> None:
    explanation = explained(web(), unused)
    assert [[reason.code for reason in item.reasons] for item in explanation.slices] == [[code]]
    assert "nobody" not in [item.what for item in explanation.silences]
    assert [route.decision.value for item in explanation.ports[0].exposures for route in item.routes] == ["reject"] * 2


def test_slices_of_other_services_are_none_of_its_business() -> None:
    admin = Service("web-admin", "shop", cluster_ips=["10.96.0.11"], ports=[ServicePort(80)])
    others = [
        slice_of(here(), name="web-admin-1", service_name="web-admin"),
        EndpointSlice("cart-1", "shop", endpoints=[there()]),
    ]
    assert explained(web(), admin, slice_of(here()), *others).slices == ()


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([web(selector={"app": "web"})], "no pod has the labels app=web, or the slices are not among the manifests"),
        ([web(selector={"app": "web"}), slice_of()], "its EndpointSlices are empty: no pod has the labels app=web"),
        ([web()], "the Service has no selector, so its slices are to be written by hand"),
    ],
)
def test_without_any_endpoint_it_says_why(objects: list[ClusterObject], words: str) -> None:
    explanation = explained(*objects)
    assert explanation.no_endpoints.endswith(words)
    assert outcomes(explanation)["10.96.0.10:80"] == "rejected"


def test_what_people_try_and_what_does_not_answer() -> None:
    explanation = explained(web(), slice_of(here()))
    assert outcomes(explanation) == {
        "10.96.0.10:30080": "rejected",
        "10.96.0.10:8080": "rejected",
        "10.96.0.10, anything else": "rejected",
        "10.96.0.10 from outside the cluster": "not routed",
        "127.0.0.1:30080": "not served",
        "node port 30080 on other addresses of the node (192.168.7.7)": "not served",
    }


def test_without_local_endpoints_a_local_policy_drops_outsiders_only() -> None:
    explanation = explained(web(external_traffic_policy=TrafficPolicy.LOCAL), slice_of(there()))
    assert outcomes(explanation)["192.168.0.10:30080 from others"] == "dropped"
    policies = explained(web(internal_traffic_policy=TrafficPolicy.LOCAL), slice_of(there()))
    assert outcomes(policies)["10.96.0.10:80"] == "dropped"


@pytest.mark.parametrize(
    ("fields", "what", "outcome"),
    [
        ({"type": "LoadBalancer"}, "a load balancer address", "none"),
        (
            {"type": "LoadBalancer", "load_balancer_ingress": [LoadBalancerIngress(hostname="lb.example.com")]},
            "lb.example.com",
            "not served",
        ),
        (
            {"load_balancer_ingress": [LoadBalancerIngress("198.51.100.1", ip_mode=IPMode.PROXY)]},
            "198.51.100.1",
            "not served",
        ),
        ({"external_ips": ["2001:db8::1"]}, "2001:db8::1", "not served"),
        (
            {
                "type": "LoadBalancer",
                "load_balancer_ingress": [LoadBalancerIngress("198.51.100.1")],
                "load_balancer_source_ranges": ["203.0.113.0/24"],
            },
            "198.51.100.1:80 from outside 203.0.113.0/24",
            "dropped",
        ),
    ],
)
def test_an_address_that_is_not_served_says_why(fields: dict[str, object], what: str, outcome: str) -> None:
    assert outcomes(explained(web(**fields), slice_of(here())))[what] == outcome


def test_external_ips_that_are_switched_off_are_told_s9() -> None:
    settings = ClusterSettings(allow_service_external_ips=False)
    explanation = explained(web(external_ips=["198.51.100.9"]), slice_of(here()), settings=settings)
    assert outcomes(explanation)["198.51.100.9"] == "not served"


def test_a_frontend_that_another_service_has_is_told_with_its_owner_s45() -> None:
    older = Service(
        "older",
        "shop",
        type="NodePort",
        cluster_ips=["10.96.0.11"],
        ports=[ServicePort(80, node_port=30080)],
        creation_timestamp="2020-01-01T00:00:00Z",
    )
    explanation = explained(web(), older, slice_of(here()))
    assert [item.kind.value for item in explanation.ports[0].exposures] == ["cluster-ip"]
    assert "belongs to Service shop/older" in "".join(item.why for item in explanation.silences)
    assert [problem.rule for problem in explanation.problems] == ["cluster/frontend-conflict"]


def test_node_ports_answer_on_the_other_nodes_too() -> None:
    explanation = explained(web(), slice_of(here()))
    (exposure, _cluster_ip) = explanation.ports[0].exposures
    assert exposure.addresses == ("192.168.0.10",)
    assert [(item.node, item.address) for item in exposure.other_nodes] == [("there", "192.168.0.11")]


def test_the_clients_of_a_frontend_are_grouped_by_what_becomes_of_them() -> None:
    explanation = explained(web(external_traffic_policy=TrafficPolicy.LOCAL), slice_of(here(), there()))
    node_port, cluster_ip = explanation.ports[0].exposures
    assert [
        (
            [clients.value for clients in route.clients],
            route.decision.value,
            route.masqueraded,
            route.map_name,
            route.chain,
        )
        for route in (*node_port.routes, *cluster_ip.routes)
    ] == [
        (["pods"], "cluster", False, "balanced-nodeports", "pick-nodeport-2"),
        (["node"], "cluster", True, "balanced-nodeports", "pick-nodeport-2"),
        (["others"], "local", False, "balanced-outside-nodeports", "pick-nodeport-local-1"),
        (["pods"], "cluster", False, "balanced-services", "pick-2"),
        (["node", "others"], "cluster", True, "balanced-services", "pick-2"),
    ]


def test_a_drained_endpoint_says_so_and_the_others_share_by_weight() -> None:
    explanation = explained(web(), slice_of(here(weight=3), there(weight=0), there("10.244.2.3")))
    assert [(item.address, item.weight, item.note) for item in explanation.ports[0].endpoints] == [
        (POD, 3, ""),
        (OTHER_POD, 0, "drained: weight 0, gets no new clients"),
        ("10.244.2.3", 1, ""),
    ]
    told = "".join(explanation_lines(explanation))
    assert re.findall(r"^  (10\.244\S+) +(\d+) +(\S+)", told, re.MULTILINE) == [
        (f"{POD}:8080", "3", "3/4"),
        (f"{OTHER_POD}:8080", "0", "0"),
        ("10.244.2.3:8080", "1", "1/4"),
    ]


def test_endpoints_whose_weights_are_all_0_serve_and_say_why() -> None:
    explanation = explained(web(), slice_of(here(), there(), annotations={"svcc.dev/weight": "0"}))
    assert {item.note for item in explanation.ports[0].endpoints} == {"weight 0, serves because no other has more"}
    assert re.findall(r"^  10\.244\S+ +0 +(\S+)", "".join(explanation_lines(explanation)), re.MULTILINE) == ["1/2"] * 2


@pytest.mark.parametrize(
    ("annotations", "fields", "sentence"),
    [
        ({}, {}, None),
        ({"svcc.dev/load-balancing": "random"}, {}, None),
        ({"svcc.dev/load-balancing": "round-robin"}, {}, "round-robin, endpoints take turns for connections"),
        (
            {"svcc.dev/load-balancing": "maglev"},
            {"session_affinity": "ClientIP"},
            "maglev by source-address, a new client's address decides about its endpoint",
        ),
        (
            {"svcc.dev/load-balancing": "maglev", "svcc.dev/hash-key": "flow"},
            {},
            "maglev by flow, a client's address and port decide about the endpoint",
        ),
    ],
)
def test_the_algorithm_is_told_where_it_is_not_random(
    annotations: dict[str, str], fields: dict[str, Any], sentence: str | None
) -> None:
    told = "".join(explanation_lines(explained(web(annotations=annotations, **fields), slice_of(here(), there()))))
    assert re.findall(r"^  load balancing: (.*)$", told, re.MULTILINE) == ([sentence] if sentence else [])
