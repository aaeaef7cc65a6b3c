"""Foreign changes to svcc's tables are noticed, and nothing else is (the node's table watch)."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import svcc
from svcc.errors import TargetError
from svcc.nft.commands import TableName
from svcc.node import watch
from svcc.node.watch import Author, ForeignChange, TableWatch
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

IPV4, IPV6 = TableName("ip", "svcc"), TableName("ip6", "svcc")
OURS = """
table ip svcc {
  map services { type ipv4_addr : ipv4_addr; }
  set known { type ipv4_addr; flags dynamic; }
  counter seen { }
  chain nat { type nat hook output priority -100; ip daddr 10.96.0.1 dnat to ip daddr map @services; }
}
table ip6 svcc {
  set known { type ipv6_addr; }
  chain filter { accept; }
}
add element ip svcc services { 10.96.0.1 : 10.244.1.1 }
"""
DOCKER = """
table ip docker {
  set networks { type ipv4_addr; }
  chain nat { type nat hook prerouting priority -100; ip daddr 192.0.2.1 dnat to 172.17.0.2; }
}
add element ip docker networks { 172.17.0.2, 172.17.0.3 }
table ip mysvcc { chain svcc { accept; }; }
table inet svcc { chain svcc { accept; }; }
table bridge svcc { chain svcc { accept; }; }
"""


class Host:
    """A namespace with svcc's tables, a watch, and the programs that change what is there."""

    def __init__(self) -> None:
        self.namespace = NetworkNamespace()
        self.own: set[int] = set()
        self.load(OURS)
        with self.namespace.entered():
            self.watch = TableWatch((IPV4, IPV6), lambda: self.own)

    def load(self, script: str, *, own: bool = False) -> int:
        """Run a script as somebody else, or as svcc; the process that did."""
        with self.namespace.entered():
            process = subprocess.Popen(["nft", "-f", "-"], stdin=subprocess.PIPE, text=True)
        if own:
            self.own.add(process.pid)
        process.communicate(script)
        assert process.returncode == 0
        return process.pid

    def is_readable(self) -> bool:
        return bool(select.select([self.watch], [], [], 0)[0])

    def close(self) -> None:
        self.watch.close()
        self.namespace.close()


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    yield made
    made.close()


def test_without_a_change_there_is_nothing_to_tell(host: Host) -> None:
    assert not host.is_readable()
    assert host.watch.poll() is None


