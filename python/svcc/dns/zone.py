"""Zones for name servers, through dnspython: what it refuses, no server is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from svcc.dns.contract import DnsZone, Record
from svcc.errors import InputError

try:
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.rdtypes.ANY.PTR
    import dns.rdtypes.IN.A
    import dns.rdtypes.IN.AAAA
    import dns.rdtypes.IN.SRV
    import dns.zone
except ImportError:
    raise InputError(
        "zone files need dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["dnspython_rdata", "dnspython_zone", "zone_lines"]

_IN = dns.rdataclass.IN


def dnspython_rdata(record: Record) -> dns.rdata.Rdata:
    """The data of a record as dnspython has it; the kinds that come in masses are made without reading text.

    Raises:
        dns.exception.DNSException: the data is none of the record's type.
        ValueError: the same.
    """
    make = _MAKERS.get(record.type)
    return make(record.data) if make else dns.rdata.from_text(_IN, record.type, record.data)


def _name(text: str) -> dns.name.Name:
    return dns.name.Name([*text.encode("ascii").split(b".")])


def _srv(data: str) -> dns.rdata.Rdata:
    priority, weight, port, target = data.split(" ")
    return dns.rdtypes.IN.SRV.SRV(_IN, dns.rdatatype.SRV, int(priority), int(weight), int(port), _name(target))


_MAKERS: dict[str, Callable[[str], dns.rdata.Rdata]] = {
    "A": lambda data: dns.rdtypes.IN.A.A(_IN, dns.rdatatype.A, data),
    "AAAA": lambda data: dns.rdtypes.IN.AAAA.AAAA(_IN, dns.rdatatype.AAAA, data),
    "PTR": lambda data: dns.rdtypes.ANY.PTR.PTR(_IN, dns.rdatatype.PTR, _name(data)),
    "SRV": _srv,
}


def dnspython_zone(zone: DnsZone) -> dns.zone.Zone:
    """A zone as dnspython has it, its names absolute, such as `dns.zone.from_xfr` makes it of a transfer.

    Raises:
        dns.exception.DNSException: a name or data is malformed.
        ValueError: the same.
    """
    made = dns.zone.Zone(_name(zone.name), relativize=False)
    for record in (*zone.authority, *zone.records):
        rdata = dnspython_rdata(record)
        made.find_rdataset(_name(record.name), rdata.rdtype, create=True).add(rdata, record.ttl)
    return made


def zone_lines(zone: DnsZone) -> Iterator[str]:
    """The zone as a file (RFC 1035, 5): all names absolute, the SOA first, then the records in their order.

    Raises:
        dns.exception.DNSException: a name or data is malformed.
        ValueError: the same.
    """
    yield f"$ORIGIN {zone.name}\n"
    for record in sorted(zone.authority, key=lambda record: record.type != "SOA"):
        yield _line(record)
    yield from map(_line, zone.records)


def _line(record: Record) -> str:
    return f"{record.name} {record.ttl} IN {record.type} {dnspython_rdata(record).to_text()}\n"
