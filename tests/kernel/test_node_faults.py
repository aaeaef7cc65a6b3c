"""What others do to svcc's tables, to its process and to its machine, and that the tables are right afterwards."""

from __future__ import annotations

import functools
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.node_process import NODE, SVCC, Machine, endpoints, service

pytestmark = pytest.mark.kernel

WEB = service("web", "10.96.0.10")
DNS = service("dns", "10.96.0.53", port=53, protocol="UDP")
ADDRESSES = [f"10.244.1.{number}" for number in range(5, 12)]
ALL = (NODE, WEB, DNS, endpoints("web", ADDRESSES[:3]), endpoints("dns", ADDRESSES[:1], protocol="UDP"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with three endpoints of one Service and one of another."""
    with Machine(tmp_path) as made:
        made.declare(*ALL)
        yield made


_DISTURBANCES = {
    "the whole ruleset is flushed": "flush ruleset",
    "a table is deleted": "delete table ip svcc",
    "both tables are deleted and made again, empty": "delete table ip svcc; delete table ip6 svcc;"
    " add table ip svcc; add table ip6 svcc",
    "all chains of a table are flushed": "flush table ip svcc",
    "a rule is inserted first": "insert rule ip svcc nat-prerouting ip daddr 10.96.0.10 accept",
    "a rule is added last": "add rule ip svcc services counter drop",
    "a chain is added with a hook": "add chain ip svcc foreign { type filter hook input priority 0; policy drop; }",
    "a chain is flushed": "flush chain ip svcc services",
    "a foreign chain refers to one of svcc's": "add chain ip svcc foreign; add rule ip svcc foreign goto pick-3",
    "a foreign map refers to a chain of svcc's": "add map ip svcc foreign { type inet_service : verdict; };"
    " add element ip svcc foreign { 80 : goto pick-3 }",
    "a map is emptied": "flush map ip svcc endpoints-tcp",
    "a set is emptied": "flush set ip svcc cluster-ips",
    "an element is deleted": "delete element ip svcc endpoints-tcp { 10.96.0.10 . 80 . 1 }",
    "an element leads elsewhere": "delete element ip svcc balanced-services { tcp . 10.96.0.10 . 80 };"
    " add element ip svcc balanced-services { tcp . 10.96.0.10 . 80 : 0:9 }",
    "an element is added": "add element ip svcc endpoints-tcp { 10.96.0.99 . 80 . 7 : 10.244.9.9 . 8080 }",
    "a table sleeps": "add table ip svcc { flags dormant; }",
    "sets are added": "add set ip6 svcc foreign { type inet_service; elements = { 1, 2 } }",
    "a counter is added": "add counter ip svcc foreign",
    "a map is there that takes one element": "delete table ip svcc; add table ip svcc; add map ip svcc endpoints-tcp"
    " { typeof ip daddr . tcp dport . numgen random mod 65536 : ip daddr . tcp dport; size 1; }",
}


def test_whatever_is_done_to_the_tables_is_repaired_and_tables_of_others_are_left_alone(machine: Machine) -> None:
    others = "table ip others {\n\tset numbers {\n\t\ttype inet_service\n\t\telements = { 1, 2 }\n\t}\n}\n"
    node = machine.start()
    node.wait_until_ready()
    right = machine.wait_until_right()
    for count, (what, script) in enumerate(_DISTURBANCES.items(), 1):
        machine.nft(script)
        detected = functools.partial(_has_noticed, count)
        assert node.wait_for(detected)["refused"] == [], what
        machine.wait_until_right(right)
        if script == "flush ruleset":
            machine.nft(others)
    assert machine.namespace.run("nft", "list", "table", "ip", "others").stdout == others
    assert node.wait_for(lambda status: status["healthy"])["troubles"] == []


def _has_noticed(count: int, status: dict[str, Any]) -> bool:
    return bool(status["drift"]["detected"] >= count)


def test_changes_are_brought_in_whatever_others_do_to_the_tables_at_the_same_time(machine: Machine) -> None:
    machine.start().wait_until_ready()
    over = threading.Event()

    def disturb() -> None:
        scripts = [*_DISTURBANCES.values(), "add table ip others", "delete table ip others"]
        while not over.is_set():
            # Some are refused, since what they name is not there at the moment.
            machine.namespace.run("nft", "-f", "-", text=random.choice(scripts))

    others = [threading.Thread(target=disturb) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for number in range(10):
            machine.declare(NODE, WEB, endpoints("web", random.sample(ADDRESSES, number % 7)), file="all.json")
            over.wait(0.1)
    finally:
        over.set()
        for other in others:
            other.join()
    machine.declare(*ALL)
    machine.wait_until_right()


def test_changes_are_brought_in_that_others_have_half_made_while_svcc_did_not_run(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    machine.wait_until_right()
    node.process.send_signal(signal.SIGSTOP)
    # What svcc will delete is gone, what it will add is there otherwise, and what it will delete is referred to.
    machine.nft(
        """delete element ip svcc balanced-services { udp . 10.96.0.53 . 53 }
        add element ip svcc balanced-services { tcp . 10.96.0.20 . 80 : 0:1 }
        add element ip svcc endpoints-tcp { 10.96.0.20 . 80 . 0 : 10.244.9.9 . 1 }
        add chain ip svcc foreign
        add rule ip svcc foreign goto pick-3"""
    )
    more = service("more", "10.96.0.20")
    machine.declare(NODE, WEB, more, endpoints("web", ADDRESSES[:2]), endpoints("more", ADDRESSES[:1]))
    node.process.send_signal(signal.SIGCONT)
    machine.wait_until_right()


def test_sighup_has_the_kernel_read_and_sigterm_leaves_the_rules_and_a_restart_does_nothing_s57(
    machine: Machine,
) -> None:
    node = machine.start()
    first = node.wait_until_ready()["lastFullSync"]
    node.process.send_signal(signal.SIGHUP)
    again = node.wait_for(lambda status: status["lastFullSync"]["time"] != first["time"])["lastFullSync"]
    assert (first["kind"], again["kind"], again["operations"]) == ("full", "full", 0)
    assert first["operations"] > 0
    right = machine.wait_until_right()
    before = _handles(machine)
    assert node.terminate() == 0
    assert "info SIGHUP: the kernel is read and compared\n" in node.log
    assert " info verified; 0 operations; " in node.log
    assert "info SIGTERM: ends, and the rules stay\n" in node.log
    assert machine.holds(right)
    node = machine.start()
    assert node.wait_until_ready()["lastFullSync"]["operations"] == 0
    assert _handles(machine) == before
    assert node.terminate() == 0
    # What changed meanwhile is brought in by the next start.
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[1:3]))
    machine.nft("add rule ip svcc services counter drop\nadd chain ip svcc foreign")
    assert machine.start().wait_until_ready()["lastFullSync"]["operations"] > 0
    machine.wait_until_right()


def _handles(machine: Machine) -> str:
    """Whatever is made anew has another handle."""
    return machine.namespace.run("nft", "-a", "list", "ruleset").stdout


def test_a_second_svcc_is_refused_and_told_the_process_of_the_first(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    right = machine.wait_until_right()
    machine.declare(NODE)
    second = machine.start()
    for code, told in (
        (second.process.wait(60), second.log),
        *((done.returncode, done.stderr) for done in (machine.apply(), machine.svcc("cleanup"))),
    ):
        assert code == 3, told
        assert f"another svcc is changing this node: process {node.process.pid} (" in told
    machine.declare(*ALL)
    machine.wait_until_right(right)
    assert node.process.poll() is None


def test_without_cap_net_admin_svcc_says_so_and_with_nothing_else_it_works(machine: Machine) -> None:
    node = machine.start(wrapper=("setpriv", "--bounding-set=-net_admin"))
    applied = machine.apply(wrapper=("setpriv", "--bounding-set=-net_admin"))
    for code, told in ((node.process.wait(60), node.log), (applied.returncode, applied.stderr)):
        assert code == 3, told
        assert "the capability CAP_NET_ADMIN is missing" in told
    assert not machine.tables().bodies
    applied = machine.apply(wrapper=("setpriv", "--bounding-set=-all,+net_admin"))
    assert applied.returncode == 0, applied.stderr
    assert machine.holds(machine.wanted())


def test_svcc_node_needs_no_capability_but_cap_net_admin(machine: Machine) -> None:
    node = machine.start(wrapper=("setpriv", "--bounding-set=-all,+net_admin", "--no-new-privs"))
    node.wait_until_ready()
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[2:5]))
    machine.wait_until_right()
    status = node.wait_for(lambda status: status["serving"]["services"] == 1)
    assert status["troubles"] == status["refused"] == []
    assert "denied" not in node.log
    assert "not permitted" not in node.log


_JUMPING = """
import random, time
real = time.time
time.time = lambda: real() + random.choice((-1.7e9, -3600.5, 0, 86_400, 1e9))
from svcc.cli import main
main()
"""


def test_a_time_of_day_that_jumps_to_and_fro_changes_nothing(machine: Machine) -> None:
    node = machine.start(program=(SVCC[0], "-c", _JUMPING))
    node.wait_until_ready()
    for count in (2, 0, 5, 1):
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:count]))
        machine.wait_until_right()
    machine.nft("flush ruleset")
    machine.wait_until_right()
    assert node.wait_for(lambda status: status["healthy"] and not status["waiting"]["seconds"])["drift"]["repaired"]


@pytest.mark.parametrize("reader", ["full", "gone"])
def test_a_log_that_cannot_be_written_stops_nothing(machine: Machine, reader: str) -> None:
    if reader == "full":
        node = machine.start(stderr=Path("/dev/full"))
    else:
        reading, writing = os.pipe()
        node = machine.start(stderr=writing)
        os.close(writing)
        os.close(reading)
    node.wait_until_ready()
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES))
    machine.wait_until_right()
    machine.nft("flush ruleset")
    machine.wait_until_right()
    assert node.terminate() == 0


def test_apply_of_nothing_is_refused_and_removes_nothing(machine: Machine) -> None:
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:2]))
    assert machine.apply().returncode == 0
    right = machine.tables()
    machine.declare()
    for options in ([], ["--dry-run"]):
        refused = machine.apply(*options)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "nothing is declared, so nothing was changed" in refused.stderr
    assert machine.holds(right)
