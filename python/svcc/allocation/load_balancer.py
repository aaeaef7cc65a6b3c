"""Addresses of load balancers, given out of pools as MetalLB does (controller/service.go, internal/allocator, v0.14.9).

Where MetalLB leaves a choice open (pools of equal priority, the order of Services), it is made by name and by age, so
that the same input gives the same addresses. What a Service has in its status is never taken away: where MetalLB would
give it another address, a warning says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from attrs import evolve

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.allocation.contract import Allocation, Assignment
from svcc.allocation.pools import AddressBook, Claim
from svcc.allocation.reservation import Reservation
from svcc.allocation.service_pools import RefusalError, ServicePools
from svcc.allocation.wishes import Wish, annotation, families_of_service, requested_addresses, wish_of
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.model.address_pool import AddressPool, Namespace
from svcc.model.age import oldest_first
from svcc.model.cluster import Cluster
from svcc.model.service import IPFamilyPolicy, LoadBalancerIngress, Service, ServiceType
from svcc.model.unconverted import changer

__all__ = ["LOAD_BALANCER_RULES", "allocate_load_balancers"]

LOAD_BALANCER_RULES: Final = {
    "allocate/pool-overlaps": "an address is in two pools",
    "allocate/load-balancer-no-cluster-ip": "the families of a Service without a cluster IP are unknown",
    "allocate/load-balancer-ip-invalid": "a requested address is none, or is asked for twice",
    "allocate/load-balancer-ip-wrong-family": "requested addresses are not of the families of the Service",
    "allocate/load-balancer-ip-not-in-pool": "a requested address is in no pool that may give it",
    "allocate/load-balancer-ip-taken": "a requested address belongs to somebody who does not share it with the Service",
    "allocate/load-balancer-pool-unknown": "a requested pool does not exist",
    "allocate/load-balancer-pool-not-allowed": "a requested pool is kept for others",
    "allocate/load-balancer-pools-exhausted": "no pool has an address that the Service may have",
    "allocate/load-balancer-ip-kept": "a Service keeps an address that MetalLB would take away",
}
"""Every rule about load balancers' addresses, and what it says; the last one is a warning."""

_changed: Final = changer(Reservation)
_INGRESS: Final = FieldPath.of("status.loadBalancer.ingress")


def allocate_load_balancers(
    cluster: Cluster,
    pools: Sequence[AddressPool],
    *,
    namespaces: Iterable[Namespace] = (),
    reservation: Reservation | None = None,
    held: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    load_balancer_class: str | None = None,
    refused: Collection[ObjectReference] = (),
) -> Allocation:
    """Give every LoadBalancer Service of one class the addresses it lacks, in `status.loadBalancer.ingress`.

    Services need their cluster IPs first: these say which families they have. First come those who ask for addresses,
    then those for whom addresses are reserved, then the others; of equals the oldest, then by namespace and name.

    Args:
        cluster: the Services.
        pools: where addresses come from; those that overlap another one are told and not used.
        namespaces: whose labels the pools' selectors mean.
        reservation: addresses that belong to somebody.
        held: addresses of Services that are not in order, with their owners: given to nobody who does not ask for them.
        load_balancer_class: the class of Services that are served; None serves those without a class.
        refused: Services that are left as they are.
    """
    before = reservation or Reservation()
    usable, problems = _usable(pools)
    book = AddressBook(usable, before.load_balancer_ips)
    chosen = ServicePools(book, usable, {namespace.name: namespace for namespace in namespaces})
    waiting: list[Wish] = []
    found: dict[ObjectReference, list[Problem]] = {}
    balanced = [service for service in cluster.services if service.type is ServiceType.LOAD_BALANCER]
    for service in oldest_first(balanced):
        wish = wish_of(service)
        is_served = service.load_balancer_class == load_balancer_class
        if is_served:
            found[service.reference] = _kept(wish, book) if usable else []
            if service.reference not in refused and (wish.given or not service.load_balancer_ingress):
                waiting.append(wish)
        for address in wish.given:
            book.seat(address, wish.claim if is_served else Claim(wish.claim.owner))
    asked = {address for wish in waiting for address in _asked(wish)}
    for address, owners in held.items():
        if address not in asked and not book.is_seated(address):
            for owner in owners:
                book.seat(address, Claim(owner))
    assignments: dict[ObjectReference, Assignment] = {}
    for wish in sorted(waiting, key=lambda wish: wish.rank(book)):
        try:
            assignment = _satisfied(wish, chosen, book) if usable else None
        except RefusalError as refusal:
            found[wish.service.reference].append(_problem(wish.service, refusal))
            continue
        if assignment is not None:
            assignments[wish.service.reference] = assignment
            for address in _addresses(assignment):
                book.seat(address, wish.claim)
    order = [service.reference for service in balanced]
    return Allocation(
        _completed(cluster, assignments) if assignments else cluster,
        [assignments[reference] for reference in order if reference in assignments],
        [*problems, *itertools.chain.from_iterable(found.get(reference, ()) for reference in order)],
        book.usage(),
        _changed(before, {"load_balancer_ips": MappingProxyType(_reserved(before, book))}),
    )


