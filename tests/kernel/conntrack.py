"""The connection tracking table of a namespace, over netlink (linux/netfilter/nfnetlink_conntrack.h)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from attrs import frozen

from tests.kernel.packets import unpacked

_NETLINK_NETFILTER = 12
_SUBSYSTEM_CONNTRACK = 1 << 8
_GET, _DELETE = 1, 2
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_ORIGINAL, _REPLY = 1, 2
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_IP_SOURCES, _IP_DESTINATIONS = (1, 3), (2, 4)
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_IDENTIFIERS = (4, 7)
_TYPE_MASK = 0x3FFF
_NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP", 132: "SCTP"}


@frozen
class Tuple:
    """One direction of a connection; for ICMP both ports are the echo identifier."""

    source: str
    source_port: int
    destination: str
    destination_port: int


@frozen
class TrackedConnection:
    """A connection as tracked: what the sender sent, and what an answer to it looks like."""

    protocol: str
    original: Tuple
    reply: Tuple


class ConntrackTable:
    """The table of the namespace that the calling thread is in when this is made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.settimeout(10)

    def flush(self) -> None:
        """Forget all connections, so that the next packet of any of them is a first one again."""
        for _message in self._exchange(_DELETE, _ACK):
            pass

    def connections(self) -> list[TrackedConnection]:
        """List all connections, in no particular order."""
        return [tracked_connection(message) for message in self._exchange(_GET, _DUMP)]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _exchange(self, message_type: int, flags: int) -> Iterator[bytes]:
        header = struct.pack("=IHHII", 20, _SUBSYSTEM_CONNTRACK | message_type, _REQUEST | flags, 0, 0)
        self._socket.send(header + struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
        while True:
            data = self._socket.recv(1 << 18)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", data, 16)[0]
                    if number:
                        raise OSError(number, f"conntrack: {os.strerror(number)}")
                    return
                if kind == _DONE:
                    return
                yield data[20:length]
                data = data[(length + 3) & ~3 :]


def attributes_of(data: bytes) -> dict[int, bytes]:
    """Attributes by their kind, without flags."""
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & _TYPE_MASK] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def tracked_connection(message: bytes) -> TrackedConnection:
    """What a message of the kernel tells, without its headers."""
    attributes = attributes_of(message)
    number, original = _tuple(attributes[_ORIGINAL])
    _, reply = _tuple(attributes[_REPLY])
    return TrackedConnection(_NAMES.get(number, str(number)), original, reply)


def _tuple(data: bytes) -> tuple[int, Tuple]:
    attributes = attributes_of(data)
    ip, protocol = attributes_of(attributes[_TUPLE_IP]), attributes_of(attributes[_TUPLE_PROTOCOL])
    source, destination = (
        unpacked(next(ip[key] for key in keys if key in ip)) for keys in (_IP_SOURCES, _IP_DESTINATIONS)
    )
    identifier = next((protocol[key] for key in _IDENTIFIERS if key in protocol), b"\0\0")
    source_port, destination_port = (
        int.from_bytes(protocol.get(key, identifier), "big") for key in (_SOURCE_PORT, _DESTINATION_PORT)
    )
    return protocol[_NUMBER][0], Tuple(source, source_port, destination, destination_port)
