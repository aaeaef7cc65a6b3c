"""The evaluator of svcc.trace and the kernel agree on random rulesets and packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests.kernel.network import Node
from tests.kernel.observe import load, observe
from tests.kernel.prediction import SENDS, Surroundings, disagreements, is_loopback_journey
from tests.strategies.ruleset_packets import RulesetPacket
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import packets_for, rulesets

pytestmark = pytest.mark.kernel

EXAMPLES = 60
PACKETS_A_RULESET = 8
MOST_UNKNOWN = 0.1


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def predict(evaluator: Evaluator, packet: RulesetPacket, around: Surroundings) -> Sequence[Outcome]:
    """The evaluator's outcomes with their probabilities."""
    question = Packet(
        protocol=Protocol(packet.protocol),
        source=packet.source,
        destination=packet.destination,
        source_port=packet.source_port,
        destination_port=packet.destination_port,
        hook="output" if packet.entry == "output" else "prerouting",
        input_interface=around.interfaces.get(packet.entry),
        output_interface=None,
        mark=packet.mark,
        state="new",
    )
    return evaluator.evaluate(question).outcomes


@st.composite
def trials(draw: st.DrawFn) -> tuple[Ruleset, list[RulesetPacket]]:
    ruleset = draw(rulesets())
    return ruleset, draw(st.lists(packets_for(ruleset), min_size=PACKETS_A_RULESET, max_size=PACKETS_A_RULESET))


@pytest.mark.long
@pytest.mark.timeout(1800)  # time to shrink a disagreement
def test_evaluator_and_kernel_agree(node: Node, record_property: Callable[[str, object], None]) -> None:
    counts: Counter[str] = Counter()
    around = Surroundings.of(node)

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(trial=trials())
    def agree(trial: tuple[Ruleset, list[RulesetPacket]]) -> None:
        ruleset, packets = trial
        load(node, ruleset)
        # What is listed is what users have.
        text = node.nft("list", "ruleset")
        note(text)
        evaluator = Evaluator(text, local_addresses=list(around.local_addresses))
        for packet in packets:
            outcomes = predict(evaluator, packet, around)
            counts["packets"] += 1
            if is_loopback_journey(packet, outcomes, around):
                counts["loopback"] += 1
                continue
            if any(each.verdict == "unknown" for each in outcomes):
                counts["unknown"] += 1
                continue
            times = SENDS if ruleset.draws else 1
            (seen,) = observe(node, [packet], times=times, forget=ruleset.dynamic_sets)
            must_show = not ruleset.counts or len(outcomes) == 1
            found = disagreements(packet, outcomes, seen, around, must_show=must_show)
            assert not found, f"{packet}\nkernel: {dict(seen)}\nevaluator: {outcomes}\n" + "\n".join(found)

    agree()
    record_property("counts", dict(counts))
    assert counts["unknown"] <= MOST_UNKNOWN * counts["packets"], counts
