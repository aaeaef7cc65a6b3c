"""Forgets records of session affinity towards endpoints that have gone, a while after the change that took them (S35).

There may be millions of records, and a change must not wait for them. So the map `affinity` is read when there is
nothing else to do, as netlink's bytes and in turns, and what leads to an endpoint that has gone is deleted. If the
endpoint is back by then, the age of a record tells on which side of its absence it was made.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from svcc.compiler.affinity import LONGEST_TIMEOUT_SECONDS
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.errors import TargetError
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

__all__ = ["Forgetting"]

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
class _Record:
    """A record as the kernel tells it, and when it was made or renewed on the clock of this machine."""

    key: bytes
    data: bytes
    made: float


class Forgetting:
    """Endpoints that have gone, and how far the search for records that lead to them has come; for one thread.

    Args:
        delay_seconds: how long packets may be under way that still record an endpoint that has gone.
        clock: never jumps.
    """

    def __init__(self, delay_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._departed: dict[RememberedEndpoint, float] = {}
        self._work: Iterator[int] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to forget."""
        return self._work is not None or bool(self._departed)

    @property
    def due(self) -> float | None:
        """When `forget` has something to do, in the past where it has begun; None if never."""
        if self._work is not None:
            return float("-inf")
        return min(self._departed.values()) + self._delay_seconds if self._departed else None

    def departed(self, endpoints: Iterable[RememberedEndpoint]) -> None:
        """Endpoints have just gone. What was said before of the same ones is void, for they came back in between."""
        now = self._clock()
        self._departed.update(dict.fromkeys(endpoints, now))

    def forget(self, seconds: float) -> int:
        """Search and delete for about so long; `due` tells when to go on. Return how many records were deleted.

        In the network namespace of the calling thread, the same one each time.

        Raises:
            TargetError: the kernel does not answer, or has no such map. What had gone must be found by reading all.
        """
        now = self._clock()
        forgotten = 0
        if self._work is None:
            gone = {each: at for each, at in self._departed.items() if at + self._delay_seconds <= now}
            for each in gone:
                del self._departed[each]
            self._work = self._run(gone)
        try:
            for count in self._work:
                forgotten += count
                if self._clock() - now >= seconds:
                    return forgotten
        except OSError as error:
            self._work = None
            raise TargetError(f"records of session affinity cannot be read or deleted: {_reason(error)}") from error
        self._work = None
        return forgotten

    def _run(self, gone: Mapping[RememberedEndpoint, float]) -> Iterator[int]:
        """Do the work in small parts, each of which says how many records it has deleted."""
        by_table: dict[TableName, dict[RememberedEndpoint, float]] = {}
        for each, at in gone.items():
            by_table.setdefault(each.table, {})[each] = at
        for table, endpoints in by_table.items():
            yield from _Map(table, endpoints, self._clock).forget()


class _Map:
    """The map `affinity` of a table, and the endpoints to look for in it."""

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

    def forget(self) -> Iterator[int]:
        """Delete records piece by piece; how many each time."""
        spent = 0.0
        for _ in range(_MOST_LISTINGS):
            found: list[_Record] = []
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

    def _stale(self, body: bytes, read_at: float) -> Iterator[_Record]:
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
                record = _Record(key, data, read_at - _age(told))
                if record.made < gone_at + _LEAST_ABSENCE_SECONDS:
                    yield record

    def _still_stale(self, netlink: NetlinkSocket, records: Sequence[_Record]) -> Iterator[_Record]:
        for start in range(0, len(records), _ASKED_AT_ONCE):
            asked = records[start : start + _ASKED_AT_ONCE]
            read_at = self._clock()
            for body in netlink.ask_each(_GET_ELEMENT, [self._body + _listed(_key(record)) for record in asked]):
                if body is not None:
                    yield from self._stale(body, read_at)

    def _delete(self, netlink: NetlinkSocket, records: list[_Record]) -> int:
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

    def _deletion(self, record: _Record) -> tuple[Command, Command]:
        key, data = _key(record), attribute(_DATA | NESTED, attribute(_VALUE, record.data))
        return (
            Command(_NEW_ELEMENT, self._body + _listed(key + data), _CREATE),
            Command(_DELETE_ELEMENT, self._body + _listed(key)),
        )


def _key(record: _Record) -> bytes:
    return attribute(_KEY | NESTED, attribute(_VALUE, record.key))


def _listed(element: bytes) -> bytes:
    return attribute(_ELEMENTS | NESTED, attribute(_ELEMENT | NESTED, element))


def _age(told: Mapping[int, bytes]) -> float:
    """The seconds since a record was made or renewed; the kernel does not tell a timeout that is its map's."""
    timeout = _MILLISECONDS.unpack(told[_TIMEOUT])[0] if _TIMEOUT in told else LONGEST_TIMEOUT_SECONDS * 1000
    left = _MILLISECONDS.unpack(told[_EXPIRATION])[0] if _EXPIRATION in told else 0
    return float(timeout - left) / 1000


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
