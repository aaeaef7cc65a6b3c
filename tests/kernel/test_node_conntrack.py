"""UDP entries of conntrack that lead nowhere are deleted, and no others (S48, S49): on real entries, with real clients.

Clients keep their source port, as those do that were stuck for hours: every datagram renews their entry.
"""

from __future__ import annotations

import logging
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from attrs import evolve

import svcc
from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation
from svcc.dataplane.conntrack import StaleEntries, UdpFrontends, stale_udp_entries
from svcc.dataplane.contract import FamilyDataplane
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.netlink import NESTED, NETFILTER, NetlinkSocket, attribute, netfilter_header
from svcc.node import conntrack
from svcc.node.conntrack import ConntrackCleaner, Removal
from svcc.node.local_addresses import local_addresses
from svcc.node.udp_entries import Wire
from svcc.select import EndpointAddress
from tests.declare import compiled, remote, service, slices
from tests.kernel.conntrack import TrackedConnection, Tuple
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.kernel.test_rules_connections import entry_of

pytestmark = pytest.mark.kernel

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


@each_family
@each_frontend
def test_a_client_reaches_the_endpoint_that_replaces_its_own_s49(
    node: Node, family: IPFamily, address: int, port: int
) -> None:
    addresses = ADDRESSES[family]
    before, after = serving(family, 1), serving(family, 2)
    node.load(before.script)
    with node.conversation(
        addresses[address], port, source=addresses[CLIENT], source_port=5353, protocol="UDP"
    ) as client:
        assert client.ask().address == f"{addresses[PODS]}1"
        node.load(after.script)
        assert client.ask().address == f"{addresses[PODS]}1"
        removal = move(node, before, after)
        assert (removal.deleted, removal.failed, removal.error) == (1, 0, None)
        assert client.ask().address == f"{addresses[PODS]}2"


@each_family
def test_a_client_reaches_the_new_port_of_an_endpoint_s49(node: Node, family: IPFamily) -> None:
    addresses = ADDRESSES[family]
    before, after = serving(family, 1), serving(family, 1, port=9090)
    node.load(before.script)
    with node.conversation(
        addresses[CLUSTER_IP], 80, source=addresses[CLIENT], source_port=5353, protocol="UDP"
    ) as client:
        assert client.ask().port == 8080
        assert move(node, before, after).deleted == 1
        assert client.ask().port == 9090


@each_family
def test_clients_of_a_service_scaled_to_zero_are_refused_and_reach_it_when_it_is_back_s49(
    node: Node, family: IPFamily
) -> None:
    addresses = ADDRESSES[family]
    before, empty, after = serving(family, 1), serving(family), serving(family, 2)
    node.load(before.script)
    with node.conversation(
        addresses[CLUSTER_IP], 80, source=addresses[CLIENT], source_port=5353, protocol="UDP"
    ) as client:
        assert client.ask().address == f"{addresses[PODS]}1"
        assert move(node, before, empty).deleted == 1
        with pytest.raises(ConnectionRefusedError):
            client.ask()
        assert node.connections() == []
        assert move(node, empty, after).deleted == 0
        assert client.ask().address == f"{addresses[PODS]}2"


@each_family
def test_entries_of_a_frontend_that_is_gone_are_deleted_when_filters_say_so_s49(node: Node, family: IPFamily) -> None:
    addresses = ADDRESSES[family]
    endpoint = EndpointAddress(f"{addresses[PODS]}1", 8080)
    gone = [
        StaleEntries(family, addresses[CLUSTER_IP], 80, endpoint),
        StaleEntries(family, None, NODE_PORT, endpoint),
    ]
    node.load(serving(family, 1).script)
    connect(node, family, 3)
    node.load(compiled().script)
    assert node.run(lambda: ConntrackCleaner().remove(gone)).deleted == 6
    assert {connection.original.destination for connection in node.connections()} == {
        addresses[VIP],
        addresses[EXTERNAL_IP],
    }


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


@each_family
def test_connections_of_other_protocols_are_left_alone_s48(node: Node, family: IPFamily) -> None:
    def everything(number: int) -> Compilation:
        protocols = ("UDP", "TCP", "SCTP")
        return compiled(
            *(
                item
                for protocol in protocols
                for item in (
                    web(family, protocol, protocol.lower()),
                    *pods(family, number, name=protocol.lower(), protocol=protocol),
                )
            )
        )

    before, after = everything(1), everything(2)
    node.load(before.script)
    connect(node, family, 2, ("UDP", "TCP", "SCTP"))
    assert move(node, before, after).deleted == 8
    assert sorted(connection.protocol for connection in node.connections()) == ["SCTP"] * 8 + ["TCP"] * 8
    connect(node, family, 2)
    left = seen(node.connections())
    assert reconcile(node, after).deleted == 0
    assert seen(node.connections()) == left


