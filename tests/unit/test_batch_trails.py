"""In a batch packets follow the trails of those before them: each must end where it ends alone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.compiler.compilation import compile_cluster
from svcc.trace.batch import BatchVerdict, pack_packets
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet
from tests import oracle
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset
from tests.kube_proxy.differences import as_kube_proxy_reads
from tests.strategies.ruleset_packets import RulesetPacket, packets_for
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import rulesets
from tests.strategies.scenarios import Scenario, packets, scenarios

LOCAL = ("192.168.0.11", "10.0.0.1", "fd00:1::11")
INTERFACES = ["eth0", "veth1"]
HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large]
RANDOMS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5)


def compare(evaluator: Evaluator, offered: list[Packet], randoms: list[int]) -> list[int]:
    """The verdicts; raises AssertionError if they, or anything else, are others in a batch, cold or warm."""
    # The first packet of a way again comes after all others, and with other random numbers.
    sent = [packet for _ in randoms for packet in offered]
    numbers = [random for random in randoms for _ in offered]
    verdicts = b""
    # Where endpoints take turns, it depends on the order whose turn it is.
    for order in (slice(None), slice(None, None, -1)):
        buffer = pack_packets(sent[order], randoms=numbers[order], interfaces=INTERFACES)
        expected = evaluator.native.batch(buffer, INTERFACES, True)
        for _ in range(2):
            assert evaluator.native.batch(buffer, INTERFACES) == expected
        verdicts = expected[0]
    return list(verdicts)


def of_ruleset(packet: RulesetPacket) -> Packet:
    return Packet(
        packet.protocol,
        packet.source,
        packet.destination,
        packet.source_port,
        packet.destination_port,
        "output" if packet.entry == "output" else "prerouting",
        {"outside": "eth0", "pod": "veth1", "output": None}[packet.entry],
        mark=packet.mark,
    )


def of_model(packet: oracle.Packet) -> Packet:
    has_ports = packet.protocol != "ICMP"
    return Packet(
        packet.protocol if has_ports else 1 if "." in packet.source else 58,
        packet.source,
        packet.destination,
        packet.source_port if has_ports else None,
        packet.destination_port if has_ports else None,
        packet.hook,
        "eth0" if packet.hook == "prerouting" and packet.interface is not None else None,
    )


@st.composite
def random_journeys(draw: st.DrawFn) -> tuple[Ruleset, list[RulesetPacket]]:
    ruleset = draw(rulesets())
    return ruleset, draw(st.lists(packets_for(ruleset), min_size=10, max_size=20))


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, [of_model(packet) for packet in draw(st.lists(packets(scenario), min_size=10, max_size=20))]


@settings(suppress_health_check=HEALTH, deadline=None)
@given(journey=random_journeys(), randoms=RANDOMS)
def test_in_random_rulesets(journey: tuple[Ruleset, list[RulesetPacket]], randoms: list[int]) -> None:
    ruleset, offered = journey
    note(ruleset.text)
    compare(Evaluator(ruleset.text, local_addresses=LOCAL), [of_ruleset(packet) for packet in offered], randoms)


@settings(suppress_health_check=HEALTH, deadline=None)
@given(journey=journeys(), randoms=RANDOMS)
def test_in_what_svcc_compiles(journey: tuple[Scenario, list[Packet]], randoms: list[int]) -> None:
    scenario, offered = journey
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    verdicts = compare(Evaluator(compilation, local_addresses=scenario.facts.local_addresses), offered, randoms)
    assert BatchVerdict.UNKNOWN not in verdicts


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
@settings(max_examples=30, suppress_health_check=HEALTH, deadline=None)
@given(journey=journeys(), randoms=RANDOMS)
def test_in_every_layout_of_kube_proxy(layout: str, journey: tuple[Scenario, list[Packet]], randoms: list[int]) -> None:
    scenario, offered = journey
    scenario = as_kube_proxy_reads(scenario)
    text = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=1)
    note(text)
    compare(Evaluator(text, local_addresses=scenario.facts.local_addresses), offered, randoms)
