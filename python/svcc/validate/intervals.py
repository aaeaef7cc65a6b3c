"""Ranges of addresses as numbers, so that many of them are looked into and compared quickly."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Generic, NamedTuple, TypeVar

from svcc.addresses import IPFamily, address_bytes, canonical_prefix, family_of

__all__ = ["Interval", "IntervalIndex", "address_number", "intervals_of"]

Owner = TypeVar("Owner")


class Interval(NamedTuple, Generic[Owner]):
    """The addresses from `first` to `last` of a prefix, as numbers, and whose they are."""

    first: int
    last: int
    prefix: str
    owner: Owner


def address_number(address: str) -> int:
    """A canonical address as a number."""
    return int.from_bytes(address_bytes(address))


def intervals_of(family: IPFamily, owned: Iterable[tuple[str, Owner]]) -> list[Interval[Owner]]:
    """The prefixes of a family; what is no prefix is passed over, for it is told where single objects are judged."""
    found = []
    for text, owner in owned:
        prefix = canonical_prefix(text)
        if prefix is not None and family_of(prefix) is family:
            network = ip_network(prefix)
            found.append(Interval(int(network[0]), int(network[-1]), prefix, owner))
    return found


class IntervalIndex(Generic[Owner]):
    """Intervals, which may overlap, asked for one that shares an address with another interval."""

    def __init__(self, intervals: Sequence[Interval[Owner]]) -> None:
        self._sorted = sorted(intervals, key=lambda each: (each.first, each.last))
        self._firsts = [each.first for each in self._sorted]
        # For each place, which of the intervals up to there reaches furthest.
        self._furthest = list(itertools.accumulate(self._sorted, _further))

    def overlapping(self, first: int, last: int) -> Interval[Owner] | None:
        """An interval that has one of the addresses from `first` to `last`."""
        place = bisect.bisect_right(self._firsts, last)
        if not place:
            return None
        found = self._furthest[place - 1]
        return found if found.last >= first else None


def _further(one: Interval[Owner], other: Interval[Owner]) -> Interval[Owner]:
    return other if other.last > one.last else one
