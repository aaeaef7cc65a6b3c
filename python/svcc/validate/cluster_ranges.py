"""Ranges: cluster IPs and families against ServiceCIDRs, pod CIDRs against each other, node ports against clients'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.fields import FieldPath, Problem, ProblemKind
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import HEADLESS, IPFamilyPolicy, Service, ServiceType
from svcc.validate.cluster_findings import cluster_ip_place, named, problem, settings_problem
from svcc.validate.cluster_settings import ClusterRuleSettings
from svcc.validate.findings import Path
from svcc.validate.intervals import Interval, IntervalIndex, address_number, intervals_of
from svcc.validate.refused import is_unread

__all__ = ["families_served", "pod_cidr_overlaps", "port_ranges", "service_ranges"]

_ServiceRange = Interval[tuple[ServiceCIDR, int] | None]
_Owner = TypeVar("_Owner")


def service_ranges(
    service_cidrs: Iterable[ServiceCIDR], settings: ClusterRuleSettings
) -> Mapping[IPFamily, Sequence[_ServiceRange]]:
    """All ranges of cluster IPs; those of settings have no owner."""
    declared = [(cidr, (item, index)) for item in service_cidrs for index, cidr in enumerate(item.cidrs)]
    given = [(cidr, None) for cidr in settings.service_cidrs]
    return {family: intervals_of(family, [*declared, *given]) for family in IPFamily}


def families_served(
    services: Sequence[Service], ranges: Mapping[IPFamily, Sequence[_ServiceRange]]
) -> Iterator[Problem]:
    """Families and cluster IPs for which there is no range; where no range at all is known, nobody can tell.

    A headless Service without a selector may have any families (`initIPFamilyFields`), and no addresses.
    """
    if not any(ranges.values()):
        return
    usable = {family: IntervalIndex([_usable(each) for each in listed]) for family, listed in ranges.items()}
    for service in services:
        may_be_headless = service.is_headless or is_unread(service, "spec", "clusterIPs", 0)
        if service.type is ServiceType.EXTERNAL_NAME or (may_be_headless and not service.selector):
            continue
        yield from _unserved(service, ranges)
        for index, text in enumerate(service.cluster_ips):
            address = canonical_address(text) if text and text != HEADLESS else None
            family = family_of(address) if address else None
            if address is None or family is None or not ranges[family]:
                continue
            number = address_number(address)
            if usable[family].overlapping(number, number) is None:
                listed = ", ".join(dict.fromkeys(each.prefix for each in ranges[family]))
                yield problem(
                    "cluster/cluster-ip-out-of-range",
                    service,
                    ("spec", "clusterIPs"),
                    # ipallocator.ErrNotInRange
                    f"failed to allocate IP {text}: the provided IP ({text}) is not in the valid range. The range of"
                    f" valid IPs is {listed}",
                    kind=ProblemKind.INVALID,
                    value=list(service.cluster_ips),
                    place=cluster_ip_place(service, index),
                )


def _usable(interval: Interval[_Owner]) -> Interval[_Owner]:
    """The addresses that are given to Services: not the network's own, and not the broadcast address of IPv4."""
    first, last, prefix, owner = interval
    if last - first < 2:
        return interval
    return Interval(first + 1, last - (family_of(prefix) is IPFamily.IPV4), prefix, owner)


def _unserved(service: Service, ranges: Mapping[IPFamily, Sequence[_ServiceRange]]) -> Iterator[Problem]:
    rule, kind = "cluster/family-not-served", ProblemKind.INVALID
    written = service.ip_families or _families_of_addresses(service)
    for index, family in enumerate(written):
        if not ranges[family]:
            place = cluster_ip_place(service, index) if not service.ip_families else None
            path: Path = ("spec", "ipFamilies", index)
            detail = "not configured on this cluster"
            yield problem(rule, service, path, detail, kind=kind, value=family.value, place=place)
    if any(is_unread(service, "spec", name) for name in ("clusterIPs", "ipFamilies")):
        return  # nobody knows how many there are
    policy = service.ip_family_policy
    if policy is IPFamilyPolicy.REQUIRE_DUAL_STACK and len(written) < 2 and not all(ranges.values()):
        detail = "this cluster is not configured for dual-stack services"
        yield problem(rule, service, ("spec", "ipFamilyPolicy"), detail, kind=kind, value=policy.value)


def _families_of_addresses(service: Service) -> tuple[IPFamily, ...]:
    found = [canonical_address(text) for text in service.cluster_ips]
    return tuple(family_of(address) for address in found if address is not None)


def pod_cidr_overlaps(nodes: Sequence[Node], ranges: Mapping[IPFamily, Sequence[_ServiceRange]]) -> Iterator[Problem]:
    """Pod CIDRs that other nodes or Services have addresses of; of nodes with the same one the first by name has it."""
    owned = [(cidr, (node, index)) for node in nodes for index, cidr in enumerate(node.pod_cidrs)]
    for family in IPFamily:
        of_services = IntervalIndex(ranges[family])
        widest: Interval[tuple[Node, int]] | None = None
        for each in sorted(intervals_of(family, owned), key=lambda each: (each.first, -each.last, each.owner[0].name)):
            node, index = each.owner
            path: Path = ("spec", "podCIDRs", index)
            if widest is not None and each.first <= widest.last and widest.owner[0] is not node:
                other, place = widest.owner[0], widest.owner[1]
                whose = named(other, other.source.at(FieldPath(("spec", "podCIDRs", place))) if other.source else None)
                detail = f"{each.prefix} overlaps {widest.prefix} of {whose}"
                yield problem("cluster/pod-cidr-overlaps", node, path, detail)
            if widest is None or each.last > widest.last:
                widest = each
            taken = of_services.overlapping(each.first, each.last)
            if taken is not None:
                detail = f"{each.prefix} overlaps {taken.prefix} of {_owner(taken)}"
                yield problem("cluster/pod-cidr-overlaps-service-cidr", node, path, detail)


def _owner(interval: _ServiceRange) -> str:
    if interval.owner is None:
        return "--service-cidr"
    item, index = interval.owner
    return named(item, item.source.at(FieldPath(("spec", "cidrs", index))) if item.source else None)


def port_ranges(settings: ClusterRuleSettings) -> Iterator[Problem]:
    """Node ports that the kernel of a node may give to a client first."""
    shared = settings.service_node_port_range.shared_with(settings.ip_local_port_range)
    if shared is not None:
        yield settings_problem(
            "cluster/node-ports-overlap-local-ports",
            f"the range of node ports {settings.service_node_port_range} overlaps ip_local_port_range"
            f" {settings.ip_local_port_range}: nodes may give {shared} to clients, whose connections then collide with"
            f" node ports, unless net.ipv4.ip_local_reserved_ports={shared}",
        )
