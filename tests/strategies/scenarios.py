"""Strategies for settings, for a node's view of a cluster, and for the packets that reach it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.model.cluster import Cluster, ClusterSettings, DetectLocalMode
from svcc.model.service import Protocol
from tests.oracle import NodeFacts, Packet, ServicePortName
from tests.oracle.packet import Hook, PacketProtocol
from tests.strategies.objects import SERVICE_CIDRS, clusters
from tests.strategies.plan import (
    CLIENT_PORT,
    CLUSTER_IPS,
    ELSEWHERE,
    IPV4,
    IPV6,
    LOCAL_PODS,
    LOOPBACK_ADDRESS,
    NODE,
    NODE_ADDRESSES,
    NODE_PORTS,
    NODELESS_PODS,
    OUTSIDE_CLIENTS,
    OUTSIDE_INTERFACE,
    POD_INTERFACE,
    POD_RANGE,
    REMOTE_PODS,
    TARGET_PORTS,
    UNALLOCATED_IPS,
    UNSERVED_PORT,
    VIPS,
    one_of,
    rarely,
)

_PROTOCOLS: tuple[PacketProtocol, ...] = ("ICMP", "TCP", "UDP", "SCTP")
_DETECTORS: tuple[dict[str, Any], ...] = (
    {"cluster_cidrs": (POD_RANGE[IPV4], POD_RANGE[IPV6])},
    {},
    {"cluster_cidrs": (POD_RANGE[IPV4],)},
    {"cluster_cidrs": (POD_RANGE[IPV6],), "detect_local_mode": DetectLocalMode.CLUSTER_CIDR},
    {"detect_local_mode": DetectLocalMode.NODE_CIDR},
    {"detect_local_mode": DetectLocalMode.BRIDGE_INTERFACE, "pod_bridge_interface": POD_INTERFACE},
    {"detect_local_mode": DetectLocalMode.INTERFACE_NAME_PREFIX, "pod_interface_name_prefix": "cni"},
    {"cluster_cidrs": (POD_RANGE[IPV4], POD_RANGE[IPV6]), "detect_local_mode": DetectLocalMode.NONE},
)
_NODEPORT_ADDRESSES = (
    ("primary",),
    (),
    ("192.168.0.0/16",),
    ("192.168.1.0/24", "fd00:2::/64"),
    ("fd00:1::/64",),
    ("0.0.0.0/0",),
    ("::/0", "192.168.0.0/24"),
    ("127.0.0.0/8", "192.168.0.0/24"),
    ("127.0.0.0/8", "::1/128"),
)


@st.composite
def cluster_settings(draw: st.DrawFn) -> ClusterSettings:
    """Settings with every kind of detector (S44) and of node port addresses (S42).

    `local_addresses` always holds both addresses of the node in both families, and sometimes an address a load balancer
    gave to the node (S41), or, wrongly, a cluster IP (S38).
    """
    own = [address for family in IPFamily for address in NODE_ADDRESSES[family]]
    owned = rarely(draw, (), (VIPS[IPV4][0],), (VIPS[IPV6][0],), (CLUSTER_IPS[IPV4][1],))
    return ClusterSettings(
        service_cidrs=one_of(draw, SERVICE_CIDRS),
        nodeport_addresses=one_of(draw, _NODEPORT_ADDRESSES),
        local_addresses=(*own, *owned),
        masquerade_all=rarely(draw, False, True, True),
        masquerade_bit=rarely(draw, 14, 0, 31),
        allow_service_external_ips=rarely(draw, True, False),
        service_proxy_name=rarely(draw, "", "other-proxy"),
        **one_of(draw, _DETECTORS),
    )


@frozen
class Scenario:
    """A cluster as one of its nodes sees it."""

    cluster: Cluster
    settings: ClusterSettings
    facts: NodeFacts
    node: str = NODE

    @property
    def frontends(self) -> list[tuple[Protocol, str, int]]:
        """Everything anybody might believe to be a frontend, as (protocol, address, port); none of it need be one.

        External frontends of a Service come twice, since most of the rules are about them.
        """
        found = []
        for service in self.cluster.services:
            families = service.ip_families or tuple(IPFamily)
            node_addresses = [each for family in families for each in NODE_ADDRESSES[family]]
            external = _addresses((*service.external_ips, *(each.ip for each in service.load_balancer_ingress)))
            for port in service.ports:
                found += [(port.protocol, each, port.port) for each in _addresses(service.cluster_ips)]
                found += [(port.protocol, each, port.port) for each in external] * 2
                if port.node_port:
                    found += [(port.protocol, each, port.node_port) for each in node_addresses]
        return found


def _addresses(texts: Iterable[str]) -> list[str]:
    return [address for address in map(canonical_address, texts) if address is not None]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A cluster, settings, and the facts of the node that agree with both."""
    settings = draw(cluster_settings())
    facts = NodeFacts(frozenset({*settings.local_addresses, *LOOPBACK_ADDRESS.values()}))
    return Scenario(draw(clusters()), settings, facts)


