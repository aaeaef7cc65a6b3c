"""A Service with every kind of frontend, its clients, and entries of conntrack towards it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence

import pytest

from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation
from svcc.dataplane.conntrack import stale_udp_entries
from svcc.dataplane.contract import FamilyDataplane
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.netlink import NESTED, NETFILTER, NetlinkSocket, attribute, netfilter_header
from svcc.node.conntrack import ConntrackCleaner, Removal
from svcc.select import EndpointAddress
from tests.declare import compiled, remote, service, slices
from tests.kernel.conntrack import TrackedConnection, Tuple
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet

CLUSTER_IP, VIP, EXTERNAL_IP, OWN, CLIENT, PODS = range(6)
ADDRESSES = {
    IPFamily.IPV4: ("10.96.0.1", "198.18.0.1", "198.18.0.2", "192.168.0.10", "203.0.113.7", "10.244.1."),
    IPFamily.IPV6: (
        "fd00:96::1",
        "2001:db8:ffff::1",
        "2001:db8:ffff::2",
        "fd00:1::10",
        "2001:db8::7",
        "fd00:10:244:1::",
    ),
}
NODE_PORT = 30080
NEW_ENTRY, CREATE = 0x100, 0x600
FRONTENDS = {"cluster IP": (CLUSTER_IP, 80), "VIP": (VIP, 80), "external IP": (EXTERNAL_IP, 80)}
each_family = pytest.mark.parametrize("family", list(IPFamily), ids=str)
each_frontend = pytest.mark.parametrize(
    ("address", "port"), [*FRONTENDS.values(), (OWN, NODE_PORT)], ids=[*FRONTENDS, "node port"]
)


def web(family: IPFamily, protocol: str = "UDP", name: str = "web") -> Service:
    addresses = ADDRESSES[family]
    return service(
        name,
        [addresses[CLUSTER_IP]],
        ServicePort(80, "http", protocol=protocol, node_port=NODE_PORT),
        type="LoadBalancer",
        load_balancer_ingress=[LoadBalancerIngress(addresses[VIP])],
        external_ips=[addresses[EXTERNAL_IP]],
    )


def pods(
    family: IPFamily, *numbers: int, port: int = 8080, name: str = "web", protocol: str = "UDP"
) -> list[ClusterObject]:
    endpoints = [remote(f"{ADDRESSES[family][PODS]}{number}") for number in numbers]
    return list(slices(name, endpoints, EndpointPort(port, "http", protocol)))


def serving(family: IPFamily, *numbers: int, port: int = 8080) -> Compilation:
    return compiled(web(family), pods(family, *numbers, port=port))


def move(node: Node, before: Compilation, after: Compilation) -> Removal:
    """What the node does when its Services change."""
    node.load(after.script)
    filters = stale_udp_entries(before.dataplane, after.dataplane)
    return node.run(lambda: ConntrackCleaner().remove(filters))


def reconcile(node: Node, compilation: Compilation) -> Removal:
    return node.run(lambda: ConntrackCleaner().reconcile(compilation.dataplane))


def family_dataplane(compilation: Compilation, family: IPFamily) -> FamilyDataplane:
    return next(item for item in compilation.dataplane.families if item.family is family)


def doubts(cleaner: ConntrackCleaner) -> bool:
    return cleaner.in_doubt


def seen(connections: Iterable[TrackedConnection]) -> list[str]:
    return sorted(map(str, connections))


def connect(node: Node, family: IPFamily, count: int, protocols: Sequence[str] = ("UDP",)) -> None:
    """Open connections to all frontends, from source ports of their own."""
    addresses = ADDRESSES[family]
    places = [*FRONTENDS.values(), (OWN, NODE_PORT)]
    wanted = [(protocol, place) for protocol in protocols for place in places for _ in range(count)]
    packets = [
        Packet(
            protocol=protocol,
            source=addresses[CLIENT],
            source_port=20000 + number,
            destination=addresses[address],
            destination_port=port,
        )
        for number, (protocol, (address, port)) in enumerate(wanted)
    ]
    assert all(isinstance(outcome, Delivered) for outcome in node.send_many(packets, fresh=False))


def tracked(family: IPFamily, address: str, port: int, endpoint: str) -> TrackedConnection:
    client = ADDRESSES[family][CLIENT]
    return TrackedConnection("UDP", Tuple(client, 1, address, port), Tuple(endpoint, 8080, client, 1))


def entry(client: EndpointAddress, destination: EndpointAddress, endpoint: EndpointAddress) -> bytes:
    """What makes the kernel track a connection that was translated, for ten minutes."""
    number = socket.AF_INET6 if ":" in client.address else socket.AF_INET
    kinds = (1, 2) if number == socket.AF_INET else (3, 4)

    def direction(kind: int, *places: EndpointAddress) -> bytes:
        ip = b"".join(
            attribute(key, socket.inet_pton(number, place.address)) for key, place in zip(kinds, places, strict=True)
        )
        ports = [attribute(key, struct.pack("!H", place.port)) for key, place in zip((2, 3), places, strict=True)]
        protocol = attribute(1, bytes([socket.IPPROTO_UDP])) + b"".join(ports)
        return attribute(kind | NESTED, attribute(1 | NESTED, ip) + attribute(2 | NESTED, protocol))

    timeout = attribute(7, struct.pack("!I", 600))
    return netfilter_header(number) + direction(1, client, destination) + direction(2, endpoint, client) + timeout


def insert(node: Node, family: IPFamily, places: Sequence[EndpointAddress], count: int) -> None:
    """Make entries towards the first endpoint, as the kernel does for real ones, but thousands of them at once."""
    endpoint = EndpointAddress(f"{ADDRESSES[family][PODS]}1", 8080)
    bodies = [
        entry(EndpointAddress(ADDRESSES[family][CLIENT], 1024 + index), places[index % len(places)], endpoint)
        for index in range(count)
    ]

    def make() -> None:
        with NetlinkSocket(NETFILTER) as netlink:
            for start in range(0, count, 100):
                part = bodies[start : start + 100]
                assert netlink.tell(NEW_ENTRY, part, CREATE) == [0] * len(part)

    node.run(make)
