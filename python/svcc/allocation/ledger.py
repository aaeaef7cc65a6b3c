"""Who holds which number of some ranges, and which number comes next.

Nothing is kept for numbers that nobody holds, so a range may have 2**64 of them. A number is never given back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Final, NamedTuple

from svcc.allocation.contract import Band, RangeUsage
from svcc.allocation.ranges import NumberRange
from svcc.allocation.reservation import HEALTH_CHECK
from svcc.fields import printable
from svcc.model.service import Service

__all__ = ["Given", "Holder", "Ledger", "service_owner"]

_ORDER: Final = (Band.DYNAMIC, Band.STATIC)
_MOST_NAMES: Final = 8


class Holder(NamedTuple):
    """Who holds a number.

    `owner` is ``namespace/name``, or any text in a reservation; `role` is empty for a cluster IP, else the port that a
    node port serves, or `HEALTH_CHECK`.
    """

    owner: str
    role: str = ""
    is_reserved: bool = False

    def admits(self, other: Holder) -> bool:
        """Whether what this one holds is `other`'s to have; a reservation without a role is for every role."""
        return self.owner == other.owner and (self.role == other.role or (self.is_reserved and not self.role))

    @property
    def key(self) -> str:
        """The holder as reservations name it."""
        return f"{self.owner}:{self.role}" if self.role else self.owner

    def __str__(self) -> str:
        if self.is_reserved:
            return f"reserved for {printable(self.key)}" if self.owner else "reserved"
        if self.role == HEALTH_CHECK:
            return f"taken by the health check of Service {printable(self.owner)}"
        port = f"port {self.role} of " if self.role else ""
        return f"taken by {port}Service {printable(self.owner)}"


def service_owner(service: Service) -> str:
    """The name under which a Service holds numbers."""
    return f"{service.namespace}/{service.name}"


class Given(NamedTuple):
    """A number that was found for somebody, and why it is this one."""

    number: int
    reason: str


class _Place:
    """A range, the innermost one around it, and how many numbers of its bands are held."""

    def __init__(self, number_range: NumberRange) -> None:
        self.range = number_range
        self.parent: _Place | None = None
        self.size = {band: number_range.size(band) for band in Band}
        self.limits = {band: number_range.limits(band) for band in Band}
        self.reason = {band: f"the {band.value} band of {number_range.name}" for band in Band}
        self.used = {Band.STATIC: 0, Band.DYNAMIC: 0}


