"""When a node does what: changes at once or together, verification now and then, another try after a failure."""

from __future__ import annotations

import enum
from typing import Final

from attrs import define, field, frozen

__all__ = ["Intervals", "Schedule", "Task"]


class Task(enum.Enum):
    """What may be due; the first of them that is due is done first."""

    SYNCHRONIZE = "synchronize"
    """Read what the kernel holds and make it right, whatever has changed."""
    ADVANCE = "advance"
    """Bring the changes into the kernel, without reading it."""
    TIDY = "tidy"
    """Delete what changes have left behind."""


@frozen
class Intervals:
    """Lengths of time in seconds.

    Attributes:
        least: from the end of one transaction to the next; changes meanwhile go together. A change after a longer
            quiet goes at once.
        verification: from one reading of the kernel to the next, if nothing gives reason for one before; longer where
            reading takes long, so that it never takes more than a twentieth of the time.
        tidying: how long leftovers stay: longer than any packet is under way.
        first_retry: from a failure to the next try; doubled from failure to failure.
        last_retry: what that grows to.
    """

    least: float = 0.1
    verification: float = 3600.0
    tidying: float = 1.0
    first_retry: float = 0.5
    last_retry: float = 30.0


_REST: Final = 19
"""How many times as long as a reading of the kernel took there is none that nothing gives reason for."""


@define
class Schedule:
    """What is to be done, and when, on a clock that never jumps; it starts with nothing to do."""

    _intervals: Intervals
    _due: dict[Task, float] = field(init=False, factory=dict)
    failures: int = field(init=False, default=0)
    """How many tries have failed since the last that succeeded."""
    _not_before: float = field(init=False, default=float("-inf"))

    def changed(self, now: float) -> None:
        """There are changes to bring into the kernel; those that wait already are not put off."""
        self._due.setdefault(Task.ADVANCE, now)

    def suspect(self, now: float) -> None:
        """What the kernel holds may not be what it should."""
        self._due[Task.SYNCHRONIZE] = min(now, self._due.get(Task.SYNCHRONIZE, now))

    def left_behind(self, now: float) -> None:
        """A transaction has left something behind; later ones do not put it off."""
        self._due.setdefault(Task.TIDY, now + self._intervals.tidying)

    def unfinished(self, now: float) -> None:
        """Tidying has more to do, as soon as changes that wait are done."""
        self._due[Task.TIDY] = now

    def refused(self, now: float) -> None:
        """The kernel has refused some Services alone, and may take them later."""
        self._due[Task.SYNCHRONIZE] = now + self._intervals.last_retry

    def held_back(self) -> None:
        """Nothing is to be done before something else happens."""
        self._due = {}

    def done(self, task: Task, now: float, seconds: float = 0.0) -> None:
        """A task has succeeded that took so long. One that reads the kernel brings all changes with it."""
        self._due.pop(task, None)
        self.failures = 0
        self._not_before = now + self._intervals.least
        if task is Task.SYNCHRONIZE:
            self._due.pop(Task.ADVANCE, None)
            self._due[task] = now + max(self._intervals.verification, _REST * seconds)

    def failed(self, now: float) -> None:
        """A task has failed: nobody knows what the kernel holds, so the next try reads it."""
        wait = self._intervals.first_retry * 2.0 ** min(self.failures, 30)
        self.failures += 1
        self._not_before = now + min(wait, self._intervals.last_retry)
        self._due = {Task.SYNCHRONIZE: self._not_before}

    def next(self, now: float) -> Task | None:
        """What to do now, if anything."""
        tidying = self._due.get(Task.TIDY)
        # Changes that never end do not put it off for ever.
        is_late = tidying is not None and tidying + self._intervals.tidying <= now
        for task in (Task.SYNCHRONIZE, Task.TIDY, Task.ADVANCE) if is_late else Task:
            if task in self._due and self._time_of(task) <= now:
                return task
        return None

    def wait(self, now: float) -> float | None:
        """How long there is nothing to do; None if nothing is due at all."""
        times = [self._time_of(task) for task in self._due]
        return max(0.0, min(times) - now) if times else None

    def _time_of(self, task: Task) -> float:
        return max(self._due[task], self._not_before)
