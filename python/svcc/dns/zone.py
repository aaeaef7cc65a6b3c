"""Zones as files for name servers (RFC 1035, section 5), through dnspython."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.dns.contract import DnsZone
from svcc.dns.dnspython import origin_text, record_text

__all__ = ["zone_lines"]


def zone_lines(zone: DnsZone) -> Iterator[str]:
    """The lines of a zone file: all names absolute, the SOA first, then the records in their order.

    Raises (the iterator):
        dns.exception.DNSException, ValueError: a name is none, or data is none of its record's type.
    """
    yield origin_text(zone.name)
    yield from map(record_text, sorted(zone.authority, key=lambda record: record.type != "SOA"))
    yield from map(record_text, zone.records)
