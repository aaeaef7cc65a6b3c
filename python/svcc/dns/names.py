"""Names in zones: which labels are safe, how addresses become names, and the order of records."""

from __future__ import annotations

import re

from svcc.addresses import address_bytes, canonical_address
from svcc.dns.contract import Record

__all__ = [
    "address_of_dashes",
    "dashed_address",
    "is_label",
    "parents",
    "record_order",
    "reverse_name",
    "reverse_zone",
]

is_label = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
"""Whether a text is one label of a host's name (RFC 1123), 63 characters at most: nothing that zone syntax knows."""


def dashed_address(address: str) -> str:
    """An address as a label, as CoreDNS names endpoints and pods: ``10-0-0-7``, ``fd00--7``, ``0--1``, ``fd00--0``."""
    label = address.replace(".", "-").replace(":", "-")
    return f"{'0' if label[0] == '-' else ''}{label}{'0' if label[-1] == '-' else ''}"


def address_of_dashes(label: str) -> str | None:
    """The canonical address that a label stands for, or None: three dashes, none of them side by side, are IPv4's."""
    is_ipv4 = label.count("-") == 3 and "--" not in label
    return canonical_address(label.replace("-", "." if is_ipv4 else ":"))


def reverse_name(address: str) -> str:
    """The name of an address in ``in-addr.arpa`` (RFC 1035) or, nibble by nibble, in ``ip6.arpa`` (RFC 3596)."""
    if ":" not in address:
        return f"{'.'.join(address.split('.')[::-1])}.in-addr.arpa."
    return f"{'.'.join(address_bytes(address).hex()[::-1])}.ip6.arpa."


def reverse_zone(name: str) -> str:
    """The zone that holds a reverse name if none is given: that of its /16 of IPv4, or its /48 of IPv6 (a site's)."""
    labels = name.split(".")
    return ".".join(labels[2:] if name.endswith(".in-addr.arpa.") else labels[20:])


def record_order(record: Record) -> tuple[list[str], str, str]:
    """Records sort as names do in DNSSEC (RFC 4034, 6.1: from the last label to the first), then by type and data."""
    return record.name.split(".")[::-1], record.type, record.data


def parents(name: str) -> list[str]:
    """An absolute name and all names above it, the nearest first, without the root."""
    found = []
    while name and name != ".":
        found.append(name)
        name = name.partition(".")[2]
    return found
