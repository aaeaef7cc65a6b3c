"""Zones as dnspython has them: to check files, to compare with a transfer, to send updates.

Making a record of dnspython takes about as long as `json.load` of the Service it follows from, and reading one from
text four times as long; so zone files are written without it, and checked on request.
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
except ImportError:
    raise InputError(
        "this needs dnspython, which is not installed", hint="install it with: pip install 'svcc[dns]'"
    ) from None

__all__ = ["dnspython_rdata", "dnspython_zone", "verify_zone"]


def dnspython_rdata(record: Record) -> dns.rdata.Rdata:
    """The data of a record as dnspython has it.

    Raises:
        dns.exception.DNSException: the data is none of the record's type.
    """
    return dns.rdata.from_text(dns.rdataclass.IN, record.type, record.data)


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
