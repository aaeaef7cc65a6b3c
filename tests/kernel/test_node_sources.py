"""Sources that are silent, broken or gone: what is served stays, and nothing is half of what was meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.node_process import NODE, Machine, RunningNode, endpoints, service

pytestmark = pytest.mark.kernel

WEB = service("web", "10.96.0.10")
ADDRESSES = [f"10.244.1.{number}" for number in range(5, 12)]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with one Service."""
    with Machine(tmp_path) as made:
        made.declare(NODE, WEB, endpoints("web", ADDRESSES[:3]))
        yield made


def say(node: RunningNode, *said: bytes | dict[str, Any]) -> None:
    """Write to the stream that a node reads; objects as added."""
    assert node.process.stdin is not None
    for each in said:
        event = each if isinstance(each, bytes) else json.dumps({"type": "ADDED", "object": each}).encode() + b"\n"
        node.process.stdin.write(event)
    node.process.stdin.flush()


def test_a_stream_may_be_silent_or_garbage_or_end_in_the_middle_and_what_was_served_stays(machine: Machine) -> None:
    node = machine.start(source="-")
    node.wait_for(lambda status: not status["source"]["complete"] and status["lastSync"] is None)
    assert not machine.tables().bodies
    say(node, b"E1123 connection refused\n\0\xff\xfe}{\n", NODE, WEB)
    # A Service without slices may be one whose slices come later.
    node.wait_for(lambda status: not status["source"]["complete"])
    assert not machine.tables().bodies
    say(node, endpoints("web", ADDRESSES[:3]))
    machine.wait_until_right()
    say(node, b'{"type": "MODIFIED", "object": {"kind": \n', b"]]]\n\n\xc3\x28 error: watch closed\n")
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[2:6]))
    say(node, endpoints("web", ADDRESSES[2:6]))
    right = machine.wait_until_right()
    broken = {**endpoints("web", []), "addressType": "carrier pigeon"}
    say(node, broken, json.dumps({"type": "DELETED", "object": WEB}).encode()[:-9])
    assert node.process.stdin is not None
    node.process.stdin.close()
    assert node.process.wait(60) == 3, node.log
    assert "Traceback" not in node.log
    assert machine.holds(right)


def test_a_stream_that_ends_before_it_is_complete_changes_nothing(machine: Machine) -> None:
    machine.apply()
    right = machine.wait_until_right()
    node = machine.start(source="-")
    say(node, NODE, WEB)
    assert node.process.stdin is not None
    node.process.stdin.close()
    assert node.process.wait(60) in {2, 3}, node.log
    assert machine.holds(right)


def test_a_directory_may_be_half_written_or_vanish_and_what_was_served_stays(machine: Machine) -> None:
    node = machine.start()
    node.wait_until_ready()
    right = machine.wait_until_right()
    file = machine.manifests / "all.json"
    text = file.read_text()
    for broken in (text[: len(text) // 2], "", "\0" * 4096, text[:-2]):
        file.write_text(broken)
        (machine.manifests / "more.json").write_text(json.dumps(service("other", "10.96.0.77")))
        node.wait_for(lambda status: status["serving"]["services"] == 2)
        assert machine.tables().elements >= right.elements
        (machine.manifests / "more.json").unlink()
        node.wait_for(lambda status: status["serving"]["services"] == 1)
        machine.wait_until_right(right)
    away = machine.folder / "away"
    machine.manifests.rename(away)
    node.wait_for(lambda status: status["problems"])
    assert machine.holds(right)
    shutil.rmtree(away)
    machine.manifests.mkdir()
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[4:]))
    machine.wait_until_right()
    node.wait_for(lambda status: not status["problems"])
