"""Which addresses a Service answers on in one family, in order of precedence (S2, S6, S7, S9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from svcc.addresses import IPFamily, canonical_address, canonical_prefix, collapsed_prefixes, family_of, prefix_contains
from svcc.dataplane.contract import FrontendKind
from svcc.model.service import IPMode, Service

__all__ = ["ServiceAddress", "Steps", "cluster_address", "external_addresses", "service_addresses"]

Steps = tuple[str | int, ...]
"""The steps of a field path; the path itself is built only for reports."""


class ServiceAddress(NamedTuple):
    """An address, the field that declares it, and who may come in by it (see `Frontend.allowed_sources`)."""

    kind: FrontendKind
    address: str
    steps: Steps
    allowed_sources: tuple[str, ...] | None = None


def cluster_address(service: Service, family: IPFamily) -> ServiceAddress | None:
    """The cluster IP of a family (S2); without `ipFamilies` addresses speak for themselves, as the server has it."""
    for index, text in enumerate(service.cluster_ips):
        address = _of_family(text, family)
        if address and (not service.ip_families or service.ip_families[index : index + 1] == (family,)):
            return ServiceAddress(FrontendKind.CLUSTER_IP, address, ("spec", "clusterIPs", index))
    return None


def service_addresses(service: Service, family: IPFamily, *, allow_external_ips: bool) -> Iterator[str]:
    """The addresses that `cluster_address` and `external_addresses` find, and nothing else of them."""
    cluster = cluster_address(service, family)
    if cluster is None:
        return
    yield cluster.address
    for ingress in service.load_balancer_ingress:
        if ingress.ip_mode is IPMode.VIP and (address := _of_family(ingress.ip, family)):
            yield address
    if allow_external_ips:
        for text in service.external_ips:
            if address := _of_family(text, family):
                yield address


def external_addresses(
    service: Service, family: IPFamily, *, node_address: str | None, allow_external_ips: bool
) -> list[ServiceAddress]:
    """VIPs, then external IPs: one that is both keeps its source ranges (S40)."""
    found: list[ServiceAddress] = []
    for index, ingress in enumerate(service.load_balancer_ingress):
        if ingress.ip_mode is IPMode.VIP and (address := _of_family(ingress.ip, family)):
            steps: Steps = ("status", "loadBalancer", "ingress", index, "ip")
            found.append(ServiceAddress(FrontendKind.LOAD_BALANCER, address, steps))
    if found and service.load_balancer_source_ranges:
        sources = _allowed_sources(service, family, [vip.address for vip in found], node_address)
        found = [vip._replace(allowed_sources=sources) for vip in found]
    if allow_external_ips:
        for index, text in enumerate(service.external_ips):
            if address := _of_family(text, family):
                found.append(ServiceAddress(FrontendKind.EXTERNAL_IP, address, ("spec", "externalIPs", index)))
    return found


def _of_family(text: str, family: IPFamily) -> str | None:
    address = canonical_address(text)
    return address if address is not None and family_of(address) is family else None


def _allowed_sources(
    service: Service, family: IPFamily, vips: list[str], node_address: str | None
) -> tuple[str, ...] | None:
    """Who may reach the VIPs (S40, S41); None when no range of the family restricts them.

    Ranges that cannot be read are skipped (S6), but never so that nothing restricts the Service any more: where no
    other range of the family is left, nobody may come in.
    """
    found = [canonical_prefix(text) for text in service.load_balancer_source_ranges]
    ranges = [prefix for prefix in found if prefix is not None and family_of(prefix) is family]
    if not ranges:
        return () if None in found else None
    if any(prefix.endswith("/0") for prefix in ranges):
        return None
    if node_address is not None and any(prefix_contains(prefix, node_address) for prefix in ranges):
        ranges.extend(f"{vip}/{family.bits}" for vip in vips)
    return collapsed_prefixes(ranges)
