"""Changes that wait for the next transaction: the latest word on each object."""

from __future__ import annotations

from svcc.fields import ObjectReference
from svcc.incremental.contract import Change
from svcc.sources.contract import Batch

__all__ = ["Pending"]


class Pending:
    """Changes since the last transaction, and which objects there are, so that a list tells which are gone."""

    def __init__(self) -> None:
        self._changes: dict[ObjectReference, Change] = {}
        self._present: set[ObjectReference] = set()

    def __bool__(self) -> bool:
        return bool(self._changes)

    def add(self, batch: Batch) -> None:
        """Take what a source says; an object's later word replaces its earlier one."""
        if batch.replaces_all:
            named = {change.reference for change in batch.changes}
            for reference in self._present - named:
                self._take(Change(reference, None))
        for change in batch.changes:
            self._take(change)

    def take(self) -> tuple[Change, ...]:
        """All changes, which do not wait any more."""
        changes = tuple(self._changes.values())
        self._changes = {}
        return changes

    def _take(self, change: Change) -> None:
        self._changes[change.reference] = change
        if change.object is None:
            self._present.discard(change.reference)
        else:
            self._present.add(change.reference)
