"""What goes into a compiler that keeps its state, and what comes out."""

from __future__ import annotations

import enum

from attrs import frozen

from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.dataplane.conntrack import StaleEntries
from svcc.fields import ObjectReference, Problem
from svcc.model.cluster import ClusterObject
from svcc.nft.objects import Ruleset
from svcc.select import EndpointAddress

__all__ = ["Change", "HealthCheck", "ServiceChange", "ServiceFate", "Update"]


@frozen
class Change:
    """What a source says of one object; `object` is None if it is gone."""

    reference: ObjectReference
    object: ClusterObject | None

    @classmethod
    def to(cls, item: ClusterObject) -> Change:
        """The object is there, in this state."""
        return cls(item.reference, item)


class ServiceFate(enum.StrEnum):
    """What became of a Service on this node."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@frozen
class ServiceChange:
    """What a change means for one Service, for people; both families together.

    Attributes:
        fate: whether the node has only now begun to serve it, or serves it no more.
        endpoints_added: the endpoints that may get its connections and might not before, in order.
        endpoints_removed: those that get none any more.
    """

    service: ObjectReference
    fate: ServiceFate
    endpoints_added: tuple[EndpointAddress, ...] = ()
    endpoints_removed: tuple[EndpointAddress, ...] = ()


@frozen
class HealthCheck:
    """What a Service's `healthCheckNodePort` answers (S50).

    `local_endpoints` counts the distinct addresses on this node that are ready and not terminating, in the family that
    has more of them: a pod with an address of each family is one.
    """

    service: ObjectReference
    local_endpoints: int


@frozen
class Update:
    """What a batch of changes does.

    Attributes:
        before: the part of the ruleset that changes, as it was: the tables with all their sets declared, but only
            elements that change, and only chains that change.
        after: the same part as it is now. ``svcc.nft.transaction.transaction(before, after)`` is the change.
        services: the Services that changed for this node, in order.
        stale_entries: the UDP conntrack entries that must be deleted (S48, S49).
        problems: the problems that were not there before.
        resolved: the problems that are no more.
        departed: the endpoints towards which records of session affinity must go (S35).
    """

    before: Ruleset
    after: Ruleset
    services: tuple[ServiceChange, ...] = ()
    stale_entries: tuple[StaleEntries, ...] = ()
    problems: tuple[Problem, ...] = ()
    resolved: tuple[Problem, ...] = ()
    departed: tuple[RememberedEndpoint, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes in the tables."""
        return any(
            table.chains or any(item.elements for item in table.sets)
            for ruleset in (self.before, self.after)
            for table in ruleset.tables
        )
