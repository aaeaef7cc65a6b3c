"""UDP entries of conntrack as netlink carries them (linux/netfilter/nfnetlink_conntrack.h).

Entries are judged by four of their values, and most are nobody's concern, so a listing of 100 000 is gone through
without making an object of each: `Wire.places` cuts these values out as bytes, and `Wire.entry` reads them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from svcc.addresses import IPFamily
from svcc.dataplane.conntrack import UdpEntry
from svcc.netlink import NESTED, NetlinkSocket, attribute, attributes, netfilter_header
from svcc.select import EndpointAddress

__all__ = ["Wire"]

_GET, _DELETE = 0x101, 0x102
_ORIGINAL, _REPLY, _ID, _ZONE, _FILTER = 1, 2, 12, 18, 25
_TUPLE_IP, _TUPLE_PROTOCOL, _TUPLE_ZONE = 1, 2, 3
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_FILTER_ORIGINAL = 1
_BY_PROTOCOL, _BY_DESTINATION_PORT = 1 << 3, 1 << 5
_HEADER_SIZE = 4
_DELETIONS_AT_ONCE = 100


class Wire:
    """How the entries of one family are asked for, read and deleted."""

    def __init__(self, family: IPFamily) -> None:
        is_ipv4 = family is IPFamily.IPV4
        self._number = socket.AF_INET if is_ipv4 else socket.AF_INET6
        self._header = netfilter_header(self._number)
        self._size = size = 4 if is_ipv4 else 16
        self._source, self._destination = (1, 2) if is_ipv4 else (3, 4)
        empty, full = bytes(size), b"\xff" * size
        zeros = self._tuples(empty, b"\0\0")
        ones = self._tuples(full, b"\xff\xff")
        # Kernels write attributes in this order. Entries that are written otherwise are read the slow way.
        self._length = len(zeros)
        self._shape = int.from_bytes(zeros, "little")
        self._shape_mask = ~(self._shape ^ int.from_bytes(ones, "little"))
        reply = _HEADER_SIZE + len(zeros) // 2
        source, source_port = 12, 20 + 2 * size + 12
        destination, destination_port = 16 + size, source_port + 8
        self._cuts = (
            slice(_HEADER_SIZE + destination_port, _HEADER_SIZE + destination_port + 2),
            slice(_HEADER_SIZE + destination, _HEADER_SIZE + destination + size),
            slice(reply + source_port, reply + source_port + 2),
            slice(reply + source, reply + source + size),
        )

    def listing(self, netlink: NetlinkSocket, port: int | None = None) -> Iterator[bytes]:
        """All UDP entries of the family, or those with an original destination port; the kernel selects (5.8).

        It takes the kernel 45 milliseconds to go through a table for 260 000 entries, and 3 more for 1 000 it returns.
        """
        flags = _BY_PROTOCOL
        wanted = attribute(_NUMBER, bytes([socket.IPPROTO_UDP]))
        if port is not None:
            flags |= _BY_DESTINATION_PORT
            wanted += attribute(_DESTINATION_PORT, struct.pack("!H", port))
        body = (
            self._header
            + attribute(_ORIGINAL | NESTED, attribute(_TUPLE_PROTOCOL | NESTED, wanted))
            + attribute(_FILTER | NESTED, attribute(_FILTER_ORIGINAL, struct.pack("=I", flags)))
        )
        return netlink.dump(_GET, body)

    def places(self, message: bytes) -> bytes | None:
        """Where the client sent to and who answers: both ports and addresses of a `UdpEntry`, the original port first.

        None for what is no UDP entry of the family.
        """
        shape = int.from_bytes(message[_HEADER_SIZE : _HEADER_SIZE + self._length], "little")
        if shape & self._shape_mask != self._shape:
            return self._places_anywhere(message)
        port, address, reply_port, reply_address = self._cuts
        return message[port] + message[address] + message[reply_port] + message[reply_address]

    def entry(self, places: bytes) -> UdpEntry:
        """What `places` found, to be judged."""
        middle = 2 + self._size
        return UdpEntry(self._place(places[:middle]), self._place(places[middle:]))

    def deletion(self, message: bytes) -> bytes | None:
        """What deletes a listed entry; None for one in another zone than the default one.

        It names the kernel's number of the entry besides its addresses, so that another one between the same places,
        made since the listing, stays.
        """
        told = attributes(message, _HEADER_SIZE)
        # Without an original direction the kernel would delete everything it tracks: KeyError goes before that.
        original, number = told[_ORIGINAL], told[_ID]
        zones = [told.get(_ZONE, b"")]
        if len(original) + len(told[_REPLY]) + 8 != self._length:
            zones += [attributes(told[direction]).get(_TUPLE_ZONE, b"") for direction in (_ORIGINAL, _REPLY)]
        if any(map(any, zones)):
            return None
        return self._header + attribute(_ORIGINAL | NESTED, original) + attribute(_ID, number)

    @staticmethod
    def delete(netlink: NetlinkSocket, deletions: list[bytes]) -> list[int]:
        """Delete entries; error numbers as of `NetlinkSocket.tell`, ENOENT for one that was gone."""
        errors = []
        for start in range(0, len(deletions), _DELETIONS_AT_ONCE):
            errors += netlink.tell(_DELETE, deletions[start : start + _DELETIONS_AT_ONCE])
        return errors

    def _place(self, place: bytes) -> EndpointAddress:
        return EndpointAddress(socket.inet_ntop(self._number, place[2:]), int.from_bytes(place[:2], "big"))

    def _places_anywhere(self, message: bytes) -> bytes | None:
        told = attributes(message, _HEADER_SIZE)
        directions = [attributes(told.get(direction, b"")) for direction in (_ORIGINAL, _REPLY)]
        original, reply = (attributes(direction.get(_TUPLE_PROTOCOL, b"")) for direction in directions)
        original_ip, reply_ip = (attributes(direction.get(_TUPLE_IP, b"")) for direction in directions)
        found = (
            original.get(_DESTINATION_PORT, b""),
            original_ip.get(self._destination, b""),
            reply.get(_SOURCE_PORT, b""),
            reply_ip.get(self._source, b""),
        )
        is_udp = original.get(_NUMBER) == bytes([socket.IPPROTO_UDP])
        return b"".join(found) if is_udp and list(map(len, found)) == [2, self._size] * 2 else None

    def _tuples(self, address: bytes, port: bytes) -> bytes:
        """Both directions of an entry whose addresses and ports are all the same."""
        ip = attribute(self._source, address) + attribute(self._destination, address)
        protocol = (
            attribute(_NUMBER, bytes([socket.IPPROTO_UDP]))
            + attribute(_SOURCE_PORT, port)
            + attribute(_DESTINATION_PORT, port)
        )
        inside = attribute(_TUPLE_IP | NESTED, ip) + attribute(_TUPLE_PROTOCOL | NESTED, protocol)
        return attribute(_ORIGINAL | NESTED, inside) + attribute(_REPLY | NESTED, inside)
