"""Histories of a cluster: batches of changes, and what a compilation from scratch makes of each state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, frozen
from hypothesis import strategies as st

from svcc.addresses import IPFamily
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.fields import ObjectReference
from svcc.incremental.contract import Change, HealthCheck
from svcc.model.age import oldest_first
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.node import Node, NodeAddress
from svcc.model.service import Service, ServiceType, TrafficPolicy
from svcc.select import select_endpoints
from tests.strategies import NODE, OTHER_ZONE, cluster_settings, clusters
from tests.strategies.plan import one_of, rarely

Batch = Sequence[Change]
_CHECK_PORTS = (31000, 31001)


@frozen
class History:
    """What happens to a cluster, batch by batch, as the node `NODE` sees it."""

    settings: ClusterSettings
    batches: Sequence[Batch]


@st.composite
def histories(draw: st.DrawFn, *, most_batches: int = 6) -> History:
    """Objects of several clusters come, go, and take each other's places; Services differ in a field now and then."""
    pool: dict[ObjectReference, list[ClusterObject]] = {}
    for cluster in [draw(clusters()) for _ in range(one_of(draw, (2, 1, 3)))]:
        for item in objects_of(cluster):
            pool.setdefault(item.reference, []).append(_varied(draw, item))
    references = sorted(pool, key=str)
    batches: list[Batch] = []
    for number in range(one_of(draw, range(2, most_batches + 1))):
        batch = []
        # Nearly all objects come first, as from a list; what comes later waits for a change of its own.
        wanted = [item for item in references if number == 0 and rarely(draw, True, False)]
        wanted += [one_of(draw, references) for _ in range(one_of(draw, (1, 1, 2, 3, 6)) if number else 0)]
        for reference in wanted:
            is_gone = number > 0 and one_of(draw, (False, False, True))
            batch.append(Change(reference, None if is_gone else _varied(draw, one_of(draw, pool[reference]))))
        batches.append(batch)
    return History(draw(cluster_settings()), batches)


def _varied(draw: st.DrawFn, item: ClusterObject) -> ClusterObject:
    if isinstance(item, Service):
        if item.type is ServiceType.LOAD_BALANCER and item.external_traffic_policy is TrafficPolicy.LOCAL:
            item = evolve(item, health_check_node_port=one_of(draw, _CHECK_PORTS))
        timestamp = rarely(draw, item.creation_timestamp, None, "2023-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
        return evolve(item, creation_timestamp=timestamp)
    if isinstance(item, Node) and item.name == NODE:
        more = NodeAddress("192.168.1.77", "ExternalIP")
        return evolve(
            item,
            architecture=rarely(draw, item.architecture, "s390x"),
            annotations={"heartbeat": str(draw(st.integers(0, 9)))},
            labels=rarely(draw, item.labels, {"topology.kubernetes.io/zone": OTHER_ZONE}),
            addresses=rarely(draw, item.addresses, (*item.addresses, more)),
        )
    return item


def objects_of(cluster: Cluster) -> Iterator[ClusterObject]:
    """All objects of a cluster."""
    yield from cluster.services
    yield from cluster.endpoint_slices
    yield from cluster.nodes
    yield from cluster.service_cidrs


class Declared:
    """The objects of a cluster as changes leave them, and what compilation and selection make of them."""

    def __init__(self, settings: ClusterSettings, node: str = NODE) -> None:
        self.settings = settings
        self._node = node
        self._objects: dict[ObjectReference, ClusterObject] = {}

    def apply(self, batch: Batch) -> None:
        for change in batch:
            self._objects.pop(change.reference, None)
            if change.object is not None:
                self._objects[change.reference] = change.object

    @property
    def references(self) -> Sequence[ObjectReference]:
        return list(self._objects)

    @property
    def cluster(self) -> Cluster:
        return Cluster.of(self._objects.values())

    def compilation(self) -> Compilation:
        return compile_cluster(self.cluster, node=self._node, settings=self.settings)

    def health_checks(self) -> Mapping[int, HealthCheck]:
        """Port by port, the oldest Service that has it, and its ready endpoints on the node, address by address."""
        found: dict[int, HealthCheck] = {}
        selections = select_endpoints(self.cluster, self._node, service_proxy_name=self.settings.service_proxy_name)
        refused = {
            problem.object for problem in self.compilation().problems if problem.rule.endswith("yields-no-rules")
        }
        for service in oldest_first(self.cluster.services):
            port = service.health_check_node_port
            is_checked = (
                service.type is ServiceType.LOAD_BALANCER and service.external_traffic_policy is TrafficPolicy.LOCAL
            )
            if not port or not is_checked or service.reference in refused or port in found:
                continue
            counts = []
            for family in IPFamily:
                ready = {
                    candidate.address
                    for (name, of_family), selection in selections.items()
                    if (name.namespace, name.service, of_family) == (service.namespace, service.name, family)
                    for candidate in selection.candidates.values()
                    if candidate.ready and candidate.is_local and candidate.endpoint.terminating is not True
                }
                counts.append(len(ready) if _is_served(service, family) else 0)
            found[port] = HealthCheck(service.reference, max(counts))
        return found


def _is_served(service: Service, family: IPFamily) -> bool:
    families = service.ip_families or tuple(IPFamily)
    texts = service.cluster_ips
    if service.ip_families:
        return family in families[: len(texts)]
    return any((":" in text) is (family is IPFamily.IPV6) for text in texts)
