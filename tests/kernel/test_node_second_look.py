"""Connections that were under way while the rules changed are forgotten by the node as well (S49)."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from svcc.netlink import NETFILTER, NetlinkSocket
from svcc.node.schedule import Intervals
from svcc.select import EndpointAddress
from tests.kernel.conntrack import ConntrackTable
from tests.kernel.node_process import NODE, PATIENCE_SECONDS, Machine, RunningNode, endpoints, service, wait_until
from tests.kernel.test_node_starting import answer
from tests.kernel.udp_service import CREATE, NEW_ENTRY, entry

pytestmark = pytest.mark.kernel

CLIENT, SERVED, POD = "203.0.113.7", "10.96.0.53", "10.244.1."
SECONDS_TO_SECOND_LOOK = Intervals().tidying


def say(node: RunningNode, kind: str, *objects: dict[str, Any]) -> None:
    assert node.process.stdin is not None
    for each in objects:
        node.process.stdin.write(json.dumps({"type": kind, "object": each}).encode() + b"\n")
    node.process.stdin.flush()


def pods(*numbers: int) -> dict[str, Any]:
    return endpoints("dns", [f"{POD}{number}" for number in numbers], protocol="UDP")


def insert(machine: Machine, *clients: tuple[int, int]) -> None:
    """What first packets leave in conntrack when they are through: from a port of the client, to a pod."""
    bodies = [
        entry(EndpointAddress(CLIENT, port), EndpointAddress(SERVED, 80), EndpointAddress(f"{POD}{pod}", 8080))
        for port, pod in clients
    ]
    with machine.namespace.entered(), NetlinkSocket(NETFILTER) as netlink:
        assert netlink.tell(NEW_ENTRY, bodies, CREATE) == [0] * len(bodies)


def tracked(machine: Machine) -> dict[int, str]:
    """Whom the client is tracked to, by its ports."""
    with machine.namespace.entered():
        table = ConntrackTable()
        try:
            return {each.original.source_port: each.reply.source for each in table.connections()}
        finally:
            table.close()


def forgotten(machine: Machine) -> float:
    """How many connections the node says that it has forgotten."""
    told = answer(machine, 20249, "/metrics")[1]
    found = re.search(r"^svcc_conntrack_entries_deleted_total (\S+)$", told, re.MULTILINE)
    assert found is not None
    return float(found[1])


def wait_for_change(node: RunningNode, words: str, count: int) -> None:
    wait_until(lambda: node.log.count(f"dns: endpoints {words}") == count, lambda: node.log)


def test_a_client_whom_the_old_rules_sent_to_an_endpoint_that_went_is_forgotten_though_it_came_through_later_s49(
    tmp_path: Path,
) -> None:
    with Machine(tmp_path) as machine:
        node = machine.start("--metrics-bind-address", "127.0.0.1:20249", source="-")
        say(node, "ADDED", NODE, service("dns", SERVED, protocol="UDP"), pods(1, 2))
        node.wait_until_ready()
        deadline = time.monotonic() + PATIENCE_SECONDS
        kept: dict[int, str] = {}
        for attempt in range(1, 1000):
            begun = time.monotonic()
            say(node, "MODIFIED", pods(1))
            wait_for_change(node, "-1", attempt)
            # What the change itself forgets is forgotten; now packets come through that were under way.
            insert(machine, (attempt, 1), (10_000 + attempt, 2))
            kept[attempt] = f"{POD}1"
            if time.monotonic() < begun + SECONDS_TO_SECOND_LOOK:
                break
            assert time.monotonic() < deadline, "this machine is too slow to be earlier than a second look"
            say(node, "MODIFIED", pods(1, 2))
            wait_for_change(node, "+1", attempt)
        wait_until(lambda: f"{POD}2" not in tracked(machine).values(), lambda: f"{tracked(machine)}\n{node.log}")
        assert tracked(machine) == kept
        wait_until(lambda: forgotten(machine) == len(kept), lambda: f"{forgotten(machine)}\n{node.log}")
        assert node.terminate() == 0


def test_a_client_who_has_sent_to_a_service_since_before_there_was_one_is_forgotten_when_it_comes_s49(
    tmp_path: Path,
) -> None:
    own, other = EndpointAddress(SERVED, 80), EndpointAddress("10.96.0.99", 80)
    with Machine(tmp_path) as machine:
        node = machine.start(source="-")
        say(node, "ADDED", NODE, service("web", "10.96.0.10"), endpoints("web", [f"{POD}9"]))
        node.wait_until_ready()
        # Nothing translated them, and nothing ever would: each datagram keeps its entry.
        bodies = [entry(EndpointAddress(CLIENT, port), each, each) for port, each in ((5353, own), (5354, other))]
        with machine.namespace.entered(), NetlinkSocket(NETFILTER) as netlink:
            assert netlink.tell(NEW_ENTRY, bodies, CREATE) == [0, 0]
        assert sorted(tracked(machine).values()) == [own.address, other.address]
        say(node, "ADDED", service("dns", SERVED, protocol="UDP"), pods(1))
        wait_until(
            lambda: list(tracked(machine).values()) == [other.address], lambda: f"{tracked(machine)}\n{node.log}"
        )
        assert node.terminate() == 0