@each_family
def test_a_restart_deletes_what_is_wrong_and_nothing_else_s49(node: Node, family: IPFamily) -> None:
    before, after = serving(family, 1, 2, 3, 4), serving(family, 1, 2)
    node.load(before.script)
    connect(node, family, 30)
    entries = node.connections()
    assert reconcile(node, before) == Removal(examined=120)
    assert seen(node.connections()) == seen(entries)
    node.load(after.script)
    judge = UdpFrontends(family_dataplane(after, family))
    wrong = [entry for entry in entries if judge.is_stale(entry_of(entry))]
    assert 20 < len(wrong) < 100
    removal = reconcile(node, after)
    assert (removal.deleted, removal.vanished, removal.failed, removal.error) == (len(wrong), 0, 0, None)
    assert seen(node.connections()) == seen(entry for entry in entries if entry not in wrong)


@each_family
def test_a_restart_deletes_no_entry_of_a_service_that_is_gone_s49(node: Node, family: IPFamily) -> None:
    # Nothing proves that they were svcc's.
    node.load(serving(family, 1).script)
    connect(node, family, 2)
    after = compiled(service("other", [ADDRESSES[family][CLUSTER_IP][:-1] + "2"], ServicePort(80, "http", "UDP")))
    assert reconcile(node, after) == Removal(examined=6)
    assert len(node.connections()) == 8


@each_family
def test_filters_of_earlier_changes_count_only_where_no_frontend_is_now_s49(node: Node, family: IPFamily) -> None:
    # Endpoint 1 had gone and is back; the external IP had come and gone; endpoint 9 never was.
    addresses = ADDRESSES[family]
    before = serving(family, 1)
    node.load(before.script)
    connect(node, family, 2)
    after = compiled(evolve(web(family), external_ips=[]), pods(family, 1))
    endpoint = EndpointAddress(f"{addresses[PODS]}1", 8080)
    stale = [
        StaleEntries(family, address, port, place)
        for address, port in ((addresses[CLUSTER_IP], 80), (addresses[EXTERNAL_IP], 80), (None, NODE_PORT))
        for place in (endpoint, EndpointAddress(f"{addresses[PODS]}9", 8080))
    ]
    assert node.run(lambda: ConntrackCleaner().reconcile(after.dataplane, stale)).deleted == 2
    left = [connection.original.destination for connection in node.connections()]
    assert sorted(left) == sorted([addresses[CLUSTER_IP], addresses[VIP], addresses[OWN]] * 2)
    assert node.run(lambda: ConntrackCleaner().reconcile(compiled().dataplane, stale)).deleted == 4


@each_family
def test_a_client_that_sent_while_there_were_no_rules_is_translated_once_there_are_s49(
    node: Node, family: IPFamily
) -> None:
    addresses = ADDRESSES[family]
    node.load("table inet tracking { chain forward { type filter hook forward priority 0; ct state new accept; }; }")
    after = serving(family, 1)
    with node.conversation(addresses[VIP], 80, source=addresses[CLIENT], source_port=5353, protocol="UDP") as client:
        assert client.ask().address == addresses[VIP]
        node.load(after.script)
        assert client.ask().address == addresses[VIP]
        assert reconcile(node, after).deleted == 1
        assert client.ask().address == f"{addresses[PODS]}1"


@each_family
def test_what_others_translate_from_a_node_ports_number_stays_s49(node: Node, family: IPFamily) -> None:
    addresses = ADDRESSES[family]
    elsewhere, server = addresses[CLIENT][:-1] + "9", f"{addresses[PODS]}99"
    word, bracketed = ("ip", server) if family is IPFamily.IPV4 else ("ip6", f"[{server}]")
    node.load(
        f"table {word} others {{ chain nat {{ type nat hook prerouting priority -150;"
        f" {word} daddr {elsewhere} udp dport {NODE_PORT} dnat to {bracketed}:53; }}; }}"
    )
    before, after = serving(family, 1), serving(family, 2)
    node.load(before.script)
    with node.conversation(elsewhere, NODE_PORT, source=addresses[CLIENT], source_port=5353, protocol="UDP") as client:
        assert client.ask().address == server
        connect(node, family, 1)
        assert move(node, before, after).deleted == 4
        assert reconcile(node, after).deleted == 0
        assert [entry.original.destination for entry in node.connections()] == [elsewhere]


