"""The numbers of service ports with session affinity, while these come and go.

A number that is taken is replaced by the next that is free, and service ports choose in the order of their names
(`svcc.compiler.affinity.preferred_numbers`). So the outcome is an ordered hash table: whoever comes first by name holds
a number, whoever came to it earlier in time (Amble and Knuth, "Ordered hash tables", 1974). Coming and going touch the
run of numbers without a gap that they are in, and no others; with 32 bits nearly all runs are of one number.
"""

from __future__ import annotations

from collections.abc import Iterable

from svcc.compiler import affinity
from svcc.dataplane.contract import ServicePortName

__all__ = ["StickyNumbers"]

_Request = tuple[ServicePortName, int]
"""A service port and which of its numbers is meant; requests are served in this order."""


class StickyNumbers:
    """Which numbers each service port has, and had when `settle` was last called."""

    def __init__(self) -> None:
        self._holders: dict[int, _Request] = {}
        self._numbers: dict[_Request, int] = {}
        self._before: dict[ServicePortName, tuple[int, ...]] = {}

    def of(self, name: ServicePortName) -> tuple[int, ...]:
        """The numbers of a service port: its own, and those of its Cluster set and its Local set."""
        return tuple(self._numbers[name, index] for index in range(3))

    def before(self, name: ServicePortName) -> tuple[int, ...]:
        """The numbers a service port had when `settle` was last called."""
        return self._before[name] if name in self._before else self.of(name)

    @property
    def touched(self) -> Iterable[ServicePortName]:
        """The service ports that came, went, or may have another number since then."""
        return self._before.keys()

    def settle(self) -> None:
        """Forget what was before."""
        self._before = {}

    def add(self, name: ServicePortName) -> None:
        """A service port with affinity comes."""
        self._before.setdefault(name, ())
        for index, number in enumerate(affinity.preferred_numbers(name)):
            self._place((name, index), number)

    def remove(self, name: ServicePortName) -> None:
        """A service port goes."""
        self._before.setdefault(name, self.of(name))
        for index in range(3):
            number = self._numbers.pop((name, index))
            del self._holders[number]
            displaced = []
            while (number := (number + 1) % affinity.COUNT_OF_NUMBERS) in self._holders:
                displaced.append(self._take(number))
            for request in displaced:
                self._place(request, affinity.preferred_numbers(request[0])[request[1]])

    def _place(self, request: _Request, number: int) -> None:
        """Give a request the first number from `number` on that nobody who goes before it holds."""
        while (holder := self._holders.get(number)) is not None:
            if request < holder:
                self._take(number)
                self._give(request, number)
                request = holder
            number = (number + 1) % affinity.COUNT_OF_NUMBERS
        self._give(request, number)

    def _take(self, number: int) -> _Request:
        holder = self._holders[number]
        name = holder[0]
        if name not in self._before:
            self._before[name] = self.of(name)
        del self._holders[number], self._numbers[holder]
        return holder

    def _give(self, request: _Request, number: int) -> None:
        self._holders[number] = request
        self._numbers[request] = number
