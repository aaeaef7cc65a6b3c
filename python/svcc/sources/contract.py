"""What a source of objects is: first a list, then changes, until it ends or is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from attrs import frozen

from svcc.errors import InputError, TargetError
from svcc.fields import Problem
from svcc.incremental.contract import Change
from svcc.manifest.kube_proxy import KubeProxySettings

__all__ = ["Batch", "Source", "SourceClosedError", "SourceEndedError", "SourceLostError"]


class SourceLostError(InputError):
    """A source that cannot go on; what it said so far stays true as far as anybody knows."""


class SourceEndedError(TargetError):
    """The source has nothing more to say; what it said last stays true as far as anybody knows."""


class SourceClosedError(SourceLostError):
    """`Source.close` was called before the list was complete."""


@frozen
class Batch:
    """What a source says at one time.

    Attributes:
        changes: at most one for each object, in the order in which they were last said.
        problems: those that are new. Each holds until it is `resolved`, but for those that are `over`.
        resolved: problems told earlier that hold no longer.
        replaces_all: objects that are not named in it are gone: it is a list.
        unread: names of files of which nobody knows what they declare, since all or a part of them could not be read
            from the start on; None where that is as before.
        over: those of `problems` that happened and are over, as a line of garbage in a stream; nothing resolves them.
        kube_proxy: in a list, the configuration of kube-proxy that came with it; it is read only then.
    """

    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    resolved: tuple[Problem, ...] = ()
    replaces_all: bool = False
    kube_proxy: KubeProxySettings | None = None
    unread: tuple[str, ...] | None = None
    over: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.changes or self.problems or self.resolved or self.replaces_all or self.unread is not None)


class Source(Protocol):
    """Where objects come from. `list` is called once, then `changes`, both from one thread."""

    @property
    def name(self) -> str:
        """The source for logs, as the user named it."""

    @property
    def awaited(self) -> tuple[str, ...]:
        """What `list` still waits for, in words for people; none once it is done. May be read from any thread."""

    def list(self) -> Batch:
        """All objects; blocks until the source is complete (S53).

        Raises:
            InputError: it cannot be complete, or nothing can be read.
            SourceClosedError: `close` was called.
        """

    def changes(self) -> Iterator[Batch]:
        """What changes from then on; blocks between the batches, and ends when the source has ended or is closed.

        Raises:
            SourceEndedError: one part of it has ended, which the message names, and so all of it.
            SourceLostError: the source cannot be read any more.
        """

    def close(self) -> None:
        """End `list` and `changes`; may be called from any thread, and more than once."""
