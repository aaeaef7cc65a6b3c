"""The harness itself: it must tell outcomes apart, or the tests that use it prove nothing."""

from __future__ import annotations

import collections
import random
import time

import pytest

from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered, Dropped, Outcome, Rejected, Untouched
from tests.kernel.packets import Entry, crc32c, encoded, internet_checksum
from tests.kernel.prototype import IPV4, IPV6, Prototype

pytestmark = pytest.mark.kernel

PORTED = ("TCP", "UDP", "SCTP")
both_families = pytest.mark.parametrize("prototype", [IPV4, IPV6], ids=["IPv4", "IPv6"])
each_protocol = pytest.mark.parametrize("protocol", PORTED)
each_entry = pytest.mark.parametrize("entry", ["outside", "pod", "output"])


@pytest.fixture
def loaded(node: Node, prototype: Prototype) -> Node:
    node.load(prototype.script())
    return node


@both_families
@each_entry
@each_protocol
def test_without_rules_a_packet_leaves_untouched(node: Node, prototype: Prototype, protocol: str, entry: Entry) -> None:
    assert node.send(prototype.packet(protocol, 80, entry)) == Untouched("outside")
    assert node.send(prototype.packet(protocol, 80, entry, destination=prototype.pod)) == Untouched("pod")


@both_families
@each_entry
@pytest.mark.parametrize(("protocol", "refused"), [("TCP", True), ("UDP", True), ("SCTP", False), ("ICMP", False)])
def test_without_rules_a_packet_for_the_node_reaches_its_stack(
    node: Node, prototype: Prototype, protocol: str, entry: Entry, refused: bool
) -> None:
    outcome = node.send(prototype.packet(protocol, 80, entry, destination=prototype.node))
    assert outcome == Untouched("local")
    # Raw sockets that listen to SCTP keep a kernel without SCTP from refusing it.
    assert isinstance(outcome, Untouched)
    assert outcome.refused is refused


