"""The map `affinity` of a table, as netlink's bytes: which client was sent to which endpoint.

There may be millions of records, so they are searched as they come, and only those that are looked for become objects.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from svcc.compiler.affinity import LONGEST_TIMEOUT_SECONDS
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.netlink import (
    NESTED,
    NETFILTER,
    Command,
    NetlinkSocket,
    attribute,
    attribute_values,
    attributes,
    netfilter_header,
)
from svcc.nft.commands import TableName

__all__ = ["AffinityMap", "Record"]

# linux/netfilter/nf_tables.h
_SUBSYSTEM: Final = 10
_NEW_ELEMENT, _GET_ELEMENT, _DELETE_ELEMENT = _SUBSYSTEM << 8 | 12, _SUBSYSTEM << 8 | 13, _SUBSYSTEM << 8 | 14
_TABLE, _SET, _ELEMENTS = 1, 2, 3
_ELEMENT = 1
_KEY, _DATA, _TIMEOUT, _EXPIRATION = 1, 2, 4, 5
_VALUE = 1
_CREATE: Final = 0x400
_HEADER_SIZE: Final = 4
_FAMILIES: Final = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
_CLIENT_SIZES: Final = {"ip": 4, "ip6": 16}
_NUMBER = struct.Struct("=I")
_MILLISECONDS = struct.Struct(">Q")

_LEAST_ABSENCE_SECONDS: Final = 0.05
"""Half of what lies at least between two transactions of a node: records made this long after an endpoint has gone are
of its next life. The kernel's clock is exact to 10 milliseconds."""

_PIECE: Final = 256
_ASKED_AT_ONCE: Final = 64
_MOST_ATTEMPTS: Final = 3
_MOST_LISTING_SECONDS: Final = 5.0
"""For each of its answers the kernel goes through the map from the beginning, so the time grows with the square of the
records: 0.8 s for 100 000. What is not found in this time is left to the next full reading."""
_MOST_LISTINGS: Final = 3
"""While its table grows or packets add to it, the kernel leaves out a few records: the last listing shall find none."""
_MADE_ANEW: Final = frozenset({errno.EBUSY, errno.EEXIST, errno.ENFILE})
"""What the kernel says to the addition of a record that is there with other data, or gone from a map that is full."""


@frozen
class Record:
    """A record as the kernel tells it, and when it was made or renewed on the clock of this machine."""

    key: bytes
    data: bytes
    made: float


