"""UDP entries of conntrack that lead nowhere are deleted, and no others (S48, S49): on real entries, with real clients.

Clients keep their source port, as those do that were stuck for hours: every datagram renews their entry.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation
from svcc.dataplane.conntrack import StaleEntries, UdpFrontends
from svcc.model.service import ServicePort
from svcc.node.conntrack import ConntrackCleaner, Removal
from svcc.node.local_addresses import local_addresses
from svcc.select import EndpointAddress
from tests.declare import compiled, service
from tests.kernel.network import Node
from tests.kernel.test_rules_connections import entry_of
from tests.kernel.udp_service import (
    ADDRESSES,
    CLIENT,
    CLUSTER_IP,
    EXTERNAL_IP,
    NODE_PORT,
    OWN,
    PODS,
    VIP,
    connect,
    each_family,
    each_frontend,
    family_dataplane,
    insert,
    move,
    pods,
    reconcile,
    seen,
    serving,
    tracked,
    web,
)

pytestmark = pytest.mark.kernel


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
