"""Objects made in Python are judged by the same rules."""

from __future__ import annotations

from typing import Any

import pytest

from svcc.fields import Source
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.model.service import IPFamilyPolicy, LoadBalancerIngress, Service, ServicePort
from svcc.validate import validate
from svcc.validate.admission import admit
from svcc.wire.form import wire_form
from tests.unit.rule_rows.row import ENDPOINT_SLICE, EXTERNAL_NAME, LOAD_BALANCER, NODE, SERVICE, SERVICE_CIDR, said

PORTS = (ServicePort(80),)


@pytest.mark.parametrize("value", [SERVICE, LOAD_BALANCER, EXTERNAL_NAME, ENDPOINT_SLICE, NODE, SERVICE_CIDR])
def test_what_was_loaded_in_order_is_in_order(value: dict[str, Any]) -> None:
    item = admit(value["kind"], value).item
    assert item is not None
    assert validate(item) == []


@pytest.mark.parametrize(
    "item",
    [
        Service("web", ports=PORTS),
        Service(
            "web",
            ports=PORTS,
            cluster_ips=("10.96.0.9", "fd00::9"),
            ip_family_policy=IPFamilyPolicy.REQUIRE_DUAL_STACK,
        ),
        Service("web", ports=PORTS, cluster_ips=("None",)),
        Service("web", ports=PORTS, type="NodePort", external_traffic_policy="Local"),
        Service("web", type="ExternalName", external_name="example.com"),
        Service(
            "web",
            ports=PORTS,
            type="LoadBalancer",
            load_balancer_ingress=(LoadBalancerIngress("203.0.113.7"), LoadBalancerIngress(hostname="lb.example.com")),
        ),
        EndpointSlice("web-1", endpoints=(Endpoint(("10.0.0.1",)),), ports=(EndpointPort(80), EndpointPort(81, "b"))),
        EndpointSlice("web-1", ports=(EndpointPort(80, None),)),
        Node("node-1", addresses=(NodeAddress("192.0.2.1"),), pod_cidrs=("10.244.0.0/24",)),
        ServiceCIDR("kubernetes", cidrs=("10.96.0.0/12",)),
    ],
)
def test_plain_objects_are_in_order(item: ClusterObject) -> None:
    assert validate(item) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Service("web"), "spec.ports: Required value"),
        (
            Service("web", ports=PORTS, external_traffic_policy="Local"),
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ),
        (
            Service("web", ports=PORTS, allocate_load_balancer_node_ports=False),
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            Service("web", ports=(ServicePort("80"),)),  # type: ignore[arg-type]
            'spec.ports[0].port: Invalid value: "string": spec.ports[0].port in body must be of type integer: "string"',
        ),
        (
            Service("web", ports=PORTS, session_affinity="ClientIP", session_affinity_timeout_seconds=0),
            (
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: "
                "must be greater than 0 and less than 86400"
            ),
        ),
        (
            EndpointSlice("web-1", endpoints=(Endpoint(()),)),
            "endpoints[0].addresses: Required value: must contain at least 1 address",
        ),
        (ServiceCIDR("x"), "spec.cidrs: Required value: at least one CIDR required"),
    ],
)
def test_problems_of_objects_made_in_python_read_as_those_of_manifests(item: ClusterObject, message: str) -> None:
    problems = validate(item)
    assert [problem.message() for problem in problems] == [message]
    assert problems[0].object == item.reference


def test_a_problem_carries_the_place_of_its_object() -> None:
    source = Source("web.yaml", 7)
    assert [problem.source for problem in validate(Service("web", source=source))] == [source]


def test_the_form_on_the_wire_reads_back_as_the_same_object() -> None:
    item = Service(
        "web",
        "shop",
        type="LoadBalancer",
        cluster_ips=("10.96.0.9",),
        ip_families=("IPv4",),
        ip_family_policy="SingleStack",  # type: ignore[arg-type]
        ports=(ServicePort(80, "http", "UDP", 30080, "web", "kubernetes.io/h2c"),),
        selector={"app": "web"},
        external_ips=("198.51.100.7",),
        session_affinity="ClientIP",
        session_affinity_timeout_seconds=60,
        external_traffic_policy="Local",
        internal_traffic_policy="Local",
        traffic_distribution="PreferSameZone",
        health_check_node_port=32000,
        publish_not_ready_addresses=True,
        load_balancer_ip="203.0.113.8",
        load_balancer_class="example.com/lb",
        load_balancer_source_ranges=("10.0.0.0/8",),
        load_balancer_ingress=(LoadBalancerIngress("203.0.113.8", "", "Proxy"),),
        allocate_load_balancer_node_ports=False,
        labels={"app": "web"},
        annotations={"note": "x"},
        creation_timestamp="2024-05-01T10:00:00Z",
    )
    assert admit("Service", wire_form(item)).item == item


def test_only_objects_of_the_model_are_judged() -> None:
    with pytest.raises(TypeError, match="expected a Service, EndpointSlice, Node or ServiceCIDR, got str"):
        wire_form("web")  # type: ignore[arg-type]


def test_all_wrong_names_are_said() -> None:
    rules = [rule for rule, _ in said(validate(Service("Web", "My_Shop", ports=PORTS, labels={"a b": "c d"})))]
    assert rules == [
        "metadata/name-invalid",
        "metadata/namespace-invalid",
        "metadata/label-key-invalid",
        "metadata/label-value-invalid",
    ]
