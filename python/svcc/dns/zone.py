"""Zones as files for name servers (RFC 1035, section 5).

Names consist of labels of letters, digits and hyphens (`svcc.dns.names.is_label`) and addresses are canonical, so
nothing that a manifest says can be read as syntax; the data of records is in presentation form already.
"""

from __future__ import annotations

from collections.abc import Iterator

from svcc.dns.contract import DnsZone, Record

__all__ = ["zone_lines"]


def zone_lines(zone: DnsZone) -> Iterator[str]:
    """The lines of a zone file: all names absolute, the SOA first, then the records in their order."""
    yield f"$ORIGIN {zone.name}\n"
    yield from map(_line, sorted(zone.authority, key=lambda record: record.type != "SOA"))
    yield from map(_line, zone.records)


def _line(record: Record) -> str:
    return f"{record.name} {record.ttl} IN {record.type} {record.data}\n"
