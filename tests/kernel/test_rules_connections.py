"""Established connections whose endpoint goes (S48, S49): which entries of conntrack must be deleted, and what for."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest

from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation
from svcc.dataplane.conntrack import UdpEntry, UdpFrontends, stale_udp_entries
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.select import EndpointAddress
from tests.declare import compiled, local, remote, service, slices
from tests.kernel.conntrack import TrackedConnection
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet

pytestmark = pytest.mark.kernel

PROTOCOLS = ("TCP", "UDP", "SCTP")
ADDRESSES = {
    IPFamily.IPV4: ("10.96.0.1", "198.18.0.1", "192.168.0.10", "203.0.113.7", "10.244.1."),
    IPFamily.IPV6: ("fd00:96::1", "2001:db8:ffff::1", "fd00:1::10", "2001:db8::7", "fd00:10:244:1::"),
}
each_family = pytest.mark.parametrize("family", list(IPFamily), ids=str)


def web(family: IPFamily, protocol: str, **fields: object) -> Service:
    cluster_ip, vip, *_ = ADDRESSES[family]
    port = ServicePort(80, "http", protocol=protocol, node_port=30080)
    ingress = [LoadBalancerIngress(vip)]
    name = f"web-{protocol.lower()}"
    return service(name, [cluster_ip], port, type="LoadBalancer", load_balancer_ingress=ingress, **fields)


def pods(protocol: str, endpoints: Sequence[Endpoint]) -> list[ClusterObject]:
    return list(slices(f"web-{protocol.lower()}", endpoints, EndpointPort(8080, "http", protocol)))


def everything(family: IPFamily, endpoints: Sequence[Endpoint], **fields: object) -> Compilation:
    """A Service for each protocol, all with the same addresses and endpoints."""
    declared = [item for name in PROTOCOLS for item in (web(family, name, **fields), *pods(name, endpoints))]
    return compiled(declared)


def endpoints_of(family: IPFamily, *numbers: int) -> list[Endpoint]:
    return [remote(f"{ADDRESSES[family][-1]}{number}") for number in numbers]


def connect(node: Node, family: IPFamily, count: int, protocols: Sequence[str] = PROTOCOLS) -> None:
    """Open connections to all kinds of frontends, from source ports of their own."""
    cluster_ip, vip, own, client, _ = ADDRESSES[family]
    places = ((cluster_ip, 80), (vip, 80), (own, 30080))
    packets = [
        Packet(protocol=protocol, source=client, source_port=20000 + number, destination=address, destination_port=port)
        for number, (protocol, (address, port)) in enumerate(
            (protocol, place) for protocol in protocols for place in places for _ in range(count)
        )
    ]
    assert all(isinstance(outcome, Delivered) for outcome in node.send_many(packets, fresh=False))


def entry_of(connection: TrackedConnection) -> UdpEntry:
    return UdpEntry(
        EndpointAddress(connection.original.destination, connection.original.destination_port),
        EndpointAddress(connection.reply.source, connection.reply.source_port),
    )


def delete(node: Node, arguments: Sequence[str]) -> None:
    result = node.run(lambda: subprocess.run(["conntrack", "-D", *arguments], capture_output=True, check=False))
    assert result.returncode == 0, result.stderr


@each_family
def test_tcp_and_sctp_connections_to_an_endpoint_that_goes_are_left_alone_s48(node: Node, family: IPFamily) -> None:
    before, after = everything(family, endpoints_of(family, 1)), everything(family, endpoints_of(family, 2))
    node.load(before.script)
    connect(node, family, 1)
    node.load(after.script)
    for stale in stale_udp_entries(before.dataplane, after.dataplane):
        delete(node, stale.conntrack_arguments)
    left = [connection.protocol for connection in node.connections()]
    assert sorted(left) == ["SCTP"] * 3 + ["TCP"] * 3


@each_family
def test_a_udp_client_that_keeps_its_port_reaches_nobody_until_its_entry_is_deleted_s49(
    node: Node, family: IPFamily
) -> None:
    cluster_ip, _, _, client, prefix = ADDRESSES[family]
    packet = Packet(protocol="UDP", source=client, source_port=5353, destination=cluster_ip, destination_port=80)

    def reached() -> str:
        outcome = node.send(packet, fresh=False)
        assert isinstance(outcome, Delivered)
        return outcome.address

    before, after = everything(family, endpoints_of(family, 1)), everything(family, endpoints_of(family, 2))
    node.load(before.script)
    assert reached() == f"{prefix}1"
    node.load(after.script)
    assert reached() == f"{prefix}1"
    [stale] = [item for item in stale_udp_entries(before.dataplane, after.dataplane) if item.address == cluster_ip]
    delete(node, stale.conntrack_arguments)
    assert reached() == f"{prefix}2"


@each_family
def test_exactly_the_entries_of_endpoints_that_serve_no_more_are_matched_s49(node: Node, family: IPFamily) -> None:
    before = everything(family, endpoints_of(family, 1, 2, 3, 4))
    draining = remote(f"{ADDRESSES[family][-1]}3", ready=False, serving=True, terminating=True)
    not_serving = remote(f"{ADDRESSES[family][-1]}4", ready=False, serving=False, terminating=True)
    after = everything(family, [*endpoints_of(family, 1), draining, not_serving])
    node.load(before.script)
    connect(node, family, 60, ("UDP",))
    entries = [entry_of(connection) for connection in node.connections()]
    assert len(entries) == 180
    filters = stale_udp_entries(before.dataplane, after.dataplane)
    gone = {f"{ADDRESSES[family][-1]}{number}" for number in (2, 4)}
    expected = [entry for entry in entries if entry.reply_source.address in gone]
    assert [entry for entry in entries if any(item.matches(entry) for item in filters)] == expected
    assert len(expected) > 30
    [judge] = [UdpFrontends(item) for item in after.dataplane.families if item.family is family]
    assert [entry for entry in entries if judge.is_stale(entry)] == expected
    for item in filters:
        delete(node, item.conntrack_arguments)
    left = [entry_of(connection) for connection in node.connections()]
    assert sorted(map(str, left)) == sorted(str(entry) for entry in entries if entry not in expected)


@each_family
def test_a_policy_ends_no_conversation_s49(node: Node, family: IPFamily) -> None:
    mixed = [local(f"{ADDRESSES[family][-1]}1"), *endpoints_of(family, 2)]
    before = everything(family, mixed)
    after = everything(family, mixed, external_traffic_policy="Local", internal_traffic_policy="Local")
    node.load(before.script)
    connect(node, family, 10, ("UDP",))
    entries = [entry_of(connection) for connection in node.connections()]
    assert len({entry.reply_source for entry in entries}) == 2
    assert stale_udp_entries(before.dataplane, after.dataplane) == ()
    [judge] = [UdpFrontends(item) for item in after.dataplane.families if item.family is family]
    assert not any(map(judge.is_stale, entries))
