"""The generation of the ruleset: a number that the kernel raises with every transaction of anybody.

Asking for it needs CAP_NET_ADMIN and nothing else, not even nft, so it also tells whether that capability is there.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from svcc.errors import TargetError

__all__ = ["generation"]

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


def generation() -> int:
    """The generation of the ruleset in the network namespace of the calling thread.

    Raises:
        TargetError: CAP_NET_ADMIN is missing, or the kernel has no nf_tables.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as asking:
            asking.settimeout(_PATIENCE_SECONDS)
            size = _HEADER.size + _FAMILY_HEADER.size
            header = _HEADER.pack(size, _SUBSYSTEM << 8 | _GET_GENERATION, _REQUEST, 1, 0)
            asking.sendto(header + _FAMILY_HEADER.pack(0, 0, 0), (0, 0))
            return _read(asking.recv(4096))
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
