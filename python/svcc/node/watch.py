"""Notices when somebody else changes svcc's tables, from what the kernel tells about each transaction.

The kernel announces every object that a transaction changes, then the transaction itself: its generation, and the
process that committed it. No library reads these messages without decoding them whole (libnftables does so for
``nft monitor``, in a loop of its own that never ends), and all that is wanted of them is the table's name, which is the
first attribute of each. So they are searched for the name as bytes, at the speed of memory, and only what has it is
looked into: a flood of changes to other tables costs next to nothing.

What is lost is known: the kernel says when a receiver's buffer was full, and generations are numbered without gaps.
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from attrs import define, frozen

from svcc.errors import TargetError
from svcc.netlink import NETFILTER, NetlinkSocket, attributes, messages, netfilter_header
from svcc.nft.commands import TableName

__all__ = ["Author", "ForeignChange", "Pause", "TableWatch"]

# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_TABLES_GROUP = 7
_SUBSYSTEM = 10 << 8
_NEW_GENERATION, _GET_GENERATION = _SUBSYSTEM | 15, _SUBSYSTEM | 16
_GENERATION_ID, _GENERATION_PROCESS, _GENERATION_NAME = 1, 2, 3
_TABLE: Final = 1
"""The attribute with the table's name, which is the first one of tables, chains, rules, sets, elements and objects."""
_FAMILIES: Final[dict[str, int]] = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
_HEADER_SIZE = 4

_SOL_NETLINK, _JOIN, _LEAVE = 270, 1, 2
_FORCE_RECEIVE_BUFFER = 33
_BUFFER_SIZE = 8 << 20
"""Holds the announcements of some 30 000 elements; memory is taken only while they wait to be read."""
_READ_SIZE = 1 << 16
_MOST_AUTHORS = 8


@frozen
class Author:
    """Who committed a transaction: the process as the kernel numbers it outside of any PID namespace, and its name."""

    process_id: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.process_id})"


@frozen
class ForeignChange:
    """Somebody else changed svcc's tables, or may have.

    Attributes:
        tables: which of them; empty where it is not known.
        authors: who, at most eight, in order of their first change.
        lost: whether announcements were lost, so that the tables must be verified to know.
    """

    tables: tuple[TableName, ...]
    authors: tuple[Author, ...]
    lost: bool = False

    def __str__(self) -> str:
        if not self.tables:
            return "somebody may have changed svcc's tables: announcements of the kernel were lost"
        names = " and ".join(f"table {table.family} {table.name}" for table in self.tables)
        return f"{names} changed by {', '.join(map(str, self.authors))}"


@define
class Pause:
    """What `TableWatch.paused` needs to know at its end: how many transactions were svcc's; None if that is unknown."""

    own_commits: int | None = None


