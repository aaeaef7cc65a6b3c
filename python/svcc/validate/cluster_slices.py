"""EndpointSlices against the Services and Nodes that they name; a server takes them as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.fields import Problem
from svcc.model.endpoints import SERVICE_NAME_LABEL, EndpointSlice
from svcc.model.service import IPFamilyPolicy, Service, ServiceType
from svcc.validate.cluster_findings import problem
from svcc.validate.refused import is_unread
from svcc.validate.refused_objects import readable

__all__ = ["slices_of_services", "unknown_nodes"]

_ServiceName = tuple[str, str]
"""Namespace and name."""


def slices_of_services(
    slices: Sequence[EndpointSlice], services: Sequence[Service], left_out: Collection[_ServiceName]
) -> Iterator[Problem]:
    """Slices that give nothing to the Service they are for; `left_out` are Services that are there and broken."""
    by_name = {(service.namespace, service.name): service for service in services}
    for item in slices:
        if not item.service_name:
            detail = f"the label {SERVICE_NAME_LABEL} is missing: the slice belongs to no Service"
            yield problem("cluster/slice-without-label", item, ("metadata", "labels"), detail)
            continue
        name = item.namespace, item.service_name
        service = by_name.get(name)
        if service is not None:
            yield from _misfits(item, service)
        elif name not in left_out:
            detail = f"there is no Service {item.service_name} in namespace {item.namespace}"
            path = ("metadata", "labels", (SERVICE_NAME_LABEL,))
            yield problem("cluster/slice-without-service", item, path, detail)


def _misfits(item: EndpointSlice, service: Service) -> Iterator[Problem]:
    # Slices of names are deprecated, which is told of the slice alone.
    if service.type is ServiceType.EXTERNAL_NAME or item.address_type == "FQDN" or is_unread(service, "spec", "type"):
        return
    families = _families(service)
    if families and item.address_type not in families and readable(item, "addressType"):
        detail = f"Service {service.name} has no {item.address_type} address: the slice is ignored"
        yield problem("cluster/slice-family-not-of-service", item, ("addressType",), detail)
        return
    if not service.ports or is_unread(service, "spec", "ports") or not readable(item, "ports"):
        return
    wanted = {(port.name, port.protocol) for port in service.ports}
    for index, port in enumerate(item.ports):
        if (port.name, port.protocol) not in wanted:
            told = ", ".join(_port(port.name, port.protocol.value) for port in service.ports)
            detail = (
                f"{_port(port.name, port.protocol.value)} is no port of Service {service.name}: name and protocol must"
                f" be those of one of its ports, {told}"
            )
            yield problem("cluster/slice-port-unmatched", item, ("ports", index), detail)
    may_be_headless = service.is_headless or is_unread(service, "spec", "clusterIPs", 0)
    if item.endpoints and not item.ports and not may_be_headless:
        detail = f"the slice has endpoints and no port for them: Service {service.name} cannot use it"
        yield problem("cluster/slice-without-ports", item, ("ports",), detail)


def _port(name: str | None, protocol: str) -> str:
    return f'"{name}" ({protocol})' if name else f"unnamed ({protocol})"


def _families(service: Service) -> Collection[IPFamily]:
    """The families a Service has for certain; a server may still add a second one where dual stack is wished for."""
    if any(is_unread(service, "spec", name) for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")):
        return ()
    found = service.ip_families or tuple(
        family_of(address) for text in service.cluster_ips if (address := canonical_address(text)) is not None
    )
    wish = service.ip_family_policy or IPFamilyPolicy.SINGLE_STACK
    if wish is not IPFamilyPolicy.SINGLE_STACK and len(found) < len(IPFamily):
        return ()
    return found


def unknown_nodes(slices: Sequence[EndpointSlice], declared: Collection[str]) -> Iterator[Problem]:
    """Nodes that endpoints run on and nobody declared, each once, at the first endpoint there."""
    unknown = {endpoint.node_name for item in slices for endpoint in item.endpoints}
    unknown.difference_update(declared, (None, ""))
    if not unknown:
        return
    found: dict[str, tuple[EndpointSlice, int]] = {}
    counts: dict[str, int] = {}
    for item in slices:
        for index, endpoint in enumerate(item.endpoints):
            name = endpoint.node_name
            if name and name in unknown:
                found.setdefault(name, (item, index))
                counts[name] = counts.get(name, 0) + 1
    for name, (item, index) in found.items():
        more = f" (and {counts[name] - 1} more)" if counts[name] > 1 else ""
        detail = f'an endpoint{more} runs on the node "{name}", which is not among the Nodes'
        yield problem("cluster/endpoint-node-unknown", item, ("endpoints", index, "nodeName"), detail)
