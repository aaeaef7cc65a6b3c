"""Zones as files for name servers (RFC 1035, section 5), through dnspython.

It writes the zone's name, SOA, NS, TXT and CNAME records: all whose data is more than addresses, numbers and names that
`svcc.dns.services` makes of checked labels (`svcc.dns.names.is_label`). Of the others, nearly all, there is nothing in
a line that could be read as syntax, and they are too many: see DESIGN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from svcc.dns.contract import DnsZone, Record
from svcc.dns.dnspython import origin_text, record_text

__all__ = ["zone_lines"]

_PLAIN: Final = frozenset({"A", "AAAA", "PTR", "SRV"})


def zone_lines(zone: DnsZone) -> Iterator[str]:
    """The lines of a zone file: all names absolute, the SOA first, then the records in their order."""
    yield origin_text(zone.name)
    yield from map(record_text, sorted(zone.authority, key=lambda record: record.type != "SOA"))
    yield from map(_line, zone.records)


def _line(record: Record) -> str:
    if record.type in _PLAIN:
        return f"{record.name} {record.ttl} IN {record.type} {record.data}\n"
    return record_text(record)
