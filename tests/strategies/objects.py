"""Strategies for the objects of a cluster: Services, EndpointSlices and Nodes, sound and odd."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from svcc.addresses import IPFamily
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import ZONE_LABEL, Node, NodeAddress, ServiceCIDR
from svcc.model.service import (
    HEADLESS,
    IPMode,
    LoadBalancerIngress,
    Protocol,
    Service,
    ServicePort,
    ServiceType,
    SessionAffinity,
    TrafficPolicy,
)
from tests.strategies.plan import (
    CLUSTER_IPS,
    CONTESTED_PODS,
    EXTERNAL_IPS,
    IPV4,
    IPV6,
    LOCAL_POD_RANGE,
    LOCAL_PODS,
    NODE,
    NODE_ADDRESSES,
    NODE_PORTS,
    NODELESS_PODS,
    OTHER_NODES,
    OTHER_ZONE,
    REMOTE_PODS,
    SERVICE_RANGE,
    TARGET_PORTS,
    UNALLOCATED_IPS,
    VIPS,
    ZONE,
    one_of,
    rarely,
)

_IDENTITIES = tuple(itertools.product(("web", "db", "cache"), ("default", "shop")))
_TIMESTAMPS = (None, "2024-01-01T00:00:00Z", "2025-06-01T12:00:00Z")
_PORT_SHAPES = (
    ("http", Protocol.TCP, 80),
    ("dns", Protocol.UDP, 53),
    ("dns-tcp", Protocol.TCP, 53),
    ("signal", Protocol.SCTP, 80),
    ("high", Protocol.TCP, 30080),
)
_EXTERNAL_IP_TEXTS = (
    *EXTERNAL_IPS[IPV4],
    *EXTERNAL_IPS[IPV6],
    NODE_ADDRESSES[IPV4][0],
    NODE_ADDRESSES[IPV4][1],
    NODE_ADDRESSES[IPV6][0],
    VIPS[IPV4][0],
    VIPS[IPV6][0],
    "198.018.000.003",
    CLUSTER_IPS[IPV4][0],
    "10.96.50.50",
    "not-an-address",
)
_INGRESS = (
    LoadBalancerIngress(ip=VIPS[IPV4][0]),
    LoadBalancerIngress(ip=VIPS[IPV6][0]),
    LoadBalancerIngress(ip=VIPS[IPV4][1]),
    LoadBalancerIngress(ip=VIPS[IPV6][1]),
    LoadBalancerIngress(ip=VIPS[IPV4][0], ip_mode=IPMode.PROXY),
    LoadBalancerIngress(ip=VIPS[IPV6][1], ip_mode=IPMode.PROXY),
    LoadBalancerIngress(hostname="lb.example.com"),
    LoadBalancerIngress(ip=NODE_ADDRESSES[IPV4][0]),
    LoadBalancerIngress(ip="198.018.0.001"),
    LoadBalancerIngress(ip="not-an-address"),
)
_SOURCE_RANGES = (
    "203.0.113.0/24",
    "2001:db8::/48",
    " 203.0.113.0/25 ",
    "203.0.113.0/24",
    "203.0.113.5/32",
    "0.0.0.0/0",
    "::/0",
    "010.244.001.000/024",
    "192.168.0.0/16",
    "192.168.0.10/32",
    "fd00:1::/64",
    "fd00:244::/48",
    "198.51.100.7/24",
    "not-a-range",
    "203.0.113.7",
)
_ALL_CONDITIONS = tuple(itertools.product((None, True, False), repeat=3))
_READY, _TERMINATING = (True, True, False), (False, True, True)
_CONDITIONS = ((None, None, None), *(_READY,) * 40, *(_TERMINATING,) * 15, *_ALL_CONDITIONS)
PLACES = {
    family: (
        (LOCAL_PODS[family][0], NODE),
        (LOCAL_PODS[family][1], NODE),
        (REMOTE_PODS[family][0], OTHER_NODES[0]),
        (REMOTE_PODS[family][1], OTHER_NODES[1]),
        (REMOTE_PODS[family][0], OTHER_NODES[0]),
        (REMOTE_PODS[family][1], OTHER_NODES[1]),
        (REMOTE_PODS[family][0], OTHER_NODES[0]),
        (NODE_ADDRESSES[family][0], NODE),
        (CONTESTED_PODS[family], NODE),
        (CONTESTED_PODS[family], None),
        (NODELESS_PODS[family], None),
        (CLUSTER_IPS[family][0], None),
        (UNALLOCATED_IPS[family], None),
    )
    for family in IPFamily
}
"""Where endpoints are: pods, the host's network (S14), and, by hand, other Services' addresses (S28).

