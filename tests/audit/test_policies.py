"""What is told of a declaration although the node does all of it right."""

from __future__ import annotations

from svcc.auditing.classify_policies import declared_surprises
from svcc.auditing.finding import Finding, FindingKind
from svcc.fields import Severity
from svcc.model.cluster import ClusterObject
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from tests.declare import compiled, local, remote, service, slices

K = FindingKind


def surprises(*objects: ClusterObject) -> dict[FindingKind, Finding]:
    found = list(declared_surprises(compiled(*objects).dataplane))
    assert len({each.kind for each in found}) == len(found)
    return {each.kind: each for each in found}


def edge(policy: str = "Local", **fields: object) -> Service:
    return Service(
        "edge",
        type="LoadBalancer",
        cluster_ips=["10.96.0.20"],
        ports=[ServicePort(80, "http", node_port=30020)],
        load_balancer_ingress=[LoadBalancerIngress("198.51.100.20")],
        external_traffic_policy=policy,
        **fields,  # type: ignore[arg-type]
    )


def test_an_external_local_policy_without_local_endpoints_drops_clients_from_outside() -> None:
    finding = surprises(edge(), *slices("edge", [remote("10.244.2.20")]))[K.LOCAL_POLICY_BLACK_HOLE]
    assert finding.severity is Severity.INFO
    assert finding.subject == "default/edge:http"
    assert finding.details == ("externalTrafficPolicy", "198.51.100.20 port 80/TCP", "node port 30020/TCP")
    assert finding.clients == ("external",)


def test_an_internal_local_policy_without_local_endpoints_drops_everybody() -> None:
    inner = service("inner", ["10.96.0.21"], internal_traffic_policy="Local")
    finding = surprises(inner, *slices("inner", [remote("10.244.2.21")]))[K.LOCAL_POLICY_BLACK_HOLE]
    assert finding.details == ("internalTrafficPolicy", "10.96.0.21 port 80/TCP")
    assert finding.clients == ("external", "pod", "node")


def test_a_local_policy_with_a_local_endpoint_is_no_black_hole() -> None:
    assert K.LOCAL_POLICY_BLACK_HOLE not in surprises(edge(), *slices("edge", [local("10.244.1.20")]))


def test_a_service_without_any_endpoints_is_no_black_hole() -> None:
    assert K.LOCAL_POLICY_BLACK_HOLE not in surprises(edge())


def test_source_ranges_do_not_hold_at_the_node_port() -> None:
    ranged = edge("Cluster", load_balancer_source_ranges=["203.0.113.0/24"])
    finding = surprises(ranged, *slices("edge", [local("10.244.1.20")]))[K.SOURCE_RANGE_BYPASSED_BY_NODE_PORT]
    assert finding.severity is Severity.INFO
    assert finding.details == ("node port 30020/TCP",)


def test_without_source_ranges_nothing_is_bypassed() -> None:
    assert K.SOURCE_RANGE_BYPASSED_BY_NODE_PORT not in surprises(edge(), *slices("edge", [local("10.244.1.20")]))


def test_cluster_ips_that_answer_from_outside_are_told_once() -> None:
    objects = [service(f"s{number}", [f"10.96.0.{number}"]) for number in (1, 2)]
    endpoints = [each for number in (1, 2) for each in slices(f"s{number}", [local(f"10.244.1.{number}")])]
    finding = surprises(*objects, *endpoints)[K.CLUSTER_IP_FROM_OUTSIDE]
    assert finding.message.startswith("cluster IPs: 2 frontends")
    assert finding.details == ()


def test_a_cluster_without_services_has_no_surprises() -> None:
    assert surprises() == {}
