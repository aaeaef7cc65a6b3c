"""What `svcc apply` says of a change, by what the kernel holds and what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.node_process import NODE, Machine, endpoints, service

pytestmark = pytest.mark.kernel

A, B, C, D = (f"10.244.1.{number}" for number in range(1, 5))


def test_endpoints_that_come_and_go_are_counted_and_not_those_that_move(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        for addresses, words in (
            ((A, B, C), "added tcp 10.96.0.10:80 (+3 endpoints)"),
            ((B, C), "changed (-1 endpoint)"),
            ((A, B, C), "changed (+1 endpoint)"),
            ((A, C), "changed (-1 endpoint)"),
            ((A, B, C), "changed (+1 endpoint)"),
            ((A, B), "changed (-1 endpoint)"),
            ((B, C, D), "changed (+2 -1 endpoints)"),
            ((C,), "changed (-2 endpoints)"),
        ):
            machine.declare(NODE, service("web", "10.96.0.10"), endpoints("web", addresses))
            done = machine.apply()
            assert done.returncode == 0, done.stderr
            assert f"default/web:http: {words}\n" in done.stderr
        machine.declare(NODE)
        done = machine.apply()
        assert "default/web:http: removed tcp 10.96.0.10:80 (-1 endpoint)\n" in done.stderr
