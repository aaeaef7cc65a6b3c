"""Zones as dnspython has them: to write what is hard in files, to check them, to compare with a transfer, to update.

Making a record of dnspython takes a third of the time of `json.load` of the Service it follows from, putting it into a
zone of dnspython as long again, and reading one from text four times as long; see `svcc.dns.zone` for what is written
without it.
"""

from __future__ import annotations

from svcc.dns.contract import DnsZone, Record
from svcc.errors import InputError, SvccError

try:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.zone
    from dns.rdatatype import RdataType
    from dns.rdtypes.ANY.CNAME import CNAME
except ImportError:
    raise InputError(
        "this needs dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["dnspython_rdata", "dnspython_zone", "origin_text", "record_text", "verify_zone"]


def dnspython_rdata(record: Record) -> dns.rdata.Rdata:
    """The data of a record as dnspython has it.

    Raises:
        dns.exception.DNSException: the data is none of the record's type.
    """
    return dns.rdata.from_text(dns.rdataclass.IN, record.type, record.data)


def origin_text(name: str) -> str:
    """The line of a zone file that says which zone it is, by its absolute name.

    Raises:
        dns.exception.DNSException: it is no name.
    """
    return f"$ORIGIN {_name(name).to_text()}\n"


def record_text(record: Record) -> str:
    """The line of a zone file for a record that follows from a manifest or belongs to the zone; its names are absolute.

    Raises:
        dns.exception.DNSException: the name is none, or the data is none of the record's type.
    """
    is_alias = record.type == "CNAME"
    data = CNAME(dns.rdataclass.IN, RdataType.CNAME, _name(record.data)) if is_alias else dnspython_rdata(record)
    return f"{_name(record.name).to_text()} {record.ttl} IN {record.type} {data.to_text()}\n"


def _name(text: str) -> dns.name.Name:
    """An absolute name by its labels, in which nothing is an escape, as none of svcc's names has any."""
    return dns.name.Name(text.split("."))


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
