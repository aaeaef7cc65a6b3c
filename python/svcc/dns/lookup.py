"""How a server that has the zones answers a question: NXDOMAIN, NODATA, and names that lead to other names.

Sources: RFC 1034 4.3.2 (the algorithm), RFC 2308 (NODATA), RFC 4343 (case), RFC 6604 (the status is that of the last
name), RFC 8020 (what has names below it exists).
"""

from __future__ import annotations

from svcc.addresses import IPFamily, family_of
from svcc.dns.contract import Answer, AnswerStatus, DnsRecords, Record
from svcc.dns.names import address_of_dashes, parents

__all__ = ["NameIndex", "lookup"]

_MOST_ALIASES = 16
"""How far a chain of CNAMEs is followed, as BIND does."""


class NameIndex:
    """The names of all zones, for many questions."""

    def __init__(self, records: DnsRecords) -> None:
        self._zones = {zone.name: zone for zone in records.zones}
        self._primary = records.zones[0]
        self._insecure_pods = records.insecure_pods
        self._records: dict[str, list[Record]] = {}
        for record in records.records:
            self._records.setdefault(record.name, []).append(record)
        self._existing: set[str] = set()
        for name in (*self._zones, *self._records, *records.empty_names):
            self._add(name)

    def _add(self, name: str) -> None:
        while name and name not in self._existing:
            self._existing.add(name)
            if name in self._zones:
                return
            name = name.partition(".")[2]

    def zone_of(self, name: str) -> str | None:
        """The nearest zone that holds an absolute name in lower case, or None."""
        return next((parent for parent in parents(name) if parent in self._zones), None)

    def lookup(self, name: str, record_type: str) -> Answer:
        """The answer to a question; `name` is absolute, with or without its final dot, in any case.

        The type ``ANY`` asks for all records of the name.
        """
        current = f"{name.removesuffix('.')}.".lower()
        wanted = record_type.upper()
        answered: list[Record] = []
        for _ in range(_MOST_ALIASES):
            if self.zone_of(current) is None:
                status = AnswerStatus.NOERROR if answered else AnswerStatus.REFUSED
                return Answer(status, tuple(answered))
            found = self._records.get(current) or self._pod(current)
            answered += [record for record in found if wanted in (record.type, "ANY")]
            alias = next((record for record in found if record.type == "CNAME"), None)
            if alias is None or wanted in ("CNAME", "ANY"):
                exists = bool(found) or current in self._existing
                return Answer(AnswerStatus.NOERROR if exists else AnswerStatus.NXDOMAIN, tuple(answered))
            if alias in answered:
                break
            answered.append(alias)
            current = alias.data
        return Answer(AnswerStatus.NOERROR, tuple(answered))

    def _pod(self, name: str) -> list[Record]:
        """CoreDNS's ``pods insecure``: in a namespace that exists any address has the name that it is written as."""
        label, _, rest = name.partition(".")
        if (
            not self._insecure_pods
            or rest not in self._existing
            or rest.partition(".")[2] != f"pod.{self._primary.name}"
        ):
            return []
        address = address_of_dashes(label)
        if address is None:
            return []
        record_type = "A" if family_of(address) is IPFamily.IPV4 else "AAAA"
        return [Record(name, record_type, address, self._primary.authority[0].ttl)]


def lookup(records: DnsRecords, name: str, record_type: str) -> Answer:
    """The answer to one question, as a server that has these zones gives it.

    Args:
        records: what `dns_records` returned; for many questions make one `NameIndex` of them.
        name: absolute, with or without its final dot, in any case.
        record_type: ``A``, ``SRV`` and so on, or ``ANY``.

    Returns:
        NXDOMAIN if there is no such name, NOERROR without records if it has none of the type (NODATA), REFUSED if it is
        in none of the zones. A CNAME is followed as far as the zones go.
    """
    return NameIndex(records).lookup(name, record_type)