class Ledger:
    """The numbers of some ranges, which may lie in each other but not overlap otherwise, as prefixes do.

    `ranges` are used up one after the other, the dynamic bands of all of them before any static band.
    """

    def __init__(self, ranges: Sequence[NumberRange]) -> None:
        self._holders: dict[int, Holder] = {}
        self._following: dict[int, int] = {}
        self._outside: set[int] = set()
        self._reserved: dict[tuple[str, str], int] = {}
        self._places = [_Place(each) for each in ranges]
        # By their first numbers, outer before inner, so that the last one that starts before a number has all the
        # ranges around that number among its parents.
        self._nested = sorted(
            (place for place in self._places if place.range.first <= place.range.last),
            key=lambda place: (place.range.first, -place.range.last),
        )
        self._firsts = [place.range.first for place in self._nested]
        around: list[_Place] = []
        for place in self._nested:
            while around and around[-1].range.last < place.range.last:
                around.pop()
            place.parent = around[-1] if around else None
            around.append(place)
        # Numbers of ranges that lie in others count once.
        self._room = sum(place.size[Band.ALL] for place in self._nested if place.parent is None)
        self._turn = dict.fromkeys(_ORDER, 0)

    @property
    def is_empty(self) -> bool:
        """Whether there is no range at all."""
        return not self._places

    @cached_property
    def names(self) -> str:
        """The names of the ranges, as far as anybody would read them."""
        names = [place.range.name for place in self._places[:_MOST_NAMES]]
        more = len(self._places) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")

    def holders(self) -> Iterator[tuple[int, Holder]]:
        """Who holds what now; without the numbers outside of the ranges that somebody names all the same."""
        for number, holder in self._holders.items():
            if holder.is_reserved or self.is_empty or number not in self._outside:
                yield number, holder

    def is_within(self, number: int) -> bool:
        """Whether a number is one that can be given."""
        place = self._innermost(number)
        while place is not None and number > place.range.last:
            place = place.parent
        return place is not None

    def reserve(self, numbers: Mapping[int, Holder]) -> None:
        """Keep numbers for their holders, or from everybody; before anything else is done."""
        for number, holder in sorted(numbers.items()):
            self._take(number, holder)
            if self.is_empty or self.is_within(number):
                self._reserved.setdefault((holder.owner, holder.role), number)

    def claim(self, number: int, holder: Holder) -> Holder | None:
        """Take a named number, within the ranges or not; None if that worked, else who has it."""
        other = self._holders.get(number)
        if other is None:
            self._take(number, holder)
        elif not other.admits(holder):
            return other
        elif other.is_reserved:
            self._holders[number] = holder
        return None

    def reserved_for(self, holder: Holder) -> int | None:
        """The number that waits for somebody, if it still does."""
        number = self._reserved.get((holder.owner, holder.role)) if self._reserved else None
        return number if number is not None and self._holders[number].is_reserved else None

    @property
    def room(self) -> int:
        """How many numbers are left that nobody holds or waits for."""
        return self._room

    def give(self, holder: Holder) -> Given:
        """Take the number that waits for somebody, or the next free one from a place that the holder's name decides.

        The server starts at a random place. From there both walk on to the end of the dynamic band and go on at its
        beginning; when the band is full, the static one is next (KEP-3070, KEP-3668).

        Raises:
            LookupError: there is no room.
        """
        number = self.reserved_for(holder)
        if number is not None:
            self._holders[number] = holder
            return Given(number, "the reservation")
        for band in _ORDER:
            place = self._next_with_room(band)
            if place is None:
                continue
            first, last = place.limits[band]
            start = int.from_bytes(blake2b(holder.key.encode("utf-8", "surrogatepass"), digest_size=16).digest())
            number = self._next_free(first + start % (last - first + 1))
            if number > last:
                number = self._next_free(first)
            self._take(number, holder)
            return Given(number, place.reason[band])
        raise LookupError(f"{self.names}: no room for {holder}")

    def usage(self) -> Iterator[RangeUsage]:
        """How full each range is, and each of its bands, in the order of the ranges."""
        for place in self._places:
            used = {Band.ALL: sum(place.used.values()), **place.used}
            for band in (Band.ALL, Band.STATIC, Band.DYNAMIC):
                size = place.size[band]
                ends = [place.range.text(number) for number in place.range.limits(band)] if size else ["", ""]
                yield RangeUsage(place.range.name, band, ends[0], ends[1], size, used[band])

    def _take(self, number: int, holder: Holder) -> None:
        self._holders[number] = holder
        self._following[number] = number + 1
        place, is_within = self._innermost(number), False
        while place is not None:
            if number <= place.range.last:
                is_within = True
                place.used[place.range.band_of(number)] += 1
            place = place.parent
        if is_within:
            self._room -= 1
        else:
            self._outside.add(number)

    def _innermost(self, number: int) -> _Place | None:
        """The last range that starts before a number, or with it: all that have the number are among its parents."""
        index = bisect_right(self._firsts, number) - 1
        return self._nested[index] if index >= 0 else None

    def _next_with_room(self, band: Band) -> _Place | None:
        """The first range whose band has room; as nothing is given back, those before it never have any again."""
        while self._turn[band] < len(self._places):
            place = self._places[self._turn[band]]
            if place.used[band] < place.size[band]:
                return place
            self._turn[band] += 1
        return None

    def _next_free(self, number: int) -> int:
        """The first number from `number` on that nobody holds; the way there is remembered, so that runs cost once."""
        following = self._following
        free = number
        while free in following:
            free = following[free]
        while number != free:
            following[number], number = free, following[number]
        return free
