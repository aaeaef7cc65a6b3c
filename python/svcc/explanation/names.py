"""The names a cluster's DNS has for a Service: specification 1.1.0 of Kubernetes' DNS-based service discovery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.dns.endpoints import publishes_unready
from svcc.dns.names import dashed_address
from svcc.explanation.contract import DnsRecord
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import Service, ServiceType

__all__ = ["dns_records", "is_published", "short_names"]

_RECORD_TYPES = {IPFamily.IPV4: "A", IPFamily.IPV6: "AAAA"}
_COREDNS = "the name CoreDNS gives; the specification leaves it open"


def short_names(service: Service) -> tuple[tuple[str, str], ...]:
    """What pods can write instead of the full name, by their search domains, and which pods."""
    return (
        (service.name, f"in namespace {service.namespace}"),
        (f"{service.name}.{service.namespace}", "in any namespace"),
        (f"{service.name}.{service.namespace}.svc", "in any namespace"),
    )


def dns_records(service: Service, slices: Iterable[EndpointSlice], cluster_domain: str) -> tuple[DnsRecord, ...]:
    """All records of a Service; `slices` are those that its label names, and matter for headless Services only."""
    name = f"{service.name}.{service.namespace}.svc.{cluster_domain}"
    if service.type is ServiceType.EXTERNAL_NAME:
        return (DnsRecord(name, "CNAME", (service.external_name.rstrip("."),)),)
    if service.is_headless:
        return tuple(_headless(service, name, slices))
    addresses = [address for text in service.cluster_ips if (address := canonical_address(text))]
    records = [*_addresses(name, addresses)]
    if records:
        records += [
            DnsRecord(f"_{port.name}._{port.protocol.lower()}.{name}", "SRV", (f"{port.port} {name}",))
            for port in service.ports
            if port.name
        ]
    return tuple(records)


def is_published(service: Service, endpoint: Endpoint) -> bool:
    """Whether the name of a headless Service stands for this endpoint, too."""
    return endpoint.ready is not False or publishes_unready(service)


def _headless(service: Service, name: str, slices: Iterable[EndpointSlice]) -> Iterator[DnsRecord]:
    everything: dict[str, None] = {}
    hosts: dict[str, dict[str, None]] = {}
    services: dict[tuple[str, str], dict[str, None]] = {}
    without_hostname: set[str] = set()
    for item in slices:
        for endpoint in item.endpoints:
            address = canonical_address(endpoint.addresses[0]) if endpoint.addresses else None
            if address is None or not is_published(service, endpoint):
                continue
            host = endpoint.hostname or dashed_address(address)
            if not endpoint.hostname:
                without_hostname.add(host)
            everything[address] = None
            hosts.setdefault(host, {})[address] = None
            for port in item.ports:
                if port.name and port.port:
                    key = (port.name, port.protocol.lower())
                    services.setdefault(key, {})[f"{port.port} {host}.{name}"] = None
    yield from _addresses(name, everything)
    for host, addresses in hosts.items():
        yield from _addresses(f"{host}.{name}", addresses, _COREDNS if host in without_hostname else "")
    for (port_name, protocol), targets in services.items():
        yield DnsRecord(f"_{port_name}._{protocol}.{name}", "SRV", tuple(targets))


def _addresses(name: str, addresses: Iterable[str], note: str = "") -> Iterator[DnsRecord]:
    listed = list(addresses)
    for family, record_type in _RECORD_TYPES.items():
        values = tuple(address for address in listed if family_of(address) is family)
        if values:
            yield DnsRecord(name, record_type, values, note)