class AffinityMap:
    """The map `affinity` of a table, in the network namespace of whoever asks.

    Args:
        gone: the endpoints to look for, and since when they have been gone, on `clock`.
        clock: never jumps.
    """

    def __init__(self, table: TableName, gone: Mapping[RememberedEndpoint, float], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._body = (
            netfilter_header(_FAMILIES[table.family])
            + attribute(_TABLE, table.name.encode() + b"\0")
            + attribute(_SET, b"affinity\0")
        )
        self._client_size = _CLIENT_SIZES[table.family]
        self._gone = {
            (b"" if each.service_port is None else _NUMBER.pack(each.service_port), _NUMBER.pack(each.number)): at
            for each, at in gone.items()
        }
        self._numbers = {number for _port, number in self._gone}

    def records(self, seconds: float, most: int) -> list[Record]:
        """Records that lead to the endpoints: as many as are found in so short a time, and no more than so many.

        Raises:
            OSError: the kernel does not answer, or has no such map.
        """
        found: list[Record] = []
        begun = read_at = self._clock()
        with NetlinkSocket(NETFILTER) as netlink:
            for body in netlink.dump(_GET_ELEMENT, self._body):
                found += self._stale(body, read_at)
                read_at = self._clock()
                if len(found) >= most or read_at - begun >= seconds:
                    break
        return found[:most]

    def forget(self) -> Iterator[int]:
        """Delete records piece by piece; how many each time.

        Raises:
            OSError: the kernel does not answer, or has no such map.
        """
        spent = 0.0
        for _ in range(_MOST_LISTINGS):
            found: list[Record] = []
            with NetlinkSocket(NETFILTER) as netlink:
                # The kernel has made what is read next when it was asked the last time.
                read_at = self._clock()
                for body in netlink.dump(_GET_ELEMENT, self._body):
                    found += self._stale(body, read_at)
                    spent += self._clock() - read_at
                    if spent >= _MOST_LISTING_SECONDS:
                        break
                    yield 0
                    read_at = self._clock()
            with NetlinkSocket(NETFILTER) as netlink:
                for start in range(0, len(found), _PIECE):
                    # The listing may have been made long ago.
                    yield self._delete(netlink, list(self._still_stale(netlink, found[start : start + _PIECE])))
            if not found or spent >= _MOST_LISTING_SECONDS:
                return

    def _stale(self, body: bytes, read_at: float) -> Iterator[Record]:
        """The records of a part of the listing that lead to an endpoint that has gone since they were made."""
        # Bytes are searched a hundred times as fast as attributes are read.
        if len(self._numbers) <= 16 and not any(number in body for number in self._numbers):
            return
        for element in attribute_values(attributes(body, _HEADER_SIZE).get(_ELEMENTS, b"")):
            if len(self._numbers) <= 16 and not any(number in element for number in self._numbers):
                continue
            told = attributes(element)
            key, data = (attributes(told.get(kind, b"")).get(_VALUE, b"") for kind in (_KEY, _DATA))
            gone_at = self._gone.get((key[self._client_size :], data))
            if gone_at is not None:
                record = Record(key, data, read_at - _age(told))
                if record.made < gone_at + _LEAST_ABSENCE_SECONDS:
                    yield record

    def _still_stale(self, netlink: NetlinkSocket, records: Sequence[Record]) -> Iterator[Record]:
        for start in range(0, len(records), _ASKED_AT_ONCE):
            asked = records[start : start + _ASKED_AT_ONCE]
            read_at = self._clock()
            for body in netlink.ask_each(_GET_ELEMENT, [self._body + _listed(_key(record)) for record in asked]):
                if body is not None:
                    yield from self._stale(body, read_at)

    def _delete(self, netlink: NetlinkSocket, records: list[Record]) -> int:
        """Delete records, except those that lead elsewhere by now; return how many.

        The kernel refuses to delete what is not there, and a record may have timed out since it was read. So each is
        added first, which changes nothing where it is there; only one that has been made anew meanwhile is in the way.
        """
        for _ in range(_MOST_ATTEMPTS):
            commands = [command for record in records for command in self._deletion(record)]
            refused = netlink.transact(_SUBSYSTEM, commands) if commands else {}
            if not refused:
                return len(records)
            for place, number in refused.items():
                if place % 2 or number not in _MADE_ANEW:
                    raise OSError(number, os.strerror(number))
            records = [record for place, record in enumerate(records) if 2 * place not in refused]
        return 0

    def _deletion(self, record: Record) -> tuple[Command, Command]:
        key, data = _key(record), attribute(_DATA | NESTED, attribute(_VALUE, record.data))
        return (
            Command(_NEW_ELEMENT, self._body + _listed(key + data), _CREATE),
            Command(_DELETE_ELEMENT, self._body + _listed(key)),
        )


def _key(record: Record) -> bytes:
    return attribute(_KEY | NESTED, attribute(_VALUE, record.key))


def _listed(element: bytes) -> bytes:
    return attribute(_ELEMENTS | NESTED, attribute(_ELEMENT | NESTED, element))


def _age(told: Mapping[int, bytes]) -> float:
    """The seconds since a record was made or renewed; the kernel does not tell a timeout that is its map's."""
    timeout = _MILLISECONDS.unpack(told[_TIMEOUT])[0] if _TIMEOUT in told else LONGEST_TIMEOUT_SECONDS * 1000
    left = _MILLISECONDS.unpack(told[_EXPIRATION])[0] if _EXPIRATION in told else 0
    return float(timeout - left) / 1000