The target ports differ from all service and node ports, so that an endpoint is never itself an external frontend.
"""

_HINT_STYLES = ("none", "none", "none", "zones", "nodes", "both", "mixed")
_ZONE_HINTS = ((ZONE,), (OTHER_ZONE,), (ZONE, OTHER_ZONE))
_NODE_HINTS = ((NODE,), (OTHER_NODES[0],), (OTHER_NODES[0], NODE))
_NO_HINTS: tuple[str, ...] = ()

SERVICE_CIDRS = (
    (SERVICE_RANGE[IPV4], SERVICE_RANGE[IPV6]),
    (),
    (SERVICE_RANGE[IPV4],),
    ("10.96.0.0/24", "10.96.0.0/16"),
)
_BALANCING: tuple[dict[str, str], ...] = (
    {},
    {},
    {"svcc.dev/load-balancing": "maglev"},
    {"svcc.dev/load-balancing": "maglev", "svcc.dev/hash-key": "flow"},
    {"svcc.dev/load-balancing": "round-robin"},
    {"svcc.dev/load-balancing": "random"},
    {"svcc.dev/load-balancing": "maglev", "svcc.dev/hash-key": "cookie", "svcc.dev/table-size": "251"},
    {"svcc.dev/load-balancing": "fastest", "svcc.dev/hash-key": "flow"},
)
_WEIGHTS: tuple[dict[str, str], ...] = (
    {},
    {},
    {},
    {"svcc.dev/weight": "3"},
    {"svcc.dev/weight": "0"},
    {"svcc.dev/weight": "1001"},
    {"svcc.dev/weights": f"{LOCAL_PODS[IPV4][0]}=2, {REMOTE_PODS[IPV6][0]}=0, {REMOTE_PODS[IPV4][1]} = 1000"},
    {"svcc.dev/weight": "5", "svcc.dev/weights": f"{REMOTE_PODS[IPV4][0]}=1,{LOCAL_PODS[IPV6][1]}=many,,3"},
)
_OWN_WEIGHTS = (None, None, None, None, None, 0, 1, 7, 1000)
_PROXY_NAME_LABEL = {"service.kubernetes.io/service-proxy-name": "other-proxy"}
_HEADLESS_LABEL = {"service.kubernetes.io/headless": ""}


_port_lists = st.lists(st.sampled_from(range(len(_PORT_SHAPES))), min_size=1, max_size=3, unique=True)
_external_ip_lists = st.lists(st.sampled_from(_EXTERNAL_IP_TEXTS), min_size=1, max_size=3)
_ingress_lists = st.lists(st.sampled_from(_INGRESS), min_size=1, max_size=3)
_range_lists = st.lists(st.sampled_from(_SOURCE_RANGES), min_size=1, max_size=4)
_identities = st.lists(st.sampled_from(_IDENTITIES), min_size=1, max_size=4, unique=True)


def _service_ports(draw: st.DrawFn, *, with_node_ports: bool) -> list[ServicePort]:
    """One to three ports, as different from each other as the API wants them; a single one may lack a name (S3)."""
    shapes = [_PORT_SHAPES[index] for index in draw(_port_lists)]
    is_unnamed = len(shapes) == 1 and one_of(draw, (False, True))
    ports: list[ServicePort] = []
    for name, protocol, port in shapes:
        number = one_of(draw, (NODE_PORTS[0], 0, NODE_PORTS[1])) if with_node_ports else 0
        is_taken = any((other.protocol, other.node_port) == (protocol, number) for other in ports)
        ports.append(ServicePort(port, "" if is_unnamed else name, protocol, node_port=0 if is_taken else number))
    return ports


def _families_and_cluster_ips(draw: st.DrawFn, *, is_odd: bool) -> tuple[tuple[IPFamily, ...], tuple[str, ...]]:
    """`ipFamilies` and cluster IPs that go together; odd ones are headless, missing or without ipFamilies (S1, S2)."""
    families = one_of(draw, ((IPV4,), (IPV4, IPV6), (IPV6,), (IPV6, IPV4)))
    index = one_of(draw, range(len(CLUSTER_IPS[IPV4])))
    cluster_ips = tuple(CLUSTER_IPS[family][index] for family in families)
    if is_odd:
        cluster_ips = one_of(draw, (cluster_ips, (HEADLESS,), ()))
    return rarely(draw, families, ()), cluster_ips


def _service(draw: st.DrawFn, name: str, namespace: str) -> Service:
    balancer = ServiceType.LOAD_BALANCER
    service_type = one_of(draw, (ServiceType.CLUSTER_IP, ServiceType.NODE_PORT, balancer, balancer, balancer))
    is_odd = rarely(draw, False, True)
    if is_odd:
        service_type = one_of(draw, (ServiceType.EXTERNAL_NAME, *ServiceType))
    families, cluster_ips = _families_and_cluster_ips(draw, is_odd=is_odd)
    is_balanced = service_type is balancer or is_odd
    return Service(
        name,
        namespace,
        type=service_type,
        cluster_ips=cluster_ips,
        ip_families=families,
        ports=_service_ports(draw, with_node_ports=service_type is not ServiceType.CLUSTER_IP or is_odd),
        external_ips=draw(_external_ip_lists) if one_of(draw, (False, False, True)) else (),
        session_affinity=one_of(draw, tuple(SessionAffinity)),
        external_traffic_policy=one_of(draw, tuple(TrafficPolicy)),
        internal_traffic_policy=one_of(draw, (TrafficPolicy.CLUSTER, TrafficPolicy.CLUSTER, TrafficPolicy.LOCAL)),
        load_balancer_ingress=draw(_ingress_lists) if is_balanced else (),
        load_balancer_source_ranges=draw(_range_lists) if is_balanced and one_of(draw, (False, True)) else (),
        labels=rarely(draw, None, _PROXY_NAME_LABEL),
        annotations=one_of(draw, _BALANCING),
        creation_timestamp=one_of(draw, _TIMESTAMPS),
    )


def _endpoint(draw: st.DrawFn, family: IPFamily, hint_style: str) -> Endpoint:
    address, node_name = one_of(draw, PLACES[family])
    ready, serving, terminating = one_of(draw, _CONDITIONS)
    zone_hints = node_hints = _NO_HINTS
    if hint_style in {"zones", "both"} or (hint_style == "mixed" and one_of(draw, (False, True))):
        zone_hints = one_of(draw, _ZONE_HINTS)
    if hint_style in {"nodes", "both"} or (hint_style == "mixed" and one_of(draw, (False, True))):
        node_hints = one_of(draw, _NODE_HINTS)
    addresses = rarely(draw, (address,), (), (address, REMOTE_PODS[family][1]))
    return Endpoint(
        addresses,
        ready,
        serving,
        terminating,
        node_name,
        zone_hints=zone_hints,
        node_hints=node_hints,
        weight=one_of(draw, _OWN_WEIGHTS),
    )


def _slice_port(draw: st.DrawFn, port: ServicePort) -> EndpointPort:
    """The port that belongs to the Service's, or seldom one that does not (S12)."""
    number = one_of(draw, TARGET_PORTS)
    other_protocol = Protocol.UDP if port.protocol is not Protocol.UDP else Protocol.TCP
    return rarely(
        draw,
        EndpointPort(number, port.name, port.protocol),
        EndpointPort(number, "unknown", port.protocol),
        EndpointPort(number, None, port.protocol),
        EndpointPort(None, port.name, port.protocol),
        EndpointPort(number, port.name, other_protocol),
    )


