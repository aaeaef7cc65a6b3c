"""Words to write the rows of the oracle's tables with; the addresses are those of the generated clusters' plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import attrs
from attrs import frozen

from svcc.addresses import IPFamily, family_of
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import ZONE_LABEL, Node, NodeAddress
from svcc.model.service import LoadBalancerIngress, Service, ServicePort, ServiceType, TrafficPolicy
from tests.oracle import Delivery, Drop, NodeFacts, Packet, Reject, Result, ServicePortName, Untouched, decide
from tests.oracle.packet import PacketProtocol

CLUSTER_IP, SECOND_CLUSTER_IP, UNALLOCATED = "10.96.0.1", "10.96.0.2", "10.96.200.1"
VIP, SECOND_VIP, EXTERNAL_IP = "198.18.0.1", "198.18.0.2", "198.18.0.3"
NODE_IP, SECOND_NODE_IP = "192.168.0.10", "192.168.1.10"
LOCAL_POD, OTHER_LOCAL_POD, REMOTE_POD, OTHER_REMOTE_POD = "10.244.1.2", "10.244.1.3", "10.244.2.2", "10.244.3.3"
CLIENT, OTHER_CLIENT = "203.0.113.5", "198.51.100.7"
CLUSTER_IP6, LOCAL_POD6, NODE_IP6, CLIENT6 = "fd00:96::1", "fd00:244:1::2", "fd00:1::10", "2001:db8::5"
LOCAL, CLUSTER = TrafficPolicy.LOCAL, TrafficPolicy.CLUSTER

SETTINGS = ClusterSettings(
    cluster_cidrs=("10.244.0.0/16", "fd00:244::/32"), service_cidrs=("10.96.0.0/16", "fd00:96::/112")
)
FACTS = NodeFacts(frozenset({NODE_IP, SECOND_NODE_IP, NODE_IP6, "fd00:2::10"}))
THIS_NODE = Node(
    "node-a",
    addresses=(NodeAddress(NODE_IP), NodeAddress(NODE_IP6), NodeAddress(SECOND_NODE_IP, "ExternalIP")),
    pod_cidrs=("10.244.1.0/24",),
    labels={ZONE_LABEL: "zone-1"},
)
NOTHING: Mapping[str, Any] = {}

TERMINATING: Mapping[str, Any] = {"ready": False, "serving": True, "terminating": True}

REJECTED: dict[Result, Fraction] = {Reject(): Fraction(1)}
DROPPED: dict[Result, Fraction] = {Drop(): Fraction(1)}
UNTOUCHED: dict[Result, Fraction] = {Untouched(): Fraction(1)}


@frozen
class Row:
    """A sentence that begins with the numbers of the rules it is about, and a case that shows it."""

    sentence: str
    objects: Sequence[ClusterObject]
    packet: Packet
    expected: Mapping[Result, Fraction]
    settings: Mapping[str, Any] = NOTHING
    also_local: tuple[str, ...] = ()
    affinity: Mapping[tuple[str, ServicePortName], tuple[str, int]] | None = None

    def decided(self) -> dict[Result, Fraction]:
        """What the oracle says; the row's own Node object, if any, replaces the usual one."""
        cluster = Cluster.of(self.objects)
        if not cluster.nodes:
            cluster = attrs.evolve(cluster, nodes=(THIS_NODE,))
        facts = NodeFacts(FACTS.local_addresses | frozenset(self.also_local))
        return decide(cluster, "node-a", attrs.evolve(SETTINGS, **self.settings), self.packet, facts, self.affinity)


def web(name: str = "web", **changes: Any) -> Service:
    """A Service with the cluster IP `CLUSTER_IP` and the unnamed port 80/TCP, but for the changes."""
    fields: dict[str, Any] = {"cluster_ips": (CLUSTER_IP,), "ip_families": (), "ports": (ServicePort(80),)}
    return Service(name, **(fields | changes))


def balanced(name: str = "web", **changes: Any) -> Service:
    """`web` as a LoadBalancer with the VIP `VIP` and the node port 30080."""
    fields: dict[str, Any] = {
        "type": ServiceType.LOAD_BALANCER,
        "ports": (ServicePort(80, node_port=30080),),
        "load_balancer_ingress": (LoadBalancerIngress(ip=VIP),),
    }
    return web(name, **(fields | changes))


def on(address: str, node_name: str | None = "node-a", **changes: Any) -> Endpoint:
    """An endpoint that says nothing about its conditions."""
    return Endpoint((address,), node_name=node_name, **changes)


HERE, ALSO_HERE = on(LOCAL_POD), on(OTHER_LOCAL_POD)
THERE, ELSEWHERE = on(REMOTE_POD, "node-b"), on(OTHER_REMOTE_POD, "node-c")


def backed_by(*endpoints: Endpoint, service: str = "web", name: str | None = None, **changes: Any) -> EndpointSlice:
    """The slice of a Service, with the unnamed port 8080/TCP, but for the changes."""
    fields: dict[str, Any] = {"service_name": service, "ports": (EndpointPort(8080),), "endpoints": endpoints}
    return EndpointSlice(name or f"{service}-slice", **(fields | changes))


def from_pod(destination: str, port: int = 80, protocol: PacketProtocol = "TCP", source: str = "10.244.1.5") -> Packet:
    """Sent by a pod of this node; by default one that is no endpoint."""
    return Packet(protocol, source, 40000, destination, port, "prerouting", "cni0")


def from_outside(destination: str, port: int = 80, protocol: PacketProtocol = "TCP", source: str = "") -> Packet:
    """Sent by a client outside of the cluster."""
    client = CLIENT if family_of(destination) is IPFamily.IPV4 else CLIENT6
    return Packet(protocol, source or client, 40000, destination, port, "prerouting", "eth0")


def from_host(destination: str, port: int = 80, protocol: PacketProtocol = "TCP", source: str = "") -> Packet:
    """Sent by a process of the node."""
    own = NODE_IP if family_of(destination) is IPFamily.IPV4 else NODE_IP6
    return Packet(protocol, source or own, 40000, destination, port, "output")


def to(*addresses: str, port: int = 8080) -> dict[Result, Fraction]:
    """Delivered to one of the addresses, all equally likely, with the sender's own address."""
    return {Delivery(address, port, masquerade=False): Fraction(1, len(addresses)) for address in addresses}


def masqueraded_to(*addresses: str, port: int = 8080) -> dict[Result, Fraction]:
    """Delivered to one of the addresses, all equally likely, with the node's address."""
    return {Delivery(address, port, masquerade=True): Fraction(1, len(addresses)) for address in addresses}
