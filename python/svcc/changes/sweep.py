"""All nodes of a cluster: which of them change, and how.

Nodes differ in little, and a change concerns few Services, so what is compiled for each node is only what a change can
reach: the Services that are declared differently or have other slices, those that share endpoints with them, and those
that claim a frontend of theirs, whose owner may be another one then (S45). A node that is declared differently itself
is compared in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from svcc.addresses import canonical_address
from svcc.changes.build import diff_dataplanes
from svcc.changes.contract import NodeChange, Sweep
from svcc.changes.departures import departures
from svcc.dataplane.build import build_dataplane
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service

__all__ = ["sweep"]

_Name = tuple[str, str]


def sweep(before: Cluster, after: Cluster, settings: tuple[ClusterSettings, ClusterSettings]) -> Sweep:
    """Compare two states of a cluster on every node that both declare; see `Sweep`.

    The changes have neither rulesets nor transactions.

    Raises:
        SettingsError: the settings make no sense.
    """
    old_nodes = {node.name: node for node in before.nodes}
    new_nodes = {node.name: node for node in after.nodes}
    names = tuple(sorted(old_nodes.keys() & new_nodes.keys()))
    leaving = departures(before, after)
    reached = _reached(before, after)
    narrow = _narrowed(before, reached), _narrowed(after, reached)
    changes: list[NodeChange] = []
    for name in names:
        alike = settings[0] == settings[1] and old_nodes[name] == new_nodes[name]
        old, new = narrow if alike else (before, after)
        change = diff_dataplanes(
            build_dataplane(old, name, settings[0]).dataplane,
            build_dataplane(new, name, settings[1]).dataplane,
            leaving,
        )
        if change:
            changes.append(change)
    return Sweep(
        names,
        tuple(changes),
        tuple(sorted(new_nodes.keys() - old_nodes.keys())),
        tuple(sorted(old_nodes.keys() - new_nodes.keys())),
    )


def _reached(before: Cluster, after: Cluster) -> set[_Name]:
    """The Services whose service ports may differ."""
    changed = _differing(before.services, after.services)
    changed |= _with_other_slices(before.endpoint_slices, after.endpoint_slices)
    changed |= _with_endpoints_of(changed, (*before.endpoint_slices, *after.endpoint_slices))
    by_claim: dict[object, set[_Name]] = {}
    claims_of: dict[_Name, set[object]] = {}
    for service in (*before.services, *after.services):
        name = service.namespace, service.name
        for claim in _claims(service):
            by_claim.setdefault(claim, set()).add(name)
            claims_of.setdefault(name, set()).add(claim)
    found: set[_Name] = set()
    pending = list(changed)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for claim in claims_of.get(name, ()) for other in by_claim[claim]]
    return found


def _differing(before: Sequence[Service], after: Sequence[Service]) -> set[_Name]:
    old, new = ({(item.namespace, item.name): item for item in services} for services in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _with_other_slices(before: Sequence[EndpointSlice], after: Sequence[EndpointSlice]) -> set[_Name]:
    old, new = ({(item.namespace, item.name): item for item in slices} for slices in (before, after))
    return {
        (item.namespace, item.service_name)
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
        for item in (old.get(key), new.get(key))
        if item is not None and item.service_name
    }


def _with_endpoints_of(names: set[_Name], slices: Sequence[EndpointSlice]) -> set[_Name]:
    """The Services that share endpoints with the named ones, which may keep those on a node that the others lose."""
    listing: dict[str | None, set[_Name]] = {}
    for item in slices:
        if item.service_name:
            name = item.namespace, item.service_name
            for endpoint in item.endpoints:
                for address in endpoint.addresses[:1]:
                    listing.setdefault(canonical_address(address), set()).add(name)
    return {other for sharing in listing.values() if sharing & names for other in sharing}


def _claims(service: Service) -> Iterator[object]:
    """Everything that several Services may claim: addresses, whatever the ports, and node ports."""
    ingress = (item.ip for item in service.load_balancer_ingress if item.ip)
    yield from map(canonical_address, (*service.cluster_ips, *service.external_ips, *ingress))
    yield from (port.node_port for port in service.ports if port.node_port)


def _narrowed(cluster: Cluster, names: Iterable[_Name]) -> Cluster:
    wanted = set(names)
    return Cluster(
        tuple(item for item in cluster.services if (item.namespace, item.name) in wanted),
        tuple(item for item in cluster.endpoint_slices if (item.namespace, item.service_name) in wanted),
        cluster.nodes,
        cluster.service_cidrs,
    )
