"""Zones as dnspython has them: to write them into files, to check them, to compare with a transfer, to update."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from svcc.dns.contract import DnsZone, Record
from svcc.errors import InputError, SvccError

try:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.zone
    from dns.rdataclass import IN
    from dns.rdatatype import RdataType
    from dns.rdtypes.ANY.CNAME import CNAME
    from dns.rdtypes.ANY.PTR import PTR
    from dns.rdtypes.IN.A import A
    from dns.rdtypes.IN.AAAA import AAAA
    from dns.rdtypes.IN.SRV import SRV
except ImportError:
    raise InputError(
        "this needs dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["dnspython_rdata", "dnspython_zone", "origin_text", "record_text", "verify_zone"]

_MOST_REMEMBERED: Final = 4096
"""How many names and data are kept: what has the same stands close together in a zone's order."""


def dnspython_rdata(record: Record) -> dns.rdata.Rdata:
    """The data of a record as dnspython has it.

    Raises:
        dns.exception.DNSException: the data is none of the record's type.
    """
    return dns.rdata.from_text(IN, record.type, record.data)


def origin_text(name: str) -> str:
    """The line of a zone file that says which zone it is, by its absolute name.

    Raises:
        dns.exception.DNSException: it is no name.
    """
    return f"$ORIGIN {_name_text(name)}\n"


def record_text(record: Record) -> str:
    """The line of a zone file for a record that follows from a manifest or belongs to the zone; its names are absolute.

    Raises:
        dns.exception.DNSException: the name is none, or the data is none of the record's type.
        ValueError: a number in the data is none, or too large.
    """
    return f"{_name_text(record.name)} {record.ttl} IN {record.type} {_data_text(record.type, record.data)}\n"


@lru_cache(_MOST_REMEMBERED)
def _name(text: str) -> dns.name.Name:
    """An absolute name by its labels, in which nothing is an escape, as none of svcc's names has any."""
    return dns.name.Name(text.split("."))


@lru_cache(_MOST_REMEMBERED)
def _name_text(text: str) -> str:
    return _name(text).to_text()


@lru_cache(_MOST_REMEMBERED)
def _data_text(record_type: str, data: str) -> str:
    return _rdata(record_type, data).to_text()


def _rdata(record_type: str, data: str) -> dns.rdata.Rdata:
    """Data as dnspython has it, made by its class, which costs a fraction of having it parsed."""
    match record_type:
        case "A":
            return A(IN, RdataType.A, data)
        case "AAAA":
            return AAAA(IN, RdataType.AAAA, data)
        case "PTR":
            return PTR(IN, RdataType.PTR, _name(data))
        case "CNAME":
            return CNAME(IN, RdataType.CNAME, _name(data))
        case "SRV":
            priority, weight, port, target = data.split(" ")
            return SRV(IN, RdataType.SRV, int(priority), int(weight), int(port), _name(target))
    return dns.rdata.from_text(IN, record_type, data)


def dnspython_zone(zone: DnsZone) -> dns.zone.Zone:
    """A zone as dnspython has it, its names absolute.

    Raises:
        dns.exception.DNSException: a name or data is malformed.
    """
    made = dns.zone.Zone(dns.name.from_text(zone.name), relativize=False)
    for record in (*zone.authority, *zone.records):
        rdata = dnspython_rdata(record)
        made.find_rdataset(dns.name.from_text(record.name), rdata.rdtype, create=True).add(rdata, record.ttl)
    return made


def verify_zone(zone: DnsZone, text: str) -> None:
    """Make sure that dnspython reads from a zone file the records of the zone, and no others.

    Raises:
        SvccError: it does not, which is a bug.
    """
    try:
        read = dns.zone.from_text(text, origin=zone.name, relativize=False)
        same = set(read.iterate_rdatas()) == set(dnspython_zone(zone).iterate_rdatas())
    except (dns.exception.DNSException, ValueError) as error:
        raise SvccError(f"the file of zone {zone.name} cannot be read: {error}") from error
    if not same:
        raise SvccError(f"the file of zone {zone.name} has other records than the zone")
