"""Questions over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from svcc.node.servers import NodeServers, ServerSettings
from svcc.node.state import Clock, Published

PATIENCE_SECONDS = 30


@frozen
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


def ask(port: int, path: str = "/", *, address: str = "127.0.0.1", method: str = "GET", **fields: Any) -> Answer:
    """Ask as clients do, on a connection of its own."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, **fields)
        response = connection.getresponse()
        body = response.read().decode()
        return Answer(response.status, dict(response.getheaders()), body)
    finally:
        connection.close()


def exchange(port: int, *pieces: bytes, address: str = "127.0.0.1") -> bytes:
    """Send pieces one by one; all that comes back until the other side closes."""
    with connected(port, address) as client:
        for piece in pieces:
            client.sendall(piece)
        return everything(client)


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A connection to whoever listens."""
    return socket.create_connection((address, port), timeout=PATIENCE_SECONDS)


def everything(client: socket.socket) -> bytes:
    """All that comes until the other side closes, or cuts the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(65536):
            received += piece
    return received


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def is_refused(port: int, address: str = "127.0.0.1") -> bool:
    """Whether nobody listens."""
    try:
        connected(port, address).close()
    except ConnectionRefusedError:
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextlib.contextmanager
def serving(published: Published, settings: ServerSettings, clock: Clock, **options: Any) -> Iterator[NodeServers]:
    """Servers that have started; they are closed at the end."""
    servers = NodeServers(published, settings, clock=clock, **options)
    servers.start()
    try:
        yield servers
    finally:
        servers.close()
