"""What the loop tells, and to whom: it knows neither logs nor metrics nor servers."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from svcc.apply.applied import Applied
from svcc.errors import SvccError
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Update
from svcc.node.conntrack import Removal
from svcc.node.schedule import Task
from svcc.node.watch import ForeignChange
from svcc.sources.contract import Batch

__all__ = ["Observer", "Reason", "Synchronization"]


class Reason(enum.Enum):
    """Why something was brought into the kernel, or read from it."""

    START = "start"
    CHANGES = "changes"
    FOREIGN_CHANGE = "somebody else changed svcc's tables"
    FAILURE = "the last try failed, or some Services were refused"
    ASKED = "a signal asked for it"
    ROUTINE = "routine"


@frozen(kw_only=True)
class Synchronization:
    """One try to make the kernel what is declared.

    Attributes:
        seconds: how long it took, compiling included.
        waited_seconds: how long the oldest of the changes had waited when it began.
        updates: what the changes do that went with it; more than one after a failure.
        applied: what became of it; None where it failed.
        forgotten: the UDP connections that were deleted after it.
        error: why it failed; nothing has changed then.
    """

    task: Task
    reason: Reason
    seconds: float
    waited_seconds: float = 0.0
    updates: tuple[Update, ...] = ()
    applied: Applied | None = None
    forgotten: Removal | None = None
    error: SvccError | None = None


class Observer(Protocol):
    """Who hears what the loop does; none of it may take long, and nothing may raise."""

    @property
    def alive_interval(self) -> float | None:
        """How often, in seconds, somebody wants to hear that the loop lives; None if nobody does."""

    def alive(self) -> None:
        """The loop has woken up."""

    def waiting(self, awaited: Sequence[str]) -> None:
        """The source is not complete yet, and waits for this, in words; told now and then until it is."""

    def named(self, node: str) -> None:
        """The source is complete, and this is the node's name."""

    def batch(self, batch: Batch) -> None:
        """The source has said something."""

    def asked(self, signal: str, *, stop: bool) -> None:
        """A signal, which is named, asks the loop to end, or else to read the kernel."""

    def foreign(self, change: ForeignChange) -> None:
        """Somebody else has changed svcc's tables; they will be read."""

    def held_back(self, unread: Sequence[str], losses: Sequence[str], compiler: IncrementalCompiler) -> None:
        """Nothing is written yet: these files cannot be read, and these Service ports would not be served any more.

        `compiler` says what is declared apart from that.
        """

    def synchronized(self, synchronization: Synchronization, compiler: IncrementalCompiler) -> None:
        """A try has ended; `compiler` says what is declared now."""

    def started(self) -> None:
        """The first synchronization has succeeded, and nothing of it is left to be done."""

    def lost(self, error: BaseException | None) -> None:
        """The source says nothing more."""

    def stopping(self) -> None:
        """The loop ends; the rules stay."""
