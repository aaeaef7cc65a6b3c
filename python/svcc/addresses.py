"""IP addresses and prefixes the way Kubernetes reads and writes them.

Inside svcc an address is its canonical text: dotted decimal for IPv4, RFC 5952 for IPv6. Text is what manifests hold
and what nft takes, and two canonical texts are equal exactly when the addresses are.
"""

from __future__ import annotations

import enum
import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    "IPFamily",
    "address_bytes",
    "canonical_address",
    "canonical_prefix",
    "collapsed_prefixes",
    "family_of",
    "prefix_contains",
]


class IPFamily(enum.StrEnum):
    """An IP family, spelled as `spec.ipFamilies` and `addressType` do."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @property
    def bits(self) -> int:
        """The width of an address in bits."""
        return 32 if self is IPFamily.IPV4 else 128


def family_of(address: str) -> IPFamily:
    """The family of an address or prefix that is already canonical."""
    return IPFamily.IPV6 if ":" in address else IPFamily.IPV4


def canonical_address(text: str) -> str | None:
    """The canonical text of an address, or None if it is none.

    Octets with leading zeros are read as decimal, as Go's old parser and kube-proxy do (S6); an IPv4-mapped IPv6
    address is its IPv4 address. Zones (``fe80::1%eth0``) are no addresses here.
    """
    try:
        if ":" not in text:
            return _canonical_ipv4(text)
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):  # ValueError: an embedded NUL or a lone surrogate
        return None
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    # glibc prints "::1.2.3.4" for IPv4-compatible addresses where RFC 5952 and Go print hexadecimal groups.
    if packed.startswith(_ZEROS):
        return str(ipaddress.IPv6Address(packed))
    return socket.inet_ntop(socket.AF_INET6, packed)


_MAPPED = bytes(10) + b"\xff\xff"
_ZEROS = bytes(12)


def _canonical_ipv4(text: str) -> str | None:
    try:
        # The C library takes canonical text only, and takes it fast; everything else is rare.
        socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return _decimal_octets(text)
    return text


def _decimal_octets(text: str) -> str | None:
    if not text.isascii():
        return None
    octets = text.split(".")
    if len(octets) != 4 or not all(octet.isdigit() and len(octet) <= 64 for octet in octets):
        return None
    numbers = [int(octet) for octet in octets]
    return ".".join(map(str, numbers)) if max(numbers) <= 255 else None


@lru_cache(maxsize=4096)
def canonical_prefix(text: str) -> str | None:
    """The canonical ``address/length`` of a CIDR with its host bits cleared, or None if it is none.

    Spaces around it are trimmed and leading zeros are decimal, as source ranges are read (S6).
    """
    address, slash, length = text.strip(" \t\r\n").partition("/")
    canonical = canonical_address(address)
    if canonical is None or not slash or not (length.isascii() and length.isdigit()) or len(length) > 64:
        return None
    if ":" in address and ":" not in canonical:
        return None
    if int(length) > family_of(canonical).bits:
        return None
    return str(ipaddress.ip_network(f"{canonical}/{int(length)}", strict=False))


def collapsed_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The fewest canonical prefixes of one family that cover the same addresses, in address order.

    nft refuses overlapping elements in a named interval set ("conflicting intervals"), so every set of prefixes goes
    through here first (S41).
    """
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    return tuple(map(str, ipaddress.collapse_addresses(networks)))  # type: ignore[type-var]


def prefix_contains(prefix: str, address: str) -> bool:
    """Whether a canonical address lies in a canonical prefix; families that differ never contain each other."""
    if family_of(prefix) is not family_of(address):
        return False
    return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)


def address_bytes(address: str) -> bytes:
    """The address in network byte order: 4 or 16 bytes."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
