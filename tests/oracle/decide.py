"""What becomes of the first packet of a connection: S22 to S41."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from attrs import frozen

from svcc.addresses import prefix_contains
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.node import Node
from svcc.model.service import Protocol, SessionAffinity
from tests.oracle.balancing import shares
from tests.oracle.endpoints import (
    Endpoint,
    ServicePortName,
    cluster_set,
    endpoints_of,
    has_endpoints,
    local_set,
)
from tests.oracle.frontends import (
    Frontend,
    Kind,
    active_cluster_ips,
    has_unreadable_source_range,
    ip_frontends,
    is_external_policy_local,
    is_internal_policy_local,
    node_ports,
    service_prefixes,
    source_ranges,
    vips,
)
from tests.oracle.node import has_detector, is_node_traffic, is_pod_traffic, node_named, serves_node_ports
from tests.oracle.packet import Delivery, Drop, NodeFacts, Packet, Reject, Result, Untouched

Affinity = Mapping[tuple[str, ServicePortName], tuple[str, int]]
"""Remembered endpoints as (address, port), by client address and service port (S34)."""


@frozen
class Situation:
    """Everything a decision depends on."""

    cluster: Cluster
    settings: ClusterSettings
    node: Node
    facts: NodeFacts
    packet: Packet
    affinity: Affinity

    def endpoints(self, frontend: Frontend) -> list[Endpoint]:
        """All endpoints of the frontend's service port in the packet's family."""
        return endpoints_of(self.cluster, self.settings, self.node, frontend.service, frontend.port, self.packet.family)


def decide(
    cluster: Cluster,
    node: str,
    settings: ClusterSettings,
    packet: Packet,
    facts: NodeFacts,
    affinity: Affinity | None = None,
) -> dict[Result, Fraction]:
    """The possible results for the first packet of a connection, with their probabilities, which add up to 1.

    The order is S24: source ranges, then frontends with an address, then node ports, then the checks that follow the
    address translation (S28, S37 to S39). Those see the chosen endpoint if there is one, else the destination as sent.
    """
    situation = Situation(cluster, settings, node_named(cluster, node), facts, packet, affinity or {})
    if is_refused_by_source_ranges(situation):
        return {Drop(): Fraction(1)}
    frontend = matching_frontend(situation)
    candidates = candidate_endpoints(situation, frontend) if frontend is not None else []
    if frontend is None or not candidates:
        refusal = refusal_after_translation(situation, packet.destination, packet.destination_port)
        return {refusal or Untouched(): Fraction(1)}
    results: dict[Result, Fraction] = {}
    name = ServicePortName.of(frontend.service, frontend.port)
    for endpoint, share in shares(frontend.service.annotations, name, candidates, packet):
        result: Result | None = refusal_after_translation(situation, endpoint.address, endpoint.port)
        if result is None:
            result = Delivery(endpoint.address, endpoint.port, is_masqueraded(situation, frontend, endpoint))
        results[result] = results.get(result, Fraction(0)) + share
    return results


def is_refused_by_source_ranges(situation: Situation) -> bool:
    """S40 and S41: whether the packet is dropped before translation because its source is in no range.

    Judged on the destination as sent, for every source. Decided: the ranges are those of the Service that holds the
    frontend as a VIP; a Service that lost the frontend (S45), or holds it as its ClusterIP, restricts nothing there.
    Where ranges cannot be read and none of the family is left, nobody is in one: skipping them (S6) must not let
    everybody in.
    """
    packet = situation.packet
    frontend = ip_frontend_at(situation, packet.destination, packet.destination_port)
    if frontend is None or frontend.kind is not Kind.VIP:
        return False
    ranges = source_ranges(frontend.service, packet.family)
    if not ranges:
        return has_unreadable_source_range(frontend.service)
    if any(prefix_contains(each, packet.source) for each in ranges):
        return False
    own_address = situation.node.primary_address(packet.family)
    node_is_allowed = own_address is not None and any(prefix_contains(each, own_address) for each in ranges)
    return not (node_is_allowed and packet.source in vips(frontend.service, packet.family))


def ip_frontend_at(situation: Situation, address: str, port: int) -> Frontend | None:
    """S24 (2): the exact match on address, protocol and port."""
    packet = situation.packet
    if packet.protocol == "ICMP":
        return None
    frontends = ip_frontends(situation.cluster, situation.settings, packet.family)
    return frontends.get((address, Protocol(packet.protocol), port))


def node_port_at(situation: Situation, address: str, port: int) -> Frontend | None:
    """S24 (3): the match on protocol and port, if the address serves node ports."""
    packet = situation.packet
    if packet.protocol == "ICMP" or not serves_node_ports(situation.settings, situation.node, situation.facts, address):
        return None
    return node_ports(situation.cluster, situation.settings, packet.family).get((Protocol(packet.protocol), port))


def matching_frontend(situation: Situation) -> Frontend | None:
    """S24 (2) and (3).

    Decided: a frontend with an address wins over a node port of the same number also when it has no endpoints.
    """
    packet = situation.packet
    return ip_frontend_at(situation, packet.destination, packet.destination_port) or node_port_at(
        situation, packet.destination, packet.destination_port
    )


def is_local_policy(frontend: Frontend) -> bool:
    """S25 to S27: iTP counts for the ClusterIP, eTP for everything else."""
    if frontend.kind is Kind.CLUSTER_IP:
        return is_internal_policy_local(frontend.service)
    return is_external_policy_local(frontend.service)


def is_short_circuited(situation: Situation) -> bool:
    """S27: pod traffic (a) and node traffic (b) use the Cluster set although eTP is Local."""
    return is_pod_traffic(situation.settings, situation.node, situation.packet) or is_node_traffic(
        situation.facts, situation.packet
    )


def candidate_endpoints(situation: Situation, frontend: Frontend) -> list[Endpoint]:
    """S23: the endpoints among which one is chosen; S25 to S27 say which set it is.

    S34 and S35: a remembered endpoint is the only candidate while it is in that set and affinity is on.
    """
    endpoints = situation.endpoints(frontend)
    is_external = frontend.kind is not Kind.CLUSTER_IP
    if not is_local_policy(frontend) or (is_external and is_short_circuited(situation)):
        candidates = cluster_set(endpoints, situation.node)
    else:
        candidates = local_set(endpoints)
    if frontend.service.session_affinity is SessionAffinity.CLIENT_IP:
        key = (situation.packet.source, ServicePortName.of(frontend.service, frontend.port))
        remembered = [each for each in candidates if (each.address, each.port) == situation.affinity.get(key)]
        if remembered:
            return remembered
    return candidates


def is_masqueraded(situation: Situation, frontend: Frontend, endpoint: Endpoint) -> bool:
    """S29, its table row by row; S31: iTP does not occur in it."""
    settings, packet = situation.settings, situation.packet
    if packet.source == endpoint.address and endpoint.is_local:  # S30: hairpin, judged per chosen endpoint
        return True
    pod_traffic = is_pod_traffic(settings, situation.node, packet)
    if frontend.kind is Kind.CLUSTER_IP:
        if settings.masquerade_all:
            return True
        return has_detector(settings, situation.node, packet.family) and not pod_traffic
    if not is_external_policy_local(frontend.service):
        return True
    return not pod_traffic and is_node_traffic(situation.facts, packet)


def refusal_after_translation(situation: Situation, address: str, port: int) -> Reject | Drop | None:
    """S37 to S39: what refuses a packet that is bound for `address` after the address translation, if anything does.

    S28: for a packet sent to an endpoint that is itself a frontend the second lookup never happens, so that only these
    checks see it. They do not look at the source: the short circuit of S27 is over by then.
    """
    for hook in filter_hooks(situation, address):
        refusal = refusal_by_frontend(situation, hook, address, port)
        if refusal is None and hook != "input":
            refusal = refusal_by_address(situation, address)
        if refusal is not None:
            return refusal
    return None


def filter_hooks(situation: Situation, address: str) -> list[Literal["input", "forward", "output"]]:
    """The filter hooks on the way to `address`; what a host process sends to the host passes output and then input."""
    is_local = situation.facts.is_local(address)
    if situation.packet.hook == "output":
        return ["output", "input"] if is_local else ["output"]
    return ["input"] if is_local else ["forward"]


def refusal_by_frontend(situation: Situation, hook: str, address: str, port: int) -> Reject | Drop | None:
    """S37: the checks for frontends with an address run in all filter hooks, those for node ports in input only.

    Decided: where a frontend with an address exists, the node port of that number is not consulted.
    """
    frontend = ip_frontend_at(situation, address, port)
    if frontend is None and hook == "input":
        frontend = node_port_at(situation, address, port)
    return None if frontend is None else refusal_of(situation, frontend)


def refusal_of(situation: Situation, frontend: Frontend) -> Reject | Drop | None:
    """S37: REJECT if there are no endpoints anywhere (S22); DROP if the policy is Local and none is local."""
    endpoints = situation.endpoints(frontend)
    if not has_endpoints(endpoints):
        return Reject()
    if is_local_policy(frontend) and not local_set(endpoints):
        return Drop()
    return None


def refusal_by_address(situation: Situation, address: str) -> Reject | Drop | None:
    """S38: REJECT for an active ClusterIP, whatever the protocol; S39: DROP for the rest of the service ranges.

    Both run in forward and output only. Decided: only the address counts, so that an unserved port of a VIP or
    externalIP inside a service range is dropped, too.
    """
    family = situation.packet.family
    if address in active_cluster_ips(situation.cluster, situation.settings, family):
        return Reject()
    if any(prefix_contains(each, address) for each in service_prefixes(situation.cluster, situation.settings, family)):
        return Drop()
    return None
