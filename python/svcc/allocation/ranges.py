"""Ranges of numbers and their bands: the lower one for those who name a value, the other for those who do not."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final

from attrs import frozen

from svcc.addresses import IPFamily, address_bytes, canonical_prefix
from svcc.allocation.contract import Band
from svcc.errors import SettingsError

__all__ = ["NumberRange", "address_number", "address_range", "address_text", "node_port_range", "service_cidr_flaw"]

_MOST_PORT: Final = 65535
_SHORTEST_IPV6_PREFIX: Final = 64
_PORT_RANGE: Final = re.compile(r"([0-9]{1,10})(?:([-+])([0-9]{1,10}))?", re.ASCII)


@frozen
class NumberRange:
    """A range of addresses, as whole numbers, or of ports.

    Attributes:
        name: the range as people know it.
        first: the first number that can be given.
        dynamic_first: the first one of the dynamic band; those before it are the static band, which may be empty.
        last: the last number of both; before `first` if nothing can be given at all.
        family: the family of addresses; None for ports.
    """

    name: str
    first: int
    dynamic_first: int
    last: int
    family: IPFamily | None = None

    def limits(self, band: Band) -> tuple[int, int]:
        """The first and the last number of a band; the last is before the first if the band is empty."""
        match band:
            case Band.STATIC:
                return self.first, min(self.dynamic_first - 1, self.last)
            case Band.DYNAMIC:
                return self.dynamic_first, self.last
            case Band.ALL:
                return self.first, self.last

    def size(self, band: Band) -> int:
        """How many numbers a band has."""
        first, last = self.limits(band)
        return max(0, last - first + 1)

    def band_of(self, number: int) -> Band:
        """The band that a number of the range is in."""
        return Band.STATIC if number < self.dynamic_first else Band.DYNAMIC

    def text(self, number: int) -> str:
        """A number as manifests write it."""
        return str(number) if self.family is None else address_text(self.family, number)


def address_number(address: str) -> int:
    """A canonical address as a whole number."""
    return int.from_bytes(address_bytes(address))


def address_text(family: IPFamily, number: int) -> str:
    """The canonical text of the address that a number stands for."""
    if family is IPFamily.IPV4:
        return socket.inet_ntoa(number.to_bytes(4))
    # glibc prints small numbers as "::1.2.3.4" where RFC 5952 and Go print hexadecimal groups.
    return (
        str(ipaddress.IPv6Address(number))
        if number < 1 << 48
        else socket.inet_ntop(socket.AF_INET6, number.to_bytes(16))
    )


def address_range(prefix: str) -> NumberRange:
    """The range of cluster IPs that a canonical prefix stands for.

    The network address is never given, nor IPv4's broadcast address. The static band has a sixteenth of the size, at
    least 16 and at most 256 addresses; ranges of up to 16 have none (KEP-3070, `calculateRangeOffset` in
    kubernetes/pkg/registry/core/service/ipallocator).
    """
    network = ipaddress.ip_network(prefix)
    family = IPFamily.IPV4 if network.version == 4 else IPFamily.IPV6
    start, size = int(network.network_address), network.num_addresses
    last = start + size - (2 if family is IPFamily.IPV4 else 1)
    return NumberRange(prefix, start + 1, start + 1 + _offset(size, 16, 256), last, family)


def _offset(size: int, share: int, most: int) -> int:
    """The size of the static band of `size` numbers."""
    return 0 if size <= 16 else min(max(16, size // share), most)


def service_cidr_flaw(prefix: str) -> str | None:
    """Why cluster IPs cannot be taken from a prefix, in the server's words; None if they can."""
    canonical = canonical_prefix(prefix)
    if canonical is None:
        return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    length = int(canonical.partition("/")[2])
    if ":" in canonical and length < _SHORTEST_IPV6_PREFIX:
        return f"shortest allowed prefix length for service CIDR is {_SHORTEST_IPV6_PREFIX}, got {length}"
    return None


def node_port_range(text: str) -> NumberRange:
    """The range that `--service-node-port-range` names: ``30000-32767``, ``30000+2767`` or a single port.

    Its static band has a thirty-second of the size, at least 16 and at most 128 ports; ranges of up to 16 have none
    (KEP-3668, `calculateRangeOffset` in kubernetes/pkg/registry/core/service/portallocator).

    Raises:
        SettingsError: it is no such range, or goes beyond 1 to 65535.
    """
    match = _PORT_RANGE.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f'"{text}" is no range of node ports', hint="write it as 30000-32767")
    first, between, second = int(match[1]), match[2], int(match[3] or 0)
    last = {"-": second, "+": first + second}.get(between, first)
    if not 1 <= first <= last <= _MOST_PORT:
        raise SettingsError(
            f'the range of node ports "{text}" is not within 1 to {_MOST_PORT}, or ends before it starts'
        )
    size = last - first + 1
    return NumberRange(f"{first}-{last}", first, first + _offset(size, 32, 128), last)
