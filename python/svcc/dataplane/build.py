"""From declared objects to the dataplane of one node (S1 to S47)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from svcc.addresses import IPFamily, address_bytes
from svcc.dataplane.addresses import service_addresses
from svcc.dataplane.conflicts import ClaimKey
from svcc.dataplane.contract import Dataplane, FamilyDataplane, ServicePortPlan
from svcc.dataplane.notices import family_notices, no_node_object, why_no_rules
from svcc.dataplane.service_plans import ServicePlanner
from svcc.dataplane.surroundings import Surroundings, is_big_endian, surroundings
from svcc.fields import Problem
from svcc.model.age import oldest_first
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Service
from svcc.select import select_service_ports, slices_by_service

__all__ = ["BuiltDataplane", "NodeAndServices", "build_dataplane", "family_dataplane", "node_and_services"]


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
        problems.append(no_node_object(node_name))
    handled: dict[int, Service] = {}
    for service in oldest_first(cluster.services):
        if reason := why_no_rules(service, settings):
            problems.append(reason)
        else:
            # By identity: an object that is given twice is one Service, two of one name contend for their frontends.
            handled[id(service)] = service
    slices = slices_by_service(cluster.endpoint_slices, settings.service_proxy_name)
    families = []
    for family in IPFamily:
        around = surroundings(family, cluster, node, settings)
        owners: dict[ClaimKey, Service] = {}
        planner = ServicePlanner(family, around, settings, owners.setdefault)
        served = [(item, addresses) for item in handled.values() if (addresses := planner.addresses(item)) is not None]
        asked = [(slices.get((service.namespace, service.name), ()), service.ports) for service, _ in served]
        selected = select_service_ports(asked, family, node_name, node.zone if node else None)
        planned = [
            planner.plan(service, addresses, selections)
            for (service, addresses), selections in zip(served, selected, strict=True)
        ]
        families.append(
            family_dataplane(
                family,
                around,
                (plan for item in planned for plan in item.plans),
                {item.cluster_ip for item in planned},
                {address for item in planned for address in item.local_addresses},
            )
        )
        problems.extend(problem for item in planned for problem in item.conflicts)
        problems.extend(problem for item in planned for problem in item.notices)
        frontends = [frontend for plan in families[-1].service_ports for frontend in plan.frontends]
        problems.extend(
            family_notices(
                family.value,
                around,
                settings,
                has_frontends=bool(frontends),
                has_node_ports=any(frontend.address is None for frontend in frontends),
            )
        )
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
    handled = [service for service in cluster.services if why_no_rules(service, settings) is None]
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


def family_dataplane(
    family: IPFamily,
    around: Surroundings,
    plans: Iterable[ServicePortPlan],
    cluster_ips: Iterable[str],
    local_addresses: Iterable[str],
) -> FamilyDataplane:
    """The dataplane of a family, service ports by name and addresses in their order; each comes once."""
    return FamilyDataplane(
        family=family,
        service_ports=tuple(sorted(plans, key=lambda plan: plan.name)),
        cluster_ips=tuple(sorted(cluster_ips, key=address_bytes)),
        service_cidrs=around.service_cidrs,
        node_ports=around.node_ports,
        pods=around.pods,
        node_addresses=around.node_addresses,
        local_endpoint_addresses=tuple(sorted(local_addresses, key=address_bytes)),
    )
