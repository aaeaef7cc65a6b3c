"""Many sockets that stay open leave descriptors to all else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MANY = """
import json, os, resource, sys, tempfile
from pathlib import Path
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from svcc.addresses import IPFamily
from svcc.dataplane.contract import NodePortAddresses
from svcc.node.servers import NodeServers, ServerSettings
from tests.node.asking import ask
from tests.node.states import StandingClock, checks, published
# An address of loopback of their own, where nobody has a port.
address = f"127.{os.getpid() >> 16 & 127 | 64}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
node = published(
    health_checks=checks({port: 1 for port in range(20000, 22000)}),
    node_ports={IPFamily.IPV4: NodePortAddresses((address,))},
)
with tempfile.TemporaryDirectory() as name:
    settings = ServerSettings(healthz=None, metrics=None, runtime_directory=Path(name))
    servers = NodeServers(node, settings, clock=StandingClock().clock())
    servers.start()
    free = os.open("/", os.O_RDONLY)
    print(json.dumps({
        "free": free,
        "problems": len(servers.problems),
        "reason": servers.problems[-1].message() if servers.problems else "",
        "first": ask(20000, address=address).status,
    }))
    servers.close()
"""


def with_limits(soft: int, hard: int) -> dict[str, Any]:
    """What becomes of 2 000 ports in a process that may have so many descriptors."""
    result = subprocess.run(
        [sys.executable, "-c", MANY, str(soft), str(hard)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_sockets_that_stay_open_leave_low_numbers_to_those_who_select() -> None:
    found = with_limits(1024, 5000)
    assert (found["problems"], found["first"]) == (0, 200)
    assert found["free"] < 100


@pytest.mark.parametrize(("soft", "hard"), [(1024, 1024), (1024, 2048)])
def test_with_too_few_descriptors_some_ports_are_reported_and_the_rest_of_the_process_works(
    soft: int, hard: int
) -> None:
    found = with_limits(soft, hard)
    assert 0 < found["problems"] < 2000
    assert "Too many open files" in found["reason"]
    assert found["free"] < 600
    assert found["first"] == 200
