"""Load balancing as slots: which endpoint stands at each slot of a set, for every algorithm and all weights.

The kernel computes the number of a slot (drawn, counted or hashed, see `svcc.compiler.program`), and the endpoints maps
say whose it is. A weight is a number of slots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from math import gcd

from attrs import frozen

from svcc.dataplane.contract import Decision, ServicePortName, ServicePortPlan
from svcc.model.balancing import LoadBalancing
from svcc.select import EndpointAddress
from svcc.slots import assign_slots, assign_weighted_slots, maglev_slots, maglev_table_size

__all__ = ["MaglevTable", "Slots", "maglev_table", "slots_of", "weights_as_slots"]

Slots = Mapping[Decision, Sequence[EndpointAddress]]
"""The endpoints at the slots of the Cluster set and of the Local set."""

_MOST_WEIGHTED_SLOTS = 1024
_MOST_SLOTS_AN_ENDPOINT = 4
_SETS = (Decision.CLUSTER, Decision.LOCAL)


@frozen
class MaglevTable:
    """What a Maglev table is made of; the same on every node.

    Attributes:
        endpoints: those of weight 0 left out.
        weights: one for each endpoint, in lowest terms.
        size: the number of slots, a prime.
        seed: what makes the tables of service ports differ, so that a client's endpoints do not depend on each other.
    """

    endpoints: tuple[EndpointAddress, ...]
    weights: tuple[int, ...]
    size: int
    seed: int


def maglev_table(plan: ServicePortPlan, decision: Decision) -> MaglevTable | None:
    """The table of one of the sets of a service port; None where nothing is hashed.

    That is so for other algorithms than maglev, and where one endpoint gets everything.
    """
    if plan.balancing.algorithm is not LoadBalancing.MAGLEV:
        return None
    endpoints, weights = _serving(plan, decision)
    if len(endpoints) < 2:
        return None
    reduced = tuple(_in_lowest_terms(weights))
    return MaglevTable(endpoints, reduced, maglev_table_size(reduced), _table_seed(plan.name))


def _table_seed(name: ServicePortName) -> int:
    digest = hashlib.blake2b("\0".join(name).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def _serving(plan: ServicePortPlan, decision: Decision) -> tuple[tuple[EndpointAddress, ...], tuple[int, ...]]:
    """The endpoints of a set that get connections, and their weights."""
    endpoints, weights = plan.endpoints(decision), plan.weights(decision)
    if not weights:
        return endpoints, (1,) * len(endpoints)
    pairs = [pair for pair in zip(endpoints, weights, strict=True) if pair[1]]
    return tuple(endpoint for endpoint, _ in pairs), tuple(weight for _, weight in pairs)


def slots_of(plans: Sequence[ServicePortPlan]) -> list[Slots]:
    """The slots of service ports, in their order; all are worked out together, because the work is done in Rust."""
    found: list[dict[Decision, Sequence[EndpointAddress]]] = [{} for _ in plans]
    places: list[tuple[int, Decision]] = []
    groups: list[Sequence[EndpointAddress]] = []
    weighted: list[tuple[int, Decision]] = []
    hashed: list[tuple[int, Decision, MaglevTable]] = []
    for index, plan in enumerate(plans):
        algorithm = plan.balancing.algorithm
        for decision in _SETS:
            if algorithm is LoadBalancing.MAGLEV and (table := maglev_table(plan, decision)):
                hashed.append((index, decision, table))
            elif algorithm is not LoadBalancing.ROUND_ROBIN and plan.weights(decision):
                weighted.append((index, decision))
            else:
                places.append((index, decision))
                groups.append(_serving(plan, decision)[0] if plan.weights(decision) else plan.endpoints(decision))
    for (index, decision), slots in zip(places, assign_slots(groups), strict=True):
        found[index][decision] = _turns(slots, plans[index], decision) if plans[index].weights(decision) else slots
    if weighted:
        copies = [_copies(plans[index], decision) for index, decision in weighted]
        for (index, decision), slots in zip(weighted, assign_weighted_slots(copies), strict=True):
            found[index][decision] = slots
    if hashed:
        tables = maglev_slots([(table.endpoints, table.weights, table.size, table.seed) for _, _, table in hashed])
        for (index, decision, _), slots in zip(hashed, tables, strict=True):
            found[index][decision] = slots
    return list(found)


def _copies(plan: ServicePortPlan, decision: Decision) -> list[tuple[EndpointAddress, int]]:
    endpoints, weights = _serving(plan, decision)
    return list(zip(endpoints, weights_as_slots(weights), strict=True))


def weights_as_slots(weights: Sequence[int]) -> list[int]:
    """How many slots positive weights get: as few as keep the proportions, and not too many.

    Where even the smallest numbers in proportion add up to more than 1024, and more than four an endpoint, they are
    scaled down to that and rounded, but never to 0. So an endpoint's share is wrong by half a slot at most, which is a
    2048th of all connections or less, unless its weight is worth less than half a slot: it gets a whole one.
    """
    reduced = _in_lowest_terms(weights)
    total = sum(reduced)
    most = max(_MOST_WEIGHTED_SLOTS, _MOST_SLOTS_AN_ENDPOINT * len(reduced))
    if total <= most:
        return reduced
    return _in_lowest_terms([max(1, (2 * weight * most + total) // (2 * total)) for weight in reduced])


def _in_lowest_terms(weights: Sequence[int]) -> list[int]:
    divisor = gcd(*weights)
    return [weight // divisor for weight in weights]


def _turns(order: Sequence[EndpointAddress], plan: ServicePortPlan, decision: Decision) -> list[EndpointAddress]:
    """The endpoints of a round, in `order` as far as their weights are alike."""
    slots = dict(_copies(plan, decision))
    return [order[index] for index in smooth_round([slots[endpoint] for endpoint in order])]


def smooth_round(weights: Sequence[int]) -> list[int]:
    """The indices of a round in which index i comes ``weights[i]`` times, spread as evenly as nginx spreads them.

    Smooth weighted round robin (nginx, src/http/ngx_http_upstream_round_robin.c): in each turn everybody gains its
    weight, and whoever has most, the first of them, pays the sum of all weights for the turn. Those of equal weight
    follow each other in order, so only the next one of each weight need be looked at.
    """
    total = sum(weights)
    groups: dict[int, list[int]] = {}
    for index, weight in enumerate(weights):
        groups.setdefault(weight, []).append(index)
    taken = dict.fromkeys(groups, 0)
    found = []
    for turn in range(1, total + 1):
        credits_of = []
        for weight, members in groups.items():
            rounds, place = divmod(taken[weight], len(members))
            credits_of.append((weight * turn - total * rounds, -members[place], weight))
        _, index, weight = max(credits_of)
        found.append(-index)
        taken[weight] += 1
    return found
