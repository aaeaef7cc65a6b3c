"""An answer that is lost is excused where its endpoint went while it was under way, and nowhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.kernel.churn import NODE_ADDRESS, Churn, Declaration
from tests.kernel.conntrack import ConntrackTable
from tests.kernel.conntrack_events import ConntrackEvents
from tests.kernel.lost_answers import Loss, WasGone, Witness
from tests.kernel.node_process import Machine, wait_until
from tests.kernel.servers import Address, Conversation, serve_everything
from tests.kernel.topology import Topology

pytestmark = pytest.mark.kernel

CLIENT, FRONTEND, ENDPOINT = ("198.51.100.7", 5353), ("10.96.1.6", 80), ("10.244.6.1", 8080)
RULES = """
table ip translation {
  chain destinations {
    type nat hook prerouting priority dstnat
    ip daddr 10.96.1.6 udp dport 80 dnat to 10.244.6.1:8080
  }
  chain sources {
    type nat hook postrouting priority srcnat
    oifname cni0 masquerade fully-random
  }
}
"""


class Asking:
    """A client of a frontend with one endpoint, and whatever is to happen before that answers."""

    def __init__(self, resources: ExitStack) -> None:
        self.witness = Witness()
        made = Topology(
            {"outside": "eth0", "pod": "cni0"},
            {"outside": [NODE_ADDRESS], "pod": ["10.244.0.1"]},
            ["10.244.0.0/16"],
            route_localnet=False,
        )
        resources.callback(made.close)
        made.set_answering(answering=True)
        self.topology = made
        self.forgets = False
        resources.callback(serve_everything(made.far["pod"], self._hear).close)
        resources.callback(ConntrackEvents(made.node, self.witness.begun, self.witness.ended).close)
        self.load(RULES)

    def load(self, rules: str) -> None:
        result = self.topology.node.run("nft", "-f", "-", text=rules)
        assert result.returncode == 0, result.stderr

    def forget(self) -> None:
        with self.topology.node.entered(), closing(ConntrackTable()) as table:
            table.flush()

    def _hear(self, question: bytes, endpoint: Address, asker: Address) -> None:
        self.witness.hear(question, endpoint, asker)
        if self.forgets:
            self.forget()

    def ask(self, *, seconds: float) -> tuple[bool, float]:
        """Whether there is an answer, and when it was asked for."""
        asked = time.time()
        with closing(Conversation(self.topology.far["outside"], CLIENT, FRONTEND, "UDP", seconds)) as opened:
            try:
                return opened.ask(b"who").address == ENDPOINT[0], asked
            except TimeoutError:
                return False, asked

    def judge(self, asked: float, was_gone: WasGone) -> Loss:
        return self.witness.judge(b"who", CLIENT, FRONTEND, asked, was_gone)


@pytest.fixture
def asking() -> Iterator[Asking]:
    with ExitStack() as resources:
        yield Asking(resources)


def gone(_address: str, _at: float) -> str:
    return "gone with change 1"


def declared(_address: str, _at: float) -> str:
    return ""


def test_an_answer_whose_entry_went_with_its_endpoint_is_excused_and_one_whose_endpoint_is_declared_is_not(
    asking: Asking,
) -> None:
    asking.forgets = True
    has_answer, asked = asking.ask(seconds=0.5)
    assert not has_answer
    wait_until(lambda: asking.judge(asked, gone).is_owed, lambda: str(asking.judge(asked, gone)))
    assert not asking.judge(asked, declared).is_owed
    assert "the endpoint was declared" in str(asking.judge(asked, declared))
    asking.forgets = False
    assert asking.ask(seconds=10)[0]


def test_an_answer_that_is_lost_elsewhere_is_not_excused_though_its_endpoint_goes(asking: Asking) -> None:
    asking.load("table ip lossy { chain way { type filter hook forward priority 0; udp sport 8080 drop; }; }")
    has_answer, asked = asking.ask(seconds=0.5)
    assert not has_answer
    asking.forget()
    wait_until(lambda: asking.judge(asked, gone).ended, lambda: str(asking.judge(asked, gone)))
    assert not asking.judge(asked, gone).is_owed


def test_a_question_that_is_lost_is_not_excused(asking: Asking) -> None:
    asking.load("table ip lossy { chain way { type filter hook forward priority 0; udp dport 8080 drop; }; }")
    has_answer, asked = asking.ask(seconds=0.5)
    assert not has_answer
    asking.forget()
    loss = asking.judge(asked, gone)
    assert not loss.is_owed
    assert "no pod heard it" in str(loss)


def test_an_endpoint_was_gone_from_when_that_was_declared_until_another_declaration_is_in_the_kernel(
    tmp_path: Path,
) -> None:
    with Machine(tmp_path) as machine:
        churn = Churn(machine)
        churn.history = [
            Declaration(number, {"web": live}, declared=10.0 * number, there=10.0 * number + 5)
            for number, live in enumerate([["a", "b"], ["a"], ["a", "b"]], 1)
        ]
        assert churn.was_gone("web", "a", 22.0) == ""
        assert [bool(churn.was_gone("web", "b", at)) for at in (12.0, 19.0, 20.0, 34.0, 35.0, 36.0)] == [
            False,
            False,
            True,
            True,
            True,
            False,
        ]
        churn.history.append(Declaration(4, {"web": ["b"]}, declared=40.0, there=math.inf))
        assert churn.was_gone("web", "a", 1e9) == "gone with change 4"
