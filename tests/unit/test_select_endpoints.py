"""`select_endpoints`: all service ports of a cluster at once, as the plain selection has them one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import svcc
from svcc import Cluster, Endpoint, EndpointPort, EndpointSlice, IPFamily, Node, Service, ServicePort, select_endpoints
from svcc.addresses import canonical_address, family_of
from svcc.select import HEADLESS_LABEL, PROXY_NAME_LABEL
from tests.plain_selection import plain_select_endpoints
from tests.strategies import clusters
from tests.strategies.plan import NODE, OTHER_NODES

NODE_NAMES = (NODE, *OTHER_NODES, "", "unknown", "\ud800")
ZONES = ("a", "b", "unknown", "")
ADDRESSES = (
    *("10.0.0.1", "10.0.0.10", "10.0.0.100", "10.0.0.11", "010.000.000.001", "1.2.3", "256.0.0.1", "::ffff:10.0.0.1"),
    *("fd00::1", "fd00::1a", "fd00::1:1", "fd00::", "FD00:0::1", "::1.2.3.4", "fe80::1%eth0", "pod", "", "\ud800"),
)
ANNOTATIONS: tuple[dict[str, str], ...] = (
    *({}, {}, {"other": "3"}),
    *({"svcc.dev/weight": "2"}, {"svcc.dev/weight": "1", "svcc.dev/weights": "10.0.0.1=7, fd00::1=0"}),
)
PORT_NAMES = ("", "http", "dns")

conditions = st.none() | st.booleans()
endpoints = st.builds(
    Endpoint,
    st.lists(st.sampled_from(ADDRESSES), min_size=0, max_size=2) | st.sampled_from(ADDRESSES[:4]).map(lambda a: (a,)),
    conditions,
    conditions,
    conditions,
    st.none() | st.sampled_from(NODE_NAMES),
    zone_hints=st.lists(st.sampled_from(ZONES), max_size=2),
    node_hints=st.lists(st.sampled_from(NODE_NAMES), max_size=2),
    weight=st.sampled_from([None, None, None, 0, 1, 5]),
)
protocols = st.sampled_from(["TCP", "TCP", "UDP", "SCTP"])
endpoint_ports = st.builds(
    EndpointPort,
    st.sampled_from([None, 0, 1, 80, 8080, 808, 65535]),
    st.sampled_from([None, *PORT_NAMES]),
    protocols,
)
slices = st.builds(
    EndpointSlice,
    st.sampled_from(["s-1", "s-2", "s-3", "s-1"]),
    service_name=st.sampled_from(["web", "web", "db", None]),
    address_type=st.sampled_from(["IPv4", "IPv4", "IPv6", "FQDN"]),
    endpoints=st.lists(endpoints, max_size=8),
    ports=st.lists(endpoint_ports, min_size=1, max_size=4),
    annotations=st.sampled_from(ANNOTATIONS),
    labels=st.sampled_from([None, None, None, {HEADLESS_LABEL: ""}, {PROXY_NAME_LABEL: "other-proxy"}]),
)
services = st.builds(
    Service,
    st.sampled_from(["web", "db"]),
    ip_families=st.sampled_from([(), ("IPv4",), ("IPv6", "IPv4")]),
    ports=st.lists(st.builds(ServicePort, st.just(80), st.sampled_from(PORT_NAMES), protocols), min_size=1, max_size=4),
)
nodes = st.builds(
    Node,
    st.sampled_from(NODE_NAMES),
    labels=st.sampled_from([None, *({"topology.kubernetes.io/zone": zone} for zone in ZONES)]),
)
odd_clusters = st.builds(
    Cluster, st.lists(services, min_size=1, max_size=3), st.lists(slices, max_size=5), st.lists(nodes, max_size=3)
)


def assert_same(cluster: Cluster, node: str, service_proxy_name: str) -> None:
    found = select_endpoints(cluster, node, service_proxy_name=service_proxy_name)
    expected = plain_select_endpoints(cluster, node, service_proxy_name)
    assert found == expected
    for key, selection in expected.items():
        assert list(found[key].candidates.items()) == list(selection.candidates.items())
        for place, candidate in selection.candidates.items():
            assert found[key].candidates[place].endpoint is candidate.endpoint


@settings(deadline=None, max_examples=200)
@given(clusters(), st.sampled_from(NODE_NAMES), st.sampled_from(["", "other-proxy"]))
def test_likely_clusters_are_answered_as_one_service_port_at_a_time(cluster: Cluster, node: str, proxy: str) -> None:
    assert_same(cluster, node, proxy)


@settings(deadline=None, max_examples=300)
@given(odd_clusters, st.sampled_from(NODE_NAMES), st.sampled_from(["", "other-proxy"]))
def test_odd_clusters_are_answered_as_one_service_port_at_a_time(cluster: Cluster, node: str, proxy: str) -> None:
    assert_same(cluster, node, proxy)


ADDRESS_TEXTS = (
    st.sampled_from(ADDRESSES)
    | st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda address: address.exploded.upper())
    | st.text("0123456789abcdefF.:%\0x ", max_size=24)
    | st.lists(st.sampled_from(["0", "1", "ffff", "", "10.0.0.1", "01", "12345"]), max_size=9).map(":".join)
    | st.lists(st.sampled_from(["0", "00", "007", "255", "256", "", "0" * 63 + "1", "0" * 65]), max_size=5).map(
        ".".join
    )
    | st.text()
)


@settings(max_examples=1000)
@given(ADDRESS_TEXTS)
def test_addresses_are_read_and_written_as_everywhere_else_s6(text: str) -> None:
    canonical = canonical_address(text)
    found = {}
    for family in IPFamily:
        declared = EndpointSlice(
            "web-1",
            service_name="web",
            address_type=family.value,
            endpoints=[Endpoint([text])],
            ports=[EndpointPort(8080, "http")],
        )
        cluster = Cluster([Service("web", ports=[ServicePort(80, "http")])], [declared])
        selection = select_endpoints(cluster, NODE)[("default", "web", "http", "TCP"), family]  # type: ignore[index]
        found[family] = [endpoint.address for endpoint in selection.cluster]
    assert found == {family: [canonical] if canonical and family_of(canonical) is family else [] for family in IPFamily}


def test_services_that_yield_no_rules_are_answered_for_too() -> None:
    declared = EndpointSlice("web-1", service_name="web", endpoints=[Endpoint(["10.0.0.1"])], ports=[EndpointPort(80)])
    headless = Service("web", cluster_ips=[svcc.HEADLESS], ports=[ServicePort(80)])
    found = select_endpoints(Cluster([headless], [declared]), NODE)
    assert [(str(name), family.value, selection.anywhere) for (name, family), selection in found.items()] == [
        ("default/web TCP", "IPv4", True),
        ("default/web TCP", "IPv6", False),
    ]


@pytest.mark.parametrize(("name", "is_used"), [("", False), ("other-proxy", True), ("third", False)])
def test_slices_of_another_proxy_count_for_that_proxy_only_s5(name: str, *, is_used: bool) -> None:
    declared = EndpointSlice(
        "web-1",
        service_name="web",
        endpoints=[Endpoint(["10.0.0.1"])],
        ports=[EndpointPort(80)],
        labels={PROXY_NAME_LABEL: "other-proxy"},
    )
    cluster = Cluster([Service("web", ip_families=["IPv4"], ports=[ServicePort(80)])], [declared])
    [selection] = select_endpoints(cluster, NODE, service_proxy_name=name).values()
    assert selection.anywhere is is_used