def _usable(pools: Sequence[AddressPool]) -> tuple[list[AddressPool], list[Problem]]:
    """The pools by name, without those that have an address of an earlier one."""
    usable: list[AddressPool] = []
    problems: list[Problem] = []
    for pool in sorted(pools, key=lambda pool: pool.name):
        flaw = _overlap(pool, usable)
        if flaw is None:
            usable.append(pool)
            continue
        index, other = flaw
        path = FieldPath.of("spec.addresses", index)
        detail = f"overlaps with {other}; the pool is not used"
        source = pool.source.at(path) if pool.source else None
        value = pool.addresses[index]
        problems.append(
            Problem("allocate/pool-overlaps", ProblemKind.INVALID, path, detail, value, pool.reference, source)
        )
    return usable, problems


def _overlap(pool: AddressPool, others: Sequence[AddressPool]) -> tuple[int, str] | None:
    for index, part in enumerate(pool.ranges):
        for place in range(index):
            if part.overlaps(pool.ranges[place]):
                return index, f"{pool.addresses[place]} of the same pool"
        for other in others:
            for text, known in zip(other.addresses, other.ranges, strict=True):
                if part.overlaps(known):
                    return index, f"{text} of pool {other.name}"
    return None


def _satisfied(wish: Wish, pools: ServicePools, book: AddressBook) -> Assignment | None:
    """What a Service is given, or None if it has what it needs.

    Raises `RefusalError`.
    """
    service = wish.service
    families = families_of_service(service)
    may_grow = service.ip_family_policy == IPFamilyPolicy.PREFER_DUAL_STACK and len(families) > 1
    if wish.given:
        missing = [family for family in families if family not in map(family_of, wish.given)]
        return _second(wish, missing[0], book) if len(wish.given) == 1 and may_grow and missing else None
    if not families:
        detail = "a Service without a cluster IP has no known families"
        raise RefusalError("no-cluster-ip", FieldPath.of("spec.clusterIPs"), detail)
    wanted, at = annotation(service, "address-pool")
    if wish.requested:
        addresses = requested_addresses(wish)
        if set(map(family_of, addresses)) != set(families):
            listed = ", ".join(families)
            detail = f"does not match the families of the service ({listed})"
            raise RefusalError("ip-wrong-family", wish.path, detail, wish.requested)
        pools.check_requested(service, wish.claim, addresses, wish.path, wanted)
        return _assignment(service, addresses, f"asked for by {wish.path}")
    reserved = pools.reserved(service, wish.claim, families, wanted)
    if reserved is not None:
        missing = [family for family in families if family not in map(family_of, reserved)]
        pool = book.pool_of(reserved[0]) if missing else None
        second = book.first(pool, missing[0], wish.claim) if pool is not None else None
        return _assignment(service, [*reserved, *filter(None, [second])], "reserved for the Service")
    if wanted:
        name, addresses = pools.from_requested(service, wish.claim, families, wanted, at)
        return _assignment(service, addresses, f"of pool {name}, which {at} asks for")
    name, addresses = pools.automatic(service, wish.claim, families, _INGRESS)
    return _assignment(service, addresses, f"of pool {name}")


