"""How much a node serves, kept as Services come and go: what a change costs does not depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from svcc.dataplane.contract import Decision, FrontendKind, ServicePortPlan
from svcc.fields import ObjectReference
from svcc.node.state import Counts

__all__ = ["ServedCounts", "counts_of"]


def counts_of(plans: Iterable[ServicePortPlan]) -> Counts:
    """What the service ports of one Service come to, in all families; nothing without any."""
    services = service_ports = frontends = endpoints = internal = external = 0
    for plan in plans:
        services = 1
        service_ports += 1
        frontends += len(plan.frontends)
        endpoints += len({*plan.cluster_endpoints, *plan.local_endpoints})
        # Silence has but one cause: a policy keeps traffic on this node, where no endpoint is (S37).
        is_internal = [frontend.kind is FrontendKind.CLUSTER_IP for frontend in plan.frontends]
        is_silent = [frontend.outside is Decision.DROP for frontend in plan.frontends]
        internal += any(own and silent for own, silent in zip(is_internal, is_silent, strict=True))
        external += any(silent and not own for own, silent in zip(is_internal, is_silent, strict=True))
    return Counts(services, service_ports, frontends, endpoints, internal, external)


class ServedCounts:
    """The sum over all Services."""

    def __init__(self) -> None:
        self._of: dict[ObjectReference, Counts] = {}
        self.counts = Counts()

    def replace(self, service: ObjectReference, plans: Iterable[ServicePortPlan]) -> None:
        """Take what a Service is now; no plans if it is gone, or serves nothing."""
        now = counts_of(plans)
        before = self._of.pop(service, Counts())
        if now.services:
            self._of[service] = now
        self.counts = Counts(
            *(
                total - old + new
                for total, old, new in zip(
                    attrs.astuple(self.counts), attrs.astuple(before), attrs.astuple(now), strict=True
                )
            )
        )
