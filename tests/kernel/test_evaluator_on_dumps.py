"""What a kernel holds of a golden ruleset, listed by each nft as text and as JSON, does what was compiled."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest

from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Hook, Packet
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.nft_versions import Program
from tests.kernel.test_golden import CASES

pytestmark = pytest.mark.kernel

LOCAL = ("192.168.0.10", "fd00:1::10")
Source = tuple[str, Hook, str | None]
SOURCES: dict[int, list[Source]] = {
    4: [
        ("10.244.1.11", "prerouting", "cni0"),
        ("10.244.1.11", "prerouting", "eth0"),
        ("203.0.113.7", "prerouting", "eth0"),
        (LOCAL[0], "output", None),
    ],
    6: [
        ("fd00:244:1::11", "prerouting", "cni0"),
        ("fd00:244:1::11", "prerouting", "eth0"),
        ("2001:db8:1::7", "prerouting", "eth0"),
        (LOCAL[1], "output", None),
    ],
}


def packets(dataplane: str) -> list[Packet]:
    """Packets to every frontend of a dataplane, on its port and beside it, from everywhere."""
    addresses = {*re.findall(r'"address": "([^"]+)"', dataplane), *LOCAL}
    ports = {int(port) for port in re.findall(r'"port": (\d+)', dataplane)} | {81}
    return [
        Packet(protocol, source, address, 40000, port, hook=hook, input_interface=interface)
        for address, port, protocol in product(sorted(addresses), sorted(ports), ("TCP", "UDP"))
        for source, hook, interface in SOURCES[6 if ":" in address else 4]
    ]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_dump_does_what_was_compiled(case: Path, form: str, nft: Program) -> None:
    script = (case / "ruleset.nft").read_text()
    dataplane = (case / "dataplane.json").read_text()
    assert json.loads(dataplane)
    namespace = NetworkNamespace()
    try:
        loaded = namespace.run(*nft.command, "-f", "-", text=script)
        assert loaded.returncode == 0, loaded.stderr
        listed = namespace.run(*nft.command, *(["-j"] if form == "json" else ["-a"]), "list", "ruleset")
        assert listed.returncode == 0, listed.stderr
    finally:
        namespace.close()
    compiled = Evaluator(script, local_addresses=LOCAL)
    dumped = Evaluator(listed.stdout, local_addresses=LOCAL)
    offered = packets(dataplane)
    served = 0
    for packet in offered:
        expected = compiled.evaluate(packet, steps=False)
        assert dumped.evaluate(packet, steps=False) == expected, packet
        served += any(outcome.address for outcome in expected.outcomes)
    assert served or case.name == "refusals"
