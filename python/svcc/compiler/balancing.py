"""Load balancing as slots: which endpoint stands at each slot of a set, for every algorithm and all weights.

The kernel computes the number of a slot (drawn, counted or hashed, see `svcc.compiler.program`), and the endpoints maps
say whose it is. A weight is a number of slots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from math import gcd

from svcc.compiler.layout import HASH_SEED
from svcc.dataplane.contract import Decision, ServicePortName, ServicePortPlan
from svcc.hashing import Maglev
from svcc.model.balancing import TABLE_SIZES, LoadBalancing
from svcc.select import EndpointAddress
from svcc.slots import assign_slots, assign_weighted_slots

__all__ = ["Slots", "maglev_of", "slots_of", "smooth_round", "table_size", "weights_as_slots"]

Slots = Mapping[Decision, Sequence[EndpointAddress]]
"""The endpoints at the slots of the Cluster set and of the Local set."""

_MOST_WEIGHTED_SLOTS = 1024
_MOST_SLOTS_AN_ENDPOINT = 4
_SLOTS_AN_ENDPOINT = 60
_AUTOMATIC_SIZES = TABLE_SIZES[1:]


def maglev_of(plan: ServicePortPlan, decision: Decision, *, big_endian: bool = False) -> Maglev | None:
    """What names the endpoints of a set as the kernel does: `Maglev.lookup` of a client answers ``ADDRESS PORT``.

    Clients are addresses, or pairs of address and port where the hash key is ``flow``. `big_endian` is the byte order
    of the node, which matters for IPv6; tables are the same on every node.

    None where nothing is hashed: for other algorithms, and where one endpoint gets everything.
    """
    if plan.balancing.algorithm is not LoadBalancing.MAGLEV:
        return None
    endpoints, weights = _serving(plan, decision)
    if len(endpoints) < 2:
        return None
    reduced = _in_lowest_terms(weights)
    return Maglev(
        dict(zip(map(_name, endpoints), reduced, strict=True)),
        size=table_size(reduced, plan.balancing.table_size),
        seed=_table_seed(plan.name),
        hash_seed=HASH_SEED,
        big_endian=big_endian,
    )


def table_size(weights: Sequence[int], wanted: int | None = None) -> int:
    """How many slots the Maglev table of endpoints with these positive weights has.

    At least sixty for each endpoint, so that shares are right within a few percent of themselves, and one for each unit
    of weight, so that the lightest endpoint has one; but 65 537 at most. A table of another size sends nearly everybody
    elsewhere, so there are only four sizes, far apart, and `wanted` goes before them if all endpoints fit in.
    """
    if wanted is not None and wanted >= len(weights):
        return wanted
    least = max(_SLOTS_AN_ENDPOINT * len(weights), sum(weights))
    return next((size for size in _AUTOMATIC_SIZES if size >= least), _AUTOMATIC_SIZES[-1])


def _name(endpoint: EndpointAddress) -> str:
    return f"{endpoint.address} {endpoint.port}"


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
    """The slots of service ports, in their order."""
    # All sets in one call, because nearly all are just this and the work is done in Rust.
    alike = iter(assign_slots([group for plan in plans for group in (plan.cluster_endpoints, plan.local_endpoints)]))
    found = [{Decision.CLUSTER: next(alike), Decision.LOCAL: next(alike)} for _ in plans]
    for plan, slots in zip(plans, found, strict=True):
        if plan.balancing.algorithm is LoadBalancing.MAGLEV or plan.cluster_weights or plan.local_weights:
            for decision, endpoints in slots.items():
                slots[decision] = _unlike_slots(plan, decision, endpoints)
    return list(found)


def _unlike_slots(plan: ServicePortPlan, decision: Decision, alike: list[EndpointAddress]) -> list[EndpointAddress]:
    """The slots of a set whose table is hashed or whose endpoints have weights; else those they have anyway."""
    if maglev := maglev_of(plan, decision):
        return _hashed_slots(maglev, plan.endpoints(decision))
    if not plan.weights(decision):
        return alike
    endpoints, weights = _serving(plan, decision)
    counts = dict(zip(endpoints, weights_as_slots(weights), strict=True))
    if plan.balancing.algorithm is LoadBalancing.ROUND_ROBIN:
        [order] = assign_slots([endpoints])
        return [order[index] for index in smooth_round([counts[endpoint] for endpoint in order])]
    return assign_weighted_slots([list(counts.items())])[0]


def _hashed_slots(maglev: Maglev, endpoints: Sequence[EndpointAddress]) -> list[EndpointAddress]:
    by_name = {_name(endpoint): endpoint for endpoint in endpoints}
    listed = [by_name[name] for name in maglev.endpoints]
    return [listed[index] for index in maglev.table]


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
