"""What becomes of a packet, in the form in which two sides are compared: outcomes that do the same are one fate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from attrs import field, frozen

from svcc.select import EndpointAddress
from svcc.trace.evaluator import Outcome
from svcc.trace.expectation import destination_of
from svcc.trace.packet import Packet

__all__ = ["Fate", "Fates", "fates_of", "wrong_fates"]


_NONE = Fraction(0)


@frozen(cache_hash=True)
class Fate:
    """Where a packet goes.

    Attributes:
        verdict: as of an outcome.
        destination: where the packet goes if it is translated: a translation to where it was sent anyhow is none.
        destination_choice: the rule's words where the kernel chooses the destination.
        source: ``masquerade``, the new source, or nothing where the source stays.
    """

    verdict: str
    destination: EndpointAddress | None = None
    destination_choice: str | None = None
    source: str = ""

    @property
    def is_translated(self) -> bool:
        """Whether the packet goes on, to somewhere else."""
        return self.destination is not None or self.destination_choice is not None

    @property
    def is_refused(self) -> bool:
        """Whether it is dropped or rejected."""
        return self.verdict in {"drop", "reject"}

    @property
    def is_untouched(self) -> bool:
        """Whether it goes on to where it was sent."""
        return self.verdict == "accept" and not self.is_translated


@frozen
class Fates:
    """The fates of the packets of a region with their chances, and an outcome that shows each."""

    chances: Mapping[Fate, Fraction]
    examples: Mapping[Fate, Outcome]
    destinations: dict[EndpointAddress, list[Fate]] = field(init=False)
    """The fates by the place they lead to."""

    @destinations.default
    def _destinations_of_fates(self) -> dict[EndpointAddress, list[Fate]]:
        found: dict[EndpointAddress, list[Fate]] = {}
        for fate in self.chances:
            if fate.destination is not None:
                found.setdefault(fate.destination, []).append(fate)
        return found

    def excess(self, other: Fates) -> dict[Fate, Fraction]:
        """What is more likely here than there, and by how much."""
        more = {}
        for fate, chance in self.chances.items():
            there = other.chances.get(fate)
            # There may be hundreds of thousands of fractions, and to subtract one takes long.
            excess = chance if there is None else chance - there if chance != there else _NONE
            if excess > 0:
                more[fate] = excess
        return more


def fates_of(outcomes: Iterable[Outcome], packet: Packet) -> Fates:
    """The fates of a packet, in the order of its outcomes."""
    chances: dict[Fate, Fraction] = {}
    examples: dict[Fate, Outcome] = {}
    for outcome in outcomes:
        fate = _fate(outcome, packet)
        if fate in chances:
            chances[fate] += outcome.probability
        else:
            chances[fate], examples[fate] = outcome.probability, outcome
    return Fates(chances, examples)


def wrong_fates(expected: Fates, found: Fates, *, any_of: bool = False) -> dict[Fate, Fraction]:
    """The fates that are found more often than they should be, and by how much.

    Where nothing is expected, translations alone are wrong; with `any_of` chances do not matter.
    """
    if not expected.chances:
        return {fate: chance for fate, chance in found.chances.items() if fate.is_translated}
    if any_of:
        return {fate: chance for fate, chance in found.chances.items() if fate not in expected.chances}
    return found.excess(expected)


def _fate(outcome: Outcome, packet: Packet) -> Fate:
    if outcome.verdict != "accept":
        return Fate(outcome.verdict)
    source = "masquerade" if outcome.masquerade else outcome.source or outcome.source_choice or ""
    if outcome.destination_choice is not None:
        return Fate("accept", None, outcome.destination_choice, source)
    address, port = destination_of(outcome, packet)
    if address is None or port is None or (address, port) == (packet.destination, packet.destination_port):
        return Fate("accept", source=source)
    return Fate("accept", EndpointAddress(address, port), None, source)
