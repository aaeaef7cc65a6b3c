"""When conntrack is searched once more after a change: packets may have been under way.

A packet is translated where it comes in, and what it began is in conntrack's table when it leaves, or reaches a socket
(`nf_conntrack_confirm`). In between it may wait, in a queue of netfilter for a program that judges it, or with the
processor. One that the old rules had sent to an endpoint that went with the change is in no listing right after it,
and stays wrong once it is through: for as long as its client sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, field

from svcc.dataplane.conntrack import StaleEntries

__all__ = ["Look", "SecondLook"]

_REST: Final = 9
"""How many times as long as a look took there is none: to list a large table takes most of a second."""


@define
class Look:
    """What is looked for.

    Attributes:
        stale: filters of changes, each once.
        is_for_all: whether the rules have changed by more than filters tell.
    """

    stale: set[StaleEntries] = field(factory=set)
    is_for_all: bool = False

    def __bool__(self) -> bool:
        return bool(self.stale) or self.is_for_all

    def add(self, other: Look) -> None:
        """Look for that as well."""
        self.stale |= other.stale
        self.is_for_all |= other.is_for_all


@define
class _Batch:
    begun: float
    due: float
    look: Look


class SecondLook:
    """What changes have taken away, `seconds` ago at least; times are of a clock that never jumps.

    While changes never end, there is one look in that time, and what it looks for is twice as old at most, or older
    where a look takes long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._batches: list[_Batch] = []
        self._not_before = float("-inf")

    def __bool__(self) -> bool:
        """Whether there is anything to look for, now or later."""
        return bool(self._batches)

    def add(self, now: float, stale: Iterable[StaleEntries], *, is_for_all: bool = False) -> None:
        """The rules have just changed, and taken this away."""
        look = Look(set(stale), is_for_all)
        if not look:
            return
        if not self._batches or now >= self._batches[-1].begun + self._seconds:
            self._batches.append(_Batch(now, now, Look()))
        batch = self._batches[-1]
        batch.due = now + self._seconds
        batch.look.add(look)

    def take(self, now: float) -> Look:
        """What to look for now: what is old enough, and is not looked for again."""
        look = Look()
        if now >= self._not_before:
            for batch in self._batches:
                if batch.due <= now:
                    look.add(batch.look)
            self._batches = [batch for batch in self._batches if batch.due > now]
        return look

    def took(self, now: float, seconds: float) -> None:
        """A look has just ended that took so long."""
        self._not_before = now + _REST * seconds
