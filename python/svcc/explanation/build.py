"""`explain`: everything there is to say about one Service on one node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from svcc.addresses import IPFamily, canonical_address
from svcc.compiler.compilation import chosen_node, declared_cluster
from svcc.dataplane.build import BuiltDataplane, build_dataplane
from svcc.dataplane.contract import Dataplane, Decision, FamilyDataplane, ServicePortPlan
from svcc.explanation.contract import (
    EndpointExplanation,
    Explanation,
    Reason,
    ReasonCode,
    ServicePortExplanation,
    Silence,
)
from svcc.explanation.endpoints import Seen, endpoints_of_port, hint_sentences
from svcc.explanation.exposures import exposures, frontend_maps
from svcc.explanation.lookup import find_service, service_named
from svcc.explanation.names import dns_records, is_published, short_names
from svcc.explanation.silences import silences_of_a_name, silences_of_frontends
from svcc.explanation.slices import labelled_slices, no_endpoints_sentence, unused_slices
from svcc.fields import FieldPath, ObjectReference, Problem
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service, ServicePort, ServiceType
from svcc.select import Selection, select_service_ports, slices_by_service

__all__ = ["explain", "explain_cluster"]


def explain(
    objects: Cluster | Loaded | Iterable[ClusterObject],
    service: str,
    *,
    namespace: str | None = None,
    node: str | None = None,
    settings: ClusterSettings | None = None,
    cluster_domain: str = "cluster.local",
) -> Explanation:
    """What a Service exposes on a node and to whom, which endpoints stand behind it, and why others do not.

    Args:
        objects: as for `compile`.
        service: ``NAME``, ``NAME.NAMESPACE`` or ``NAMESPACE/NAME``; ``svc/`` or ``service/`` may stand before it.
        namespace: the Service's namespace; None takes ``default``, or the only Service of that name.
        node: the name of the node; None takes the only Node among the objects, or a nameless one if there is none.
        settings: what is no object of the API; the default is kube-proxy's.
        cluster_domain: the domain below which the cluster's DNS has its names.

    Raises:
        InputError: there is no such Service, or several; or `node` is None and there are several Nodes.
        SettingsError: the settings make no sense.
        TypeError: an object is of a class that svcc does not read.
    """
    cluster, problems = declared_cluster(objects)
    return explain_cluster(
        cluster,
        service,
        namespace=namespace,
        node=node,
        settings=settings or ClusterSettings(),
        cluster_domain=cluster_domain,
        problems=problems,
    )


def explain_cluster(
    cluster: Cluster,
    service: str,
    *,
    namespace: str | None,
    node: str | None,
    settings: ClusterSettings,
    cluster_domain: str = "cluster.local",
    problems: Iterable[Problem] = (),
) -> Explanation:
    """`explain` for objects that have been validated; `problems` are those found on the way."""
    known = tuple(problems)
    wanted_namespace, name = service_named(service, namespace)
    found = find_service(cluster, known, name, wanted_namespace)
    node = chosen_node(cluster, node)
    built = build_dataplane(cluster, node, settings)
    known = (*known, *built.problems)
    reference = found if isinstance(found, ObjectReference) else found.reference
    explainer = _Explainer(cluster, built, settings)
    own = found if isinstance(found, Service) else None
    is_name_only = own is not None and (own.is_headless or own.type is ServiceType.EXTERNAL_NAME)
    ports = () if own is None else explainer.headless_ports(own) if own.is_headless else explainer.ports(own)
    domain = cluster_domain.strip(".")
    own_problems = _problems_of(reference, own, cluster, known)
    has_slices = own is not None and own.type is not ServiceType.EXTERNAL_NAME
    silences: tuple[Silence, ...] = ()
    if is_name_only and own is not None:
        silences = silences_of_a_name(own)
    elif own is not None:
        silences = silences_of_frontends(own, ports, explainer.families, settings, own_problems)
    return Explanation(
        service=reference,
        declared=own,
        node=node,
        zone=explainer.zone,
        pods=tuple((family.family, family.pods) for family in explainer.families),
        cluster_domain=domain,
        names=dns_records(own, labelled_slices(cluster, own), domain) if own else (),
        short_names=short_names(own) if own else (),
        ports=ports,
        slices=unused_slices(cluster, own, explainer.families_of(own), settings.service_proxy_name)
        if own and has_slices
        else (),
        silences=silences,
        no_endpoints=no_endpoints_sentence(cluster, own) if own and has_slices else "",
        problems=own_problems,
    )


class _Explainer:
    """What is the same for all ports of a Service."""

    def __init__(self, cluster: Cluster, built: BuiltDataplane, settings: ClusterSettings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._dataplane: Dataplane = built.dataplane
        self.families: Sequence[FamilyDataplane] = built.dataplane.families
        node = next((item for item in cluster.nodes if item.name == built.dataplane.node), None)
        self.zone = node.zone if node else None
        self._other_nodes = [item for item in cluster.nodes if item is not node]

    def families_of(self, service: Service) -> list[IPFamily]:
        """The families that the Service is served in."""
        return [family.family for family in self.families if self._plans(service, family)]

    @staticmethod
    def _plans(service: Service, family: FamilyDataplane) -> list[ServicePortPlan]:
        return [plan for plan in family.service_ports if plan.service == service.reference]

    def ports(self, service: Service) -> tuple[ServicePortExplanation, ...]:
        """The ports of a Service that has frontends, in the order of their declaration, IPv4 first."""
        maps = frontend_maps(self._dataplane, service)
        slices = slices_by_service(self._cluster.endpoint_slices, self._settings.service_proxy_name)
        own = slices.get((service.namespace, service.name), [])
        found = []
        for family in self.families:
            plans = {(plan.name.port, plan.name.protocol): plan for plan in self._plans(service, family)}
            node = self._dataplane.node
            (selections,) = select_service_ports([(own, service.ports)], family.family, node, self.zone)
            for index, (port, selection) in enumerate(zip(service.ports, selections, strict=True)):
                plan = plans.get((port.name, port.protocol))
                if plan is None:
                    continue
                seen = self._seen(own, selection, family, port, plan)
                found.append(
                    ServicePortExplanation(
                        family=family.family,
                        name=port.name,
                        protocol=port.protocol,
                        port=port.port,
                        target_port=port.target_port,
                        exposures=exposures(service, plan, index, family, maps[family.family], self._other_nodes),
                        endpoints=endpoints_of_port(seen),
                        cluster_set_used=seen.uses_cluster_set,
                        local_set_used=seen.uses_local_set,
                        affinity_timeout_seconds=plan.affinity_timeout_seconds,
                        topology=seen.selection.topology if seen.uses_cluster_set else None,
                        hints=hint_sentences(seen, service.traffic_distribution),
                        balancing=plan.balancing,
                        source=service.source.at(FieldPath(("spec", "ports", index))) if service.source else None,
                    )
                )
        return tuple(found)

    def _seen(
        self,
        slices: Sequence[EndpointSlice],
        selection: Selection,
        family: FamilyDataplane,
        port: ServicePort,
        plan: ServicePortPlan,
    ) -> Seen:
        decisions = {decision for item in plan.frontends for decision in (item.inside, item.outside)}
        return Seen(
            slices,
            family.family,
            self._dataplane.node,
            self.zone,
            port,
            selection,
            # A set that came out empty is used all the same: why it is empty is what people want to know.
            uses_cluster_set=bool(decisions & {Decision.CLUSTER, Decision.REJECT}),
            uses_local_set=bool(decisions & {Decision.LOCAL, Decision.DROP}),
        )

    def headless_ports(self, service: Service) -> tuple[ServicePortExplanation, ...]:
        """The endpoints of a headless Service, by port and family; without ports, as one port 0."""
        found = []
        slices = labelled_slices(self._cluster, service)
        for family in IPFamily:
            of_family = [item for item in slices if item.address_type == family.value]
            for index, port in enumerate(service.ports or (ServicePort(0),)):
                endpoints = tuple(_published(service, of_family, port if service.ports else None))
                if not endpoints:
                    continue
                found.append(
                    ServicePortExplanation(
                        family=family,
                        name=port.name,
                        protocol=port.protocol,
                        port=port.port,
                        target_port=port.target_port,
                        exposures=(),
                        endpoints=endpoints,
                        cluster_set_used=False,
                        local_set_used=False,
                        source=service.source.at(FieldPath(("spec", "ports", index))) if service.source else None,
                    )
                )
        return tuple(found)


def _published(
    service: Service, slices: Iterable[EndpointSlice], port: ServicePort | None
) -> Iterable[EndpointExplanation]:
    for item in slices:
        numbers = [
            candidate.port
            for candidate in item.ports
            if port is not None and candidate.name == port.name and candidate.protocol == port.protocol
        ]
        for index, endpoint in enumerate(item.endpoints):
            address = canonical_address(endpoint.addresses[0]) if endpoint.addresses else None
            published = address is not None and is_published(service, endpoint)
            reason = Reason(ReasonCode.NOT_READY, "not ready, so it is not in the DNS")
            if address is None:
                reason = Reason(ReasonCode.NO_USABLE_ADDRESS, "it has no address")
            yield EndpointExplanation(
                address or "<none>",
                numbers[0] if numbers else None,
                endpoint.node_name,
                endpoint.zone,
                endpoint.target,
                in_cluster_set=published,
                in_local_set=False,
                reasons=() if published else (reason,),
                slice_source=item.source,
                index=index,
            )


def _problems_of(
    reference: ObjectReference, service: Service | None, cluster: Cluster, problems: Iterable[Problem]
) -> tuple[Problem, ...]:
    """Problems of the Service and of its slices, those included that are out of the cluster for their errors."""
    own_slices = {item.reference for item in labelled_slices(cluster, service)} if service else set()

    def concerns(problem: Problem) -> bool:
        found = problem.object
        if found is None or found.namespace != reference.namespace:
            return False
        if found.kind == "Service":
            return found == reference
        # A slice that was left out has no label any more, only a name.
        return found in own_slices or (
            found.kind == "EndpointSlice"
            and (found.name == reference.name or found.name.startswith(f"{reference.name}-"))
        )

    return tuple(dict.fromkeys(filter(concerns, problems)))