@both_families
@each_entry
@each_protocol
def test_a_packet_is_delivered_to_either_endpoint_with_its_source(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    outcomes = loaded.send_many(prototype.packet(protocol, 80, entry) for _ in range(60))
    source = prototype.source_for(entry)
    assert set(outcomes) == {
        Delivered(endpoint, 8080, source, False, "pod") for endpoint in (prototype.first, prototype.second)
    }


@both_families
@each_entry
@each_protocol
def test_a_masqueraded_packet_has_the_address_of_the_interface_it_leaves(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    outcomes = set(loaded.send_many(prototype.packet(protocol, 81, entry) for _ in range(20)))
    # A random port is the one that was sent once in some ten thousand times.
    assert Delivered(prototype.first, 8081, prototype.pod_gateway, True, "pod") in outcomes
    assert {outcome.source_address for outcome in outcomes if isinstance(outcome, Delivered)} == {prototype.pod_gateway}


@both_families
@each_protocol
def test_only_the_endpoint_that_draws_itself_is_masqueraded(loaded: Node, prototype: Prototype, protocol: str) -> None:
    packet = prototype.packet(protocol, 80, "pod", source=prototype.first)
    outcomes = {
        outcome.address: outcome for outcome in loaded.send_many([packet] * 60) if isinstance(outcome, Delivered)
    }
    assert outcomes[prototype.first].source_address == prototype.pod_gateway
    assert outcomes[prototype.second] == Delivered(prototype.second, 8080, prototype.first, False, "pod")


@both_families
@each_entry
@each_protocol
def test_a_dropped_packet_is_dropped(loaded: Node, prototype: Prototype, protocol: str, entry: Entry) -> None:
    outcome = loaded.send(prototype.packet(protocol, 82, entry))
    assert isinstance(outcome, Dropped)
    assert outcome.error == ("EPERM" if entry == "output" else None)


@both_families
@each_entry
@pytest.mark.parametrize("protocol", [*PORTED, "ICMP"])
def test_a_rejected_packet_is_rejected_by_the_node(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    packet = prototype.packet(protocol, 80, entry, destination=prototype.unused_service)
    answering = prototype.pod_gateway if entry == "pod" else prototype.node
    assert loaded.send(packet) == Rejected("port-unreachable", answering)


@both_families
@each_entry
@each_protocol
def test_an_endpoint_beyond_the_outside_interface_is_reached_there(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    expected = Delivered(prototype.remote, 8084, prototype.source_for(entry), False, "outside")
    assert loaded.send(prototype.packet(protocol, 84, entry)) == expected


@both_families
@each_entry
@each_protocol
def test_an_endpoint_on_the_node_is_seen_behind_the_input_hook(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    packet = prototype.packet(protocol, 83, entry)
    assert loaded.send(packet) == Delivered(prototype.node, 8083, prototype.source_for(entry), False, "local")
    loaded.load("table inet late { chain input { type filter hook input priority 300; policy drop; }; }")
    assert loaded.send(packet) == Dropped()


@both_families
@each_entry
def test_any_source_can_be_given(loaded: Node, prototype: Prototype, entry: Entry) -> None:
    sources = (prototype.node, prototype.client, prototype.pod, prototype.second, prototype.remote)
    outcomes = loaded.send_many(prototype.packet("UDP", 84, entry, source=source) for source in sources)
    assert outcomes == [Delivered(prototype.remote, 8084, source, False, "outside") for source in sources]


@both_families
@pytest.mark.parametrize("hook", ["prerouting", "forward", "postrouting"])
def test_a_packet_dropped_at_any_hook_is_dropped(node: Node, prototype: Prototype, hook: str) -> None:
    node.load(f"table inet t {{ chain c {{ type filter hook {hook} priority 0; meta l4proto udp drop; }}; }}")
    packets = [prototype.packet(protocol, 80) for protocol in PORTED]
    assert node.send_many(packets) == [Untouched("outside"), Dropped(), Untouched("outside")]


@both_families
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("reject with tcp reset", "tcp-reset"),
        ("reject with icmpx type admin-prohibited", "admin-prohibited"),
        ("reject with icmpx type port-unreachable", "port-unreachable"),
    ],
)
def test_refusals_are_told_apart(node: Node, prototype: Prototype, statement: str, reason: str) -> None:
    node.load(f"table inet t {{ chain c {{ type filter hook forward priority 0; meta l4proto tcp {statement}; }}; }}")
    outcome = node.send(prototype.packet("TCP", 80))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


@both_families
def test_a_source_changed_without_a_new_destination_is_not_untouched(node: Node, prototype: Prototype) -> None:
    family = prototype.family
    node.load(f"table {family} t {{ chain c {{ type nat hook postrouting priority 100; masquerade; }}; }}")
    expected = Delivered(prototype.service, 80, prototype.node, False, "outside")
    assert node.send(prototype.packet("TCP", 80)) == expected


@both_families
def test_each_of_many_packets_gets_its_own_outcome(loaded: Node, prototype: Prototype) -> None:
    chooser = random.Random(7)
    packets = []
    expected: list[Outcome] = []
    for _ in range(3000):
        entry: Entry = chooser.choice(["outside", "pod"])
        source = prototype.source_for(entry)
        possible: list[tuple[int, Outcome]] = [
            (82, Dropped()),
            (83, Delivered(prototype.node, 8083, source, False, "local")),
            (84, Delivered(prototype.remote, 8084, source, False, "outside")),
            (99, Rejected("port-unreachable", prototype.node)),
        ]
        port, outcome = chooser.choice(possible)
        packets.append(prototype.packet(chooser.choice(PORTED), port, entry))
        expected.append(outcome)
    outcomes = loaded.send_many(packets)
    assert [type(outcome) for outcome in outcomes] == [type(outcome) for outcome in expected]
    assert [o for o in outcomes if not isinstance(o, Rejected)] == [e for e in expected if not isinstance(e, Rejected)]


def test_a_thousand_packets_take_about_a_second_however_many_are_dropped(node: Node) -> None:
    node.load(IPV4.script())
    packets = [IPV4.packet("TCP", 80 + number % 3) for number in range(1000)]
    begin = time.monotonic()
    outcomes = node.send_many(packets)
    assert time.monotonic() - begin < 2
    assert collections.Counter(map(type, outcomes)) == {Delivered: 667, Dropped: 333}


@both_families
def test_packets_are_sent_with_right_checksums(prototype: Prototype) -> None:
    assert crc32c(b"123456789") == 0xE3069283
    for protocol in ("TCP", "UDP"):
        data = encoded(prototype.packet(protocol, 80), 4002, 77)
        header, payload = (data[:20], data[20:]) if prototype is IPV4 else (data[:40], data[40:])
        addresses = header[12:20] if prototype is IPV4 else header[8:40]
        number = header[9] if prototype is IPV4 else header[6]
        pseudo = addresses + len(payload).to_bytes(4, "big") + number.to_bytes(4, "big")
        # A sum that includes its own right checksum comes out as zero.
        assert internet_checksum(pseudo + payload) == 0
