"""Counting who needs something, and noticing what is needed only now or no more."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

__all__ = ["Tally"]

Item = TypeVar("Item", bound=Hashable)


class Tally(Generic[Item]):
    """How often each item is there, and which ones have come or gone since `settle` was last called."""

    def __init__(self) -> None:
        self._counts: dict[Item, int] = {}
        self._was_there: dict[Item, bool] = {}

    def __contains__(self, item: object) -> bool:
        return item in self._counts

    def __iter__(self) -> Iterator[Item]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, item: Item, count: int = 1) -> None:
        """The item is there so many times more; fewer times, if `count` is negative."""
        before = self._counts.get(item, 0)
        self._was_there.setdefault(item, before > 0)
        if before + count > 0:
            self._counts[item] = before + count
        else:
            del self._counts[item]

    def add_each(self, items: Iterable[Item], count: int = 1) -> None:
        """`add` for each of several items."""
        for item in items:
            self.add(item, count)

    def was_there(self, item: Item) -> bool:
        """Whether the item was there when `settle` was last called."""
        return self._was_there.get(item, item in self._counts)

    @property
    def touched(self) -> Iterable[Item]:
        """The items that were added or removed since then, whether that makes a difference or not."""
        return self._was_there.keys()

    def gone(self) -> list[Item]:
        """The items that were there and are no more."""
        return [item for item, was_there in self._was_there.items() if was_there and item not in self._counts]

    def come(self) -> list[Item]:
        """The items that are there and were not."""
        return [item for item, was_there in self._was_there.items() if not was_there and item in self._counts]

    def settle(self) -> None:
        """What is there now is what was there from now on."""
        self._was_there = {}
