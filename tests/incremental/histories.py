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
from svcc.model.service import Service, ServiceType, SessionAffinity, TrafficPolicy
from svcc.select import select_endpoints
from tests.strategies import CLUSTER_IPS, NODE, OTHER_ZONE, cluster_settings, clusters
from tests.strategies.plan import one_of, rarely

Batch = Sequence[Change]
_CHECK_PORTS = (31000, 31001)


@frozen
class History:
    """What happens to a cluster, batch by batch, as the node `NODE` sees it."""

    settings: ClusterSettings
    batches: Sequence[Batch]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Objects of several clusters come, go, and take each other's places; Services contend with each other.

    Nearly all objects come first, as from a list; then a few at a time differ.
    """
    pool: dict[ObjectReference, list[ClusterObject]] = {}
    for cluster in [draw(clusters()) for _ in range(one_of(draw, (3, 2)))]:
        for item in objects_of(cluster):
            pool.setdefault(item.reference, []).append(item)
    references = sorted(pool, key=str)
    # Services are few among all objects, and whatever is intricate is about them.
    targets = [*references, *[item for item in references if item.kind == "Service"] * 2]
    batches: list[Batch] = [
        [
            Change.to(_varied(draw, one_of(draw, pool[reference])))
            for reference in references
            if rarely(draw, True, False)
        ]
    ]
    for _ in range(one_of(draw, (6, 4, 8))):
        batch = []
        for _ in range(one_of(draw, (1, 1, 1, 2, 4))):
            reference = one_of(draw, targets)
            is_gone = one_of(draw, (False, False, False, True))
            batch.append(Change(reference, None if is_gone else _varied(draw, one_of(draw, pool[reference]))))
        batches.append(batch)
    return History(draw(cluster_settings()), batches)


def _varied(draw: st.DrawFn, item: ClusterObject) -> ClusterObject:
    if isinstance(item, Service):
        return _varied_service(draw, item)
    if isinstance(item, Node) and item.name == NODE:
        return evolve(
            item,
            architecture=one_of(draw, (item.architecture, "s390x")),
            annotations={"heartbeat": one_of(draw, ("now", "then"))},
            labels=one_of(draw, (item.labels, {"topology.kubernetes.io/zone": OTHER_ZONE})),
            addresses=one_of(draw, (item.addresses, (*item.addresses, NodeAddress("192.168.1.77", "ExternalIP")))),
        )
    return item


def _varied_service(draw: st.DrawFn, item: Service) -> Service:
    """A Service that meets others: by its age, by affinity, by addresses that are others' cluster IPs, by its check."""
    if item.type is ServiceType.LOAD_BALANCER and item.external_traffic_policy is TrafficPolicy.LOCAL:
        item = evolve(item, health_check_node_port=one_of(draw, _CHECK_PORTS))
    match one_of(draw, range(6)):
        case 0:
            return evolve(item, creation_timestamp=one_of(draw, (None, "2023-01-01T00:00:00Z", "2026-01-01T00:00:00Z")))
        case 1 | 2:
            return evolve(item, session_affinity=SessionAffinity.CLIENT_IP)
        case 3 | 4:
            family = one_of(draw, tuple(IPFamily))
            return evolve(item, external_ips=[one_of(draw, CLUSTER_IPS[family][:3])])
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
