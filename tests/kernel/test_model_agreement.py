"""The plain model of the semantics and the kernel agree on whatever Hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.addresses import family_of
from svcc.compiler.compilation import compile_cluster
from svcc.model.service import SessionAffinity
from tests.kernel.agreement import agrees, sent
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered, Outcome
from tests.kernel.packets import Packet as SentPacket
from tests.oracle import Packet, ServicePortName, decide
from tests.oracle.decide import Situation, candidate_endpoints, is_refused_by_source_ranges, matching_frontend
from tests.oracle.node import node_named
from tests.strategies.plan import IPV4, IPV6, NODE_ADDRESSES, POD_RANGE
from tests.strategies.scenarios import Scenario, packets, scenarios

pytestmark = pytest.mark.kernel

PACKETS_A_CLUSTER = 30
TRIES = 6
"""How often each packet is sent: endpoints are drawn at random, and every draw must be one of the model's."""
FIRST_PORT = 20_000
"""Each try has a source port of its own, since some Services go by it."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    prefixes = [POD_RANGE[IPV4], POD_RANGE[IPV6]]
    with Node(pod_addresses=("10.244.1.1", "fd00:244:1::1"), pod_prefixes=prefixes) as made:
        yield made


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


def packet_from(packet: Packet, source_port: int) -> Packet:
    return packet if packet.protocol == "ICMP" else evolve(packet, source_port=source_port)


def sent_from_its_port(packet: Packet) -> SentPacket:
    return evolve(sent(packet), source_port=packet.source_port or None)


def remember(
    records: dict[tuple[str, ServicePortName], tuple[str, int]], scenario: Scenario, packet: Packet, outcome: Outcome
) -> None:
    """Keep track of what session affinity knows after a packet (S34, S35)."""
    node = node_named(scenario.cluster, scenario.node)
    situation = Situation(scenario.cluster, scenario.settings, node, scenario.facts, packet, records)
    frontend = matching_frontend(situation)
    if frontend is None or frontend.service.session_affinity is not SessionAffinity.CLIENT_IP:
        return
    if is_refused_by_source_ranges(situation):
        return
    key = (packet.source, ServicePortName.of(frontend.service, frontend.port))
    usable = {(each.address, each.port) for each in candidate_endpoints(situation, frontend)}
    if usable and records.get(key) not in usable:
        records.pop(key, None)
    if isinstance(outcome, Delivered) and outcome.port is not None and (outcome.address, outcome.port) in usable:
        records[key] = (outcome.address, outcome.port)


@pytest.mark.long
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
        tries = [packet for packet in offered for _ in range(TRIES)]
        tries = [packet_from(packet, FIRST_PORT + number) for number, packet in enumerate(tries)]
        outcomes = node.send_many(map(sent_from_its_port, tries))
        records: dict[tuple[str, ServicePortName], tuple[str, int]] = {}
        for packet, outcome in zip(tries, outcomes, strict=True):
            expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts, records)
            if not agrees(packet, outcome, expected):
                note(compilation.script)
                raise AssertionError(f"{packet}\nkernel: {outcome}\nmodel: {expected}")
            remember(records, scenario, packet, outcome)
    finally:
        node.nft("delete table ip svcc; delete table ip6 svcc")
        for address in extra:
            node.address_del(address)


def test_the_address_plan_is_the_nodes(node: Node) -> None:
    assert {family_of(address) for address in node.addresses} == set(NODE_ADDRESSES)
    assert all(NODE_ADDRESSES[family_of(address)][0] == address for address in node.addresses)
