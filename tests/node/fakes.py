"""Stand-ins for what a node's loop talks to, which do as a test says and remember what they were asked."""

from __future__ import annotations

import queue
import socket
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from attrs import define, field

from svcc.apply.applied import Applied
from svcc.errors import TargetError
from svcc.incremental.contract import Change
from svcc.model.service import Service
from svcc.node.observer import Observer, Synchronization
from svcc.sources.contract import Batch
from tests.declare import service

PATIENCE_SECONDS = 30


def change(name: str, *, gone: bool = False) -> Change:
    """A Service that is there, or not any more."""
    number = zlib.crc32(name.encode())
    item: Service = service(name, [f"10.{number % 256}.{number // 256 % 256}.{number // 65536 % 256}"])
    return Change(item.reference, None if gone else item)


class QueueSource:
    """A source that says what a test puts into it; an exception is raised, None is the end."""

    name = "test"
    awaited: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.said: queue.Queue[Batch | BaseException | None] = queue.Queue()

    def list(self) -> Batch:
        said = self.said.get(timeout=PATIENCE_SECONDS)
        if isinstance(said, BaseException):
            raise said
        assert said is not None
        return said

    def changes(self) -> Iterator[Batch]:
        while (said := self.said.get(timeout=PATIENCE_SECONDS)) is not None:
            if isinstance(said, BaseException):
                raise said
            yield said

    def close(self) -> None:
        self.said.put(None)


@define
class FakeInstaller:
    """Remembers calls; fails as often as it is told to."""

    calls: list[str] = field(factory=list)
    failures: int = 0
    tidying_failures: int = 0
    has_leftovers: bool = False
    refused: tuple[Any, ...] = ()
    transactions: tuple[Any, ...] = ()
    lost: list[str] = field(factory=list)

    @property
    def seconds_until_tidy(self) -> float | None:
        return 0.1 if self.has_leftovers else None

    def _call(self, name: str) -> Applied:
        self.calls.append(name)
        if self.failures:
            self.failures -= 1
            raise TargetError("the kernel said no")
        return Applied(self.transactions, refused=self.refused)

    def losses(self, *_args: Any) -> list[str]:
        self.calls.append("losses")
        return self.lost

    def synchronize(self, *_args: Any) -> Applied:
        return self._call("synchronize")

    def advance(self, *_args: Any) -> Applied:
        return self._call("advance")

    def tidy(self) -> Applied:
        self.has_leftovers = False
        if self.tidying_failures:
            self.tidying_failures -= 1
            self.failures += 1
        return self._call("tidy")


@define
class FakeConntrack:
    """Remembers what was to be removed."""

    calls: list[Any] = field(factory=list)
    in_doubt: bool = True

    def remove(self, entries: Any) -> None:
        self.calls.append(("remove", tuple(entries)))

    def reconcile(self, _dataplane: Any, _stale: Any) -> None:
        self.calls.append(("reconcile", ()))
        self.in_doubt = False


class FakeWatch:
    """Tells of a foreign change once, when a test says so."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()

    def fileno(self) -> int:
        return self._reader.fileno()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def tell(self) -> None:
        self._writer.send(b"x")

    def poll(self) -> Any:
        self._reader.settimeout(0)
        try:
            return self._reader.recv(1).decode()
        except BlockingIOError:
            return None

    @contextmanager
    def paused(self) -> Iterator[SimpleNamespace]:
        pause = SimpleNamespace(own_commits=None)
        try:
            yield pause
        finally:
            if pause.own_commits is None:
                self.tell()


class RecordingObserver(Observer):
    """Remembers synchronizations and lets a test wait for them."""

    alive_interval = None

    def __init__(self) -> None:
        self.synchronizations: queue.Queue[Synchronization] = queue.Queue()
        self.seen_foreign = 0
        self.waits: queue.Queue[tuple[str, ...]] = queue.Queue()
        self.stopped = threading.Event()
        self.held: queue.Queue[tuple[tuple[str, ...], tuple[str, ...]]] = queue.Queue()
        self.wishes: list[tuple[str, bool]] = []

    def waiting(self, awaited: Sequence[str]) -> None:
        self.waits.put(tuple(awaited))

    def named(self, node: str) -> None:
        pass

    def batch(self, batch: Batch) -> None:
        pass

    def foreign(self, _change: Any) -> None:
        self.seen_foreign += 1

    def asked(self, signal: str, *, stop: bool) -> None:
        self.wishes.append((signal, stop))

    def held_back(self, unread: Sequence[str], losses: Sequence[str], _compiler: Any) -> None:
        self.held.put((tuple(unread), tuple(losses)))

    def synchronized(self, synchronization: Synchronization, _compiler: Any) -> None:
        self.synchronizations.put(synchronization)

    def alive(self) -> None:
        pass

    def lost(self, error: BaseException | None) -> None:
        pass

    def stopping(self) -> None:
        self.stopped.set()

    def next(self) -> Synchronization:
        return self.synchronizations.get(timeout=PATIENCE_SECONDS)
