"""From a cluster as people write it to the cluster that an API server would have made of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from attrs import evolve

from svcc.addresses import family_of
from svcc.allocate.cluster_ips import ClusterIPs, service_cidr_problems
from svcc.allocate.contract import Allocation, AllocationSettings, Assignment
from svcc.allocate.families import Families, families_of
from svcc.allocate.node_ports import NodePorts
from svcc.allocate.reservation import Reservation
from svcc.fields import Problem
from svcc.model.age import seniority
from svcc.model.cluster import Cluster
from svcc.model.service import Service

__all__ = ["allocate"]


def allocate(cluster: Cluster, settings: AllocationSettings | None = None) -> Allocation:
    """Fill in `clusterIP(s)`, `ipFamilies`, `ipFamilyPolicy`, `nodePort` and `healthCheckNodePort` of all Services.

    What is written, or reserved, is taken before anything is given, and is never changed. Of two Services that name the
    same number the older one has it, else the first by namespace and name (S45); the other is told and keeps it, too.
    Services get their numbers in that order, each from a place that its name decides, so the same input gives the same
    numbers in whatever order it is declared, and a Service that is added last moves no other. As on the server, a
    Service gets all it needs or nothing.

    Raises:
        SettingsError: a range in the settings is none; a family has no range; a Service needs a cluster IP, and no
            range is known.
    """
    settings = settings or AllocationSettings()
    cluster_ips, node_ports = ClusterIPs(cluster, settings), NodePorts(settings)
    services = list(cluster.services)
    order = sorted(range(len(services)), key=lambda index: seniority(services[index]))
    problems: list[list[Problem]] = [[] for _ in services]
    families: dict[int, Families] = {}
    for index in order:
        service = services[index]
        found = families_of(service, cluster_ips.configured)
        if isinstance(found, Families):
            families[index] = found
        else:
            problems[index] += found
        problems[index] += cluster_ips.claim(service) + node_ports.claim(service)
    assignments: list[list[Assignment]] = [[] for _ in services]
    for index in order:
        if problems[index]:
            continue
        service = services[index]
        problems[index] += cluster_ips.lacking(service, families[index]) + node_ports.lacking(service)
        if not problems[index]:
            service, assigned = cluster_ips.complete(service, families[index])
            services[index], ports_assigned = node_ports.complete(service)
            assignments[index] = assigned + ports_assigned
    return Allocation(
        evolve(cluster, services=services),
        tuple(itertools.chain.from_iterable(assignments)),
        tuple(itertools.chain(service_cidr_problems(cluster.service_cidrs), *problems)),
        (*cluster_ips.usage(), *node_ports.usage()),
        _reservation(settings.reservation or Reservation(), services, cluster_ips, node_ports),
    )


def _reservation(
    before: Reservation, services: Sequence[Service], cluster_ips: ClusterIPs, node_ports: NodePorts
) -> Reservation:
    """Who holds what now; what was reserved stays so, unless its owner has got another number instead."""
    addresses: dict[str, str] = {}
    ports: dict[int, str] = {}
    for service in services:
        addresses |= cluster_ips.held(service)
        ports |= node_ports.held(service)
    supplied = {(owner, family_of(address)) for address, owner in addresses.items()}
    supplied_ports = set(ports.values())
    kept = {
        address: owner for address, owner in before.cluster_ips.items() if (owner, family_of(address)) not in supplied
    }
    kept_ports = {port: owner for port, owner in before.node_ports.items() if owner not in supplied_ports}
    return Reservation(
        cluster_ips=kept | addresses, node_ports=kept_ports | ports, load_balancer_ips=before.load_balancer_ips
    )
