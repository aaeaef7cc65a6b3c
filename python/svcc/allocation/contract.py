"""What allocation is asked, and what it answers."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from svcc.addresses import IPFamily
from svcc.allocation.reservation import Reservation
from svcc.fields import FieldPath, ObjectReference, Problem
from svcc.model.cluster import Cluster
from svcc.model.metadata import frozen_items

__all__ = ["Allocation", "AllocationSettings", "Assignment", "Band", "RangeUsage"]

DEFAULT_NODE_PORT_RANGE = "30000-32767"


def _families(families: Iterable[str] | None) -> tuple[IPFamily, ...]:
    return tuple(IPFamily(family) for family in frozen_items(families))


@frozen(kw_only=True)
class AllocationSettings:
    """What an API server knows by its flags; names are those of the flags.

    Attributes:
        service_cidrs: ranges of cluster IPs, in addition to ServiceCIDR objects and before them; the family of the
            first is the cluster's default.
        service_node_port_range: ``30000-32767``, ``30000+2767`` (a port and how many follow it) or one port.
        pools: the address pools of load balancers.
        reservation: numbers that belong to somebody, whether their Services are in the input or not.
        held: numbers that Services of the input name which are not in order, and so not in the cluster: they are given
            to nobody, and left to those who name them, too.
        ip_families: the families of the cluster, the default first; empty takes those of the ranges.
    """

    service_cidrs: tuple[str, ...] = field(default=(), converter=frozen_items)
    service_node_port_range: str = DEFAULT_NODE_PORT_RANGE
    pools: tuple[Any, ...] = field(default=(), converter=frozen_items)
    reservation: Reservation | None = None
    held: Reservation = field(factory=Reservation)
    ip_families: tuple[IPFamily, ...] = field(default=(), converter=_families)


@frozen
class Assignment:
    """One field that was filled in: `value`, as JSON knows it, belongs at `path` of `object`.

    `reason` says in words where the value comes from, such as ``the dynamic band of 10.96.0.0/12``.
    """

    object: ObjectReference
    path: FieldPath
    value: Any
    reason: str


class Band(enum.StrEnum):
    """The parts of a range: values for those who name one, and values for those who leave it to the allocator."""

    STATIC = "static"
    DYNAMIC = "dynamic"
    ALL = "all"
    """The whole range."""


@frozen
class RangeUsage:
    """How full a range, or a band of it, is after the allocation.

    Attributes:
        name: the range as it was given, such as ``10.96.0.0/12`` or ``30000-32767``.
        band: which part of it.
        first: the first value that can be given, as text; empty if the band is.
        last: the last one.
        size: how many values can be given.
        used: how many are: by Services, or reserved.
    """

    name: str
    band: Band
    first: str
    last: str
    size: int
    used: int

    @property
    def free(self) -> int:
        """How many values are left."""
        return self.size - self.used

    @property
    def percent(self) -> float:
        """How much of it is used, from 0 to 100; 0 for an empty band."""
        return 100 * self.used / self.size if self.size else 0.0


@frozen
class Allocation:
    """What came of an allocation.

    Attributes:
        cluster: the cluster with every assignment made; objects keep their order.
        assignments: what was filled in, by Service in the order of the input, and in the order of the fields.
        problems: why Services got nothing; a Service with a problem is left as it was.
        usage: how full the ranges and their bands are.
        reservation: who holds what now, to be kept for the next time.
    """

    cluster: Cluster
    assignments: tuple[Assignment, ...] = field(default=(), converter=frozen_items)
    problems: tuple[Problem, ...] = field(default=(), converter=frozen_items)
    usage: tuple[RangeUsage, ...] = field(default=(), converter=frozen_items)
    reservation: Reservation = field(factory=Reservation)
