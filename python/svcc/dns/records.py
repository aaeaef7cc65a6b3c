"""All records of a cluster, in zones: what Kubernetes' DNS specification 1.1.0 prescribes, and what CoreDNS adds."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from svcc.addresses import canonical_address
from svcc.compiler.compilation import declared_cluster
from svcc.dns.aliases import tell_aliases
from svcc.dns.contract import DnsFlavour, DnsRecords, DnsSettings, DnsZone, PodNames, Record
from svcc.dns.names import dashed_address, is_label, parents, record_order, reverse_zone
from svcc.dns.problems import DnsProblems
from svcc.dns.services import Pointer, ServiceRecords
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service

__all__ = ["SCHEMA_VERSION", "dns_records"]

SCHEMA_VERSION = "1.1.0"
"""The version of the specification, which ``dns-version.<zone>`` names."""

_DNS_SERVICE = ("kube-system", "kube-dns")
_LOOPBACK = "127.0.0.1"
_REFRESH, _RETRY, _EXPIRE = 7200, 1800, 86400
_Slices = Mapping[tuple[str, str], list[EndpointSlice]]


def dns_records(objects: Cluster | Loaded | Iterable[ClusterObject], settings: DnsSettings | None = None) -> DnsRecords:
    """The zones of a cluster: its own, and those in which its addresses have names.

    Args:
        objects: what `load` returned, a `Cluster`, or Services and EndpointSlices in any order. Each is validated; one
            with errors is left out, and `DnsRecords.problems` says why.
        settings: the zone's name, the time to live, whose answers; the default is the specification for cluster.local.

    Raises:
        TypeError: an object is of a class that svcc does not read.
    """
    settings = settings or DnsSettings()
    cluster, refused = declared_cluster(objects)
    problems = DnsProblems()
    services = _declared_once(cluster.services, problems)
    slices: dict[tuple[str, str], list[EndpointSlice]] = {}
    for item in cluster.endpoint_slices:
        if item.service_name:
            slices.setdefault((item.namespace, item.service_name), []).append(item)
    collected = ServiceRecords(settings, problems)
    for key in sorted(services):
        collected.add(services[key], slices.get(key, ()))
    version = Record(f"dns-version.{settings.zone}", "TXT", f'"{SCHEMA_VERSION}"', settings.ttl)
    forward = [version, *collected.records]
    if settings.pods is not PodNames.DISABLED:
        forward += _pods(cluster.endpoint_slices, settings)
    tell_aliases(forward, services, settings.zone, problems)
    nameserver = _nameserver(services, settings)
    zones = [_zone(settings.zone, forward, settings, nameserver)]
    zones += [
        _zone(name, records, settings) for name, records in _reverse(collected.pointers, settings, problems).items()
    ]
    return DnsRecords(
        tuple(zones),
        (*refused, *problems.found),
        _empty_names(services, settings),
        insecure_pods=settings.pods is PodNames.INSECURE,
    )


def _declared_once(services: Iterable[Service], problems: DnsProblems) -> dict[tuple[str, str], Service]:
    found: dict[tuple[str, str], Service] = {}
    for service in services:
        earlier = found.get((service.namespace, service.name))
        if earlier is not None:
            problems.notice(
                "dns/declared-twice", earlier, (), "is declared again; the later declaration has the records"
            )
        found[service.namespace, service.name] = service
    return found


def _nameserver(services: Mapping[tuple[str, str], Service], settings: DnsSettings) -> list[Record]:
    """The addresses of the zones' name server: those given, those of the cluster's DNS, or its own machine."""
    addresses: Iterable[str] = settings.nameserver_addresses
    if not addresses and _DNS_SERVICE in services:
        addresses = filter(None, map(canonical_address, services[_DNS_SERVICE].cluster_ips))
    name = f"ns.dns.{settings.zone}"
    return [
        Record(name, "AAAA" if ":" in address else "A", address, settings.ttl)
        for address in tuple(addresses) or (_LOOPBACK,)
    ]


def _zone(name: str, records: list[Record], settings: DnsSettings, nameserver: Iterable[Record] = ()) -> DnsZone:
    records.sort(key=record_order)
    # Whatever ways led to it, a record is in a zone once.
    records = [one for one, before in zip(records, (None, *records), strict=False) if one != before]
    server = f"ns.dns.{settings.zone}"
    authority = [Record(name, "NS", server, settings.ttl), *nameserver]
    serial = settings.serial if settings.serial is not None else _derived_serial((*authority, *records))
    times = f"{serial} {_REFRESH} {_RETRY} {_EXPIRE} {settings.ttl}"
    authority.append(Record(name, "SOA", f"{server} hostmaster.{settings.zone} {times}", settings.ttl))
    return DnsZone(name, tuple(sorted(authority, key=record_order)), tuple(records))


def _derived_serial(records: Iterable[Record]) -> int:
    """The same records have the same serial, others another one: a checksum, never 0."""
    text = "\n".join(f"{record.name} {record.ttl} {record.type} {record.data}" for record in records)
    return zlib.crc32(text.encode()) or 1


def _reverse(pointers: Iterable[Pointer], settings: DnsSettings, problems: DnsProblems) -> dict[str, list[Record]]:
    """PTR records by zone, the zones in order; those given are there even without records."""
    found: dict[str, list[Record]] = {name: [] for name in settings.reverse_zones}
    cluster_ips: set[str] = set()
    if settings.flavour is DnsFlavour.COREDNS:
        # CoreDNS looks for an endpoint only if the address is no cluster IP.
        cluster_ips.update(pointer.address for pointer in pointers if not pointer.is_endpoint)
    outside: dict[str, None] = {}
    for pointer in pointers:
        if pointer.is_endpoint and pointer.address in cluster_ips:
            continue
        name = pointer.record.name
        zone = reverse_zone(name)
        if settings.reverse_zones:
            given = next((parent for parent in parents(name) if parent in found), None)
            if given is None:
                outside[pointer.address] = None
                continue
            zone = given
        found.setdefault(zone, []).append(pointer.record)
    if outside:
        count = "1 address is" if len(outside) == 1 else f"{len(outside)} addresses are"
        detail = f"{count} in no reverse zone and without PTR record, such as {next(iter(outside))}"
        problems.notice("dns/reverse-zone-missing", None, (), detail)
    return {name: found[name] for name in sorted(found, key=lambda name: name.split(".")[::-1])}


def _pods(slices: Iterable[EndpointSlice], settings: DnsSettings) -> list[Record]:
    """Names of the pods that are endpoints, ready or not; others are in no manifest that svcc reads."""
    found: dict[tuple[str, str], Record] = {}
    for item in slices:
        for endpoint in item.endpoints:
            address = canonical_address(endpoint.addresses[0]) if endpoint.addresses else None
            target = endpoint.target
            if address is None or target is None or target.kind != "Pod":
                continue
            namespace = target.namespace or item.namespace
            if is_label(namespace) and item.address_type != "FQDN":
                name = f"{dashed_address(address)}.{namespace}.pod.{settings.zone}"
                record_type = "AAAA" if ":" in address else "A"
                found[name, address] = Record(name, record_type, address, settings.ttl, target, item.source)
    return list(found.values())


def _empty_names(services: Iterable[tuple[str, str]], settings: DnsSettings) -> frozenset[str]:
    """Names that CoreDNS knows although no record has them: a namespace exists even if its Services have no records."""
    if settings.flavour is not DnsFlavour.COREDNS:
        return frozenset()
    branches = ["svc"] if settings.pods is PodNames.DISABLED else ["svc", "pod"]
    namespaces = {namespace for namespace, _ in services}
    return frozenset(
        {f"{branch}.{settings.zone}" for branch in branches}
        | {f"{namespace}.{branch}.{settings.zone}" for branch in branches for namespace in namespaces}
    )
