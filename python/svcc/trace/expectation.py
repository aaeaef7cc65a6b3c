"""What the outcomes of a packet come to in a word, and whether they are those that somebody expects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.errors import InputError
from svcc.fields import printable
from svcc.trace.evaluator import Evaluation, Outcome
from svcc.trace.packet import Packet

__all__ = ["Expectation", "destination_of", "kind_of", "kinds_of", "overall_verdict"]

_VERDICTS = frozenset({"accept", "drop", "reject"})
_SOURCES = frozenset({"kept", "masqueraded"})


def kind_of(outcome: Outcome) -> str:
    """``dnat`` where the destination is rewritten, ``accept`` where it is not; else the verdict."""
    is_translated = outcome.address is not None or outcome.port is not None or outcome.destination_choice is not None
    return "dnat" if outcome.verdict == "accept" and is_translated else outcome.verdict


def kinds_of(evaluation: Evaluation) -> dict[str, Fraction]:
    """The probability of each kind of outcome."""
    found: dict[str, Fraction] = {}
    for outcome in evaluation.outcomes:
        kind = kind_of(outcome)
        found[kind] = found.get(kind, Fraction(0)) + outcome.probability
    return found


def overall_verdict(evaluation: Evaluation) -> str:
    """One word for all outcomes: their kind where they agree, ``unknown`` where any is, else ``mixed``."""
    kinds = kinds_of(evaluation)
    if "unknown" in kinds or not kinds:
        return "unknown"
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


def destination_of(outcome: Outcome, packet: Packet) -> tuple[str | None, int | None]:
    """Where a packet goes that is accepted, whether its destination was rewritten or not.

    The address is None where the kernel chooses it (`Outcome.destination_choice`).
    """
    address = outcome.address if outcome.destination_choice is not None else outcome.address or packet.destination
    return address, outcome.port if outcome.port is not None else packet.destination_port


@frozen
class Expectation:
    """The outcomes that are allowed: verdicts, addresses, and addresses with ports.

    None of these allows any destination. `source` is what a packet that goes on must come from: ``kept`` (the client's
    address), ``masqueraded``, or an address; None is anything.
    """

    verdicts: frozenset[str]
    addresses: frozenset[str]
    places: frozenset[tuple[str, int]]
    source: str | None = None

    @classmethod
    def of(cls, texts: Iterable[str], source: str | None = None) -> Expectation:
        """From what people write: ``drop``, ``reject``, ``accept``, ``10.244.1.5``, ``10.244.1.5:8080``.

        Raises:
            InputError: a text is none of these, or the source is neither of its words nor an address.
        """
        if source is not None and source not in _SOURCES:
            address = canonical_address(source)
            if address is None:
                raise InputError(
                    f'"{printable(source)}" cannot be expected as the source',
                    hint="write kept, masqueraded or an address",
                )
            source = address
        verdicts, addresses, places = set(), set(), set()
        for text in texts:
            if text in _VERDICTS:
                verdicts.add(text)
                continue
            match = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+):(\d{1,5})|(.+)", text)
            address = canonical_address(match[1] or match[3] or match[5]) if match else None
            port = (match[2] or match[4]) if match else None
            if address is None or (port is not None and not 1 <= int(port) <= 65535):
                raise InputError(
                    f'"{printable(text)}" cannot be expected',
                    hint="write an endpoint as in 10.244.1.5:8080, an address, drop, reject or accept",
                )
            if port is None:
                addresses.add(address)
            else:
                places.add((address, int(port)))
        return cls(frozenset(verdicts), frozenset(addresses), frozenset(places), source)

    def allows(self, outcome: Outcome, packet: Packet) -> bool:
        """Whether an outcome is one of those expected; one that is unknown never is."""
        if outcome.verdict != "accept":
            return outcome.verdict in self.verdicts
        return self._allows_destination(outcome, packet) and self._allows_source(outcome, packet)

    def _allows_destination(self, outcome: Outcome, packet: Packet) -> bool:
        if kind_of(outcome) in self.verdicts or not (self.verdicts or self.addresses or self.places):
            return True
        address, port = destination_of(outcome, packet)
        return address in self.addresses or (address, port) in self.places

    def _allows_source(self, outcome: Outcome, packet: Packet) -> bool:
        if self.source is None:
            return True
        if self.source == "masqueraded" or outcome.masquerade:
            return self.source == "masqueraded" and outcome.masquerade
        if outcome.source_choice is not None:
            return False
        source = outcome.source or packet.source
        return source == (packet.source if self.source == "kept" else self.source)

    def unexpected(self, evaluation: Evaluation, packet: Packet) -> tuple[Outcome, ...]:
        """The outcomes that are not expected: with none the expectation holds."""
        return tuple(outcome for outcome in evaluation.outcomes if not self.allows(outcome, packet))