def _endpoint_slice(draw: st.DrawFn, service: Service, name: str, hint_style: str) -> EndpointSlice:
    """One family of the Service, and its ports, unless something is wrong (S10 to S12)."""
    family = one_of(draw, service.ip_families or (IPV4, IPV6))
    fault = rarely(draw, "", "FQDN", "no service name", "headless", "other proxy")
    if fault == "FQDN":
        endpoints = [Endpoint(("pod.example.com",))]
    else:
        endpoints = [_endpoint(draw, family, hint_style) for _ in range(one_of(draw, (1, 2, 3, 4, 2, 3, 0)))]
    return EndpointSlice(
        name,
        service.namespace,
        service_name=None if fault == "no service name" else service.name,
        address_type="FQDN" if fault == "FQDN" else family.value,
        endpoints=endpoints,
        ports=[_slice_port(draw, port) for port in service.ports],
        labels={"headless": _HEADLESS_LABEL, "other proxy": _PROXY_NAME_LABEL}.get(fault, service.labels),
        annotations=one_of(draw, _WEIGHTS),
    )


def _nodes(draw: st.DrawFn) -> tuple[Node, Node]:
    """The node with or without a zone (S20), addresses of a family (S42) and pod ranges (S44); and another node."""
    families = rarely(draw, (IPV4, IPV6), (IPV4,), (IPV6,))
    node = Node(
        NODE,
        addresses=[
            NodeAddress(NODE, "Hostname"),
            *(NodeAddress(NODE_ADDRESSES[family][0]) for family in families),
            *(NodeAddress(NODE_ADDRESSES[family][1], "ExternalIP") for family in families),
        ],
        pod_cidrs=rarely(draw, (LOCAL_POD_RANGE[IPV4], LOCAL_POD_RANGE[IPV6]), (), (LOCAL_POD_RANGE[IPV4],)),
        labels=rarely(draw, {ZONE_LABEL: ZONE}, {}, {ZONE_LABEL: ""}),
    )
    return node, Node(OTHER_NODES[0], addresses=[NodeAddress("192.168.0.11")], labels={ZONE_LABEL: OTHER_ZONE})


@st.composite
def services(draw: st.DrawFn, name: str = "web", namespace: str = "default") -> Service:
    """A Service of any type, with frontends it may share with others and fields that do not fit its type (S1, S7)."""
    return _service(draw, name, namespace)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """A whole cluster of one to four Services; slices are declared in or against the order of their names (S15)."""
    declared = [_service(draw, name, namespace) for name, namespace in draw(_identities)]
    slices = []
    for service in declared:
        hint_style = one_of(draw, _HINT_STYLES)
        slices += [
            _endpoint_slice(draw, service, f"{service.name}-{number}", hint_style)
            for number in range(one_of(draw, (1, 2, 3, 2, 3, 0)))
        ]
    if one_of(draw, (False, True)):
        slices.reverse()
    cidrs = one_of(draw, SERVICE_CIDRS)
    return Cluster(declared, slices, _nodes(draw), [ServiceCIDR("kubernetes", cidrs=cidrs)] if cidrs else ())
