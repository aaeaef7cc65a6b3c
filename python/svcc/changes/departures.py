"""Endpoints that go, wherever they are listed: their pods end, and connections with them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.changes.contract import BrokenConnections
from svcc.dataplane.contract import ServicePortPlan
from svcc.model.cluster import Cluster
from svcc.model.service import Protocol
from svcc.select import EndpointAddress

__all__ = ["Departures", "departures", "endpoints_of"]


@frozen
class Departures:
    """Addresses whose pods go: `gone` are in no slice any more, `ending` are terminating everywhere they are listed."""

    gone: AbstractSet[str] = frozenset()
    ending: AbstractSet[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.gone or self.ending)

    def broken(self, plan: ServicePortPlan) -> Iterator[BrokenConnections]:
        """The established connections that a service port has on such endpoints; UDP knows no connections (S48)."""
        if plan.name.protocol is Protocol.UDP:
            return
        for endpoint in endpoints_of(plan):
            if endpoint.address in self.gone:
                yield BrokenConnections(endpoint, terminating=False)
            elif endpoint.address in self.ending:
                yield BrokenConnections(endpoint, terminating=True)


def departures(before: Cluster, after: Cluster) -> Departures:
    """Compare all slices of both sides; an address that another Service still lists is a pod that goes on."""
    if before.endpoint_slices == after.endpoint_slices:
        return Departures()
    old, new = _listed(before), _listed(after)
    gone = frozenset(address for address in old if address not in new)
    ending = frozenset(address for address, ends in new.items() if ends and old.get(address) is False)
    return Departures(gone, ending)


def _listed(cluster: Cluster) -> dict[str, bool]:
    """Every address that slices list, and whether all that list it say that it is terminating."""
    found: dict[str, bool] = {}
    for endpoint_slice in cluster.endpoint_slices:
        for endpoint in endpoint_slice.endpoints:
            if not endpoint.addresses:
                continue
            # Only the first address counts (S11).
            address = canonical_address(endpoint.addresses[0])
            if address is not None:
                found[address] = found.get(address, True) and endpoint.terminating is True
    return found


def endpoints_of(plan: ServicePortPlan | None) -> tuple[EndpointAddress, ...]:
    """The endpoints that a node may send connections of a service port to, those of the Cluster set first."""
    return tuple(dict.fromkeys((*plan.cluster_endpoints, *plan.local_endpoints))) if plan else ()
