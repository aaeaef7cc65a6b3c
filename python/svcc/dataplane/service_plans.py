"""What a node owes for one Service in one family: its frontends and their endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from svcc.addresses import IPFamily
from svcc.dataplane.addresses import ServiceAddress, cluster_address, external_addresses
from svcc.dataplane.conflicts import Claims, OwnerOf
from svcc.dataplane.contract import Decision, Frontend, FrontendKind, Masquerade, ServicePortName, ServicePortPlan
from svcc.dataplane.notices import notice
from svcc.dataplane.surroundings import Surroundings
from svcc.fields import Problem, Severity
from svcc.model.balancing import AT_RANDOM, TABLE_SIZES, LoadBalancing, balancing_of
from svcc.model.cluster import ClusterSettings
from svcc.model.service import Protocol, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy
from svcc.select import EndpointAddress, Selection

__all__ = ["PlannedService", "ServiceAddresses", "ServicePlanner"]


@frozen
class ServiceAddresses:
    """Where a Service answers in one family: its cluster IP, then VIPs and external IPs."""

    cluster: ServiceAddress
    external: tuple[ServiceAddress, ...]

    @property
    def all(self) -> tuple[ServiceAddress, ...]:
        """In the order in which they are claimed."""
        return (self.cluster, *self.external)


@frozen
class PlannedService:
    """What came of a Service in one family.

    Attributes:
        cluster_ip: its active cluster IP, which is its own even if all frontends are another Service's.
        plans: its service ports that have frontends, in the order of ``spec.ports``.
        local_addresses: the addresses of endpoints on this node that it uses (S30).
        conflicts: the frontends that older Services have (S45).
        notices: what else there is to say.
    """

    cluster_ip: str
    plans: tuple[ServicePortPlan, ...]
    local_addresses: frozenset[str]
    conflicts: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()


class ServicePlanner:
    """Plans the Services of one family, each for itself but for the question who owns a frontend."""

    def __init__(self, family: IPFamily, around: Surroundings, settings: ClusterSettings, owner_of: OwnerOf) -> None:
        self._family = family
        self._around = around
        self._settings = settings
        self._owner_of = owner_of
        if settings.masquerade_all:
            self._cluster_ip_masquerade = Masquerade.ALWAYS
        else:
            self._cluster_ip_masquerade = Masquerade.UNLESS_POD if around.pods else Masquerade.NEVER

    def addresses(self, service: Service) -> ServiceAddresses | None:
        """Where a Service answers; None if it has no cluster IP of the family, and so nothing at all (S2)."""
        cluster = cluster_address(service, self._family)
        if cluster is None:
            return None
        externals = external_addresses(
            service,
            self._family,
            node_address=self._around.primary_address,
            allow_external_ips=self._settings.allow_service_external_ips,
        )
        return ServiceAddresses(cluster, tuple(externals))

    def plan(self, service: Service, addresses: ServiceAddresses, selections: Sequence[Selection]) -> PlannedService:
        """Claim and plan all frontends of a Service, whose ports have these endpoints."""
        claims = Claims(service, self._owner_of)
        plans: list[ServicePortPlan] = []
        local_addresses: set[str] = set()
        notices: list[Problem] = []
        for index, (port, selection) in enumerate(zip(service.ports, selections, strict=True)):
            frontends = self._frontends(service, addresses, claims, index, selection)
            if frontends:
                plan = _plan(service, port, frontends, selection, notices)
                plans.append(plan)
                if any(_is_served(frontend) for frontend in frontends):
                    local_addresses |= selection.local_addresses
        return PlannedService(
            addresses.cluster.address,
            tuple(plans),
            frozenset(local_addresses),
            tuple(claims.problems),
            tuple(notices),
        )

    def _frontends(
        self, service: Service, addresses: ServiceAddresses, claims: Claims, index: int, selection: Selection
    ) -> tuple[Frontend, ...]:
        """The frontends that ``spec.ports[index]`` gets."""
        port, cluster = service.ports[index], addresses.cluster
        decision = _internal_decision(service, selection)
        frontends: list[Frontend] = []
        if claims.claim(port.protocol, cluster, port.port):
            kind, masquerade = FrontendKind.CLUSTER_IP, self._cluster_ip_masquerade
            frontends.append(Frontend(kind, cluster.address, port.port, decision, decision, masquerade))
        inside, outside, masquerade = _external_decisions(service, selection)
        for external in addresses.external:
            if claims.claim(port.protocol, external, port.port):
                kind, address, _, sources = external
                frontends.append(Frontend(kind, address, port.port, inside, outside, masquerade, sources))
        if port.node_port and claims.claim_node_port(port.protocol, port.node_port, index):
            frontends.append(Frontend(FrontendKind.NODE_PORT, None, port.node_port, inside, outside, masquerade))
        return tuple(frontends)


_SERVED = frozenset({Decision.CLUSTER, Decision.LOCAL})


def _is_served(frontend: Frontend) -> bool:
    return frontend.inside in _SERVED or frontend.outside in _SERVED


def _plan(
    service: Service,
    port: ServicePort,
    frontends: tuple[Frontend, ...],
    selection: Selection,
    notices: list[Problem],
) -> ServicePortPlan:
    used = {decision for frontend in frontends for decision in (frontend.inside, frontend.outside)}
    sticky = used & _SERVED and service.session_affinity is SessionAffinity.CLIENT_IP
    cluster = selection.cluster if Decision.CLUSTER in used else ()
    local = selection.local if Decision.LOCAL in used else ()
    balancing = balancing_of(service.annotations)
    if balancing.algorithm is LoadBalancing.MAGLEV and max(len(cluster), len(local)) > TABLE_SIZES[-1]:
        balancing = AT_RANDOM
        detail = f"has more than {TABLE_SIZES[-1]} endpoints, too many for maglev: one is picked at random"
        notices.append(notice("cluster/too-many-for-maglev", detail, Severity.WARNING, service))
    return ServicePortPlan(
        ServicePortName(service.namespace, service.name, port.name, port.protocol),
        frontends,
        cluster,
        local,
        service.session_affinity_timeout_seconds if sticky else None,
        service.reference,
        service.source,
        balancing,
        _weights(cluster, selection.weights),
        _weights(local, selection.weights),
        _also_serving(selection, {*cluster, *local}) if port.protocol is Protocol.UDP else (),
    )


def _weights(endpoints: Sequence[EndpointAddress], declared: Mapping[EndpointAddress, int]) -> tuple[int, ...]:
    """The weights of a set, or nothing where they are all alike.

    That holds for weights that are all 0, too: a drained endpoint is better than none, as a terminating one is (S18).
    """
    if not declared:
        return ()
    weights = tuple([declared.get(endpoint, 1) for endpoint in endpoints])
    return weights if len(set(weights)) > 1 else ()


def _also_serving(selection: Selection, used: AbstractSet[EndpointAddress]) -> tuple[EndpointAddress, ...]:
    """The endpoints that serve without being used: S49 takes the condition itself, which is true unless denied."""
    if len(selection.candidates) == len(used):
        return ()
    candidates = selection.candidates.items()
    return tuple([key for key, item in candidates if key not in used and item.endpoint.serving is not False])


def _internal_decision(service: Service, selection: Selection) -> Decision:
    """Where a cluster IP leads, whoever asks (S25, S37)."""
    if not selection.anywhere:
        return Decision.REJECT
    if service.internal_traffic_policy is TrafficPolicy.CLUSTER:
        return Decision.CLUSTER
    return Decision.LOCAL if selection.local else Decision.DROP


def _external_decisions(service: Service, selection: Selection) -> tuple[Decision, Decision, Masquerade]:
    """Where external frontends lead from inside and from outside, and who is masqueraded (S26, S27, S29, S37)."""
    accessible = service.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER) or bool(service.external_ips)
    local = accessible and service.external_traffic_policy is TrafficPolicy.LOCAL  # S8
    masquerade = Masquerade.NODE_TRAFFIC if local else Masquerade.ALWAYS
    if not selection.anywhere:
        return Decision.REJECT, Decision.REJECT, masquerade
    if not local:
        return Decision.CLUSTER, Decision.CLUSTER, masquerade
    return Decision.CLUSTER, Decision.LOCAL if selection.local else Decision.DROP, masquerade
