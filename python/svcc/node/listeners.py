"""Sockets that are to be listened on: those that can be had are served, the others are reported and tried again.

What is wanted changes while the node runs. A place that stays wanted keeps its socket, and its clients notice nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from attrs import frozen

from svcc.addresses import IPFamily, family_of
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.node.descriptors import out_of_the_way
from svcc.node.http_server import Connection, Handler, HttpThread

__all__ = ["Listener", "Listeners", "Place", "TcpPlace", "UnixPlace"]

_LOG = logging.getLogger(__name__)
_BACKLOG: Final = 128
_FAMILIES: Final = {IPFamily.IPV4: socket.AF_INET, IPFamily.IPV6: socket.AF_INET6}
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_EVERYBODY: Final = 0o666


@frozen
class TcpPlace:
    """An address of the machine, or the unspecified one for all of a family, and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def open(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            OSError: it cannot be had.
        """
        family = family_of(self.address)
        with contextlib.ExitStack() as undo:
            listening = undo.enter_context(socket.socket(_FAMILIES[family], socket.SOCK_STREAM))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is IPFamily.IPV6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((self.address, self.port))
            listening.listen(_BACKLOG)
            undo.pop_all()
        return out_of_the_way(listening)

    def remove(self) -> None:
        """Nothing of it stays once its socket is closed."""


@frozen
class UnixPlace:
    """A socket in the file system, which everybody on the machine may talk to."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self) -> socket.socket:
        """A socket that listens there, in place of what a process that was killed has left.

        Raises:
            OSError: it cannot be had, as when another process listens there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            listening = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            if self._is_left_over():
                self.path.unlink()
            listening.bind(str(self.path))
            self.path.chmod(_EVERYBODY)
            listening.listen(_BACKLOG)
            undo.pop_all()
        return listening

    def remove(self) -> None:
        """Take the file away."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _is_left_over(self) -> bool:
        """Whether there is a socket that nobody listens on."""
        try:
            if not stat.S_ISSOCK(self.path.lstat().st_mode):
                return False
        except FileNotFoundError:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0)
            return probe.connect_ex(str(self.path)) == errno.ECONNREFUSED


@frozen(eq=False)
class Listener:
    """What is served at a place.

    Attributes:
        what: what it is for, in words.
        object: the object that wants it, if one does.
        accepts: whether a connection to this local address is served; None accepts all.
        is_extra: whether it is wanted only where the machine knows the family of its address.
        is_slow: whether the handler may take long, so that nobody else is to wait for it.
    """

    what: str
    handler: Handler
    object: ObjectReference | None = None
    accepts: Callable[[str], bool] | None = None
    is_extra: bool = False
    is_slow: bool = False


Place = TcpPlace | UnixPlace


class _Served:
    """A place that is listened on, and what is served there now."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.server: asyncio.Server | None = None
        self.port = 0


class Listeners:
    """The places that are served, in a thread of their own.

    `retry_seconds` is how long a place that could not be had is left alone.
    """

    def __init__(self, thread: HttpThread, *, retry_seconds: float = 5.0) -> None:
        self._thread = thread
        self._retry_seconds = retry_seconds
        self._wanted: Mapping[Place, Listener] = {}
        self._served: dict[Place, _Served] = {}
        self._failed: dict[Place, OSError] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.problems: tuple[Problem, ...] = ()
        """Places that cannot be had, as of now; may be read from any thread."""

    def want(self, places: Mapping[Place, Listener]) -> Future[None]:
        """Serve these places and no others, from any thread; the result is there once all have been tried."""
        return self._thread.run(self.change(places))

    def close(self) -> None:
        """Listen on nothing more."""
        self.want({}).result()

    def port_of(self, place: Place) -> int | None:
        """The port that a place got, which matters where it asks for port 0; None while it is not served."""
        served = self._served.get(place)
        return None if served is None else served.port

    @property
    def count(self) -> int:
        """How many places are served."""
        return len(self._served)

    async def change(self, wanted: Mapping[Place, Listener]) -> None:
        """Serve these places and no others, in the thread itself; nobody changes the mapping afterwards."""
        async with self._turn:
            self._wanted = wanted
            for place in [place for place in self._served if place not in wanted]:
                self._stop(place)
            for place in [place for place in self._failed if place not in wanted]:
                del self._failed[place]
            for place, listener in wanted.items():
                if place in self._served:
                    self._served[place].listener = listener
                elif place not in self._failed:
                    await self._serve(place, listener)
            self._settle()

    async def _try_again(self) -> None:
        async with self._turn:
            for place in list(self._failed):
                await self._serve(place, self._wanted[place])
            self._settle()

    async def _serve(self, place: Place, listener: Listener) -> None:
        served = _Served(listener)
        try:
            listening = place.open()
        except OSError as error:
            if place not in self._failed and not _is_forgiven(listener, error):
                _LOG.warning("%s", _words(place, listener, error))
            self._failed[place] = error
            return

        def connection() -> Connection:
            now = served.listener
            return Connection(self._thread, now.handler, now.accepts, is_slow=now.is_slow)

        if isinstance(place, UnixPlace):
            served.server = await self._thread.loop.create_unix_server(connection, sock=listening)
        else:
            served.port = int(listening.getsockname()[1])
            served.server = await self._thread.loop.create_server(connection, sock=listening)
        self._served[place] = served
        if self._failed.pop(place, None) is not None:
            _LOG.info("%s: listening on %s now", listener.what, place)

    def _stop(self, place: Place) -> None:
        server = self._served.pop(place).server
        if server is not None:
            server.close()
        place.remove()

    def _settle(self) -> None:
        """Report what could not be had, and see to another try."""
        self.problems = tuple(
            _problem(place, self._wanted[place], error)
            for place, error in self._failed.items()
            if not _is_forgiven(self._wanted[place], error)
        )
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._failed:
            self._retry = self._thread.loop.call_later(self._retry_seconds, self._start_retry)

    def _start_retry(self) -> None:
        # The loop itself holds its tasks weakly.
        self._retrying = self._thread.loop.create_task(self._try_again())


def _is_forgiven(listener: Listener, error: OSError) -> bool:
    return listener.is_extra and error.errno in _NO_SUCH_FAMILY


def _words(place: Place, listener: Listener, error: OSError) -> str:
    return f"{listener.what}: {_trouble(place, error)}"


def _trouble(place: Place, error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"cannot listen on {place}: {reason}; will try again"


def _problem(place: Place, listener: Listener, error: OSError) -> Problem:
    return Problem(
        rule="node/cannot-listen",
        kind=ProblemKind.SENTENCE,
        path=FieldPath.of("spec.healthCheckNodePort") if listener.object else FieldPath(),
        # An object says itself for what it is wanted, as the field does.
        detail=_trouble(place, error) if listener.object else _words(place, listener, error),
        object=listener.object,
        severity=Severity.WARNING,
    )
