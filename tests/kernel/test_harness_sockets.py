"""The harness' real sockets: who answers, who refuses, who is silent."""

from __future__ import annotations

import pytest

from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Entry, Packet
from tests.kernel.prototype import IPV4, IPV6, Prototype

pytestmark = pytest.mark.kernel

both_families = pytest.mark.parametrize("prototype", [IPV4, IPV6], ids=["IPv4", "IPv6"])
each_protocol = pytest.mark.parametrize("protocol", ["TCP", "UDP"])


@pytest.fixture
def loaded(node: Node, prototype: Prototype) -> Node:
    node.load(prototype.script())
    return node


@both_families
@each_protocol
@pytest.mark.parametrize("entry", ["outside", "pod", "output"])
def test_the_chosen_endpoint_answers_and_sees_the_source(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    source = {"outside": prototype.client, "pod": prototype.pod, "output": prototype.node}[entry]
    answers = [loaded.connect(prototype.service, 80, source=source, entry=entry, protocol=protocol) for _ in range(20)]
    assert {(answer.address, answer.port) for answer in answers} == {(prototype.first, 8080), (prototype.second, 8080)}
    assert {answer.source_address for answer in answers} == {source}


@both_families
@each_protocol
def test_a_masqueraded_client_is_seen_as_the_node(loaded: Node, prototype: Prototype, protocol: str) -> None:
    answer = loaded.connect(prototype.service, 81, source=prototype.client, protocol=protocol)
    assert (answer.address, answer.port) == (prototype.first, 8081)
    assert answer.source_address == prototype.pod_gateway


@both_families
@each_protocol
def test_a_host_may_leave_the_source_to_its_kernel(loaded: Node, prototype: Prototype, protocol: str) -> None:
    answer = loaded.connect(prototype.service, 84, entry="output", protocol=protocol)
    assert (answer.address, answer.source_address) == (prototype.remote, prototype.node)


@both_families
@each_protocol
@pytest.mark.parametrize("entry", ["outside", "pod", "output"])
def test_rejection_is_refusal_and_drop_is_silence(
    loaded: Node, prototype: Prototype, protocol: str, entry: Entry
) -> None:
    source = {"outside": prototype.client, "pod": prototype.pod, "output": prototype.node}[entry]
    with pytest.raises(ConnectionRefusedError):
        loaded.connect(prototype.unused_service, 80, source=source, entry=entry, protocol=protocol)
    with pytest.raises(TimeoutError):
        loaded.connect(prototype.service, 82, source=source, entry=entry, protocol=protocol, timeout=0.2)


@both_families
@each_protocol
def test_a_process_of_the_node_answers_only_while_it_listens(loaded: Node, prototype: Prototype, protocol: str) -> None:
    with loaded.listening(prototype.node, 8083, protocol):
        answer = loaded.connect(prototype.service, 83, source=prototype.client, protocol=protocol)
        assert (answer.address, answer.port) == (prototype.node, 8083)
    with pytest.raises(ConnectionRefusedError):
        loaded.connect(prototype.service, 83, source=prototype.client, protocol=protocol)


@both_families
def test_an_open_connection_keeps_its_endpoint_when_rules_change(loaded: Node, prototype: Prototype) -> None:
    with loaded.conversation(prototype.service, 84, source=prototype.client) as conversation:
        assert conversation.ask().address == prototype.remote
        loaded.load(f"flush map {prototype.family} prototype services")
        assert conversation.ask().address == prototype.remote
    with pytest.raises(ConnectionRefusedError):
        loaded.connect(prototype.service, 84, source=prototype.client)


@both_families
def test_sockets_and_packets_can_be_used_in_turn(loaded: Node, prototype: Prototype) -> None:
    packet = Packet(protocol="TCP", source=prototype.client, destination=prototype.service, destination_port=84)
    expected = Delivered(prototype.remote, 8084, prototype.client, False, "outside")
    assert loaded.send(packet) == expected
    assert loaded.connect(prototype.service, 84, source=prototype.client).address == prototype.remote
    assert loaded.send(packet) == expected


def test_a_client_beyond_the_node_needs_a_source(node: Node) -> None:
    with pytest.raises(ValueError, match="who connects"):
        node.connect("10.96.0.1", 80)
