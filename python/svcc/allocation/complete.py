"""Everything that an API server and the controller of load balancers would fill in."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from svcc.allocation.build import allocate as allocate_numbers
from svcc.allocation.contract import Allocation, AllocationSettings
from svcc.allocation.load_balancer import allocate_load_balancers
from svcc.model.address_pool import Namespace
from svcc.model.cluster import Cluster

__all__ = ["allocate"]


def allocate(
    cluster: Cluster,
    settings: AllocationSettings | None = None,
    *,
    namespaces: Iterable[Namespace] = (),
    load_balancer_class: str | None = None,
) -> Allocation:
    """Fill in cluster IPs, families, node ports, and the addresses of load balancers where there are pools.

    `namespaces` are those whose labels the selectors of pools mean; `load_balancer_class` is the class of Services that
    the pools serve, None those without a class. What is written is never changed, and a Service gets its numbers
    whatever the order of the input; see `svcc.allocation.build` and `svcc.allocation.load_balancer`.

    Raises:
        SettingsError: a range in the settings is none, or a Service needs a cluster IP and no range is known.
    """
    settings = settings or AllocationSettings()
    numbers = allocate_numbers(cluster, settings)
    refused = frozenset(problem.object for problem in numbers.problems if problem.object is not None)
    addresses = allocate_load_balancers(
        numbers.cluster,
        settings.pools,
        namespaces=namespaces,
        reservation=numbers.reservation,
        held=settings.held.load_balancer_ips,
        load_balancer_class=load_balancer_class,
        refused=refused,
    )
    assignments = numbers.assignments
    if addresses.assignments:
        places = {service.reference: place for place, service in enumerate(cluster.services)}
        both = (*numbers.assignments, *addresses.assignments)
        assignments = tuple(sorted(both, key=lambda assignment: places[assignment.object]))
    return evolve(
        addresses,
        assignments=assignments,
        problems=(*numbers.problems, *addresses.problems),
        usage=(*numbers.usage, *addresses.usage),
    )
