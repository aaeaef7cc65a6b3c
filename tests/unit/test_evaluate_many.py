"""The batch draws from what the exact evaluator says, each outcome as often as it is likely."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from svcc.addresses import family_of
from svcc.compiler.compilation import compile_cluster
from svcc.model.balancing import LOAD_BALANCING_ANNOTATION
from svcc.trace.batch import PACKET, BatchFlag, BatchVerdict, pack_packets
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests import oracle
from tests.strategies.scenarios import Scenario, packets, scenarios

Drawn = tuple[str, str, int, bool, int]
"""Verdict, destination in the end, its port, whether it is masqueraded, and the mark."""

DRAWS = 2520
"""What every number up to 10 divides: so many evenly spaced random numbers show every share of endpoints exactly."""
EVENLY = [-(-number * 2**32 // DRAWS) for number in range(DRAWS)]

COUNTING = """
table ip counting {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr 10.0.0.1 tcp dport 80 dnat to numgen inc mod 3 offset 1 map {
            1 : 10.1.0.1, 2 : 10.1.0.2, 3 : 10.1.0.3
        }
        ip daddr 10.0.0.2 tcp dport 80 dnat to numgen inc mod 2 map { 0 : 10.2.0.0, 1 : 10.2.0.1 }
    }
}
"""


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    offered = draw(st.lists(packets(scenario), min_size=8, max_size=8))
    return scenario, [as_traced(packet) for packet in offered]


def as_traced(packet: oracle.Packet) -> Packet:
    has_ports = packet.protocol != "ICMP"
    return Packet(
        packet.protocol if packet.protocol != "ICMP" else 1 if "." in packet.source else 58,
        packet.source,
        packet.destination,
        packet.source_port if has_ports else None,
        packet.destination_port if has_ports else None,
        packet.hook,
        packet.interface if packet.hook == "prerouting" else None,
    )


def expected(packet: Packet, outcome: Outcome) -> Drawn:
    destination = packet.destination if outcome.address is None else outcome.address
    port = (packet.destination_port or 0) if outcome.port is None else outcome.port
    verdict: str = outcome.verdict
    if verdict == "accept" and (outcome.address, outcome.port, outcome.destination_choice) != (None, None, None):
        verdict = "dnat"
    return verdict, destination, port, outcome.masquerade, outcome.mark or 0


def drawn(evaluator: Evaluator, packet: Packet, randoms: list[int]) -> list[tuple[Drawn, bool]]:
    """The outcome for each random number, and whether it is said to depend on it."""
    interfaces = [packet.input_interface] if packet.input_interface is not None else []
    *first, _random, source, destination = PACKET.unpack(pack_packets([packet], interfaces=interfaces))
    packed = b"".join(PACKET.pack(*first, number, source, destination) for number in randoms)
    batch = evaluator.evaluate_many(packed, interfaces=interfaces)
    addresses = bytes(batch.addresses)
    # Of thousands of outcomes few are different, and only those are put into words.
    worded: dict[tuple[int, int, bytes, int, int], tuple[Drawn, bool]] = {}
    found = []
    for place, (verdict, flags, port, mark) in enumerate(
        zip(batch.verdicts, batch.flags, batch.ports, batch.marks, strict=True)
    ):
        row = (verdict, flags, addresses[16 * place : 16 * place + 16], port, mark)
        if row not in worded:
            address, number = batch.destination(place, family_of(packet.destination))
            name, is_masqueraded = BatchVerdict(verdict).name.lower(), bool(flags & BatchFlag.MASQUERADE)
            worded[row] = ((name, address, number, is_masqueraded, mark), bool(flags & BatchFlag.DRAWN))
        found.append(worded[row])
    return found


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(journey=journeys())
def test_over_evenly_spaced_random_numbers_every_outcome_comes_as_often_as_it_is_likely(
    journey: tuple[Scenario, list[Packet]],
) -> None:
    scenario, offered = journey
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    evaluator = Evaluator(compilation, local_addresses=scenario.facts.local_addresses)
    for packet in offered:
        chances: Counter[Drawn] = Counter()
        for outcome in evaluator.evaluate(packet, steps=False).outcomes:
            chances[expected(packet, outcome)] += outcome.probability  # type: ignore[assignment]
        assume(all(DRAWS % Fraction(chance).denominator == 0 for chance in chances.values()))
        found = drawn(evaluator, packet, EVENLY)
        assert Counter(outcome for outcome, _ in found) == {each: share * DRAWS for each, share in chances.items()}
        if len(chances) > 1:
            assert all(depends for _, depends in found)


@settings(deadline=None)
@given(journey=journeys(), random=st.integers(0, 2**32 - 1))
def test_a_batch_of_different_packets_is_what_each_of_them_gets_alone(
    journey: tuple[Scenario, list[Packet]], random: int
) -> None:
    scenario, offered = journey
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    evaluator = Evaluator(compilation, local_addresses=scenario.facts.local_addresses)
    interfaces = sorted({packet.input_interface for packet in offered if packet.input_interface is not None})
    buffer = pack_packets(offered, randoms=[random] * len(offered), interfaces=interfaces)
    batch = evaluator.evaluate_many(buffer, interfaces=interfaces)
    takes_turns = any(
        each.annotations.get(LOAD_BALANCING_ANNOTATION) == "round-robin" for each in scenario.cluster.services
    )
    for place, packet in enumerate(offered):
        name = BatchVerdict(batch.verdicts[place]).name.lower()
        found = (name, *batch.destination(place, family_of(packet.destination)), batch.marks[place])
        # Whose turn it is depends on the packets before, so there a packet alone may get somewhere else.
        alone = (
            [expected(packet, outcome) for outcome in evaluator.evaluate(packet, steps=False).outcomes]
            if takes_turns
            else [drawn(evaluator, packet, [random])[0][0]]
        )
        assert found in [(verdict, address, port, mark) for verdict, address, port, _, mark in alone]


def test_numgen_inc_counts_from_its_offset_in_the_order_of_the_packets_for_each_rule() -> None:
    evaluator = Evaluator(COUNTING)
    first = Packet("TCP", "192.0.2.1", "10.0.0.1", 40000, 80)
    second = Packet("TCP", "192.0.2.1", "10.0.0.2", 40000, 80)
    offered = [first, second, first, first, second, first, second]
    for _ in range(2):
        batch = evaluator.evaluate_many(pack_packets(offered))
        destinations = [batch.destination(place, family_of("10.0.0.1"))[0] for place in range(len(offered))]
        assert destinations == [
            "10.1.0.1",
            "10.2.0.0",
            "10.1.0.2",
            "10.1.0.3",
            "10.2.0.1",
            "10.1.0.1",
            "10.2.0.0",
        ]


def test_what_the_evaluator_does_not_know_is_unknown_in_the_batch() -> None:
    ruleset = """
    table ip t {
        chain prerouting {
            type filter hook prerouting priority 0; policy accept;
            ip dscp 1 drop
        }
    }
    """
    packet = Packet("TCP", "192.0.2.1", "10.0.0.1", 40000, 80)
    evaluator = Evaluator(ruleset)
    assert not evaluator.evaluate(packet).is_known
    assert [outcome[0] for outcome, _ in drawn(evaluator, packet, [0, 2**31])] == ["unknown"] * 2


def test_a_rule_that_cannot_do_anything_leaves_nothing_unknown() -> None:
    ruleset = """
    table ip t {
        set nobody { type ipv4_addr; }
        chain idle { }
        chain prerouting {
            type filter hook prerouting priority 0; policy accept;
            ip dscp 1 ip saddr @nobody drop
            ip dscp 1 jump idle
            ip dscp 1 counter
        }
    }
    """
    packet = Packet("TCP", "192.0.2.1", "10.0.0.1", 40000, 80)
    evaluator = Evaluator(ruleset)
    assert [outcome.verdict for outcome in evaluator.evaluate(packet).outcomes] == ["accept"]
    assert drawn(evaluator, packet, [0]) == [(("accept", "10.0.0.1", 80, False, 0), False)]


def test_a_set_that_rules_fill_is_never_taken_for_empty() -> None:
    ruleset = """
    table ip t {
        set seen { type ipv4_addr; size 100; flags dynamic; }
        chain prerouting {
            type filter hook prerouting priority 0; policy accept;
            add @seen { ip saddr }
            ip saddr @seen drop
        }
    }
    """
    packet = Packet("TCP", "192.0.2.1", "10.0.0.1", 40000, 80)
    assert [outcome[0] for outcome, _ in drawn(Evaluator(ruleset), packet, [0])] == ["drop"]
