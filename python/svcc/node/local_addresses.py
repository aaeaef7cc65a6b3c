"""The addresses that a node has at this moment, whatever its Node object says."""

from __future__ import annotations

import socket

from svcc.addresses import IPFamily
from svcc.netlink import ROUTE, NetlinkSocket, attributes

__all__ = ["local_addresses"]

# linux/rtnetlink.h, linux/if_addr.h
_GET_ADDRESS = 22
_HEADER_SIZE = 8
_ADDRESS, _LOCAL = 1, 2


def local_addresses(family: IPFamily) -> frozenset[str]:
    """The canonical addresses of all interfaces; OSError if the kernel does not say."""
    number = socket.AF_INET if family is IPFamily.IPV4 else socket.AF_INET6
    found = set()
    with NetlinkSocket(ROUTE) as netlink:
        for message in netlink.dump(_GET_ADDRESS, bytes([number]) + bytes(_HEADER_SIZE - 1)):
            told = attributes(message, _HEADER_SIZE)
            # On a link to one peer, what is called the address is the peer's.
            if (address := told.get(_LOCAL, told.get(_ADDRESS))) is not None and message[0] == number:
                found.add(socket.inet_ntop(number, address))
    return frozenset(found)
