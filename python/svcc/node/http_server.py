"""HTTP answers on many ports from one thread, whoever asks and however slowly.

One event loop serves all ports; what takes long to answer is done beside it, so that probes never wait for it. A thread
for each port, and one more for each connection, as `http.server` would have it, are thousands where thousands of
Services have health checks, and anybody who connects and says nothing holds one of them. Here a silent client is an
object in a table: it is cut off after `Limits.seconds`, and at once when there are too many, the oldest first, so that
whoever asks and is done is always served.

Each connection carries one request (RFC 9112): balancers and scrapers ask every few seconds, and a connection that
stays would count against the limit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from attrs import field, frozen

__all__ = ["Connection", "Handler", "HttpThread", "Limits", "Request", "Response"]

Result = TypeVar("Result")

_SLOW_THREADS: Final = 2
_END_OF_HEAD: Final = (b"\r\n\r\n", b"\n\n")


@frozen
class Request:
    """What was asked; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class Response:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain; charset=utf-8"),)

    def message(self, *, with_body: bool = True) -> bytes:
        """The bytes on the wire, after which the connection is closed."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Date: {formatdate(usegmt=True)}",
            *(f"{name}: {value}" for name, value in self.headers),
            f"Content-Length: {len(self.body)}",
            "Connection: close",
            "\r\n",
        ]
        head = "\r\n".join(lines).encode("latin-1")
        return head + self.body if with_body else head


Handler = Callable[[Request], Response]
"""Answers at once, for it runs in the thread that serves all others, too; unless it is slow, and runs elsewhere."""


@frozen
class Limits:
    """What one may ask for: connections at a time on all ports, bytes of a request, seconds for all of it."""

    connections: int = 256
    request_bytes: int = 16384
    seconds: float = 5.0


class HttpThread:
    """The thread, its event loop, and the connections that are open on all ports."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http", daemon=True)
        # Its threads begin when they are needed first, in the network namespace of this one.
        self._slow = ThreadPoolExecutor(_SLOW_THREADS, thread_name_prefix="http-slow")
        # A dict for its order: the oldest come first.
        self._open: dict[Connection, None] = {}
        self._idle: asyncio.Event | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, whose methods are for its thread only."""
        return self._loop

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not been closed."""
        return self._thread.is_alive()

    @property
    def open_connections(self) -> int:
        """How many connections there are at this moment."""
        return len(self._open)

    def start(self) -> None:
        """Begin to serve, in the network namespace of the thread that calls."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Have work done by the thread; works that are given one after the other begin in that order."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def work(self, handler: Handler, request: Request) -> asyncio.Future[Response]:
        """Have a slow handler answer beside the loop; for the thread itself."""
        return self._loop.run_in_executor(self._slow, handler, request)

    def close(self) -> None:
        """Cut off whoever is still connected, and end the thread; once, also if it was never started."""
        if self.is_running:
            self.run(self._abort_all()).result()
        # While there is a loop that hears of it.
        self._slow.shutdown(cancel_futures=True)
        if self.is_running:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    async def _abort_all(self) -> None:
        for connection in list(self._open):
            connection.abort()
        if self._open:
            self._idle = asyncio.Event()
            await self._idle.wait()

    def opened(self, connection: Connection) -> None:
        """A connection is there; with too many, the oldest goes."""
        self._open[connection] = None
        if len(self._open) > self.limits.connections:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._open.pop(connection, None)
        if self._idle is not None and not self._open:
            self._idle.set()


class Connection(asyncio.Protocol):
    """One request and its answer.

    After the answer the other side is to close, whose remaining words are read and dropped: closing with words unread
    would take the answer back (RFC 9112, section 9.6).
    """

    def __init__(
        self,
        thread: HttpThread,
        handler: Handler,
        accepts: Callable[[str], bool] | None = None,
        *,
        is_slow: bool = False,
    ) -> None:
        self._thread = thread
        self._handler = handler
        self._accepts = accepts
        self._is_slow = is_slow
        self._received = b""
        self._is_answered = False
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Listen to the client, for so long."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (for types: it is a stream)
        self._transport = transport
        self._thread.opened(self)
        if self._accepts is not None and not self._accepts(transport.get_extra_info("sockname")[0]):
            transport.abort()
            return
        self._deadline = self._thread.loop.call_later(self._thread.limits.seconds, self.abort)

    def data_received(self, data: bytes) -> None:
        """Collect the request, and answer once its head is there."""
        if self._is_answered:
            return
        self._received += data
        if any(end in self._received for end in _END_OF_HEAD):
            self._answer()
        elif len(self._received) > self._thread.limits.request_bytes:
            self._send(Response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"the request is too long\n"))

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the client."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._thread.closed(self)

    def abort(self) -> None:
        """Cut the client off."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self) -> None:
        request = _request(self._received)
        if request is None:
            self._send(Response(HTTPStatus.BAD_REQUEST, b"this is no HTTP request\n"))
        elif self._is_slow:
            self._is_answered = True
            self._thread.work(self._handler, request).add_done_callback(partial(self._worked, request))
        else:
            self._send(self._handler(request), with_body=request.method != "HEAD")

    def _worked(self, request: Request, done: asyncio.Future[Response]) -> None:
        """A slow handler has answered, and maybe nobody waits for it any more."""
        if self._transport is None or self._transport.is_closing() or done.cancelled():
            return
        if done.exception() is not None:
            self.abort()
        # Where it has failed, this raises, and the loop logs it as it does where a handler is not slow.
        self._send(done.result(), with_body=request.method != "HEAD")

    def _send(self, response: Response, *, with_body: bool = True) -> None:
        self._is_answered = True
        self._received = b""
        if self._transport is not None:
            self._transport.write(response.message(with_body=with_body))
            self._transport.write_eof()


def _request(data: bytes) -> Request | None:
    """The request that begins with these bytes; None if they are something else."""
    first, *lines = [line.removesuffix("\r") for line in data.decode("latin-1").split("\n")]
    words = first.split(" ")
    is_method = words[0].isascii() and words[0].isalpha()
    if len(words) != 3 or not is_method or words[2] not in {"HTTP/1.0", "HTTP/1.1"}:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        if not line:
            break
        name, colon, value = line.partition(":")
        if not colon:
            return None
        headers.setdefault(name.strip().lower(), value.strip())
    return Request(words[0], words[1].partition("?")[0], headers)
