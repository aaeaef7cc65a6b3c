"""What the cluster's DNS says, as data: records, zones, answers, and the settings they follow from.

The source is Kubernetes' "DNS-Based Service Discovery" specification, version 1.1.0; what CoreDNS does beyond it is the
flavour ``coredns``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

from attrs import field, frozen

from svcc.addresses import canonical_address
from svcc.errors import SettingsError
from svcc.fields import ObjectReference, Problem, Source
from svcc.model.metadata import frozen_items

__all__ = [
    "MOST_NAME_CHARACTERS",
    "Answer",
    "AnswerStatus",
    "DnsFlavour",
    "DnsRecords",
    "DnsSettings",
    "DnsZone",
    "PodNames",
    "Record",
]

MOST_NAME_CHARACTERS = 253
"""The longest name without its final dot (RFC 1035: 255 octets on the wire)."""

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_MOST_ZONE_CHARACTERS = MOST_NAME_CHARACTERS - len("dns-version.")
_LARGEST_TTL = 2**31 - 1
_REVERSE = (".in-addr.arpa.", ".ip6.arpa.")


class DnsFlavour(enum.StrEnum):
    """Whose answers the records give."""

    SPECIFICATION = "specification"
    COREDNS = "coredns"


class PodNames(enum.StrEnum):
    """CoreDNS's option ``pods``: whether ``10-0-0-7.<namespace>.pod.<zone>`` exists."""

    DISABLED = "disabled"
    INSECURE = "insecure"
    VERIFIED = "verified"


@frozen
class Record:
    """One resource record.

    Attributes:
        name: absolute, lower case, with its final dot.
        type: ``A``, ``AAAA``, ``CNAME``, ``NS``, ``PTR``, ``SOA``, ``SRV`` or ``TXT``.
        data: the record's data in the presentation form of RFC 1035; names in it are absolute.
        ttl: seconds.
        object: the object it follows from; None of what belongs to the zone itself.
        source: where that object was written.
    """

    name: str
    type: str
    data: str
    ttl: int
    object: ObjectReference | None = field(default=None, eq=False)
    source: Source | None = field(default=None, eq=False, repr=False)


@frozen
class DnsZone:
    """One zone.

    `authority` is what every zone needs and a server keeps itself (SOA, NS and, in the cluster's zone, the addresses of
    the name server); `records` is everything else. Both are sorted by `svcc.dns.names.record_order`.
    """

    name: str
    authority: tuple[Record, ...]
    records: tuple[Record, ...]


@frozen
class DnsRecords:
    """All zones: the cluster's first, then those for reverse look-ups in the order of their names.

    `empty_names` are names that exist without records (CoreDNS answers for namespaces whose Services have none), and
    `insecure_pods` says whether the name of any pod address is answered (CoreDNS's ``pods insecure``). Neither can be
    said in a zone file; `svcc.dns.lookup` knows them.
    """

    zones: tuple[DnsZone, ...]
    problems: tuple[Problem, ...] = ()
    empty_names: frozenset[str] = frozenset()
    insecure_pods: bool = False

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all zones, those of the zones themselves (SOA, NS) included."""
        return tuple(record for zone in self.zones for part in (zone.authority, zone.records) for record in part)


class AnswerStatus(enum.StrEnum):
    """What a server's response says about a name (RFC 1035, 4.1.1)."""

    NOERROR = "NOERROR"
    """The name exists; an answer without records is what is called NODATA (RFC 2308)."""
    NXDOMAIN = "NXDOMAIN"
    """Neither the name nor one below it exists (RFC 8020)."""
    REFUSED = "REFUSED"
    """The name is in none of the zones: a cluster's DNS asks somebody else."""


@frozen
class Answer:
    """What is answered to one question; a CNAME comes before the records of the name it leads to."""

    status: AnswerStatus
    records: tuple[Record, ...] = ()

    @property
    def is_nodata(self) -> bool:
        """Whether the name exists, but has no record of the type asked for."""
        return self.status is AnswerStatus.NOERROR and not self.records


