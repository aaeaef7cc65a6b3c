"""Deleting entries of conntrack: many at once, none that has changed since, and what is told where it is refused."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import svcc
from svcc.addresses import IPFamily
from svcc.dataplane.conntrack import StaleEntries, stale_udp_entries
from svcc.netlink import NETFILTER, NetlinkSocket
from svcc.node import conntrack
from svcc.node.conntrack import ConntrackCleaner, Removal
from svcc.node.udp_entries import Wire
from svcc.select import EndpointAddress
from tests.declare import compiled, remote, service, slices
from tests.kernel.network import Node
from tests.kernel.udp_service import (
    ADDRESSES,
    CLUSTER_IP,
    PODS,
    connect,
    doubts,
    each_family,
    insert,
    reconcile,
    serving,
)

pytestmark = pytest.mark.kernel


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
