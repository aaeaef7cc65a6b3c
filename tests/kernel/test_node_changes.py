"""Whatever changes on a node, one thing or many: its table is as from a cold start, and no connection breaks.

Hypothesis makes up histories of a cluster; `tests.kernel.changing` says what must hold after each step.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from svcc.apply import installer
from svcc.incremental.contract import Change
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Protocol
from tests.incremental.edits import Material, beginnings, draw_batch, held_by
from tests.incremental.histories import objects_of
from tests.kernel.changing import ChangingNode
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.network import Node
from tests.strategies import NODE_ADDRESSES, cluster_settings
from tests.strategies.plan import IPV4, IPV6, POD_RANGE, TARGET_PORTS

pytestmark = pytest.mark.kernel

STEPS = 25
"""Of a history."""
_INTERFERENCES = (
    "flush chain ip svcc services",
    "delete table ip6 svcc",
    "flush table ip svcc",
    "flush ruleset",
    "insert rule ip6 svcc nat-prerouting accept",
    "add chain ip svcc more; add rule ip svcc more accept; add set ip svcc few { type ipv4_addr; }",
    "add element ip svcc cluster-ips { 10.96.77.77 }",
    "flush map ip svcc balanced-services; flush map ip svcc picks; flush map ip6 svcc endpoints-tcp",
    "add element ip svcc endpoints-tcp { 10.96.0.1 . 80 . 4000 : 10.244.1.2 . 8080 }",
)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    prefixes = [POD_RANGE[IPV4], POD_RANGE[IPV6]]
    with Node(pod_addresses=("10.244.1.1", "fd00:244:1::1"), pod_prefixes=prefixes) as made:
        for family in (IPV4, IPV6):
            made.address_add(NODE_ADDRESSES[family][1])
        with ExitStack() as servers:
            for family, port in itertools.product((IPV4, IPV6), TARGET_PORTS):
                servers.enter_context(made.listening(NODE_ADDRESSES[family][0], port))
            yield made


@pytest.fixture(scope="module")
def cold() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a step comes soon after another, or late enough to tidy up, the history says."""
    monkeypatch.setattr(installer, "TIDY_AFTER_SECONDS", 1e9)


class Histories(RuleBasedStateMachine):
    """What may happen to a node."""

    def __init__(self, node: Node, cold: NetworkNamespace, counts: dict[str, int]) -> None:
        super().__init__()
        self._node = node
        self._cold = cold
        self._counts = counts
        self.changing: ChangingNode

    @initialize(begun=beginnings(), chosen=cluster_settings())
    def begin(self, begun: tuple[Cluster, Material], chosen: ClusterSettings) -> None:
        cluster, self.material = begun
        self.changing = ChangingNode(self._node, self._cold, chosen, [Change.to(item) for item in objects_of(cluster)])
        self.clients_come()

    def teardown(self) -> None:
        if hasattr(self, "changing"):
            self.changing.close()

    @rule(data=st.data(), then=st.sampled_from(("", "", "", "tidy", "tidy", "read", "restart", "interfere")))
    def something_changes(self, data: st.DataObject, then: str) -> None:
        """One thing or many at once, soon after the last change or later; and then something else may happen."""
        objects = held_by(self.changing.declared.cluster)
        batch = data.draw(st.composite(lambda draw: draw_batch(draw, objects, self.material, (1, 1, 1, 2, 3, 12)))())
        applied = self.changing.change(batch, is_late=data.draw(st.booleans()))
        self._counts["changes"] += 1
        self._counts["effective changes"] += bool(applied)
        match then:
            case "tidy":
                self.changing.tidy()
            case "read":
                self.changing.read()
            case "restart":
                self.changing.restart(data.draw(cluster_settings()))
            case "interfere":
                self.changing.suffer(data.draw(st.sampled_from(_INTERFERENCES)))

    @rule()
    def clients_come(self) -> None:
        """Those who connect stay connected, and those who send datagrams go on from their port."""
        for target in random.sample(targets := self.changing.targets(Protocol.TCP), min(3, len(targets))):
            self.changing.connect(target)
            self._counts["connections"] += 1
        for target in random.sample(targets := self.changing.targets(Protocol.UDP), min(3, len(targets))):
            self.changing.send_datagrams(target)
            self._counts["datagrams"] += 1


@pytest.mark.long
@pytest.mark.timeout(3600)  # time to shrink, and to be thorough
def test_after_each_change_the_table_is_as_from_a_cold_start_and_no_connection_breaks(
    node: Node, cold: NetworkNamespace
) -> None:
    counts = dict.fromkeys(("changes", "effective changes", "connections", "datagrams"), 0)
    examples = max(min(settings().max_examples // 4, 250), 1)
    # How much a dozen histories change is luck: more are run until it is enough. Where examples are the same each time,
    # it is the seed that makes them others than those of the turn before.
    for turn in range(1, 5):
        histories = cast("type[RuleBasedStateMachine]", lambda: Histories(node, cold, counts))
        run_state_machine_as_test(
            seed(turn)(histories) if settings().derandomize else histories,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            ),
        )
        if counts["effective changes"] >= 3 * examples and min(counts.values()) >= examples:
            break
    assert counts["effective changes"] >= 3 * examples, counts
    assert min(counts.values()) >= examples, counts
