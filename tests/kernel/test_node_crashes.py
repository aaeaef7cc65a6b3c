"""svcc is killed with SIGKILL at random moments: the kernel holds what was declared before or after, nothing between.

Other moments in each run. Most are chosen by the kernel's count of transactions, so that they lie around one.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from svcc.apply.generation import generation
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.node_process import NODE, SVCC, THOROUGH, Machine, endpoints, service
from tests.kernel.node_tables import Tables

pytestmark = pytest.mark.kernel

ROUNDS = 100 if THOROUGH else 2
WEB = service("web", "10.96.0.10")
ADDRESSES = [f"10.244.1.{number}" for number in range(5, 25)]
LONGEST_SECONDS = 5.0
"""After which it is killed at any rate; a machine on which nothing begins so soon only makes for duller moments."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with one Service."""
    with Machine(tmp_path) as made:
        made.declare(NODE, WEB, endpoints("web", ADDRESSES[:3]))
        yield made


def many(count: int, *, size: int) -> list[dict[str, Any]]:
    """Services with endpoints, none of which is all the others'."""
    found = []
    for number in range(count):
        place = f"{number // 250}.{number % 250 + 1}"
        found.append(service(f"s{number}", f"10.97.{place}"))
        found.append(endpoints(f"s{number}", [f"10.{100 + each}.{place}" for each in range(size)]))
    return found


def kill_around_a_commit(process: subprocess.Popen[bytes], namespace: NetworkNamespace, *, commits: int = 1) -> None:
    """Kill a process just after so many transactions from now, or now and then at any moment before."""
    latest = time.monotonic() + LONGEST_SECONDS * (random.random() if random.random() < 0.25 else 1)
    with namespace.entered():
        goal = generation() + commits
        while generation() < goal and time.monotonic() < latest and process.poll() is None:
            time.sleep(0.0003)
    time.sleep(random.choice((0, 0.0005, 0.01)) * random.random())
    process.kill()
    process.wait()


def assert_serves_one_of(found: Tables, states: Sequence[Tables]) -> None:
    """The tables are those of a cold start of one of the states, and beside that only what nothing leads to."""
    assert any(found.serves_as(state) for state in states), [found.beyond(state) for state in states]


def test_a_first_start_that_is_killed_leaves_nothing_or_all(machine: Machine) -> None:
    wanted = machine.wanted()
    for _ in range(ROUNDS):
        node = machine.start()
        kill_around_a_commit(node.process, machine.namespace)
        found = machine.tables()
        assert not found.bodies or found == wanted, found.beyond(wanted)
        machine.nft("flush ruleset")
    machine.start()
    machine.wait_until_right(wanted)


_IN_PARTS = """
import svcc.apply.cold_start
svcc.apply.cold_start._MOST_ELEMENTS = 200
from svcc.cli import main
main()
"""
"""As with a hundred times as many Services."""


def test_a_large_first_start_that_is_killed_serves_nothing_or_all_and_the_next_completes_it(machine: Machine) -> None:
    machine.declare(*many(100, size=5), file="many.json")
    wanted = machine.wanted()
    for _ in range(ROUNDS):
        machine.nft("flush ruleset")
        node = machine.start(program=(SVCC[0], "-c", _IN_PARTS))
        kill_around_a_commit(node.process, machine.namespace, commits=random.randint(1, 6))
        found = machine.tables()
        assert not found.base_chains or found == wanted, found.base_chains
    machine.start()
    machine.wait_until_right(wanted)


def test_changes_that_are_cut_off_are_there_or_not_and_the_next_start_makes_them(machine: Machine) -> None:
    states = [machine.wanted()]
    crowd = many(150, size=4)
    for count in range(ROUNDS + 1):
        node = machine.start()
        node.wait_until_ready()
        # What the one before left is healed.
        machine.wait_until_right(states[-1])
        if count == ROUNDS:
            break
        del states[:-1]
        declared = [
            (NODE, WEB, *crowd, endpoints("web", random.sample(ADDRESSES, 7))),
            (NODE, WEB, endpoints("web", random.sample(ADDRESSES, 2)), *crowd[: random.randrange(0, 150, 2)]),
            (NODE, WEB, endpoints("web", random.sample(ADDRESSES, 5)), *crowd[random.randrange(0, 300, 2) :]),
        ]
        random.shuffle(declared)
        for objects in declared:
            machine.declare(*objects)
            states.append(machine.wanted())
        # All over again, and this time svcc may see any of them, or none.
        for objects in declared:
            machine.declare(*objects)
            time.sleep(random.choice((0, 0.05)))
        kill_around_a_commit(node.process, machine.namespace, commits=random.randint(0, 2))
        assert_serves_one_of(machine.tables(), states)


def test_an_apply_that_is_killed_has_changed_nothing_or_all(machine: Machine) -> None:
    crowd = many(150, size=4)
    before = Tables({}, frozenset())
    for _ in range(ROUNDS):
        sample = random.sample(ADDRESSES, 6)
        machine.declare(NODE, WEB, endpoints("web", sample), *random.sample(crowd, 100))
        wanted = machine.wanted()
        process = machine.start_apply()
        kill_around_a_commit(process, machine.namespace, commits=random.randint(1, 2))
        found = machine.tables()
        assert found == before or found.serves_as(before) or found.serves_as(wanted), found.beyond(wanted)
        before = wanted if found.serves_as(wanted) else before
    applied = machine.apply()
    assert applied.returncode == 0, applied.stderr
    assert machine.tables() == machine.wanted()
