"""What the evaluator says of a packet, in the words of the model."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve

from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet as TracedPacket
from tests.oracle.packet import Delivery, Drop, NodeFacts, Packet, Reject, Result, Untouched

_ICMP_NUMBERS = {4: 1, 6: 58}


def traced(packet: Packet) -> TracedPacket:
    """The packet as the evaluator takes it."""
    if packet.protocol == "ICMP":
        number = _ICMP_NUMBERS[6 if ":" in packet.destination else 4]
        return TracedPacket(
            number, packet.source, packet.destination, hook=packet.hook, input_interface=packet.interface
        )
    return TracedPacket(
        Protocol(packet.protocol),
        packet.source,
        packet.destination,
        packet.source_port,
        packet.destination_port,
        hook=packet.hook,
        input_interface=packet.interface,
    )


def evaluated(evaluator: Evaluator, packet: Packet) -> dict[Result, Fraction]:
    """The results with their chances; an unknown outcome is an error, because of svcc's rules everything is known."""
    results: dict[Result, Fraction] = {}
    for outcome in evaluator.evaluate(traced(packet), steps=False).outcomes:
        result = _result(outcome)
        results[result] = results.get(result, Fraction(0)) + outcome.probability
    return results


def _result(outcome: Outcome) -> Result:
    match outcome.verdict:
        case "drop":
            return Drop()
        case "reject":
            if outcome.reject_with not in {"icmp port-unreachable", "icmpv6 port-unreachable"}:
                raise AssertionError(f"svcc rejects with port-unreachable, not {outcome.reject_with} (S37)")
            return Reject()
        case "accept" if outcome.address is not None and outcome.port is not None:
            return Delivery(outcome.address, outcome.port, outcome.masquerade)
        case "accept" if not outcome.masquerade:
            return Untouched()
        case _:
            raise AssertionError(f"not an outcome of svcc's rules: {outcome}")


def as_seen(results: dict[Result, Fraction], packet: Packet, facts: NodeFacts) -> dict[Result, Fraction]:
    """The results with what nobody can see taken away: what stays on the node is not masqueraded on its way in."""
    seen: dict[Result, Fraction] = {}
    for result, probability in results.items():
        if isinstance(result, Delivery) and packet.hook == "prerouting" and facts.is_local(result.address):
            same: Result = evolve(result, masquerade=False)
        else:
            same = result
        seen[same] = seen.get(same, Fraction(0)) + probability
    return seen
