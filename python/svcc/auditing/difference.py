"""Where two functions from packets to outcomes differ, as the proof engine tells it."""

from __future__ import annotations

from attrs import frozen

from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet

__all__ = ["Comparison", "Difference", "Side"]


@frozen
class Side:
    """What becomes of the packets of a region on one side: outcomes with exact chances, which add up to 1."""

    outcomes: tuple[Outcome, ...]


@frozen
class Difference:
    """A region of packets with one fate on each side, or several regions that differ in nothing but their packets.

    Attributes:
        packet: one of them, replayed on both sides.
        frontend: the place, in the declaration of the packet's family (`FamilyDeclaration.frontends`), of the frontend
            that decides them; -1 where none does.
        expected, found: what was declared (or what the first ruleset does), and what the ruleset does. Nothing is
            expected of packets of no Service: whatever becomes of them is fine but a translation by a service proxy.
        undecided: nobody knows whether they differ; the reasons stand in the unknown outcomes of `found`.
        regions: how many regions.
        words: the region in words, such as ``from 10.0.0.0/8 to 10.96.0.1, tcp 80``.
        local_addresses: what must be the node's own address for it, beside those that are known.
        any_of: each of the expected outcomes is fine, whatever its chance.
        remembered: it holds for clients of whom the kernel remembers something: after a first connection, which `words`
            tell, or, with `any_of`, whatever that is.
        refused: both sides refuse the packets, whatever nobody knows; `undecided` is whether in the same way.
        aside: the packets come from a network of other containers or of virtual machines, hidden by the node's address
            and none of the cluster's, or leave to such a network by a bridge of Docker or libvirt.
    """

    packet: Packet
    frontend: int
    expected: Side
    found: Side
    undecided: bool
    regions: int
    words: str
    local_addresses: tuple[str, ...] = ()
    any_of: bool = False
    remembered: bool = False
    refused: bool = False
    aside: bool = False


@frozen
class Comparison:
    """The result of a proof.

    Attributes:
        regions: the number of disjoint regions examined.
        differences: nothing, and the two sides are equal on all packets, if nothing is untold or contradicted either.
        equality: ``exact``, ``distribution`` or ``support`` (see `svcc.auditing.finding.Equality`), of what is equal.
        unattainable: regions that differ and hold no packet anybody could find; each in words.
        too_large: the proof was given up because its functions have too many parts.
        untold: how many regions are not equal and stand in no difference, because there are too many.
        contradictions: packets of which the proof and the evaluator say different things, in words: an error of svcc.
    """

    regions: int
    differences: tuple[Difference, ...]
    equality: str
    unattainable: tuple[str, ...] = ()
    too_large: bool = False
    untold: int = 0
    contradictions: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the two sides are proved to be equal on all packets."""
        return not self.differences and self.is_whole

    @property
    def is_whole(self) -> bool:
        """Whether all that differs is among the differences."""
        return not (self.too_large or self.untold or self.contradictions)