FOREIGN: dict[str, tuple[str, Sequence[TableName]]] = {
    "an element is deleted": ("delete element ip svcc services { 10.96.0.1 }", [IPV4]),
    "an element is added": ("add element ip6 svcc known { fd00::1 }", [IPV6]),
    "a set is flushed": ("flush map ip svcc services", [IPV4]),
    "a rule is added": ("insert rule ip svcc nat accept", [IPV4]),
    "a chain is flushed": ("flush chain ip6 svcc filter", [IPV6]),
    "a chain is added": ("add chain ip svcc more", [IPV4]),
    "a set is added": ("add set ip svcc more { type ipv4_addr; }", [IPV4]),
    "a set is deleted": ("delete set ip6 svcc known", [IPV6]),
    "an object is deleted": ("delete counter ip svcc seen", [IPV4]),
    "a table is made dormant": ("add table ip svcc { flags dormant; }", [IPV4]),
    "a table is flushed": ("flush table ip svcc", [IPV4]),
    "a table is deleted": ("delete table ip6 svcc", [IPV6]),
    "everything is flushed": ("flush ruleset", [IPV4, IPV6]),
    "one transaction touches several tables": (
        f"{DOCKER}\nadd element ip6 svcc known {{ fd00::2 }}\ndelete table ip docker\nadd chain ip svcc more",
        [IPV4, IPV6],
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_it_is_noticed_when(host: Host, case: str) -> None:
    script, tables = FOREIGN[case]
    process = host.load(script)
    assert host.is_readable()
    found = host.watch.poll()
    assert found is not None
    assert set(found.tables) == set(tables)
    assert (found.authors, found.lost) == ((Author(process, "nft"),), False)
    assert f"nft (process {process})" in str(found)
    assert host.watch.poll() is None


def test_changes_of_other_tables_are_nobodys_concern(host: Host) -> None:
    host.load(DOCKER)
    host.load("delete element ip docker networks { 172.17.0.2 }\nflush table ip mysvcc\ndelete table inet svcc")
    assert host.is_readable()
    assert host.watch.poll() is None
    assert not host.is_readable()


def test_own_transactions_are_not_foreign(host: Host) -> None:
    host.load("flush table ip svcc\nadd element ip6 svcc known { fd00::3 }", own=True)
    assert host.watch.poll() is None


def test_own_and_foreign_transactions_are_told_apart_however_they_mix(host: Host) -> None:
    host.load("add element ip svcc services { 10.96.0.2 : 10.244.1.2 }", own=True)
    first = host.load("add element ip6 svcc known { fd00::4 }")
    host.load(DOCKER)
    host.load("delete element ip svcc services { 10.96.0.2 }", own=True)
    second = host.load("add element ip6 svcc known { fd00::5 }")
    assert host.watch.poll() == ForeignChange((IPV6,), (Author(first, "nft"), Author(second, "nft")))
    assert host.watch.poll() is None


def test_at_most_eight_authors_are_named(host: Host) -> None:
    processes = [host.load(f"add element ip6 svcc known {{ fd00::{number:x} }}") for number in range(1, 11)]
    found = host.watch.poll()
    assert found is not None
    assert [author.process_id for author in found.authors] == processes[:8]


def test_a_transaction_that_fails_tells_nothing(host: Host) -> None:
    failed = host.namespace.run("nft", "-f", "-", text="add chain ip svcc more\nadd rule ip svcc nowhere accept")
    assert failed.returncode != 0
    assert host.namespace.run("nft", "-c", "-f", "-", text="flush ruleset").returncode == 0
    assert host.watch.poll() is None


def elements(count: int, table: str = "ip svcc services") -> str:
    pairs = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} : 10.244.1.1" for n in range(count))
    return f"add element {table} {{ {pairs} }}"


def test_what_does_not_fit_into_the_buffer_is_known_to_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_BUFFER_SIZE", 1 << 14)
    host = Host()
    try:
        host.load(elements(5000))
        found = host.watch.poll()
        assert found is not None
        assert found.lost
        assert host.watch.poll() is None
        process = host.load("delete table ip6 svcc")
        assert host.watch.poll() == ForeignChange((IPV6,), (Author(process, "nft"),))
    finally:
        host.close()


def test_a_flood_of_others_changes_does_not_hide_the_one_to_svccs_tables(host: Host) -> None:
    host.load("add table ip docker\nadd map ip docker m { type ipv4_addr : ipv4_addr; }")
    host.load(elements(20_000, "ip docker m"))
    process = host.load("flush table ip svcc")
    host.load("delete table ip docker")
    assert host.watch.poll() == ForeignChange((IPV4,), (Author(process, "nft"),))


def test_own_elements_of_a_cold_start_are_not_listened_to(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with host.watch.paused() as pause:
        host.load(elements(60_000), own=True)
        host.load("add chain ip svcc more", own=True)
        assert not host.is_readable()
        assert host.watch.poll() is None
        pause.own_commits = 2
    assert host.watch.poll() is None
    process = host.load("flush table ip svcc")
    assert host.watch.poll() == ForeignChange((IPV4,), (Author(process, "nft"),))


def test_what_happened_just_before_a_pause_is_told_after_it(host: Host) -> None:
    process = host.load("flush table ip svcc")
    with host.watch.paused() as pause:
        host.load("add chain ip svcc more", own=True)
        pause.own_commits = 1
    assert host.watch.poll() == ForeignChange((IPV4,), (Author(process, "nft"),))


@pytest.mark.parametrize("own_commits", [1, 3, None])
def test_a_pause_in_which_others_committed_or_may_have_ends_with_a_doubt(host: Host, own_commits: int | None) -> None:
    with host.watch.paused() as pause:
        host.load("add chain ip svcc more", own=True)
        host.load("flush table ip svcc")
        pause.own_commits = own_commits
    found = host.watch.poll()
    assert found == ForeignChange((), (), lost=True)
    assert "lost" in str(found)
    assert host.watch.poll() is None


def test_a_pause_that_fails_ends_with_a_doubt_and_goes_on_watching(host: Host) -> None:
    with pytest.raises(ZeroDivisionError), host.watch.paused():
        raise ZeroDivisionError
    assert host.watch.poll() == ForeignChange((), (), lost=True)
    host.load("flush table ip svcc")
    assert host.watch.poll() is not None


def test_a_missing_generation_is_a_doubt(host: Host) -> None:
    # What a kernel that does not say ENOBUFS would look like.
    host.watch._generation -= 1
    host.load(DOCKER)
    assert host.watch.poll() == ForeignChange((), (), lost=True)


@pytest.mark.parametrize(
    ("old", "commits", "new"), [(1, 0, 1), (1, 1, 2), (0xFFFFFFFF, 1, 1), (0xFFFFFFFE, 3, 2), (7, 5, 12)]
)
def test_generations_are_counted_as_the_kernel_does(old: int, commits: int, new: int) -> None:
    assert watch._after(old, commits) == new
    assert watch._distance(old, new) == commits
    assert watch._distance(new, old) == -commits


COMMITS_BY_ITSELF = """
import subprocess, sys, threading
import nftables
from svcc.nft.commands import TableName
from svcc.node.watch import TableWatch

children = set()
library = nftables.Nftables()
subprocess.run(["nft", "-f", "-"], input="table ip svcc { set known { type ipv4_addr; }; }", text=True, check=True)
watch = TableWatch([TableName("ip", "svcc")], lambda: children)

def in_library(address):
    assert library.cmd("add element ip svcc known { %s }" % address)[0] == 0

def in_program(address, own):
    process = subprocess.Popen(["nft", "add element ip svcc known { %s }" % address])
    if own:
        children.add(process.pid)
    assert process.wait() == 0

def in_thread(address):
    thread = threading.Thread(target=in_library, args=(address,))
    thread.start()
    thread.join()

def say(what):
    print(what, watch.poll() is not None)

in_library("10.0.0.1")
say("library")
in_program("10.0.0.2", True)
say("program")
in_program("10.0.0.3", False)
say("foreign")
in_thread("10.0.0.4")
say("unknown-thread")
"""


@pytest.mark.parametrize("namespaces", [["-n"], ["-n", "-p", "-f"]], ids=["as all", "in a PID namespace"])
def test_svcc_knows_itself_by_whatever_number_the_kernel_announces(namespaces: list[str]) -> None:
    pytest.importorskip("nftables")
    result = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-c", COMMITS_BY_ITSELF],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(svcc.__file__).parent.parent)},
    )
    assert result.returncode == 0, result.stderr
    assert dict(line.split() for line in result.stdout.splitlines()) == {
        "library": "False",
        "program": "False",
        "foreign": "True",
        "unknown-thread": "True",
    }


def test_without_the_capability_it_says_what_it_takes() -> None:
    script = (
        "from svcc.errors import TargetError\n"
        "from svcc.node.watch import TableWatch\n"
        "try:\n    TableWatch([])\n"
        "except TargetError as error:\n    print(error, error.hint)"
    )
    result = subprocess.run(
        ["unshare", "-n", "setpriv", "--bounding-set", "-net_admin", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(svcc.__file__).parent.parent)},
    )
    assert "CAP_NET_ADMIN" in result.stdout


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_do_not_pile_up(host: Host) -> None:
    before = open_descriptors()
    for _ in range(20):
        with host.watch.paused() as pause:
            pause.own_commits = 0
    with host.namespace.entered(), pytest.MonkeyPatch.context() as broken:
        broken.setattr(watch, "_TABLES_GROUP", 1 << 20)
        for _ in range(5):
            with pytest.raises(TargetError):
                TableWatch([IPV4])
    assert open_descriptors() == before
