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

    The first name is the canonical one, which is what an address leads back to: that of the PTR record, if there is
    one. External names inside the cluster stand behind the other names of the address they lead to; those that leave
    it, and ports, cannot be said in such a file.
    """
    index = NameIndex(records)
    led_to = {record.data for zone in records.zones[1:] for record in zone.records if record.type == "PTR"}
    names: dict[str, dict[str, None]] = {}
    aliases: list[str] = []
    for record in sorted(records.zones[0].records, key=lambda record: record.name not in led_to):
        if record.type in ("A", "AAAA"):
            names.setdefault(record.data, {})[record.name] = None
        elif record.type == "CNAME":
            aliases.append(record.name)
    for alias in aliases:
        for record_type in ("A", "AAAA"):
            answer = index.lookup(alias, record_type)
            if answer.status is AnswerStatus.NOERROR:
                for found in answer.records:
                    if found.type == record_type:
                        names.setdefault(found.data, {})[alias] = None
    for address in sorted(names, key=lambda text: (family_of(text) is IPFamily.IPV6, address_bytes(text))):
        own = [name.removesuffix(".") for name in names[address]]
        for start in range(0, len(own), _LINE_NAMES):
            yield f"{address} {' '.join(own[start : start + _LINE_NAMES])}\n"