def _second(wish: Wish, family: IPFamily, book: AddressBook) -> Assignment | None:
    """PreferDualStack: the other family, if the pool of the first address has it."""
    pool = book.pool_of(wish.given[0])
    address = book.first(pool, family, wish.claim) if pool is not None else None
    if pool is None or address is None:
        return None
    reason = f"of pool {pool.name}, for PreferDualStack"
    path = _INGRESS.child(len(wish.service.load_balancer_ingress))
    return Assignment(wish.service.reference, path, {"ip": address}, reason)


def _assignment(service: Service, addresses: Iterable[str], reason: str) -> Assignment:
    # MetalLB writes IPv4 first whatever the primary family is.
    ordered = sorted(addresses, key=family_of)
    return Assignment(service.reference, _INGRESS, [{"ip": address} for address in ordered], reason)


def _addresses(assignment: Assignment) -> list[str]:
    entries = assignment.value if assignment.path == _INGRESS else [assignment.value]
    return [entry["ip"] for entry in entries]


def _completed(cluster: Cluster, assignments: Mapping[ObjectReference, Assignment]) -> Cluster:
    return evolve(cluster, services=[_with_addresses(service, assignments) for service in cluster.services])


def _with_addresses(service: Service, assignments: Mapping[ObjectReference, Assignment]) -> Service:
    assignment = assignments.get(service.reference) if service.type is ServiceType.LOAD_BALANCER else None
    if assignment is None:
        return service
    added = map(LoadBalancerIngress, _addresses(assignment))
    return evolve(service, load_balancer_ingress=(*service.load_balancer_ingress, *added))


def _kept(wish: Wish, book: AddressBook) -> list[Problem]:
    """Warnings about addresses that the Service has, and that MetalLB would not let it have."""
    details: list[str] = []
    for address in wish.given:
        pool = book.pool_of(address)
        reason = book.objection(address, wish.claim)
        if pool is None or book.is_excluded(address):
            details.append(f"{address} is in no pool")
        elif reason is not None:
            details.append(f"{address} is {reason}")
    asked = _asked(wish)
    if wish.given and asked and set(asked) != set(wish.given):
        details.append(f"{wish.path} asks for {wish.requested}")
    pool_name, path = annotation(wish.service, "address-pool")
    pools = {pool.name for address in wish.given if (pool := book.pool_of(address)) is not None}
    if wish.given and pool_name and pools and pools != {pool_name}:
        details.append(f"{path} asks for pool {pool_name}, and it is of pool {', '.join(sorted(pools))}")
    return [_problem(wish.service, RefusalError("ip-kept", _INGRESS, detail), is_kept=True) for detail in details]


def _asked(wish: Wish) -> list[str | None]:
    """The addresses that a Service asks for; None for what is none."""
    return [canonical_address(part.strip()) for part in wish.requested.split(",")] if wish.requested else []


def _problem(service: Service, refusal: RefusalError, *, is_kept: bool = False) -> Problem:
    source = service.source.at(refusal.path) if service.source else None
    keeps = "; the Service keeps it, where MetalLB would give it another" if is_kept else ""
    return Problem(
        f"allocate/load-balancer-{refusal.rule}",
        ProblemKind.INVALID if refusal.value is not None else ProblemKind.NOTICE,
        refusal.path,
        f"{refusal.detail}{keeps}",
        refusal.value,
        service.reference,
        source,
        Severity.WARNING if is_kept else Severity.ERROR,
    )


def _reserved(before: Reservation, book: AddressBook) -> Mapping[str, tuple[str, ...]]:
    """Who holds what now; what was reserved stays so, unless its owner has got another address of the family."""
    held = book.held()
    supplied = {(owner, family_of(address)) for address, owners in held.items() for owner in owners}
    result = dict(held)
    for address, owners in before.load_balancer_ips.items():
        kept = [owner for owner in owners if (owner, family_of(address)) not in supplied]
        if kept or not owners:
            result[address] = tuple(sorted({*result.get(address, ()), *kept}))
    return dict(sorted(result.items()))
