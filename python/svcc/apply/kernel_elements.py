"""Elements of sets and maps straight from the kernel, over netlink.

libnftables needs 2.6 KiB of memory and 45 microseconds of processor time for each element that it lists: for 30 000
Services of 10 endpoints, which are 424 000 elements, 1.1 GB and 19 seconds. What svcc keeps in large numbers is of few
types, and is read here in 7 seconds, nearly all of them the kernel's; the rest is left to libnftables.

Message formats: linux/netfilter/nf_tables.h; comments: libnftnl's include/libnftnl/udata.h.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

from svcc.addresses import canonical_address
from svcc.compiler.layout import priority_text
from svcc.netlink import NETFILTER, NetlinkSocket, attribute, netfilter_header
from svcc.nft.objects import Data, Key, Value
from svcc.nft.statements import Verdict

__all__ = ["PlainElement", "PlainElements", "plain_elements"]

PlainElement = tuple[Key, Data | None, str]
"""Key, data if it is of a map, and comment."""

_GET_ELEMENTS: Final = 10 << 8 | 13
_HEADER_SIZE: Final = 4
_ATTRIBUTE = struct.Struct("=HH")
_VERDICT_CODE = struct.Struct(">i")
_TYPE_MASK: Final = 0x3FFF
_TABLE, _SET, _ELEMENTS = 1, 2, 3
_KEY, _DATA, _USER_DATA, _PADDING = 1, 2, 6, 8
_VALUE, _VERDICT = 1, 2
_CODE, _CHAIN = 1, 2
_COMMENT: Final = 0
_VERDICTS: Final = {0: "drop", 1: "accept", -3: "jump", -4: "goto", -5: "return"}
_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
_FAMILIES: Final = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
_OF_A_PLAIN_SET: Final = frozenset({"family", "name", "table", "type", "handle", "map", "comment"})


class PlainElements(list[PlainElement]):
    """Elements of a set or map that have nothing but a key, data, and a comment."""


class _NotPlainError(Exception):
    """Something that is left to libnftables."""


def plain_elements(family: str, table: str, body: dict[str, Any]) -> PlainElements | None:
    """The elements of the set or map `body`, as nft lists it without them; None where libnftables has to read them.

    They are those of one generation only if nobody commits meanwhile.

    Raises:
        OSError: the kernel does not answer, or the set is gone.
    """
    messages = _dumped(_FAMILIES[family], table, body["name"])
    try:
        return PlainElements(_decoded(messages, body))
    except _NotPlainError:
        return None
    finally:
        messages.close()


def _decoded(messages: Iterator[bytes], body: dict[str, Any]) -> Iterator[PlainElement]:
    readers: tuple[Callable[[bytes], Key], Callable[[bytes], Data] | None] | None = None
    for message in messages:
        if readers is None:
            # A set without elements is plain, whatever it could hold.
            readers = _readers(body)
        read_key, read_data = readers
        for kind, content in _attributes(message, _HEADER_SIZE):
            if kind != _ELEMENTS:
                continue
            for _, element in _attributes(content):
                key: Key | None = None
                data: Data | None = None
                comment = ""
                for part, value in _attributes(element):
                    if part == _KEY:
                        key = read_key(value)
                    elif part == _DATA and read_data is not None:
                        data = read_data(value)
                    elif part == _USER_DATA:
                        comment = _comment(value)
                    elif part != _PADDING:
                        raise _NotPlainError
                if key is None or (data is None) is not (read_data is None):
                    raise _NotPlainError
                yield key, data, comment


def _readers(body: dict[str, Any]) -> tuple[Callable[[bytes], Key], Callable[[bytes], Data] | None]:
    if not body.keys() <= _OF_A_PLAIN_SET:
        raise _NotPlainError
    key = _Concatenation(body.get("type"))
    data = body.get("map")
    if data is None:
        return key.read, None
    if data == "verdict":
        return key.read, _Verdicts().read
    return key.read, _Concatenation(data.split(" . ") if isinstance(data, str) else data).read


def _attributes(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    end = len(data)
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            raise _NotPlainError
        yield kind & _TYPE_MASK, data[start + 4 : start + length]
        start += (length + 3) & ~3


class _Concatenation:
    """Reads values of some types, one behind the other, each filled up to four bytes."""

    def __init__(self, types: Any) -> None:
        names = [types] if isinstance(types, str) else types
        if not isinstance(names, list) or not all(isinstance(name, str) and name in _TYPES for name in names):
            raise _NotPlainError
        self._parts: list[tuple[int, int, Callable[[bytes], Value]]] = []
        start = 0
        for name in names:
            size, read = _TYPES[name]
            self._parts.append((start, start + size, read))
            start += (size + 3) & ~3
        # Alone, a value is not filled up.
        self._sizes = {start, self._parts[0][1]} if len(names) == 1 else {start}
        self._known: dict[tuple[int, bytes], Value] = {}

    def read(self, nested: bytes) -> Key:
        """The values in an attribute, of which equal ones are one object."""
        [(kind, data)] = _attributes(nested)
        if kind != _VALUE or len(data) not in self._sizes:
            raise _NotPlainError
        found = []
        known = self._known
        for first, last, read in self._parts:
            part = data[first:last]
            value = known.get((first, part))
            if value is None:
                value = known[first, part] = read(part)
            found.append(value)
        return tuple(found)


class _Verdicts:
    """Reads verdicts, of which equal ones are one object."""

    def __init__(self) -> None:
        self._known: dict[bytes, Verdict] = {}

    def read(self, nested: bytes) -> Verdict:
        """The verdict in an attribute."""
        found = self._known.get(nested)
        if found is None:
            found = self._known[nested] = _verdict(nested)
        return found


def _verdict(nested: bytes) -> Verdict:
    [(kind, content)] = _attributes(nested)
    parts = dict(_attributes(content))
    word = _VERDICTS.get(_VERDICT_CODE.unpack(parts[_CODE])[0]) if kind == _VERDICT and _CODE in parts else None
    if word is None:
        raise _NotPlainError
    target = parts.get(_CHAIN)
    return Verdict(word, None if target is None else target.rstrip(b"\0").decode(errors="replace"))


def _comment(data: bytes) -> str:
    if len(data) < 2 or data[0] != _COMMENT or len(data) != 2 + data[1]:
        raise _NotPlainError
    return data[2:].rstrip(b"\0").decode(errors="replace")


def _protocol(data: bytes) -> str:
    try:
        return _PROTOCOLS[data[0]]
    except KeyError:
        # Whether nft has a name for it depends on the machine.
        raise _NotPlainError from None


def _ipv6(data: bytes) -> str:
    text = socket.inet_ntop(socket.AF_INET6, data)
    # glibc writes IPv4-compatible addresses as "::1.2.3.4", which is not their canonical text.
    is_compatible = "." in text and not text.startswith("::ffff:")
    return (canonical_address(text) or text) if is_compatible else text


def _classid(data: bytes) -> str:
    number = int.from_bytes(data, sys.byteorder)
    return {0: "none", 2**32 - 1: "root"}.get(number) or priority_text(number)


_TYPES: Final[dict[str, tuple[int, Callable[[bytes], Value]]]] = {
    "inet_proto": (1, _protocol),
    "inet_service": (2, lambda data: int.from_bytes(data, "big")),
    "ipv4_addr": (4, lambda data: socket.inet_ntop(socket.AF_INET, data)),
    "ipv6_addr": (16, _ipv6),
    # What svcc declares by a random number or hash, which the kernel has in its own order of bytes.
    "integer": (4, lambda data: int.from_bytes(data, sys.byteorder)),
    # The priority of a packet, likewise.
    "classid": (4, _classid),
}
"""By name: how many bytes a value has, and how it is read."""


def _dumped(family: int, table: str, name: str) -> Generator[bytes, None, None]:
    """The bodies of the messages that list the elements of a set."""
    body = netfilter_header(family)
    for kind, text in ((_TABLE, table), (_SET, name)):
        body += attribute(kind, text.encode(errors="surrogateescape") + b"\0")
    with NetlinkSocket(NETFILTER) as asking:
        yield from asking.dump(_GET_ELEMENTS, body)
