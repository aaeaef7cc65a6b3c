"""Reading the counters of a set from the kernel (linux/netfilter/nf_tables.h).

Listing them through libnftables would build a tree, print it and parse what it prints: for 30 000 elements that takes
five times as long, and 97 MiB.
"""

from __future__ import annotations

import errno
import re
import socket
import struct
from collections.abc import Mapping
from typing import Final

from svcc.addresses import IPFamily
from svcc.apply.generation import generation
from svcc.compiler.counters import COUNTED_FRONTENDS, COUNTED_NODE_PORTS
from svcc.compiler.layout import COUNTERS_TABLE
from svcc.dataplane.contract import Frontend
from svcc.model.service import Protocol
from svcc.netlink import NETFILTER, NetlinkSocket, attribute, attributes, netfilter_header

__all__ = ["CounterKey", "counter_key", "read_counters"]

CounterKey = tuple[IPFamily, bytes]
"""A frontend's family, and its key as the kernel has it; those of node ports are shorter."""

_GET_ELEMENTS: Final = 10 << 8 | 13
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_ELEMENT_KEY, _ELEMENT_EXPRESSION = 1, 7
_VALUE = 1
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2
_BYTES, _PACKETS = 1, 2
_ATTRIBUTE = struct.Struct("=HH")
_FAMILIES: Final[Mapping[IPFamily, int]] = {IPFamily.IPV4: socket.AF_INET, IPFamily.IPV6: socket.AF_INET6}
_PROTOCOLS: Final[Mapping[Protocol, int]] = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
_HEADER_SIZE = 4


def counter_key(family: IPFamily, protocol: Protocol, frontend: Frontend) -> CounterKey:
    """The key of a frontend: each part in network order, and padded to 32 bits."""
    address = b"" if frontend.address is None else socket.inet_pton(_FAMILIES[family], frontend.address)
    return family, struct.pack("=B3x", _PROTOCOLS[protocol]) + address + struct.pack(">H2x", frontend.port)


def read_counters() -> tuple[dict[CounterKey, int], bool]:
    """The packets that each element has counted, and whether that is all of one moment, nothing missed or left over.

    For the network namespace of the calling thread. Where there is no table, there are no elements.

    Raises:
        OSError: the kernel refuses.
        TargetError: it does not answer, or not without CAP_NET_ADMIN.
    """
    before = generation()
    found: dict[CounterKey, int] = {}
    for family, number in _FAMILIES.items():
        address_size = 4 if family is IPFamily.IPV4 else 16
        for name, key_size in ((COUNTED_FRONTENDS, 8 + address_size), (COUNTED_NODE_PORTS, 8)):
            usual = _usual(key_size)
            request = netfilter_header(number) + _named(_LIST_TABLE, COUNTERS_TABLE) + _named(_LIST_SET, name)
            try:
                with NetlinkSocket(NETFILTER) as asking:
                    for message in asking.dump(_GET_ELEMENTS, request):
                        elements = attributes(message, _HEADER_SIZE).get(_LIST_ELEMENTS, b"")
                        found.update(((family, key), count) for key, count in _counted(elements, usual).items())
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
    return found, generation() == before


def _named(kind: int, name: str) -> bytes:
    return attribute(kind, name.encode() + b"\0")


def _usual(key_size: int) -> re.Pattern[bytes]:
    """How kernels write an element of a set with counters, but for the comment, which comes last."""
    key = _ATTRIBUTE.pack(8 + key_size, _ELEMENT_KEY) + _ATTRIBUTE.pack(4 + key_size, _VALUE)
    name = _ATTRIBUTE.pack(12, _EXPRESSION_NAME) + b"counter\0"
    counter = _ATTRIBUTE.pack(44, _ELEMENT_EXPRESSION) + name + _ATTRIBUTE.pack(28, _EXPRESSION_DATA)
    octets, packets = (re.escape(_ATTRIBUTE.pack(12, kind)) for kind in (_BYTES, _PACKETS))
    pattern = b"%s(.{%d})%s%s.{8}%s(.{8})" % (re.escape(key), key_size, re.escape(counter), octets, packets)
    return re.compile(pattern, re.DOTALL)


def _counted(elements: bytes, usual: re.Pattern[bytes]) -> dict[bytes, int]:
    """Keys and packets of the elements in one message; those that look unusual take five times as long."""
    found: dict[bytes, int] = {}
    start = 0
    while start + 4 <= len(elements):
        length, _ = _ATTRIBUTE.unpack_from(elements, start)
        if length < 4:
            break
        if (match := usual.match(elements, start + 4, start + length)) is not None:
            found[match[1]] = int.from_bytes(match[2], "big")
        else:
            found.update(_taken_apart(elements[start + 4 : start + length]))
        start += (length + 3) & ~3
    return found


def _taken_apart(element: bytes) -> dict[bytes, int]:
    parts = attributes(element)
    key = attributes(parts.get(_ELEMENT_KEY, b"")).get(_VALUE)
    expression = attributes(parts.get(_ELEMENT_EXPRESSION, b""))
    packets = attributes(expression.get(_EXPRESSION_DATA, b"")).get(_PACKETS)
    return {} if key is None or packets is None else {key: int.from_bytes(packets, "big")}