@each_family
def test_entries_in_zones_of_others_stay(node: Node, family: IPFamily) -> None:
    addresses = ADDRESSES[family]
    node.load(
        "table inet zones { chain raw { type filter hook prerouting priority raw; udp sport 20001 ct zone set 5;"
        " udp sport 20002 ct original zone set 6; }; }"
    )
    before, after = serving(family, 1), serving(family, 2)
    node.load(before.script)
    connect(node, family, 1)
    assert len(node.connections()) == 4
    assert move(node, before, after).deleted == 2
    assert reconcile(node, after).deleted == 0
    assert {entry.original.source_port for entry in node.connections()} == {20001, 20002}
    assert {entry.reply.source for entry in node.connections()} == {f"{addresses[PODS]}1"}


@each_family
def test_an_address_of_the_node_that_its_node_object_does_not_tell_counts(node: Node, family: IPFamily) -> None:
    more = ADDRESSES[family][OWN][:-2] + "77"
    node.address_add(more)
    assert {ADDRESSES[family][OWN], more} <= node.run(lambda: local_addresses(family))
    other = next(item for item in IPFamily if item is not family)
    assert more not in node.run(lambda: local_addresses(other))
    after = serving(family, 2)
    entry = entry_of(tracked(family, more, NODE_PORT, f"{ADDRESSES[family][PODS]}1"))
    data = evolve(
        family_dataplane(after, family),
        node_ports=evolve(family_dataplane(after, family).node_ports, addresses=None, prefixes=()),
    )
    assert not UdpFrontends(data).is_stale(entry)
    insert(node, family, [entry.destination], 1)
    dataplane = evolve(
        after.dataplane, families=tuple(data if item.family is family else item for item in after.dataplane.families)
    )
    assert node.run(lambda: ConntrackCleaner().reconcile(dataplane)).deleted == 1


def tracked(family: IPFamily, address: str, port: int, endpoint: str) -> TrackedConnection:
    client = ADDRESSES[family][CLIENT]
    return TrackedConnection("UDP", Tuple(client, 1, address, port), Tuple(endpoint, 8080, client, 1))


def insert(node: Node, family: IPFamily, places: Sequence[EndpointAddress], count: int) -> None:
    """Make entries towards the first endpoint, as the kernel does for real ones, but thousands of them at once."""
    number = socket.AF_INET if family is IPFamily.IPV4 else socket.AF_INET6
    source, destination = (1, 2) if family is IPFamily.IPV4 else (3, 4)

    def direction(kind: int, from_place: EndpointAddress, to_place: EndpointAddress) -> bytes:
        ip = attribute(source, socket.inet_pton(number, from_place.address)) + attribute(
            destination, socket.inet_pton(number, to_place.address)
        )
        ports = (
            attribute(1, bytes([socket.IPPROTO_UDP]))
            + attribute(2, struct.pack("!H", from_place.port))
            + attribute(3, struct.pack("!H", to_place.port))
        )
        return attribute(kind | NESTED, attribute(1 | NESTED, ip) + attribute(2 | NESTED, ports))

    endpoint = EndpointAddress(f"{ADDRESSES[family][PODS]}1", 8080)
    bodies = [
        netfilter_header(number)
        + direction(1, client := EndpointAddress(ADDRESSES[family][CLIENT], 1024 + index), places[index % len(places)])
        + direction(2, endpoint, client)
        + attribute(7, struct.pack("!I", 600))
        for index in range(count)
    ]

    def make() -> None:
        with NetlinkSocket(NETFILTER) as netlink:
            for start in range(0, count, 100):
                part = bodies[start : start + 100]
                assert netlink.tell(NEW_ENTRY, part, CREATE) == [0] * len(part)

    node.run(make)


