"""The plain model of the semantics and the kernel agree on whatever Hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.addresses import family_of
from svcc.compiler.compilation import compile_cluster
from tests.kernel.agreement import agrees, sent
from tests.kernel.network import Node
from tests.oracle import Packet, decide
from tests.strategies.plan import IPV4, IPV6, NODE_ADDRESSES, POD_RANGE
from tests.strategies.scenarios import Scenario, packets, scenarios

pytestmark = pytest.mark.kernel

PACKETS_A_CLUSTER = 30
TRIES = 6
"""How often each packet is sent: endpoints are drawn at random, and every draw must be one of the model's."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    prefixes = [POD_RANGE[IPV4], POD_RANGE[IPV6]]
    with Node(pod_addresses=("10.244.1.1", "fd00:244:1::1"), pod_prefixes=prefixes) as made:
        yield made


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


@pytest.mark.timeout(900)  # time to shrink a disagreement
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(journey=journeys())
def test_model_and_kernel_agree(node: Node, journey: tuple[Scenario, list[Packet]]) -> None:
    scenario, offered = journey
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    extra = [each for each in scenario.settings.local_addresses if each not in node.addresses]
    for address in extra:
        node.address_add(address)
    try:
        node.load(compilation.script)
        outcomes = iter(node.send_many(sent(packet) for packet in offered for _ in range(TRIES)))
        for packet in offered:
            expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
            for _ in range(TRIES):
                outcome = next(outcomes)
                if not agrees(packet, outcome, expected):
                    note(compilation.script)
                    raise AssertionError(f"{packet}\nkernel: {outcome}\nmodel: {expected}")
    finally:
        node.nft("delete table ip svcc; delete table ip6 svcc")
        for address in extra:
            node.address_del(address)


def test_the_address_plan_is_the_nodes(node: Node) -> None:
    assert {family_of(address) for address in node.addresses} == set(NODE_ADDRESSES)
    assert all(NODE_ADDRESSES[family_of(address)][0] == address for address in node.addresses)
