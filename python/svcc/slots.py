"""Slots: which endpoint stands at which number of a frontend.

The kernel draws a number, the map says whose it is. Numbers must be dense, and a Service that gains or loses one of its
N endpoints should change few of them: sorted order would move half of them, this assignment moves about ln N.
"""

from __future__ import annotations

from collections.abc import Sequence

from svcc import _native
from svcc.select import EndpointAddress

__all__ = ["assign_slots", "assign_weighted_slots"]


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
