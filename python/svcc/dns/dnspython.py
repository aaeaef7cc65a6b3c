"""Zones as dnspython has them: to write them into files, to check them, to compare with a transfer, to update."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from svcc.dns.contract import DnsZone, Record
from svcc.errors import InputError, SvccError

try:
    import dns.exception
    import dns.ipv4
    import dns.ipv6
    import dns.name
    import dns.rdata
    import dns.zone
    from dns.rdataclass import IN
    from dns.rdatatype import RdataType
    from dns.rdtypes.IN.SRV import SRV
except ImportError:
    raise InputError(
        "this needs dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["dnspython_rdata", "dnspython_zone", "origin_text", "record_text", "verify_zone"]

_MOST_REMEMBERED: Final = 1 << 16
"""How many names and labels are kept: those of zones for names are met again in zones for addresses."""

_LONGEST_NAME: Final = 254
"""As many bytes of text make no name that is too long: 255 bytes in messages, the root's among them (RFC 1035, 3.1)."""


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
def _name_text(text: str) -> str:
    """An absolute name by its labels, in which nothing is an escape, as none of svcc's names has any.

    It begins with one label and goes on with the name above it, of which the text is at hand.
    """
    first, _, above = text.partition(".")
    if not above or len(text.encode()) > _LONGEST_NAME:
        return dns.name.Name(text.split(".")).to_text()
    return _label_text(first) + _name_text(above)


@lru_cache(_MOST_REMEMBERED)
def _label_text(label: str) -> str:
    """A label and the dot after it."""
    return dns.name.Name((label, "")).to_text()


def _data_text(record_type: str, data: str) -> str:
    """Data by the part of dnspython that knows it, which costs a fraction of having it parsed."""
    match record_type:
        case "A":
            return dns.ipv4.canonicalize(data)
        case "AAAA":
            return dns.ipv6.canonicalize(data)
        case "PTR" | "CNAME":
            return _name_text(data)
        case "SRV":
            numbers, _, target = data.rpartition(" ")
            return _srv_text(numbers) + _name_text(target)
    return dns.rdata.from_text(IN, record_type, data).to_text()


@lru_cache(_MOST_REMEMBERED)
def _srv_text(numbers: str) -> str:
    """What stands before the target in the data of an SRV record, given its priority, weight and port."""
    priority, weight, port = map(int, numbers.split(" "))
    return SRV(IN, RdataType.SRV, priority, weight, port, dns.name.root).to_text().removesuffix(".")


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
