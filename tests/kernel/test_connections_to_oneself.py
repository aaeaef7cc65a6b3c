"""What a node sends to itself leaves by `lo` and comes in again: the filters of prerouting see it, the NAT does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from svcc.auditing.audit import audit
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet
from tests.audit.cluster import CLUSTER, SCRIPT
from tests.declare import NODE, PODS
from tests.kernel.network import Node

pytestmark = pytest.mark.kernel

OWN = "192.168.0.10"
PUBLISHED, CONTAINER = 8080, 8081
GUARD = f'ip daddr {OWN} iifname != "docker0" counter drop'
"""Docker guards the address of each container in this way, before connection tracking."""


def docker(guard: str = "", again: str = "") -> str:
    return f"""table ip docker {{
	chain raw {{
		type filter hook prerouting priority raw; policy accept;
		{guard}
	}}
	chain arriving {{
		type nat hook prerouting priority dstnat; policy accept;
		{again}
	}}
	chain sending {{
		type nat hook output priority -100; policy accept;
		fib daddr type local tcp dport {PUBLISHED} dnat to {OWN}:{CONTAINER}
	}}
}}
"""


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as made, made.listening(OWN, CONTAINER):
        yield made


def verdicts(rules: str) -> list[tuple[str, int | None]]:
    """What the evaluator says of the connection that the test opens: verdicts, and ports they go to."""
    packet = Packet("TCP", OWN, OWN, 40000, PUBLISHED, hook="output")
    outcomes = Evaluator(rules, local_addresses=[OWN]).evaluate(packet).outcomes
    return [(outcome.verdict, outcome.port) for outcome in outcomes]


def test_it_is_not_translated_a_second_time(node: Node) -> None:
    rules = docker(again=f"tcp dport {CONTAINER} dnat to {OWN}:9")
    node.load(rules)
    answer = node.connect(OWN, PUBLISHED, entry="output")
    assert (answer.address, answer.port) == (OWN, CONTAINER)
    assert verdicts(rules) == [("accept", CONTAINER)]


def test_filters_of_prerouting_see_it_come_in_by_lo(node: Node) -> None:
    rules = docker(GUARD)
    node.load(rules)
    with pytest.raises(TimeoutError):
        node.connect(OWN, PUBLISHED, entry="output", timeout=0.1)
    dropped = re.search(r"counter packets (\d+)", node.nft("list", "ruleset"))
    assert dropped is not None
    assert int(dropped[1]) > 0
    assert verdicts(rules) == [("drop", None)]


def test_filters_of_prerouting_that_let_lo_in_do_not_stop_it(node: Node) -> None:
    rules = docker(GUARD.replace("docker0", "lo"))
    node.load(rules)
    assert node.connect(OWN, PUBLISHED, entry="output").port == CONTAINER
    assert verdicts(rules) == [("accept", CONTAINER)]


def test_what_the_proof_says_of_it_is_what_the_evaluator_says(node: Node) -> None:
    # Nobody told the audit whether the container's address is the node's own.
    rules = docker(GUARD).replace(OWN, "172.17.0.2")
    node.load(SCRIPT + rules)
    report = audit(node.nft("list", "ruleset"), CLUSTER, node=NODE.name, settings=PODS)
    assert [each.message for each in report.findings if each.subject == "contradictions"] == []
