"""Netlink, by which the kernel is asked and says what happened (linux/netlink.h, linux/netfilter/nfnetlink.h).

svcc deletes entries of conntrack, hears of changes to tables, reads large maps and counters, and forgets what packets
have written into maps. That takes messages with flat attributes and nothing else, and some speed: of entries of
conntrack 100 000 are nothing special, and pyroute2, which covers all of netlink, takes some fifty times as long for
each of them and holds the interpreter meanwhile (DESIGN.md has the figures).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final, Self

from attrs import frozen

__all__ = [
    "NESTED",
    "NETFILTER",
    "ROUTE",
    "Command",
    "NetlinkSocket",
    "attribute",
    "attribute_values",
    "attributes",
    "messages",
    "netfilter_header",
]

ROUTE: Final = 0
NETFILTER: Final = 12
NESTED: Final = 0x8000

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_BATCH_BEGIN, _BATCH_END = 16, 17
_SOL_NETLINK, _SHORT_ACK = 270, 10
_TYPE_MASK = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=i")
_BUFFER_SIZE = 1 << 16
"""The kernel fills at most 32 KiB of one reading."""
_PATIENCE_SECONDS = 10.0


def netfilter_header(family: int) -> bytes:
    """What begins the body of each message of netfilter: `family` is AF_INET, AF_INET6 or AF_UNSPEC."""
    return struct.pack("=BBH", family, 0, 0)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute; `kind` has the bit NESTED where `value` is made of attributes."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data: bytes, start: int = 0) -> dict[int, bytes]:
    """Attributes by their kind, without the bits that tell how they are written; ends where they make no sense."""
    found = {}
    while start + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def attribute_values(data: bytes) -> Iterator[bytes]:
    """The values of attributes that are all of one kind: a list."""
    start = 0
    while start + 4 <= len(data):
        length, _kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        yield data[start + 4 : start + length]
        start += (length + 3) & ~3


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages that were read at once: the type, the sequence number, and the body of each."""
    start = 0
    while start + 16 <= len(data):
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, start)
        if length < 16:
            break
        yield kind, sequence, data[start + 16 : start + length]
        start += (length + 3) & ~3


@frozen
class Command:
    """A message of a transaction: its type, the body, and more flags such as NLM_F_CREATE."""

    kind: int
    body: bytes
    flags: int = 0


class NetlinkSocket:
    """Asks the kernel, in the network namespace that the calling thread is in when this is made.

    All errors are OSErrors with the kernel's number: EINVAL or EPROTONOSUPPORT where it has no such subsystem, EPERM
    without CAP_NET_ADMIN. After one, the socket is of no use any more.
    """

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._socket.setsockopt(_SOL_NETLINK, _SHORT_ACK, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def ask(self, kind: int, body: bytes) -> bytes:
        """The body of the one message that answers."""
        self._socket.send(_message(kind, _REQUEST, 0, body))
        for answer, _sequence, content in messages(self._socket.recv(_BUFFER_SIZE)):
            if answer == _ERROR:
                _check(content)
            return content
        raise OSError(f"an empty answer to message {kind}")

    def ask_each(self, kind: int, bodies: Sequence[bytes]) -> list[bytes | None]:
        """Ask several questions of one type; return the body of each answer, None where what it names is not there.

        The answers must fit into the socket's buffer: a hundred do.
        """
        self._socket.send(b"".join(_message(kind, _REQUEST, place, body) for place, body in enumerate(bodies)))
        found: dict[int, bytes | None] = {}
        while len(found) < len(bodies):
            for answer, place, content in messages(self._socket.recv(_BUFFER_SIZE)):
                if answer != _ERROR:
                    found[place] = content
                elif _NUMBER.unpack_from(content)[0] == -errno.ENOENT:
                    found[place] = None
                else:
                    _check(content)
        return [found[place] for place in range(len(bodies))]

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        """The bodies of all messages that answer, as the kernel comes to them: what changes meanwhile may be missed."""
        self._socket.send(_message(kind, _REQUEST | _DUMP, 0, body))
        while True:
            for answer, _sequence, content in messages(self._socket.recv(_BUFFER_SIZE)):
                if answer in {_ERROR, _DONE}:
                    _check(content)
                    return
                yield content

    def tell(self, kind: int, bodies: Sequence[bytes], flags: int = 0) -> list[int]:
        """Send messages of one type, with more flags; return the kernel's error number for each of them, 0 for done.

        They must fit into the socket's buffers, and so must the answers: some hundred do.
        """
        self._socket.send(
            b"".join(_message(kind, _REQUEST | _ACK | flags, number, body) for number, body in enumerate(bodies))
        )
        errors: dict[int, int] = {}
        while len(errors) < len(bodies):
            for answer, sequence, content in messages(self._socket.recv(_BUFFER_SIZE)):
                if answer == _ERROR:
                    errors[sequence] = -_NUMBER.unpack_from(content)[0]
        return [errors[number] for number in range(len(bodies))]

    def transact(self, subsystem: int, commands: Sequence[Command]) -> dict[int, int]:
        """Run commands of a subsystem of netfilter as one transaction.

        All of them must fit into the socket's buffer, as some hundred do.

        Return the kernel's error numbers by the places of the commands it refuses; if there are any, nothing has
        changed.
        """
        last = len(commands)
        header = struct.pack("=BBH", socket.AF_UNSPEC, 0, socket.htons(subsystem))
        sent = [_message(_BATCH_BEGIN, _REQUEST, 0, header)]
        for place, command in enumerate(commands, 1):
            flags = _REQUEST | command.flags | (_ACK if place == last else 0)
            sent.append(_message(command.kind, flags, place, command.body))
        self._socket.send(b"".join((*sent, _message(_BATCH_END, _REQUEST, 0, header))))
        refused: dict[int, int] = {}
        while True:
            for answer, place, content in messages(self._socket.recv(_BUFFER_SIZE)):
                if answer != _ERROR:
                    continue
                if place == 0:  # It is the whole that is refused.
                    _check(content)
                if number := -_NUMBER.unpack_from(content)[0]:
                    refused[place - 1] = number
                if place == last:
                    return refused


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return _HEADER.pack(16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def _check(content: bytes) -> None:
    number = -_NUMBER.unpack_from(content)[0] if len(content) >= 4 else 0
    if number > 0:
        raise OSError(number, os.strerror(number))