class TableWatch:
    """Watches tables of the network namespace that the calling thread is in when this is made.

    `process_ids` tells the threads and processes that commit for svcc, as `Nft.process_ids` does; it is asked for each
    transaction that touches the tables, so the set may grow. The calling thread is one of them without being told.

    In a PID namespace of its own svcc knows these processes by other numbers than the kernel announces. There a
    program's transaction is known by the port of its socket, which is its process number as svcc sees it.

    Raises:
        TargetError: the kernel does not tell, or not without CAP_NET_ADMIN.
    """

    def __init__(self, tables: Collection[TableName], process_ids: Callable[[], Collection[int]] = frozenset) -> None:
        self._tables = {(_FAMILIES[table.family], table.name): table for table in tables}
        self._names = tuple({table.name.encode() + b"\0" for table in tables})
        self._process_ids = process_ids
        self._touched: dict[TableName, None] = {}
        self._changed: dict[TableName, None] = {}
        self._authors: dict[Author, None] = {}
        self._lost = False
        self._is_paused = False
        try:
            with ExitStack() as opened:
                # Generations belong to the namespace, so this socket stays in it whoever calls.
                self._asking = opened.enter_context(NetlinkSocket(NETFILTER))
                self._socket = opened.enter_context(self._open())
                self._generation, author = _generation(self._asking)
                opened.pop_all()
        except OSError as error:
            raise TargetError(
                f"changes to nftables cannot be watched: {error.strerror}", hint="it takes CAP_NET_ADMIN and nf_tables"
            ) from error
        self._own = author.process_id
        self._has_own_numbers = author.process_id != threading.get_native_id()

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETFILTER)
        try:
            opened.setsockopt(socket.SOL_SOCKET, _FORCE_RECEIVE_BUFFER, _BUFFER_SIZE)
        except PermissionError:  # in a user namespace; the kernel then grants what everybody may have
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_SIZE)
        try:
            # The kernel announces nothing to a socket without a port.
            opened.bind((0, 0))
            opened.setsockopt(_SOL_NETLINK, _JOIN, _TABLES_GROUP)
        except OSError:
            opened.close()
            raise
        return opened

    def fileno(self) -> int:
        """The descriptor that becomes readable when there is something to `poll`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Watch no more."""
        self._socket.close()
        self._asking.close()

    def poll(self) -> ForeignChange | None:
        """What others have changed since the last call; None if nothing. Never waits."""
        if not self._is_paused:
            self._drain()
        if not self._changed and not self._lost:
            return None
        found = ForeignChange(tuple(self._changed), tuple(self._authors), self._lost)
        self._changed, self._authors, self._lost = {}, {}, False
        return found

    @contextmanager
    def paused(self) -> Iterator[Pause]:
        """Hear nothing for the length of the block, in which svcc changes more than a buffer holds.

        The kernel makes announcements only where somebody listens, and takes 20 microseconds for each element: for the
        400 000 of a cold start that is longer than for everything else.

        Nothing is missed. When generations have advanced by more or less than `Pause.own_commits`, somebody else has
        committed, and `poll` says that announcements were lost.
        """
        pause = Pause()
        self._socket.setsockopt(_SOL_NETLINK, _LEAVE, _TABLES_GROUP)
        self._drain()
        self._is_paused = True
        before = self._generation
        try:
            yield pause
        finally:
            self._socket.setsockopt(_SOL_NETLINK, _JOIN, _TABLES_GROUP)
            self._is_paused = False
            self._generation, _ = _generation(self._asking)
            if pause.own_commits is None or _after(before, pause.own_commits) != self._generation:
                self._lost = True

    def _drain(self) -> None:
        overflowed = False
        while True:
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                if overflowed:
                    self._touched = {}
                    self._generation, _ = _generation(self._asking)
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # What the buffer held is still to be read; from then on nothing may belong together.
                self._lose()
                overflowed = True
                continue
            self._read(data)

    def _lose(self) -> None:
        self._lost = True
        self._touched = {}

    def _read(self, data: bytes) -> None:
        kind = struct.unpack_from("=H", data, 4)[0]
        if kind == _NEW_GENERATION:
            port = struct.unpack_from("=I", data, 12)[0]
            self._commit(port, attributes(data, 16 + _HEADER_SIZE))
            return
        if len(self._touched) == len(self._tables) or not any(name in data for name in self._names):
            return
        for _kind, _sequence, body in messages(data):
            name = attributes(body, _HEADER_SIZE).get(_TABLE, b"") if len(body) > _HEADER_SIZE else b""
            table = self._tables.get((body[0], name.rstrip(b"\0").decode(errors="replace"))) if name else None
            if table is not None:
                self._touched[table] = None

    def _commit(self, port: int, told: dict[int, bytes]) -> None:
        number, author = _generation_of(told)
        if _distance(self._generation, number) > 1:
            self._lose()
        if _distance(self._generation, number) > 0:
            self._generation = number
        if self._touched and author.process_id != self._own and not self._is_told(author.process_id, port):
            self._changed |= self._touched
            if len(self._authors) < _MOST_AUTHORS:
                self._authors[author] = None
        self._touched = {}

    def _is_told(self, process_id: int, port: int) -> bool:
        told = self._process_ids()
        return process_id in told or (self._has_own_numbers and port in told)


def _generation(netlink: NetlinkSocket) -> tuple[int, Author]:
    """The generation of the tables now, and the calling thread as the kernel announces it."""
    body = netlink.ask(_GET_GENERATION, netfilter_header(socket.AF_UNSPEC))
    return _generation_of(attributes(body, _HEADER_SIZE))


def _generation_of(told: dict[int, bytes]) -> tuple[int, Author]:
    name = told.get(_GENERATION_NAME, b"").rstrip(b"\0").decode(errors="replace")
    process_id = int.from_bytes(told.get(_GENERATION_PROCESS, b""), "big")
    return int.from_bytes(told[_GENERATION_ID], "big"), Author(process_id, name)


def _after(generation: int, commits: int) -> int:
    """The generation after so many commits; the kernel leaves out 0."""
    return (generation - 1 + commits) % 0xFFFFFFFF + 1


def _distance(old: int, new: int) -> int:
    """How many commits lead from one generation to another; negative when it is an earlier one."""
    distance = (new - old) % 0xFFFFFFFF
    return distance if distance < 1 << 31 else distance - 0xFFFFFFFF
