"""From a cluster as people write it to the cluster that an API server would have made of it."""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import Final

from attrs import evolve

from svcc.addresses import family_of
from svcc.allocation.cluster_ips import ClusterIPs, service_cidr_problems
from svcc.allocation.contract import Allocation, AllocationSettings, Assignment
from svcc.allocation.families import Families, families_of, given_addresses
from svcc.allocation.node_ports import NodePorts
from svcc.allocation.reservation import Reservation
from svcc.fields import Problem
from svcc.model.age import seniority
from svcc.model.cluster import Cluster
from svcc.model.service import Service
from svcc.model.unconverted import changer, maker

__all__ = ["allocate"]

_changed: Final = changer(Service)
_reserved: Final = maker(Reservation, ("cluster_ips", "node_ports", "load_balancer_ips"))


def allocate(cluster: Cluster, settings: AllocationSettings | None = None) -> Allocation:
    """Fill in `clusterIP(s)`, `ipFamilies`, `ipFamilyPolicy`, `nodePort` and `healthCheckNodePort` of all Services.

    What is written, or reserved, is taken before anything is given, and is never changed. Of two Services that name the
    same number the older one has it, else the first by namespace and name (S45); the other is told and keeps it, too.
    Then what Services name that are not in order (`AllocationSettings.held`) is taken, as far as nobody has it.
    Services get their numbers in that order, each from a place that its name decides, so the same input gives the same
    numbers in whatever order it is declared, and a Service that is added last moves no other. As on the server, a
    Service gets all it needs or nothing.

    Raises:
        SettingsError: a range in the settings is none; a family has no range; a Service needs a cluster IP, and no
            range is known.
        ValueError: an `ip_family_policy` is none of the API's.
    """
    settings = settings or AllocationSettings()
    cluster_ips, node_ports = ClusterIPs(cluster, settings), NodePorts(settings)
    services = list(cluster.services)
    order = sorted(range(len(services)), key=lambda index: seniority(services[index]))
    problems: list[list[Problem]] = [[] for _ in services]
    families: dict[int, Families] = {}
    for index in order:
        service = services[index]
        addresses = given_addresses(service) if service.cluster_ips else []
        found = families_of(service, addresses, cluster_ips.configured)
        if isinstance(found, Families):
            families[index] = found
        else:
            problems[index] += found
        problems[index] += cluster_ips.claim(service, addresses) + node_ports.claim(service)
    cluster_ips.hold(settings.held.cluster_ips)
    node_ports.hold(settings.held.node_ports)
    assignments: list[list[Assignment]] = [[] for _ in services]

    def lacking(index: int) -> list[Problem]:
        return cluster_ips.lacking(services[index], families[index]) + node_ports.lacking(services[index])

    refused: list[int] = []
    for index in order:
        if problems[index]:
            continue
        if lacking(index):
            refused.append(index)
            continue
        service = services[index]
        ip_changes, ip_assignments = cluster_ips.give(service, families[index])
        port_changes, port_assignments = node_ports.give(service)
        assignments[index] = ip_assignments + port_assignments
        if assignments[index]:
            services[index] = _changed(service, ip_changes | port_changes)
    # Others may have taken what was left since: what is told is what holds in the end, and in every further run.
    for index in refused:
        problems[index] += lacking(index)
    return Allocation(
        evolve(cluster, services=services),
        tuple(itertools.chain.from_iterable(assignments)),
        tuple(itertools.chain(service_cidr_problems(cluster.service_cidrs), *problems)),
        (*cluster_ips.usage(), *node_ports.usage()),
        _reservation(settings.reservation or Reservation(), cluster_ips, node_ports),
    )


def _reservation(before: Reservation, cluster_ips: ClusterIPs, node_ports: NodePorts) -> Reservation:
    """Who holds what now; what was reserved stays so, unless its owner has got another number instead."""
    addresses = {address: holder.key for address, holder in cluster_ips.holders() if not holder.is_reserved}
    ports = {port: holder.key for port, holder in node_ports.holders() if not holder.is_reserved}
    if before.cluster_ips:
        served = {(key, family_of(address)) for address, key in addresses.items()}
        addresses |= {
            address: holder.key
            for address, holder in cluster_ips.holders()
            if holder.is_reserved and (holder.key, family_of(address)) not in served
        }
    if before.node_ports:
        served_ports = set(ports.values())
        ports |= {
            port: holder.key
            for port, holder in node_ports.holders()
            if holder.is_reserved and holder.key not in served_ports
        }
    return _reserved(MappingProxyType(addresses), MappingProxyType(ports), before.load_balancer_ips)
