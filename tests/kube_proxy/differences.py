"""Which packets meet one of the differences between kube-proxy and the model; the package's docstring lists them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from attrs import evolve

from tests.kube_proxy import layout_of
from tests.oracle import Packet, Result
from tests.oracle.decide import Situation, candidate_endpoints, ip_frontend_at, is_local_policy, node_port_at
from tests.oracle.endpoints import local_set
from tests.oracle.frontends import Kind, active_cluster_ips, has_unreadable_source_range, source_ranges
from tests.oracle.node import node_named
from tests.oracle.packet import Delivery
from tests.strategies.scenarios import Scenario


def differs_on_purpose(scenario: Scenario, packet: Packet, expected: Mapping[Result, Fraction], layout: str) -> bool:
    """Whether the packet meets one of the differences that `tests.kube_proxy` lists; the numbers are its."""
    node = node_named(scenario.cluster, scenario.node)
    situation = Situation(scenario.cluster, scenario.settings, node, scenario.facts, packet, {})
    targets = [each for each in expected if isinstance(each, Delivery)]
    ip_frontend = ip_frontend_at(situation, packet.destination, packet.destination_port)
    arranged = layout_of(layout)
    if ip_frontend is not None:
        # 1: nobody can be refused by ranges that nobody can read.
        ranges = source_ranges(ip_frontend.service, packet.family)
        if ip_frontend.kind is Kind.VIP and not ranges and has_unreadable_source_range(ip_frontend.service):
            return True
        # 2
        refused = not candidate_endpoints(situation, ip_frontend)
        if node_port_at(situation, packet.destination, packet.destination_port) is not None and (
            refused or (is_local_policy(ip_frontend) and not local_set(situation.endpoints(ip_frontend)))
        ):
            return True
    if arranged.refuses_before_translation and packet.hook == "output" and ip_frontend is not None:  # 3
        if is_local_policy(ip_frontend) and not local_set(situation.endpoints(ip_frontend)):
            return True
        if any(
            ip_frontend_at(situation, each.address, each.port) for each in candidate_endpoints(situation, ip_frontend)
        ):
            return True
    if arranged.chain_per_endpoint:  # 4
        return any(each.address == packet.source and not each.masquerade for each in targets)
    cluster_ips = active_cluster_ips(scenario.cluster, scenario.settings, packet.family)
    by_cluster_ip = ip_frontend is not None and ip_frontend.kind is Kind.CLUSTER_IP
    return packet.destination in cluster_ips and bool(targets) and not by_cluster_ip  # 5


def as_kube_proxy_reads(scenario: Scenario) -> Scenario:
    """The scenario without the annotations and weights that only svcc knows."""
    cluster = scenario.cluster
    return evolve(
        scenario,
        cluster=evolve(
            cluster,
            services=[evolve(service, annotations={}) for service in cluster.services],
            endpoint_slices=[
                evolve(
                    each,
                    annotations={},
                    endpoints=[evolve(endpoint, weight=None) for endpoint in each.endpoints],
                )
                for each in cluster.endpoint_slices
            ],
        ),
    )
