"""What a mutant really does, decided packet by packet."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from attrs import define, evolve, field, frozen

from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet as TracedPacket
from tests.mutation.bases import FACTS, Base
from tests.mutation.document import Document
from tests.mutation.records import with_records, written
from tests.mutation.universe import further, universe
from tests.oracle import NodeFacts, Packet, Result, ServicePortName, decide
from tests.oracle.evaluator import as_seen, traced
from tests.oracle.packet import Delivery, Drop, Reject, Untouched

_REMEMBERED = ("198.51.100.7", "10.244.1.99")


class Effect(enum.StrEnum):
    """What a mutation did to the packets that were declared."""

    CHANGED = "changed"
    """A packet does not fare as was declared."""
    UNKNOWN = "unknown"
    """Nobody can tell from the dump how some packet fares, and no other packet is changed."""
    EQUIVALENT = "equivalent"
    """All packets fare as was declared."""


@frozen
class Odd:
    """A result that no declaration asks for, in words."""

    words: str


Found = Result | Odd


@frozen
class Shown:
    """A packet and what becomes of it, declared and found; None is unknown."""

    packet: Packet
    expected: dict[Result, Fraction]
    found: dict[Found, Fraction] | None


@frozen
class Truth:
    """What a mutant does; `shown` is the first packet that shows it."""

    effect: Effect
    shown: Shown | None = None


@define
class Judge:
    """Compares rulesets with the declaration of a base; what was declared is decided once for each packet."""

    base: Base
    _expected: dict[Packet, dict[Result, Fraction]] = field(factory=dict, init=False)
    _universe: list[Packet] = field(factory=list, init=False)
    _truths: dict[str, Truth] = field(factory=dict, init=False)

    def expected(self, packet: Packet) -> dict[Result, Fraction]:
        """What was declared."""
        if packet not in self._expected:
            base = self.base
            decided = decide(base.cluster, base.node, base.settings, packet, FACTS)
            self._expected[packet] = as_seen(decided, packet, FACTS)
        return self._expected[packet]

    def truth(self, document: Document) -> Truth:
        """What a ruleset does to the packets of the universe."""
        text = document.text
        if text not in self._truths:
            self._truths[text] = self._decided(document)
        return self._truths[text]

    def _decided(self, document: Document) -> Truth:
        unknown = None
        for shown in self._departures(document):
            if shown.found is not None:
                return Truth(Effect.CHANGED, shown)
            unknown = unknown or shown
        return Truth(Effect.EQUIVALENT) if unknown is None else Truth(Effect.UNKNOWN, unknown)

    def shows(self, document: Document, packet: TracedPacket, also_local: Iterable[str] = ()) -> bool:
        """Whether a packet shows that a ruleset does not do what was declared."""
        facts = NodeFacts(FACTS.local_addresses | frozenset(also_local))
        evaluator = Evaluator(document.text, local_addresses=facts.local_addresses)
        base, plain = self.base, as_modelled(packet)
        expected = as_seen(decide(base.cluster, base.node, base.settings, plain, facts), plain, facts)
        shown = _departure(evaluator, packet, plain, expected, facts)
        if shown is None and base.is_sticky:
            shown = _forgotten(evaluator, plain, expected)
        if shown is None and base.is_sticky:
            clients = dict.fromkeys((plain.source, *_REMEMBERED))
            shown = next(self._departures_of_remembered(document, clients, [plain]), None)
        return shown is not None and shown.found is not None

    def _departures(self, document: Document) -> Iterator[Shown]:
        evaluator = Evaluator(document.text, local_addresses=self.base.local_addresses)
        if not self._universe:
            self._universe = universe(self.base)
        for packets in (self._universe, further(self.base, self.base.document.text, document.text)):
            for packet in packets:
                expected = self.expected(packet)
                shown = _departure(evaluator, traced(packet), packet, expected, FACTS)
                if shown is None and self.base.is_sticky:
                    shown = _forgotten(evaluator, packet, expected)
                if shown is not None:
                    yield shown
        if self.base.is_sticky:
            packets = [packet for packet in self._universe if packet.source in _REMEMBERED]
            yield from self._departures_of_remembered(document, _REMEMBERED, packets)

    def _departures_of_remembered(
        self, document: Document, clients: Iterable[str], packets: Sequence[Packet]
    ) -> Iterator[Shown]:
        """The same behind a first connection of each client, to each frontend and each endpoint."""
        base = self.base
        (service,) = base.cluster.services
        name = ServicePortName.of(service, service.ports[0])
        for client in clients:
            for (address, port), remembering in self._remembering(document, client):
                evaluator = Evaluator(remembering.text, local_addresses=base.local_addresses)
                affinity = {(client, name): (address, port)}
                for packet in packets:
                    decided = decide(base.cluster, base.node, base.settings, packet, FACTS, affinity)
                    shown = _departure(evaluator, traced(packet), packet, as_seen(decided, packet, FACTS), FACTS)
                    if shown is not None:
                        yield shown

    def _remembering(self, document: Document, client: str) -> Iterator[tuple[tuple[str, int], Document]]:
        """The ruleset with what a first connection of a client leaves there, and the endpoint that it got."""
        if not self._universe:
            self._universe = universe(self.base)
        evaluator = Evaluator(document.text, local_addresses=self.base.local_addresses)
        senders = (client,) if client in FACTS.local_addresses else _REMEMBERED[:1]
        seen = set()
        for packet in (evolve(each, source=client) for each in self._universe if each.source in senders):
            right = {result for result in self.expected(packet) if isinstance(result, Delivery)}
            for outcome in evaluator.evaluate(traced(packet)).outcomes if right else ():
                result = _seen(outcome, packet, FACTS)
                if not isinstance(result, Delivery) or result not in right:
                    continue
                for records in written(outcome, packet):
                    state = (result.address, result.port), records
                    if state not in seen:
                        seen.add(state)
                        yield state[0], with_records(document, records)


def as_modelled(packet: TracedPacket) -> Packet:
    """A packet of the evaluator as the model takes it; protocols without ports are all alike to Services."""
    if not isinstance(packet.protocol, Protocol):
        return Packet("ICMP", packet.source, 0, packet.destination, 0, packet.hook, packet.input_interface)
    return Packet(
        packet.protocol.value,
        packet.source,
        packet.source_port or 40000,
        packet.destination,
        packet.destination_port or 0,
        packet.hook,
        packet.input_interface,
    )


def _departure(
    evaluator: Evaluator, packet: TracedPacket, plain: Packet, expected: dict[Result, Fraction], facts: NodeFacts
) -> Shown | None:
    """What becomes of a packet, unless that is as was declared."""
    outcomes = evaluator.evaluate(packet, steps=False).outcomes
    if any(outcome.verdict == "unknown" for outcome in outcomes):
        return Shown(plain, expected, None)
    found: dict[Found, Fraction] = {}
    for outcome in outcomes:
        result = _seen(outcome, plain, facts)
        found[result] = found.get(result, Fraction(0)) + outcome.probability
    # What no Service is declared for is everybody's, but for translations.
    if expected.keys() == {Untouched()} and all(_is_free(outcome, plain) for outcome in outcomes):
        return None
    return None if found == expected else Shown(plain, expected, found)


def _forgotten(evaluator: Evaluator, packet: Packet, expected: dict[Result, Fraction]) -> Shown | None:
    """A packet whose sender is not remembered by some endpoint it may get to."""
    if not any(isinstance(result, Delivery) for result in expected):
        return None
    outcomes = evaluator.evaluate(traced(packet)).outcomes
    if all(any(step.note.startswith("remembered in") for step in outcome.steps) for outcome in outcomes):
        return None
    return Shown(packet, expected, {Odd("not remembered"): Fraction(1)})


def _is_free(outcome: Outcome, packet: Packet) -> bool:
    elsewhere = outcome.address not in {None, packet.destination} or outcome.port not in {None, packet.destination_port}
    return outcome.verdict != "accept" or not (elsewhere or outcome.destination_choice)


def _seen(outcome: Outcome, packet: Packet, facts: NodeFacts) -> Found:
    """The outcome in the model's words; what stays on the node is not masqueraded on its way in."""
    match outcome.verdict:
        case "drop":
            return Drop()
        case "reject" if outcome.reject_with in {"icmp port-unreachable", "icmpv6 port-unreachable"}:
            return Reject()
        case "accept" if not (outcome.destination_choice or outcome.source_choice or outcome.source):
            address, port = outcome.address or packet.destination, outcome.port or packet.destination_port
            if (address, port) == (packet.destination, packet.destination_port) and not outcome.masquerade:
                return Untouched()
            result = Delivery(address, port, outcome.masquerade)
            if packet.hook == "prerouting" and facts.is_local(address):
                return evolve(result, masquerade=False)
            return result
        case _:
            words = (outcome.verdict, outcome.reject_with, outcome.destination_choice, outcome.source_choice)
            return Odd(" ".join(word for word in (*words, outcome.source) if word))
