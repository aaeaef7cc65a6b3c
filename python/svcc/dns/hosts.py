"""The names of a cluster as ``/etc/hosts`` has them (hosts(5))."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.addresses import IPFamily, address_bytes, family_of
from svcc.dns.contract import AnswerStatus, DnsRecords
from svcc.dns.lookup import NameIndex

__all__ = ["hosts_lines"]

_LINE_NAMES = 8
"""How many names stand on one line: some resolvers read lines of a thousand characters only."""


def hosts_lines(records: DnsRecords) -> Iterator[str]:
    """A line for each address with its names, IPv4 first, addresses in numeric order.

    External names inside the cluster stand beside the address they lead to; others, ports and what leads from addresses
    to names cannot be said in such a file.
    """
    index = NameIndex(records)
    names: dict[str, dict[str, None]] = {}
    for record in records.zones[0].records:
        if record.type in ("A", "AAAA"):
            names.setdefault(record.data, {})[record.name] = None
        elif record.type == "CNAME":
            for record_type in ("A", "AAAA"):
                answer = index.lookup(record.name, record_type)
                if answer.status is AnswerStatus.NOERROR:
                    for found in answer.records:
                        if found.type == record_type:
                            names.setdefault(found.data, {})[record.name] = None
    for address in sorted(names, key=lambda text: (family_of(text) is IPFamily.IPV6, address_bytes(text))):
        own = [name.removesuffix(".") for name in names[address]]
        for start in range(0, len(own), _LINE_NAMES):
            yield f"{address} {' '.join(own[start : start + _LINE_NAMES])}\n"
