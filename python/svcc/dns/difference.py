"""What has to change in a zone that a server has, and whose its records are."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import evolve, frozen

from svcc.dns.contract import Record
from svcc.dns.names import record_order

__all__ = ["MARKER_LABEL", "Ownership", "ZoneDifference", "marker_name", "zone_difference"]

MARKER_LABEL = "_svcc-push"
"""The first label of the name that stands in a zone while an update that takes several messages is under way."""

_KEPT_BY_SERVER = frozenset(
    {"SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD", "TYPE65534"}
)


def marker_name(zone: str, cluster_zone: str) -> str:
    """Where the marker of an unfinished update stands: below ``svc.<zone>``, where no namespace can have this name."""
    return f"{MARKER_LABEL}.svc.{zone}" if zone == cluster_zone else f"{MARKER_LABEL}.{zone}"


def _is_below(name: str, above: str) -> bool:
    return name == above or name.endswith(f".{above}")


@frozen
class Ownership:
    """Which records of a server's zones are svcc's, so that it removes them where they are not declared.

    In the cluster's zone these are all at and below ``svc.<zone>`` and ``pod.<zone>`` and at ``dns-version.<zone>``:
    the names that Kubernetes' DNS specification takes. In a zone for reverse look-ups they are the PTR records that
    lead below ``svc.<zone>``, wherever they stand. SOA, DNSSEC records and what stands at a zone's own name are the
    server's. With `everything`, all others are removed too, but for the addresses of the zone's name servers.
    """

    cluster_zone: str
    everything: bool = False

    def divide(self, zone: str, records: Collection[Record]) -> tuple[list[Record], list[Record]]:
        """The records of a zone that are svcc's, and those of others; what is the server's own is in neither."""
        listed = [record for record in records if record.type not in _KEPT_BY_SERVER and record.name != zone]
        servers = {record.data for record in records if record.type == "NS" and record.name == zone}
        owned: list[Record] = []
        foreign: list[Record] = []
        for record in listed:
            if record.name in servers and record.type in {"A", "AAAA"} and not self._is_taken(zone, record):
                continue
            (owned if self.everything or self._is_taken(zone, record) else foreign).append(record)
        return owned, foreign

    def _is_taken(self, zone: str, record: Record) -> bool:
        """Whether the record's name, or where it leads, is among those that Kubernetes takes."""
        if record.name == marker_name(zone, self.cluster_zone):
            return record.type == "TXT"
        if zone != self.cluster_zone:
            return record.type == "PTR" and record.data.endswith(f".svc.{self.cluster_zone}")
        return record.name == f"dns-version.{zone}" or any(
            _is_below(record.name, f"{label}.{zone}") for label in ("svc", "pod")
        )


@frozen
class ZoneDifference:
    """What a zone lacks and what it has too much, both sorted; `foreign` counts records that are not svcc's."""

    zone: str
    removed: tuple[Record, ...] = ()
    added: tuple[Record, ...] = ()
    foreign: int = 0

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)


def zone_difference(
    zone: str, served: Iterable[Record], declared: Iterable[Record], ownership: Ownership
) -> ZoneDifference:
    """Compare what a server has with what is declared; data of both must be spelled the same way.

    A record whose lifetime changes is removed and added. Where a record of somebody else has the same name and type,
    its lifetime is kept for the declared ones: all records of one name and type have one (RFC 2181, 5.2), and svcc
    changes nothing that is not its own.
    """
    has = frozenset(served)
    owned, foreign = ownership.divide(zone, has)
    lifetimes = {(record.name, record.type): record.ttl for record in foreign}
    wanted = {evolve(record, ttl=lifetimes.get((record.name, record.type), record.ttl)) for record in declared}
    return ZoneDifference(
        zone,
        removed=tuple(sorted(set(owned) - wanted, key=record_order)),
        added=tuple(sorted(wanted - has, key=record_order)),
        foreign=len(foreign),
    )
