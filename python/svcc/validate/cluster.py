"""Judging a cluster as a whole: what no object says alone, and a server finds out when it allocates, or nobody does.

`CLUSTER_RULES` lists the rules. None of them leaves an object out: the objects are in order, and what several claim is
still served for one of them. Objects that are refused take part all the same, as far as they can be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from svcc.fields import ObjectReference, Problem
from svcc.model.age import oldest_first
from svcc.model.cluster import Cluster
from svcc.model.endpoints import EndpointSlice
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import Service
from svcc.validate.cluster_claims import address_claims, cluster_ip_claims, node_port_claims
from svcc.validate.cluster_ranges import families_served, pod_cidr_overlaps, port_ranges, service_ranges
from svcc.validate.cluster_rules import CLUSTER_RULES
from svcc.validate.cluster_settings import ClusterRuleSettings
from svcc.validate.cluster_slices import slices_of_services, unknown_nodes
from svcc.validate.refused_objects import Refused

__all__ = ["CLUSTER_RULES", "ClusterRuleSettings", "cluster_problems"]


def cluster_problems(
    cluster: Cluster,
    settings: ClusterRuleSettings | None = None,
    *,
    left_out: Collection[ObjectReference] = (),
    refused: Iterable[Refused] = (),
) -> list[Problem]:
    """What is wrong between the objects of a cluster, in the API server's words where it has some.

    `left_out` are objects that were declared and are broken, so that nobody is told that they are missing; `refused`
    are those of them that say something all the same.
    """
    settings = settings or ClusterRuleSettings()
    refused = tuple(refused)
    broken = {kind: {item for item in left_out if item.kind == kind} for kind in ("Service", "Node", "ServiceCIDR")}
    services = oldest_first([*cluster.services, *(each for each in refused if isinstance(each, Service))])
    slices = [*cluster.endpoint_slices, *(each for each in refused if isinstance(each, EndpointSlice))]
    nodes = [*cluster.nodes, *(each for each in refused if isinstance(each, Node))]
    ranges = service_ranges(
        [*cluster.service_cidrs, *(each for each in refused if isinstance(each, ServiceCIDR))], settings
    )
    names = {node.name for node in cluster.nodes} | {item.name for item in broken["Node"]}
    return [
        *port_ranges(settings),
        *cluster_ip_claims(services),
        # Where a ServiceCIDR is broken, nobody can tell which addresses it was to hold.
        *(() if broken["ServiceCIDR"] else families_served(services, ranges)),
        *node_port_claims(services, settings),
        *address_claims(services),
        *slices_of_services(slices, services, {(item.namespace, item.name) for item in broken["Service"]}),
        *(unknown_nodes(slices, names) if names else ()),
        *pod_cidr_overlaps(nodes, ranges),
    ]
