"""The messages of a TCP connection to a name server, read as they come (RFC 1035, 4.2.2; RFC 7766)."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator

__all__ = ["frames_of_exchange"]

_MOST_WAITING = 16384
"""How many messages, of 64 KiB at most, may wait to be used: more is no zone of a cluster."""


@contextlib.contextmanager
def frames_of_exchange(address: str, port: int, question: bytes, timeout_seconds: float) -> Iterator[Iterator[bytes]]:
    """Send a message, and iterate over those that come back, without an end.

    They are read on a thread of its own, because Knot closes a connection that has not taken its data for half a second
    (its ``tcp-io-timeout``), and using a message may take longer.

    Raises (the iterator, too):
        OSError: there is no connection, or it broke; TimeoutError if nothing came for `timeout_seconds`.
        EOFError: the server has closed it.
    """
    with socket.create_connection((address, port), timeout_seconds) as connection:
        connection.sendall(len(question).to_bytes(2) + question)
        arrived: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(connection, arrived), daemon=True)
        reader.start()
        try:
            yield _taken(arrived)
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            reader.join()


def _taken(arrived: queue.SimpleQueue[bytes | Exception]) -> Iterator[bytes]:
    while True:
        item = arrived.get()
        if isinstance(item, Exception):
            raise item
        yield item


def _read(connection: socket.socket, arrived: queue.SimpleQueue[bytes | Exception]) -> None:
    try:
        with connection.makefile("rb") as stream:
            while arrived.qsize() < _MOST_WAITING:
                length = int.from_bytes(_exactly(stream.read(2), 2))
                arrived.put(_exactly(stream.read(length), length))
        arrived.put(OSError("the server sends more than any zone has"))
    except (OSError, EOFError) as error:
        arrived.put(error)


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) < length:
        raise EOFError
    return data
