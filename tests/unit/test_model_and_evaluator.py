"""The plain model and the evaluator on the compiled ruleset give the same chances to the same results."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.compiler.compilation import compile_cluster
from svcc.trace.evaluator import Evaluator
from tests.oracle import Packet, Result, decide
from tests.oracle.evaluator import as_seen, evaluated
from tests.strategies.scenarios import Scenario, packets, scenarios

PACKETS_A_CLUSTER = 30


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


def most_error(scenario: Scenario) -> Fraction:
    """By how much chances may differ: not at all, unless heavy weights are rounded to 1024 slots."""
    slices = scenario.cluster.endpoint_slices
    is_heavy = any(
        endpoint.weight == 1000 or "1000" in each.annotations.get("svcc.dev/weights", "")
        for each in slices
        for endpoint in each.endpoints
    )
    return Fraction(1, 256) if is_heavy else Fraction(0)


def same_chances(found: dict[Result, Fraction], expected: dict[Result, Fraction], most: Fraction) -> bool:
    return found.keys() == expected.keys() and all(abs(found[each] - expected[each]) <= most for each in found)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(journey=journeys())
def test_model_and_evaluator_agree(journey: tuple[Scenario, list[Packet]]) -> None:
    scenario, offered = journey
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    evaluator = Evaluator(compilation, local_addresses=scenario.facts.local_addresses)
    for packet in offered:
        expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
        found = evaluated(evaluator, packet)
        if not same_chances(
            as_seen(found, packet, scenario.facts), as_seen(expected, packet, scenario.facts), most_error(scenario)
        ):
            note(compilation.script)
            raise AssertionError(f"{packet}\nevaluator: {found}\nmodel: {expected}")