def _destination(draw: st.DrawFn, family: IPFamily) -> str:
    """An address of any kind, whether or not anything answers there."""
    pool = (
        *NODE_ADDRESSES[family],
        UNALLOCATED_IPS[family],
        *VIPS[family],
        *CLUSTER_IPS[family],
        *LOCAL_PODS[family],
        *ELSEWHERE[family],
        LOOPBACK_ADDRESS[family],
    )
    return one_of(draw, pool)


def _sender(draw: st.DrawFn, family: IPFamily, destination: str) -> tuple[Hook, str, str | None]:
    """Who sends, as (hook, source, interface); only what a kernel lets through, so no loopback address on the wire.

    The last VIP, which no node of ours owns, sends too (S41).
    """
    if destination == LOOPBACK_ADDRESS[family]:
        return "output", destination, None
    sender = one_of(draw, ("outside", "local pod", "node", "remote pod"))
    if sender == "node":
        return "output", one_of(draw, NODE_ADDRESSES[family]), None
    if sender == "local pod":
        return "prerouting", one_of(draw, (*LOCAL_PODS[family], NODELESS_PODS[family])), POD_INTERFACE
    pool = (*OUTSIDE_CLIENTS[family], VIPS[family][-1]) if sender == "outside" else REMOTE_PODS[family]
    return "prerouting", one_of(draw, pool), OUTSIDE_INTERFACE


@st.composite
def packets(draw: st.DrawFn, scenario: Scenario) -> Packet:
    """A packet at a frontend, just beside one, or elsewhere, from any kind of sender."""
    frontends = scenario.frontends or [(Protocol.TCP, UNALLOCATED_IPS[IPV4], 80)]
    frontend_protocol, destination, port = one_of(draw, frontends)
    family = family_of(destination)
    protocol: PacketProtocol = frontend_protocol.value
    aim = one_of(draw, ("frontend", "frontend", "frontend", "frontend", "port", "protocol", "address"))
    if aim == "port":
        port = one_of(draw, (UNSERVED_PORT, 80, 53, *NODE_PORTS))
    elif aim == "protocol":
        protocol = one_of(draw, _PROTOCOLS)
    elif aim == "address":
        destination = _destination(draw, family)
    hook, source, interface = _sender(draw, family, destination)
    if protocol == "ICMP":
        return Packet("ICMP", source, 0, destination, 0, hook, interface)
    return Packet(protocol, source, CLIENT_PORT, destination, port, hook, interface)


@st.composite
def remembered_endpoints(
    draw: st.DrawFn, scenario: Scenario, packet: Packet
) -> dict[tuple[str, ServicePortName], tuple[str, int]]:
    """For some service ports, an endpoint that the packet's sender is remembered to use, usable or not (S34, S35)."""
    names = [ServicePortName.of(service, port) for service in scenario.cluster.services for port in service.ports]
    known = [
        (address, port)
        for each in scenario.cluster.endpoint_slices
        if each.address_type == packet.family.value
        for endpoint in each.endpoints
        for address in endpoint.addresses[:1]
        for port in TARGET_PORTS
    ]
    places = known or [(REMOTE_PODS[packet.family][0], TARGET_PORTS[0])]
    return {(packet.source, name): one_of(draw, places) for name in names if one_of(draw, (False, True))}
