"""Somebody who follows a source in a thread of their own, as a node does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from svcc.fields import ObjectReference, Problem
from svcc.model.cluster import ClusterObject
from svcc.model.service import Service
from svcc.sources.contract import Batch, Source

LONGEST = 60.0
"""Seconds until a test gives up; nothing waits that long unless it fails."""


class Following:
    """What the source has said so far: the objects, the problems that hold, and how it ended."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.batches: list[Batch] = []
        self.objects: dict[ObjectReference, ClusterObject] = {}
        self.problems: list[Problem] = []
        self.failure: BaseException | None = None
        self.has_ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()
        self._thread.join(LONGEST)
        assert not self._thread.is_alive()

    def until(self, holds: Callable[[Following], bool]) -> None:
        """Wait until this holds; fails if the source ends or time runs out before."""
        with self._news:
            assert self._news.wait_for(lambda: holds(self) or self.has_ended, LONGEST), self.told()
            assert holds(self), (self.told(), self.failure)

    def until_listed(self) -> None:
        self.until(lambda so_far: bool(so_far.batches))

    def until_end(self) -> None:
        self.until(lambda so_far: so_far.has_ended)

    def port(self, reference: ObjectReference) -> int | None:
        """The first port of a Service; None if there is no such Service."""
        found = self.objects.get(reference)
        return found.ports[0].port if isinstance(found, Service) else None

    def rules(self) -> set[str]:
        return {problem.rule for problem in self.problems}

    def told(self) -> str:
        return "\n".join(map(str, (*self.objects, *self.problems)))

    def _follow(self) -> None:
        try:
            self._hear(self.source.list())
            for batch in self.source.changes():
                self._hear(batch)
        except Exception as error:  # noqa: BLE001  (whatever ends the thread is what a test wants to see)
            self.failure = error
        with self._news:
            self.has_ended = True
            self._news.notify_all()

    def _hear(self, batch: Batch) -> None:
        with self._news:
            self.batches.append(batch)
            if batch.replaces_all:
                self.objects.clear()
            for change in batch.changes:
                if change.object is None:
                    del self.objects[change.reference]
                else:
                    self.objects[change.reference] = change.object
            for problem in batch.resolved:
                self.problems.remove(problem)
            self.problems += batch.problems
            self._news.notify_all()
