"""From declared objects to the dataplane of one node (S1 to S47)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import frozen

from svcc.addresses import IPFamily, address_bytes
from svcc.dataplane.addresses import ServiceAddress, cluster_address, external_addresses, service_addresses
from svcc.dataplane.conflicts import Claims
from svcc.dataplane.contract import (
    Dataplane,
    Decision,
    FamilyDataplane,
    Frontend,
    FrontendKind,
    Masquerade,
    ServicePortName,
    ServicePortPlan,
)
from svcc.dataplane.surroundings import Surroundings, is_big_endian, surroundings
from svcc.fields import FieldPath, Problem, ProblemKind, Severity
from svcc.model.age import oldest_first
from svcc.model.balancing import AT_RANDOM, TABLE_SIZES, LoadBalancing, balancing_of
from svcc.model.cluster import Cluster, ClusterSettings, DetectLocalMode
from svcc.model.service import Protocol, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy
from svcc.select import PROXY_NAME_LABEL, EndpointAddress, Selection, select_service_ports, slices_by_service

__all__ = ["BuiltDataplane", "NodeAndServices", "build_dataplane", "node_and_services"]


@frozen
class BuiltDataplane:
    """A dataplane, and what there is to say about the way to it: conflicts, Services that yield no rules."""

    dataplane: Dataplane
    problems: tuple[Problem, ...]


def build_dataplane(cluster: Cluster, node_name: str, settings: ClusterSettings) -> BuiltDataplane:
    """Work out what the node `node_name` owes to the cluster's Services.

    The Node object of that name supplies zone, addresses and pod CIDRs; without one, endpoints that name the node are
    local all the same.

    Raises:
        SettingsError: the settings contradict each other or hold values that make no sense.
    """
    node = next((item for item in cluster.nodes if item.name == node_name), None)
    problems: list[Problem] = []
    if node is None and node_name:
        problems.append(_notice("cluster/no-node-object", f'no Node object is named "{node_name}"', Severity.WARNING))
    handled = [service for service in oldest_first(cluster.services) if _is_handled(service, settings, problems)]
    slices = slices_by_service(cluster.endpoint_slices, settings.service_proxy_name)
    families = []
    for family in IPFamily:
        around = surroundings(family, cluster, node, settings)
        family_of_services = _Family(family, around, settings)
        served = [(item, cluster_ip) for item in handled if (cluster_ip := cluster_address(item, family)) is not None]
        asked = [(slices.get((service.namespace, service.name), ()), service.ports) for service, _ in served]
        selected = select_service_ports(asked, family, node_name, node.zone if node else None)
        for (service, cluster_ip), selections in zip(served, selected, strict=True):
            family_of_services.add(service, cluster_ip, selections)
        families.append(family_of_services.finish())
        problems.extend(family_of_services.claims.problems)
        problems.extend(family_of_services.problems)
        problems.extend(_warnings(families[-1], settings))
    dataplane = Dataplane(node_name, tuple(families), settings.masquerade_bit, is_big_endian(node))
    # A node port that two Services claim is refused once in each family.
    return BuiltDataplane(dataplane, tuple(dict.fromkeys(problems)))


@frozen
class NodeAndServices:
    """The addresses in a dataplane, as far as they can be told without endpoints.

    Attributes:
        node_addresses: addresses known to be the node's own, of both families.
        services: the addresses of Services, in each family.
        service_cidrs: ranges that cluster IPs are taken from, in each family.
        big_endian: the byte order of the node.
    """

    node_addresses: tuple[str, ...]
    services: Mapping[IPFamily, tuple[str, ...]]
    service_cidrs: Mapping[IPFamily, tuple[str, ...]]
    big_endian: bool


def node_and_services(cluster: Cluster, node_name: str, settings: ClusterSettings) -> NodeAndServices:
    """What `build_dataplane` will find of addresses, in a fraction of the time.

    Raises:
        SettingsError: as `build_dataplane`.
    """
    node = next((item for item in cluster.nodes if item.name == node_name), None)
    handled = [service for service in cluster.services if _is_handled(service, settings, [])]
    around = {family: surroundings(family, cluster, node, settings) for family in IPFamily}
    allow = settings.allow_service_external_ips
    return NodeAndServices(
        tuple(address for each in around.values() for address in each.node_addresses),
        {
            family: tuple(
                address
                for service in handled
                for address in service_addresses(service, family, allow_external_ips=allow)
            )
            for family in IPFamily
        },
        {family: each.service_cidrs for family, each in around.items()},
        is_big_endian(node),
    )


def _is_handled(service: Service, settings: ClusterSettings, problems: list[Problem]) -> bool:
    """Whether the Service yields anything (S1, S5); if not, say why."""
    proxy = service.labels.get(PROXY_NAME_LABEL, "")
    severity = Severity.INFO
    if service.type is ServiceType.EXTERNAL_NAME:
        reason = "is of type ExternalName: it is a DNS name only and yields no rules"
    elif service.is_headless:
        reason = "is headless: its endpoints are reached directly, it yields no rules"
    elif proxy != settings.service_proxy_name or (PROXY_NAME_LABEL in service.labels and not proxy):
        reason = f'belongs to the service proxy "{proxy}" by its label {PROXY_NAME_LABEL}, it yields no rules'
    elif not service.cluster_ips or not service.cluster_ips[0]:
        reason = "has no cluster IP yet, it yields no rules"
        severity = Severity.WARNING
    else:
        return True
    problems.append(_notice("cluster/yields-no-rules", reason, severity, service))
    return False


def _warnings(family: FamilyDataplane, settings: ClusterSettings) -> Iterable[Problem]:
    """What will hardly be meant: node ports on no address, and a detector that knows no pods of the family."""
    frontends = [frontend for plan in family.service_ports for frontend in plan.frontends]
    name = family.family.value
    if family.node_ports.addresses == () and any(frontend.address is None for frontend in frontends):
        detail = f"no address serves {name} node ports: the Node object has no {name} address"
        yield _notice("cluster/no-node-port-address", detail, Severity.WARNING)
    mode = settings.detect_local_mode or (DetectLocalMode.CLUSTER_CIDR if settings.cluster_cidrs else None)
    if mode not in (None, DetectLocalMode.NONE) and frontends and not family.pods:
        detail = f"there is no {name} pod CIDR: {name} pods are treated like other clients"
        yield _notice("cluster/no-pod-cidr", detail, Severity.WARNING)


def _notice(rule: str, detail: str, severity: Severity, service: Service | None = None) -> Problem:
    return Problem(
        rule=rule,
        kind=ProblemKind.NOTICE,
        path=FieldPath(),
        detail=detail,
        object=service.reference if service else None,
        source=service.source if service else None,
        severity=severity,
    )


class _Family:
    """Collects the service ports of one family, oldest Service first."""

    def __init__(self, family: IPFamily, around: Surroundings, settings: ClusterSettings) -> None:
        self.claims = Claims()
        self.problems: list[Problem] = []
        self._family = family
        self._around = around
        self._settings = settings
        self._plans: list[ServicePortPlan] = []
        self._cluster_ips: dict[str, None] = {}
        self._local_addresses: set[str] = set()
        if settings.masquerade_all:
            self._cluster_ip_masquerade = Masquerade.ALWAYS
        else:
            self._cluster_ip_masquerade = Masquerade.UNLESS_POD if around.pods else Masquerade.NEVER

    def add(self, service: Service, cluster: ServiceAddress, selections: Sequence[Selection]) -> None:
        """Claim and plan all frontends of a Service, whose ports have these endpoints."""
        self._cluster_ips[cluster.address] = None
        externals = external_addresses(
            service,
            self._family,
            node_address=self._around.primary_address,
            allow_external_ips=self._settings.allow_service_external_ips,
        )
        for index, (port, selection) in enumerate(zip(service.ports, selections, strict=True)):
            decision = _internal_decision(service, selection)
            frontends: list[Frontend] = []
            if self.claims.claim(service, port.protocol, cluster, port.port):
                kind, masquerade = FrontendKind.CLUSTER_IP, self._cluster_ip_masquerade
                frontends.append(Frontend(kind, cluster.address, port.port, decision, decision, masquerade))
            inside, outside, masquerade = _external_decisions(service, selection)
            for external in externals:
                if self.claims.claim(service, port.protocol, external, port.port):
                    kind, address, _, sources = external
                    frontends.append(Frontend(kind, address, port.port, inside, outside, masquerade, sources))
            if port.node_port and self.claims.claim_node_port(service, port.protocol, port.node_port, index):
                kind = FrontendKind.NODE_PORT
                frontends.append(Frontend(kind, None, port.node_port, inside, outside, masquerade))
            if frontends:
                self._plan(service, port, frontends, selection)

    def _plan(self, service: Service, port: ServicePort, frontends: list[Frontend], selection: Selection) -> None:
        used = {decision for frontend in frontends for decision in (frontend.inside, frontend.outside)}
        served = used & {Decision.CLUSTER, Decision.LOCAL}
        if served:
            self._local_addresses |= selection.local_addresses
        sticky = served and service.session_affinity is SessionAffinity.CLIENT_IP
        cluster = selection.cluster if Decision.CLUSTER in used else ()
        local = selection.local if Decision.LOCAL in used else ()
        balancing = balancing_of(service.annotations)
        if balancing.algorithm is LoadBalancing.MAGLEV and max(len(cluster), len(local)) > TABLE_SIZES[-1]:
            balancing = AT_RANDOM
            detail = f"has more than {TABLE_SIZES[-1]} endpoints, too many for maglev: one is picked at random"
            self.problems.append(_notice("cluster/too-many-for-maglev", detail, Severity.WARNING, service))
        self._plans.append(
            ServicePortPlan(
                ServicePortName(service.namespace, service.name, port.name, port.protocol),
                tuple(frontends),
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
        )

    def finish(self) -> FamilyDataplane:
        """The family's dataplane, service ports by name."""
        return FamilyDataplane(
            family=self._family,
            service_ports=tuple(sorted(self._plans, key=lambda plan: plan.name)),
            cluster_ips=tuple(sorted(self._cluster_ips, key=address_bytes)),
            service_cidrs=self._around.service_cidrs,
            node_ports=self._around.node_ports,
            pods=self._around.pods,
            node_addresses=self._around.node_addresses,
            local_endpoint_addresses=tuple(sorted(self._local_addresses, key=address_bytes)),
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
