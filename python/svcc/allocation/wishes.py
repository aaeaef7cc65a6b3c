"""What a LoadBalancer Service asks for: addresses, a pool, company on its address (annotations of MetalLB's)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.allocation.pools import AddressBook, Claim
from svcc.allocation.service_pools import RefusalError
from svcc.fields import FieldPath
from svcc.model.service import HEADLESS, Service, TrafficPolicy

__all__ = [
    "LOAD_BALANCER_IP_ANNOTATIONS",
    "Wish",
    "annotation",
    "families_of_service",
    "requested_addresses",
    "wish_of",
]

_PREFIXES: Final = ("metallb.io", "metallb.universe.tf")
"""Of annotations; the second is deprecated, and counts where the first is absent."""
LOAD_BALANCER_IP_ANNOTATIONS: Final = tuple(f"{prefix}/loadBalancerIPs" for prefix in _PREFIXES)
"""Annotations that ask for addresses, separated by commas."""
_LOAD_BALANCER_IP: Final = FieldPath.of("spec.loadBalancerIP")


@frozen
class Wish:
    """What a Service has and asks for: `given` are its addresses, `requested` what is asked for at `path`."""

    service: Service
    claim: Claim
    given: Sequence[str]
    requested: str
    path: FieldPath

    def rank(self, book: AddressBook) -> int:
        """Who comes first; sorting keeps the older ones in front."""
        if self.requested:
            return 0
        return 1 if self.given or book.reserved_for(self.claim.owner) else 2


def wish_of(service: Service) -> Wish:
    """What a Service has and asks for."""
    given = [address for entry in service.load_balancer_ingress if (address := canonical_address(entry.ip))]
    return Wish(service, _claim(service), given, *_requested(service))


def _claim(service: Service) -> Claim:
    backend = ""
    if service.external_traffic_policy is TrafficPolicy.LOCAL:
        backend = ",".join(f"{key}={value}" for key, value in sorted(service.selector.items()))
    ports = frozenset((port.protocol, port.port) for port in service.ports)
    return Claim(f"{service.namespace}/{service.name}", annotation(service, "allow-shared-ip")[0], backend, ports)


def annotation(service: Service, name: str) -> tuple[str, FieldPath]:
    """The value of an annotation of MetalLB's, under its new or its old prefix; empty if there is none."""
    for prefix in _PREFIXES:
        key = f"{prefix}/{name}"
        if key in service.annotations:
            return service.annotations[key], FieldPath(("metadata", "annotations", (key,)))
    return "", FieldPath()


def _requested(service: Service) -> tuple[str, FieldPath]:
    text, path = annotation(service, "loadBalancerIPs")
    return (text, path) if text else (service.load_balancer_ip, _LOAD_BALANCER_IP)


def requested_addresses(wish: Wish) -> list[str]:
    """What a Service asks for, in canonical form.

    Raises `RefusalError`.
    """
    service = wish.service
    if service.load_balancer_ip and wish.path != _LOAD_BALANCER_IP:
        detail = "service can not have both the annotation and spec.loadBalancerIP"
        raise RefusalError("ip-invalid", wish.path, detail, wish.requested)
    addresses: list[str] = []
    for part in wish.requested.split(","):
        address = canonical_address(part.strip())
        if address is None:
            raise RefusalError("ip-invalid", wish.path, f'"{part.strip()}" is no IP address', wish.requested)
        if family_of(address) in map(family_of, addresses):
            raise RefusalError("ip-invalid", wish.path, "at most one address of each family", wish.requested)
        addresses.append(address)
    return addresses


def families_of_service(service: Service) -> tuple[IPFamily, ...]:
    """The families of a Service: those of its cluster IPs (MetalLB, `ipfamily.ForService`), the primary one first."""
    addresses = [canonical_address(text) for text in service.cluster_ips if text != HEADLESS]
    return tuple(dict.fromkeys(family_of(address) for address in addresses if address)) or service.ip_families
