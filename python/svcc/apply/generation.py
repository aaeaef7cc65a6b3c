"""The generation of the ruleset: a number that the kernel raises with every transaction of anybody.

Asking for it needs CAP_NET_ADMIN and nothing else, not even nft, so it also tells whether that capability is there.
"""

from __future__ import annotations

import errno
import os
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from svcc.errors import TargetError
from svcc.netlink import NETFILTER, NetlinkSocket, attributes, netfilter_header

__all__ = ["Generations", "generation"]

# linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h
_GET_GENERATION: Final = 10 << 8 | 16
_GENERATION_ID: Final = 1


class Generations:
    """Asks for the generation, in the network namespace that the calling thread is in when this is made.

    Whoever asks often keeps one: the kernel does not close such a socket before all is freed that earlier transactions
    have deleted (`nft_rcv_nl_event`), which takes some milliseconds after each.

    Raises:
        TargetError: CAP_NET_ADMIN is missing, or the kernel has no nf_tables.
    """

    def __init__(self) -> None:
        self._socket: NetlinkSocket | None = None
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
                return _ask(asking)
            except OSError:
                # An answer may still come, and would be taken for the next one.
                self.close()
                raise

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _opened(self) -> NetlinkSocket:
        opened = NetlinkSocket(NETFILTER)
        # A session may be let go of without a word.
        weakref.finalize(self, opened.close)
        return opened


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


def _ask(asking: NetlinkSocket) -> int:
    header = netfilter_header(socket.AF_UNSPEC)
    found = attributes(asking.ask(_GET_GENERATION, header), len(header)).get(_GENERATION_ID)
    if found is None:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    return int.from_bytes(found, "big")


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
