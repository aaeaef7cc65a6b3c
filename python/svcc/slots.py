"""Slots: which endpoint stands at which number of a frontend.

The kernel draws a number, the map says whose it is. Numbers must be dense, and a Service that gains or loses one of its
N endpoints should change few of them: sorted order would move half of them, this assignment moves about ln N.
"""

from __future__ import annotations

from collections.abc import Sequence

from svcc import _native
from svcc.select import EndpointAddress

__all__ = ["MOST_MAGLEV_SLOTS", "assign_slots", "assign_weighted_slots", "maglev_slots", "maglev_table_size"]

MOST_MAGLEV_SLOTS = 65_537
"""The size of the largest Maglev table, and so the number of endpoints that can be in one."""


def assign_slots(groups: Sequence[Sequence[EndpointAddress]]) -> list[list[EndpointAddress]]:
    """For each group of distinct endpoints, the endpoint of slot 0, 1, 2 and so on.

    The answer depends on the set of endpoints only, never on their order or on what was there before, so every node
    arrives at the same one. All groups are answered in one call, because the work is done in Rust.
    """
    texts = [[f"{address} {port}" for address, port in group] for group in groups]
    return [
        [group[index] for index in order] for group, order in zip(groups, _native.assign_slots_many(texts), strict=True)
    ]


def assign_weighted_slots(groups: Sequence[Sequence[tuple[EndpointAddress, int]]]) -> list[list[EndpointAddress]]:
    """`assign_slots` for groups of distinct endpoints and the numbers of slots that they get, each at least one.

    One slot more or less for an endpoint changes as few others as an endpoint more or less does.
    """
    copies = [[(endpoint, copy) for endpoint, count in group for copy in range(count)] for group in groups]
    texts = [
        [f"{address} {port} {copy}" if copy else f"{address} {port}" for (address, port), copy in group]
        for group in copies
    ]
    return [
        [group[index][0] for index in order]
        for group, order in zip(copies, _native.assign_slots_many(texts), strict=True)
    ]


def maglev_table_size(weights: Sequence[int]) -> int:
    """How many slots the Maglev table of endpoints with these positive weights has.

    About a hundred for each endpoint, so that shares are right within a percent or so, and one for each unit of weight,
    so that the lightest endpoint has one; 65 537 at most.

    Raises:
        ValueError: there are no endpoints, or more than 65 537.
    """
    for_weights = min(-(-sum(weights) // 100), MOST_MAGLEV_SLOTS // 100)
    return _native.maglev_size(max(len(weights), for_weights))


def maglev_slots(
    tables: Sequence[tuple[Sequence[EndpointAddress], Sequence[int], int, int]],
) -> list[list[EndpointAddress]]:
    """For each table, given as endpoints, weights, size and seed, the endpoint of slot 0, 1, 2 and so on.

    The tables are those of Maglev hashing: an endpoint that goes leaves nearly all slots of the others alone.

    Raises:
        ValueError: a size is no prime or smaller than the number of endpoints, or a weight is negative or over 65535.
    """
    named = [
        ([f"{address} {port}" for address, port in endpoints], list(weights), size, seed)
        for endpoints, weights, size, seed in tables
    ]
    return [
        [endpoints[index] for index in table]
        for (endpoints, *_), table in zip(tables, _native.maglev_tables(named), strict=True)
    ]
