"""What the server fills in, and what of an object reaches the model."""

from __future__ import annotations

from typing import Any

import pytest

from svcc.fields import ObjectReference
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.validate.admission import admit
from tests.unit.rule_rows.row import ENDPOINT_SLICE, LOAD_BALANCER, NODE, SERVICE, SERVICE_CIDR, Change, changed


def service(change: Change, value: Any = SERVICE) -> Service:
    """The Service that is read from the changed one."""
    admission = admit("Service", changed(value, change))
    assert isinstance(admission.item, Service), admission.problems
    return admission.item


def endpoint_slice(change: Change) -> EndpointSlice:
    """The slice that is read from the changed one."""
    admission = admit("EndpointSlice", changed(ENDPOINT_SLICE, change))
    assert isinstance(admission.item, EndpointSlice), admission.problems
    return admission.item


def test_a_minimal_service_has_the_defaults_of_the_server() -> None:
    value = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    item = admit("Service", value).item
    assert item == Service("web", "default", ports=(ServicePort(80, "", "TCP", 0, 80),))
    assert isinstance(item, Service)
    assert (item.type, item.session_affinity, item.internal_traffic_policy, item.external_traffic_policy) == (
        "ClusterIP",
        "None",
        "Cluster",
        "Cluster",
    )


@pytest.mark.parametrize("empty", ["", None])
def test_empty_values_get_defaults_where_the_server_gives_them(empty: str | None) -> None:
    change = {("spec", "type"): empty, ("spec", "sessionAffinity"): empty, ("spec", "ports", 0, "protocol"): empty}
    assert service(change) == service({})


@pytest.mark.parametrize("target", [0, "", None])
def test_an_empty_target_port_is_the_port(target: int | str | None) -> None:
    assert service({("spec", "ports", 0, "targetPort"): target}).ports[0].target_port == 80


def test_affinity_lasts_three_hours_by_default() -> None:
    assert service({("spec", "sessionAffinity"): "ClientIP"}).session_affinity_timeout_seconds == 10800


def test_a_timeout_counts_only_with_affinity() -> None:
    config = {("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"): 60}
    assert service(config).session_affinity_timeout_seconds == 10800
    assert service({**config, ("spec", "sessionAffinity"): "ClientIP"}).session_affinity_timeout_seconds == 60


def test_a_cluster_ip_is_the_first_of_cluster_ips() -> None:
    assert service({("spec", "clusterIP"): "10.96.0.9"}).cluster_ips == ("10.96.0.9",)
    assert service({("spec", "clusterIP"): "None"}).is_headless


def test_a_reported_ip_is_taken_over_by_nodes_unless_it_says_otherwise() -> None:
    ingress = [{"ip": "203.0.113.7"}, {"ip": "203.0.113.8", "ipMode": "Proxy"}, {"hostname": "lb.example.com"}]
    assert service({("status", "loadBalancer", "ingress"): ingress}, LOAD_BALANCER).load_balancer_ingress == (
        LoadBalancerIngress("203.0.113.7", "", "VIP"),
        LoadBalancerIngress("203.0.113.8", "", "Proxy"),
        LoadBalancerIngress("", "lb.example.com"),
    )


@pytest.mark.parametrize("port", [{"port": 80}, {"port": 80, "name": None}, {"port": 80, "name": ""}])
def test_a_slice_port_without_name_is_named_empty_as_on_the_server(port: dict[str, Any]) -> None:
    assert endpoint_slice({("ports",): [port]}).ports == (EndpointPort(80, "", "TCP"),)


def test_conditions_that_are_absent_stay_unknown() -> None:
    conditions = {("endpoints", 0, "conditions"): {"ready": False}}
    assert endpoint_slice(conditions).endpoints[0].ready is False
    assert endpoint_slice(conditions).endpoints[0].serving is None


def test_everything_of_a_slice_that_svcc_reads_reaches_the_model() -> None:
    change = {
        ("endpoints", 0, "hostname"): "db-0",
        ("endpoints", 0, "hints"): {"forZones": [{"name": "zone-a"}], "forNodes": [{"name": "node-1"}]},
    }
    assert endpoint_slice(change) == EndpointSlice(
        "web-x7k2p",
        "shop",
        service_name="web",
        address_type="IPv4",
        endpoints=(
            Endpoint(
                ("10.244.1.7",),
                True,
                True,
                False,
                "node-1",
                "zone-a",
                "db-0",
                ("zone-a",),
                ("node-1",),
                ObjectReference("Pod", "web-1", "shop"),
            ),
        ),
        ports=(EndpointPort(8080, "http", "TCP"),),
        labels={"kubernetes.io/service-name": "web"},
    )


def test_everything_of_a_node_that_svcc_reads_reaches_the_model() -> None:
    assert admit("Node", NODE).item == Node(
        "node-1",
        addresses=(NodeAddress("192.0.2.1", "InternalIP"),),
        pod_cidrs=("10.244.1.0/24", "fd00:1::/64"),
        labels={"topology.kubernetes.io/zone": "zone-a"},
        architecture="amd64",
    )


def test_of_pod_cidrs_that_contradict_each_other_the_single_one_counts() -> None:
    item = admit("Node", changed(NODE, {("spec", "podCIDR"): "10.9.0.0/24"})).item
    assert isinstance(item, Node)
    assert item.pod_cidrs == ("10.9.0.0/24",)


def test_a_service_cidr_reaches_the_model() -> None:
    assert admit("ServiceCIDR", SERVICE_CIDR).item == ServiceCIDR("kubernetes", cidrs=("10.96.0.0/12", "fd00:96::/112"))
