"""Two plans of a service port compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from svcc.changes.contract import (
    EndpointsChange,
    FieldChange,
    FrontendChange,
    Move,
    ServicePortChange,
)
from svcc.changes.departures import Departures, endpoints_of
from svcc.changes.moves import moves_of
from svcc.compiler.balancing import Slots, slots_of
from svcc.dataplane.contract import Decision, FamilyDataplane, Frontend, ServicePortName, ServicePortPlan
from svcc.model.service import Protocol
from svcc.select import EndpointAddress

__all__ = ["service_port_changes"]

_FrontendKey = tuple[Protocol, str | None, int]


@frozen
class _Side:
    """The service ports of one side, by name and by frontend."""

    plans: Mapping[ServicePortName, ServicePortPlan]
    owners: Mapping[_FrontendKey, ServicePortPlan]

    @classmethod
    def of(cls, family: FamilyDataplane) -> _Side:
        return cls(
            {plan.name: plan for plan in family.service_ports},
            {_key(plan, frontend): plan for plan in family.service_ports for frontend in plan.frontends},
        )


def service_port_changes(
    before: FamilyDataplane, after: FamilyDataplane, departures: Departures, big_endian: tuple[bool, bool]
) -> list[ServicePortChange]:
    """The service ports of a family that change, by name; `big_endian` is the byte order of the node on each side."""
    old, new = _Side.of(before), _Side.of(after)
    differing = [
        name
        for name in sorted({*old.plans, *new.plans})
        if not _alike(old.plans.get(name), new.plans.get(name))
        or (departures and name in old.plans and any(departures.broken(old.plans[name])))
    ]
    moves = _all_moves(differing, old, new, big_endian)
    found = (_change(name, old, new, after, departures, moves.get(name, ())) for name in differing)
    return [change for change in found if change.has_details]


def _alike(before: ServicePortPlan | None, after: ServicePortPlan | None) -> bool:
    """Whether two plans are the same to packets, wherever they were declared."""
    return before is not None and after is not None and _substance(before) == _substance(after)


def _substance(plan: ServicePortPlan) -> tuple[object, ...]:
    return (
        plan.frontends,
        plan.cluster_endpoints,
        plan.local_endpoints,
        plan.affinity_timeout_seconds,
        plan.balancing,
        plan.cluster_weights,
        plan.local_weights,
    )


def _key(plan: ServicePortPlan, frontend: Frontend) -> _FrontendKey:
    return plan.name.protocol, frontend.address, frontend.port


def _all_moves(
    names: list[ServicePortName], old: _Side, new: _Side, big_endian: tuple[bool, bool]
) -> dict[ServicePortName, tuple[Move, ...]]:
    """The moves of the service ports as they are after; frontends that change hands move, too."""
    pairs = []
    for name in names:
        plan = new.plans.get(name)
        owners = [old.owners.get(_key(plan, frontend)) for frontend in plan.frontends] if plan else []
        pairs += [(plan, was) for was in {owner.name: owner for owner in owners if owner}.values() if plan]
    # All slots in two calls, because the work is done in Rust.
    slots_after: list[Slots] = slots_of([plan for plan, _ in pairs])
    slots_before: list[Slots] = slots_of([was for _, was in pairs])
    found: dict[ServicePortName, tuple[Move, ...]] = {}
    for (plan, was), before, after in zip(pairs, slots_before, slots_after, strict=True):
        moves = moves_of(was, plan, before, after, big_endian=big_endian)
        found[plan.name] = (*found.get(plan.name, ()), *moves)
    return found


def _change(
    name: ServicePortName,
    old: _Side,
    new: _Side,
    family: FamilyDataplane,
    departures: Departures,
    moves: tuple[Move, ...],
) -> ServicePortChange:
    before, after = old.plans.get(name), new.plans.get(name)
    sticky = before is not None and before.affinity_timeout_seconds is not None
    forgets_all = sticky and (after is None or after.affinity_timeout_seconds is None)
    remaining = {*endpoints_of(after)}
    return ServicePortChange(
        name,
        family.family,
        before,
        after,
        frontends=tuple(_frontends(before, after, old, new)),
        endpoints=tuple(_endpoints(before, after)),
        settings=tuple(_settings(before, after)) if before and after else (),
        moves=moves,
        broken=tuple(departures.broken(before)) if before else (),
        forgotten=tuple(item for item in endpoints_of(before) if forgets_all or item not in remaining)
        if sticky
        else (),
        forgets_all=forgets_all,
    )


def _frontends(
    before: ServicePortPlan | None, after: ServicePortPlan | None, old: _Side, new: _Side
) -> Iterator[FrontendChange]:
    was = {_key(before, frontend): frontend for frontend in before.frontends} if before else {}
    becomes = {_key(after, frontend): frontend for frontend in after.frontends} if after else {}
    for key in dict.fromkeys((*was, *becomes)):
        if was.get(key) == becomes.get(key):
            continue
        other = None
        if key not in was:
            other = old.owners.get(key)
        elif key not in becomes:
            other = new.owners.get(key)
        yield FrontendChange(was.get(key), becomes.get(key), other.name if other else None)


def _endpoints(before: ServicePortPlan | None, after: ServicePortPlan | None) -> Iterator[EndpointsChange]:
    for decision in (Decision.CLUSTER, Decision.LOCAL):
        was, becomes = _weighted(before, decision), _weighted(after, decision)
        change = EndpointsChange(
            decision,
            tuple(endpoint for endpoint in becomes if endpoint not in was),
            tuple(endpoint for endpoint in was if endpoint not in becomes),
            tuple(
                (endpoint, was[endpoint], weight)
                for endpoint, weight in becomes.items()
                if endpoint in was and was[endpoint] != weight
            ),
        )
        if change.added or change.removed or change.reweighted:
            yield change


def _weighted(plan: ServicePortPlan | None, decision: Decision) -> dict[EndpointAddress, int]:
    if plan is None:
        return {}
    endpoints = plan.endpoints(decision)
    return dict(zip(endpoints, plan.weights(decision) or (1,) * len(endpoints), strict=True))


def _settings(before: ServicePortPlan, after: ServicePortPlan) -> Iterator[FieldChange]:
    for name, was, becomes in zip(
        ("session affinity", "load balancing", "hash key", "table size"), _said(before), _said(after), strict=True
    ):
        if was != becomes:
            yield FieldChange(name, was, becomes)


def _said(plan: ServicePortPlan) -> tuple[str, ...]:
    timeout, balancing = plan.affinity_timeout_seconds, plan.balancing
    return (
        "" if timeout is None else f"{timeout} s",
        balancing.algorithm.value,
        balancing.hash_key.value if balancing.hash_key else "",
        "" if balancing.table_size is None else str(balancing.table_size),
    )
