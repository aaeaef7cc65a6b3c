"""A change that meets in the kernel what somebody else has done there is refused as a whole, and then made right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from svcc.apply.installer import Installer
from svcc.apply.nft import NftError, open_nft
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Update
from svcc.model.cluster import ClusterSettings
from svcc.sources.directory import DirectorySource
from tests.kernel.node_process import NODE, Machine, endpoints, service
from tests.kernel.node_tables import POD_CIDR

pytestmark = pytest.mark.kernel

WEB = service("web", "10.96.0.10")
MORE = service("more", "10.96.0.20")
ADDRESSES = [f"10.244.1.{number}" for number in range(5, 12)]


@define
class Hands:
    """What svcc node has, without what notices others."""

    machine: Machine
    installer: Installer
    compiler: IncrementalCompiler

    def update(self) -> Update:
        """What has changed in the manifests."""
        source = DirectorySource([str(self.machine.manifests)])
        try:
            return self.compiler.update(source.list().changes)
        finally:
            source.close()

    def make_right(self) -> None:
        """As svcc node does after a failure."""
        self.installer.synchronize(self.compiler.ruleset(), self.compiler.dataplane())
        while (wait := self.installer.seconds_until_tidy) is not None:
            time.sleep(wait)
            self.installer.tidy()
        assert self.machine.tables() == self.machine.wanted()


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    """A Service with three endpoints, which is installed."""
    with Machine(tmp_path) as machine, machine.namespace.entered():
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:3]))
        nft = open_nft()
        compiler = IncrementalCompiler("node-a", ClusterSettings(cluster_cidrs=(POD_CIDR,)))
        made = Hands(machine, Installer(nft, keep_scripts=None), compiler)
        made.update()
        made.make_right()
        yield made
        nft.close()


@pytest.mark.parametrize(
    "disturbance",
    [
        pytest.param("add element ip svcc balanced-services { tcp . 10.96.0.20 . 80 : 0:1 }", id="EEXIST"),
        pytest.param("add element ip svcc endpoints-tcp { 10.96.0.20 . 80 . 1 : 10.9.9.9 . 1 }", id="EEXIST of a slot"),
        pytest.param("flush map ip svcc endpoints-tcp", id="ENOENT of an element"),
        pytest.param("delete table ip svcc", id="ENOENT of a table"),
        pytest.param("delete element ip svcc endpoints-tcp { 10.96.0.10 . 80 . 0 }", id="ENOENT of one element"),
    ],
)
def test_a_change_that_meets_what_others_did_is_refused_and_nothing_of_it_is_there(
    hands: Hands, disturbance: str
) -> None:
    hands.machine.nft(disturbance)
    before = hands.machine.tables()
    hands.machine.declare(
        NODE, WEB, MORE, endpoints("web", [ADDRESSES[5], *ADDRESSES[1:3]]), endpoints("more", ADDRESSES[:3])
    )
    update = hands.update()
    with pytest.raises(NftError):
        hands.installer.advance(update)
    assert hands.machine.tables() == before
    hands.make_right()


def test_leftovers_that_others_refer_to_are_not_deleted_and_then_made_right(hands: Hands) -> None:
    hands.machine.nft("add chain ip svcc foreign\nadd rule ip svcc foreign goto pick-3")
    hands.machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:2]))
    hands.installer.advance(hands.update())
    wait = hands.installer.seconds_until_tidy
    assert wait is not None
    time.sleep(wait)
    with pytest.raises(NftError, match="busy"):
        hands.installer.tidy()
    hands.make_right()


def test_a_map_without_room_is_made_anew(hands: Hands) -> None:
    listed = hands.machine.namespace.run("nft", "list", "table", "ip", "svcc").stdout
    small = listed.replace("map endpoints-tcp {", "map endpoints-tcp {\n\t\tsize 3", 1)
    hands.machine.nft(f"delete table ip svcc\n{small}")
    before = hands.machine.tables()
    hands.machine.declare(NODE, WEB, MORE, endpoints("web", ADDRESSES[:3]), endpoints("more", ADDRESSES[:1]))
    update = hands.update()
    with pytest.raises(NftError, match=r"open files|space left|full"):
        hands.installer.advance(update)
    assert hands.machine.tables() == before
    hands.make_right()
