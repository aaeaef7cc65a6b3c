"""What goes into the incremental compiler and what comes out of it."""

from __future__ import annotations

from attrs import frozen

from svcc.dataplane.conntrack import StaleEntries
from svcc.fields import ObjectReference, Problem
from svcc.model.cluster import ClusterObject
from svcc.nft.objects import Ruleset

__all__ = ["Change", "ServiceChange", "Update"]


@frozen
class Change:
    """What a source says of one object; `object` is None where it is gone."""

    reference: ObjectReference
    object: ClusterObject | None


@frozen
class ServiceChange:
    """What has become of a Service: ``added``, ``removed`` or ``changed``, and of its endpoints."""

    service: ObjectReference
    kind: str
    endpoints_added: int = 0
    endpoints_removed: int = 0


@frozen
class Update:
    """What changes in the ruleset.

    Attributes:
        before: the part that changes, as it was: the tables with all their sets, which hold affected elements only, and
            affected chains only.
        after: the same part as it will be.
        services: which Services have changed, for logs.
        stale_entries: the conntrack entries that have to go.
        problems: those that are new.
        resolved: those that are no more.
    """

    before: Ruleset
    after: Ruleset
    services: tuple[ServiceChange, ...] = ()
    stale_entries: tuple[StaleEntries, ...] = ()
    problems: tuple[Problem, ...] = ()
    resolved: tuple[Problem, ...] = ()

    def __bool__(self) -> bool:
        return self.before != self.after
