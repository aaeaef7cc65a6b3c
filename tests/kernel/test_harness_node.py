"""The node of the harness: what can be changed about it, asked of it, and that it leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.network import NftError, Node
from tests.kernel.outcomes import Delivered, Dropped, Untouched
from tests.kernel.prototype import IPV4, IPV6, Prototype

pytestmark = pytest.mark.kernel

both_families = pytest.mark.parametrize("prototype", [IPV4, IPV6], ids=["IPv4", "IPv6"])
each_protocol = pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])


@pytest.fixture
def loaded(node: Node, prototype: Prototype) -> Node:
    node.load(prototype.script())
    return node


@both_families
def test_a_repeated_packet_is_a_new_connection_unless_told_otherwise(loaded: Node, prototype: Prototype) -> None:
    packet = prototype.packet("UDP", 80, source_port=4000)
    assert len(set(loaded.send_many([packet] * 40))) == 2
    assert len(set(loaded.send_many([packet] * 40, fresh=False))) == 1


@both_families
@each_protocol
def test_conntrack_tells_both_directions_and_can_be_flushed(loaded: Node, prototype: Prototype, protocol: str) -> None:
    assert loaded.connections() == []
    loaded.send(prototype.packet(protocol, 84, source_port=4001))
    (connection,) = loaded.connections()
    assert connection.protocol == protocol
    original, reply = connection.original, connection.reply
    assert (original.source, original.source_port) == (prototype.client, 4001)
    assert (original.destination, original.destination_port) == (prototype.service, 84)
    assert (reply.source, reply.source_port) == (prototype.remote, 8084)
    assert (reply.destination, reply.destination_port) == (prototype.client, 4001)
    loaded.conntrack_flush()
    assert loaded.connections() == []


@both_families
def test_an_address_can_be_added_and_taken_away(node: Node, prototype: Prototype) -> None:
    packet = prototype.packet("TCP", 80)
    node.address_add(prototype.service, "lo")
    assert node.send(packet) == Untouched("local")
    node.address_del(prototype.service, "lo")
    assert node.send(packet) == Untouched("outside")


def test_interfaces_have_the_names_that_rules_match(node: Node) -> None:
    rules = "table inet t {{ chain c {{ type filter hook prerouting priority 0; iifname {} drop; }}; }}"
    with Node(pod_interface="veth0123456789a", outside_interface="ens5") as named:
        named.load(rules.format('"veth*"'))
        assert named.send(IPV4.packet("TCP", 80, "pod")) == Dropped()
        assert named.send(IPV4.packet("TCP", 80, "outside")) == Untouched("outside")
        assert named.send(IPV4.packet("TCP", 80, "output")) == Untouched("outside")
    node.load(rules.format("eth0"))
    assert node.send(IPV4.packet("TCP", 80, "outside")) == Dropped()


def test_a_node_may_have_one_family_only() -> None:
    with Node(addresses=("192.168.0.10",), pod_addresses=("10.244.0.1",)) as node:
        node.load(IPV4.script())
        assert isinstance(node.send(IPV4.packet("TCP", 81)), Delivered)


def test_what_nft_refuses_is_raised_in_its_words(node: Node) -> None:
    with pytest.raises(NftError, match=r"status 1.*\n?.*syntax error"):
        node.load("table ip t { nonsense }")
    assert node.nft("list", "ruleset") == ""


def test_reset_leaves_no_rules(node: Node) -> None:
    node.load(IPV4.script())
    assert node.send(IPV4.packet("TCP", 82)) == Dropped()
    node.reset()
    assert node.send(IPV4.packet("TCP", 82)) == Untouched("outside")


def current_namespace() -> Path:
    return Path("/proc/thread-self/ns/net").readlink()


def fail_on_two_nodes() -> None:
    home = current_namespace()
    with Node() as one, Node() as other:
        one.load(IPV4.script())
        assert one.send(IPV4.packet("TCP", 82)) == Dropped()
        assert other.send(IPV4.packet("TCP", 82)) == Untouched("outside")
        assert len({home, one.run(current_namespace), other.run(current_namespace)}) == 3
        raise ZeroDivisionError


def test_nodes_side_by_side_do_not_meet_and_leave_nothing_behind() -> None:
    home = current_namespace()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ZeroDivisionError):
        fail_on_two_nodes()
    assert current_namespace() == home
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
