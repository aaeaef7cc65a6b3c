"""The endpoints that the DNS publishes for a Service, and the name each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.dns.contract import DnsSettings
from svcc.dns.names import dashed_address, is_label
from svcc.dns.problems import DnsProblems
from svcc.fields import ObjectReference
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import Service

__all__ = ["NamedEndpoint", "NamedPort", "named_endpoints", "publishes_unready"]

_TOLERATE_UNREADY = "service.alpha.kubernetes.io/tolerate-unready-endpoints"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})

NamedPort = tuple[str, str, int]
"""A port of a slice: its name, which may be empty, its protocol in lower case, its number."""


@frozen
class NamedEndpoint:
    """An endpoint under the label that it has below its Service's name.

    `has_hostname` says whether the label was given to it; then its address has a PTR record, too. `place` is the slice
    and the index in it of the first entry.
    """

    label: str
    address: str
    has_hostname: bool
    ports: tuple[NamedPort, ...]
    target: ObjectReference | None
    place: tuple[EndpointSlice, int]


def publishes_unready(service: Service) -> bool:
    """Whether clients want endpoints before they are ready, by the field or by the annotation that preceded it."""
    return service.publish_not_ready_addresses or service.annotations.get(_TOLERATE_UNREADY) in _TRUE


def named_endpoints(
    service: Service, slices: Iterable[EndpointSlice], settings: DnsSettings, problems: DnsProblems
) -> list[NamedEndpoint]:
    """The published endpoints of a Service, by label and address, each once.

    Published is who is ready, unknown counting as ready (S13), or everybody where the Service wants that.
    """
    unready_too = publishes_unready(service)
    found: dict[tuple[str, str], NamedEndpoint] = {}
    for item in sorted(slices, key=lambda item: item.name):
        if item.address_type not in (IPFamily.IPV4, IPFamily.IPV6):
            continue
        ports = tuple(
            (port.name, port.protocol.lower(), port.port) for port in item.ports if port.name is not None and port.port
        )
        for index, endpoint in enumerate(item.endpoints):
            # Only the first address counts, as everywhere in Services (S11).
            address = canonical_address(endpoint.addresses[0]) if endpoint.addresses else None
            if address is None or not (unready_too or endpoint.ready is not False):
                continue
            label, has_hostname = _label((item, index), endpoint, address, settings, problems)
            known = found.get((label, address))
            if known is None:
                found[label, address] = NamedEndpoint(
                    label, address, has_hostname, ports, endpoint.target, (item, index)
                )
            else:
                found[label, address] = evolve(
                    known,
                    has_hostname=known.has_hostname or has_hostname,
                    ports=tuple(dict.fromkeys((*known.ports, *ports))),
                )
    _tell_shared_hostnames(found, problems)
    return [found[key] for key in sorted(found)]


def _label(
    place: tuple[EndpointSlice, int], endpoint: Endpoint, address: str, settings: DnsSettings, problems: DnsProblems
) -> tuple[str, bool]:
    """The label of an endpoint, and whether it is its hostname.

    The specification wants an endpoint without hostname to have a name that the system gives; it has CoreDNS's.
    """
    item, index = place
    hostname = (endpoint.hostname or "").lower()
    if is_label(hostname):
        return hostname, True
    if hostname:
        steps = ("endpoints", index, "hostname")
        problems.invalid(
            "dns/label", item, steps, endpoint.hostname, f"is no label; the name is {dashed_address(address)}"
        )
    elif settings.endpoint_pod_names and endpoint.target is not None and endpoint.target.name:
        name = endpoint.target.name
        if is_label(name):
            return name, False
        pod = ("endpoints", index, "targetRef", "name")
        problems.invalid("dns/label", item, pod, name, f"is no label; the name is {dashed_address(address)}")
    return dashed_address(address), False


def _tell_shared_hostnames(found: Mapping[tuple[str, str], NamedEndpoint], problems: DnsProblems) -> None:
    first: dict[tuple[str, IPFamily], NamedEndpoint] = {}
    for endpoint in found.values():
        if not endpoint.has_hostname:
            continue
        other = first.setdefault((endpoint.label, family_of(endpoint.address)), endpoint)
        # One pod may have several addresses; then one hostname is right for all of them.
        if other is not endpoint and (endpoint.target is None or endpoint.target != other.target):
            item, index = endpoint.place
            problems.notice(
                "dns/hostname-shared",
                item,
                ("endpoints", index, "hostname"),
                f'"{endpoint.label}" stands for {other.address} and {endpoint.address}',
            )