@each_family
def test_thousands_of_entries_of_several_frontends_are_deleted_exactly(node: Node, family: IPFamily) -> None:
    prefix = ADDRESSES[family][CLUSTER_IP][:-1]
    places = [EndpointAddress(f"{prefix}{index + 2}", 1000 + index) for index in range(7)]
    insert(node, family, places, 3500)
    endpoint = EndpointAddress(f"{ADDRESSES[family][PODS]}1", 8080)
    filters = [StaleEntries(family, place.address, place.port, endpoint) for place in places]
    assert (found := node.run(lambda: ConntrackCleaner().remove(filters[:2]))).deleted == 1000
    assert found.examined == 1000  # the kernel selected
    assert (found := node.run(lambda: ConntrackCleaner().remove(filters[:6]))).deleted == 2000
    assert found.examined == 2500  # six ports are too many for a listing each
    assert {entry.original.destination for entry in node.connections()} == {places[6].address}


@each_family
def test_an_entry_that_vanished_is_no_error_and_one_made_since_stays(node: Node, family: IPFamily) -> None:
    insert(node, family, [EndpointAddress(ADDRESSES[family][CLUSTER_IP], 80)], 2)
    wire = Wire(family)

    def work() -> tuple[list[int], list[int], list[int]]:
        with NetlinkSocket(NETFILTER) as netlink:
            listed = list(wire.listing(netlink))
            deletions = [found for message in listed if (found := wire.deletion(message)) is not None]
            others = [body[:-1] + bytes([body[-1] ^ 1]) for body in deletions]
            return wire.delete(netlink, others), wire.delete(netlink, deletions), wire.delete(netlink, deletions)

    vanished = [2, 2]
    assert node.run(work) == (vanished, [0, 0], vanished)


def test_nothing_to_look_for_asks_the_kernel_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conntrack, "NETFILTER", 31)
    assert node.run(lambda: ConntrackCleaner().remove([])) == Removal()
    only_tcp = compiled(service("web", ["10.96.0.1"]), slices("web", [remote("10.244.1.1")]))
    assert reconcile(node, only_tcp).error is None


def test_a_kernel_without_access_to_conntrack_is_told_of_once_and_left_alone(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # No kernel has this subsystem; one without the module answers the same, or EINVAL.
    monkeypatch.setattr(conntrack, "NETFILTER", 31)
    before, after = serving(IPFamily.IPV4, 1), serving(IPFamily.IPV4, 2)
    filters = stale_udp_entries(before.dataplane, after.dataplane)
    cleaner = ConntrackCleaner()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            removal = node.run(lambda: cleaner.reconcile(after.dataplane))
            assert removal.error is not None
            assert "nf_conntrack_netlink" in removal.error
            assert node.run(lambda: cleaner.remove(filters)) == Removal()
    assert not doubts(cleaner)
    assert len(caplog.records) == 1
    monkeypatch.undo()
    assert node.run(lambda: cleaner.reconcile(after.dataplane)).error is None
    node.load(before.script)
    connect(node, IPFamily.IPV4, 1)
    assert node.run(lambda: cleaner.remove(filters)).deleted == 4
    assert (cleaner.total.deleted, cleaner.total.error) == (4, None)


def test_a_listing_that_fails_leaves_doubt_until_the_next_one(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = serving(IPFamily.IPV4, 1), serving(IPFamily.IPV4, 2)
    node.load(before.script)
    connect(node, IPFamily.IPV4, 1)
    cleaner = ConntrackCleaner()
    assert doubts(cleaner)
    assert node.run(lambda: cleaner.reconcile(before.dataplane)).deleted == 0
    assert not doubts(cleaner)

    def fail(*_arguments: object) -> list[bytes]:
        raise OSError(105, "No buffer space available")

    with monkeypatch.context() as broken:
        broken.setattr(Wire, "listing", fail)
        removal = node.run(lambda: cleaner.remove(stale_udp_entries(before.dataplane, after.dataplane)))
    assert removal.error == "No buffer space available"
    assert doubts(cleaner)
    assert node.run(lambda: cleaner.reconcile(after.dataplane)).deleted == 4
    assert not doubts(cleaner)


def test_without_the_capability_it_says_what_it_takes() -> None:
    script = (
        "from svcc.addresses import IPFamily\n"
        "from svcc.dataplane.conntrack import StaleEntries\n"
        "from svcc.node.conntrack import ConntrackCleaner\n"
        "from svcc.select import EndpointAddress\n"
        "stale = StaleEntries(IPFamily.IPV4, '10.96.0.1', 53, EndpointAddress('10.244.1.1', 53))\n"
        "print(ConntrackCleaner().remove([stale]).error)"
    )
    result = subprocess.run(
        ["unshare", "-n", "setpriv", "--bounding-set", "-net_admin", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(svcc.__file__).parent.parent)},
    )
    assert "CAP_NET_ADMIN" in result.stdout
