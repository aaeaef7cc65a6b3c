"""The generation of the ruleset: a number that the kernel raises with every transaction of anybody.

Asking for it needs CAP_NET_ADMIN and nothing else, not even nft, so it also tells whether that capability is there.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from svcc.errors import TargetError

__all__ = ["Generations", "generation"]

# linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h
_NETFILTER = 12
_SUBSYSTEM = 10
_NEW_GENERATION, _GET_GENERATION = 15, 16
_GENERATION_ID = 1
_ERROR = 2
_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_FAMILY_HEADER = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")
_PATIENCE_SECONDS = 10


class Generations:
    """Asks for the generation, in the network namespace that the calling thread is in when this is made.

    Whoever asks often keeps one: the kernel does not close such a socket before all is freed that earlier transactions
    have deleted (`nft_rcv_nl_event`), which takes some milliseconds after each.

    Raises:
        TargetError: CAP_NET_ADMIN is missing, or the kernel has no nf_tables.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._sequence = 0
        with _told():
            self._socket = self._opened()

    def now(self) -> int:
        """The generation of the ruleset.

        Raises:
            TargetError: the kernel does not tell it any more.
        """
        with _told():
            asking = self._socket = self._socket or self._opened()
            try:
                return self._ask(asking)
            except OSError:
                # An answer may still come, and would be taken for the next one.
                self.close()
                raise

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> socket.socket:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
        opened.settimeout(_PATIENCE_SECONDS)
        # A session may be let go of without a word.
        weakref.finalize(self, opened.close)
        return opened

    def _ask(self, asking: socket.socket) -> int:
        self._sequence = (self._sequence + 1) % (1 << 32)
        size = _HEADER.size + _FAMILY_HEADER.size
        header = _HEADER.pack(size, _SUBSYSTEM << 8 | _GET_GENERATION, _REQUEST, self._sequence, 0)
        asking.sendto(header + _FAMILY_HEADER.pack(0, 0, 0), (0, 0))
        return _read(asking.recv(4096))


def generation() -> int:
    """The generation of the ruleset in the network namespace of the calling thread.

    Raises:
        TargetError: CAP_NET_ADMIN is missing, or the kernel has no nf_tables.
    """
    asking = Generations()
    try:
        return asking.now()
    finally:
        asking.close()


@contextmanager
def _told() -> Iterator[None]:
    """Errors in words."""
    try:
        yield
    except PermissionError:
        raise TargetError(
            "the capability CAP_NET_ADMIN is missing, without which the kernel shows and changes no rules",
            hint="run it as root, or give it that one capability: AmbientCapabilities=CAP_NET_ADMIN in a systemd unit,"
            " capabilities.add: [NET_ADMIN] in a pod",
        ) from None
    except OSError as error:
        raise TargetError(
            f"the kernel does not answer about nftables: {error.strerror or error}",
            hint="it needs CONFIG_NF_TABLES, which may be the module nf_tables: modprobe nf_tables",
        ) from None


def _read(answer: bytes) -> int:
    _length, kind, _flags, _sequence, _port = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        (number,) = struct.unpack_from("=i", answer, _HEADER.size)
        raise OSError(-number, os.strerror(-number))
    position = _HEADER.size + _FAMILY_HEADER.size
    while position + _ATTRIBUTE.size <= len(answer):
        length, attribute = _ATTRIBUTE.unpack_from(answer, position)
        if attribute == _GENERATION_ID:
            (number,) = struct.unpack_from(">I", answer, position + _ATTRIBUTE.size)
            return int(number)
        position += max(length + 3 & ~3, _ATTRIBUTE.size)
    raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