def _zone_name(text: str, field_name: str = "zone") -> str:
    """A domain name in lower case with its final dot.

    Raises:
        SettingsError: it is none, or the root, or leaves no room for names in it.
    """
    name = text.removesuffix(".")
    lowered = name.lower() if name.isascii() else ""
    if len(name) > _MOST_ZONE_CHARACTERS or not all(map(_LABEL.fullmatch, lowered.split("."))):
        raise SettingsError(
            f"{field_name}: {text!r} is no domain name of labels of letters, digits and hyphens,"
            f" {_MOST_ZONE_CHARACTERS} characters at most"
        )
    return f"{lowered}."


def _reverse_zones(names: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_zone_name(name, "reverse_zones") for name in frozen_items(names)))


def _addresses(texts: Iterable[str] | None) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in frozen_items(texts):
        address = canonical_address(text)
        if address is None:
            raise SettingsError(f"nameserver_addresses: {text!r} is no IP address")
        found[address] = None
    return tuple(found)


@frozen(kw_only=True)
class DnsSettings:
    """What the records depend on beyond the objects.

    Attributes:
        zone: the cluster's domain; a final dot may be left out.
        ttl: seconds for all records, also those of negative answers; the specification leaves it open, CoreDNS says 5.
        flavour: the specification alone, or what CoreDNS adds to it.
        reverse_zones: the zones for PTR records, each the longest of them that fits; empty takes one zone a /16 of IPv4
            and a /48 of IPv6 that has an address.
        nameserver_addresses: addresses of ``ns.dns.<zone>``; empty takes the cluster IPs of the Service
            kube-system/kube-dns, else 127.0.0.1.
        serial: of all zones; None derives one from each zone's records, so that the same records have the same serial.
        pods: names of pods (CoreDNS's ``pods``).
        endpoint_pod_names: endpoints without a hostname are named after their pod (CoreDNS's option).
        ignore_empty_services: Services with a cluster IP, but without ready endpoints, have no records (CoreDNS's
            ``ignore empty_service``).
        without_endpoints: no records of endpoints at all (CoreDNS's ``noendpoints``).

    Raises:
        SettingsError: a value is out of range or no name, or an option of CoreDNS meets the specification.
    """

    zone: str = field(default="cluster.local.", converter=_zone_name)
    ttl: int = field(default=5)
    flavour: DnsFlavour = field(default=DnsFlavour.SPECIFICATION, converter=DnsFlavour)
    reverse_zones: tuple[str, ...] = field(default=(), converter=_reverse_zones)
    nameserver_addresses: tuple[str, ...] = field(default=(), converter=_addresses)
    serial: int | None = field(default=None)
    pods: PodNames = field(default=PodNames.DISABLED, converter=PodNames)
    endpoint_pod_names: bool = False
    ignore_empty_services: bool = False
    without_endpoints: bool = False

    @zone.validator
    def _zone_is_forward(self, _attribute: object, value: str) -> None:
        if f".{value}".endswith(_REVERSE):
            raise SettingsError(f"zone: {value!r} is a zone for reverse look-ups")

    @ttl.validator
    def _ttl_in_range(self, _attribute: object, value: int) -> None:
        if not 0 <= value <= _LARGEST_TTL:
            raise SettingsError(f"ttl: {value} is not in the range 0 to {_LARGEST_TTL}")

    @serial.validator
    def _serial_in_range(self, _attribute: object, value: int | None) -> None:
        if value is not None and not 0 <= value < 2**32:
            raise SettingsError(f"serial: {value} is not in the range 0 to {2**32 - 1}")

    @reverse_zones.validator
    def _zones_are_reverse(self, _attribute: object, value: tuple[str, ...]) -> None:
        for name in value:
            if not f".{name}".endswith(_REVERSE):
                raise SettingsError(f"reverse_zones: {name!r} is neither in-addr.arpa nor ip6.arpa, nor below them")

    def __attrs_post_init__(self) -> None:
        """Options of CoreDNS need its flavour."""
        if self.flavour is DnsFlavour.COREDNS:
            return
        extras = {
            "pods": self.pods is not PodNames.DISABLED,
            "endpoint_pod_names": self.endpoint_pod_names,
            "ignore_empty_services": self.ignore_empty_services,
            "without_endpoints": self.without_endpoints,
        }
        for option, wanted in extras.items():
            if wanted:
                raise SettingsError(f"{option}: only CoreDNS has this option; it needs the flavour coredns")
