"""The order in which a new connection is decided on (S24 to S28), by packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterSettings
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import local, remote, service, slices
from tests.kernel.callers import (
    DROPPED,
    MANY,
    REJECTED,
    UNTOUCHED,
    Reached,
    Turned,
    ask,
    backed,
    everywhere,
    install,
    owning,
    survey,
    whom,
)
from tests.kernel.network import Node
from tests.kernel.plans import (
    CALLERS,
    EXTERNAL,
    NODE_PORT,
    Caller,
    Kind,
    Plan,
    both_families,
    each_external_kind,
    each_protocol,
)

pytestmark = pytest.mark.kernel

each_caller = pytest.mark.parametrize("caller", CALLERS)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def taking_the_node_port(plan: Plan, kind: Kind, protocol: Protocol) -> Service:
    """A Service whose VIP or external IP is the node's address, at the number of the node port of `everywhere`."""
    fields: dict[str, Any] = (
        {"load_balancer_ingress": [LoadBalancerIngress(plan.node)]} if kind == "VIP" else {"external_ips": [plan.node]}
    )
    port = ServicePort(NODE_PORT, "http", protocol)
    return service("taking", [plan.second_cluster_ip], port, type="LoadBalancer", **fields)


@both_families
@each_protocol
@pytest.mark.parametrize("kind", ["VIP", "external IP"])
def test_an_address_that_matches_exactly_wins_over_a_node_port_s24(
    node: Node, plan: Plan, protocol: Protocol, kind: Kind
) -> None:
    objects = [everywhere(plan, protocol), *backed([local(plan.there)], protocol)]
    install(node, objects)
    for caller in CALLERS:
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT, protocol)) == {plan.there}
    taking = taking_the_node_port(plan, kind, protocol)
    install(node, objects, taking, backed([local(plan.here)], protocol, name="taking"))
    for caller in CALLERS:
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT, protocol)) == {plan.here}
    with owning(node, plan.spare):
        everywhere_serves = ClusterSettings(nodeport_addresses=[])
        install(node, objects, taking, backed([local(plan.here)], protocol, name="taking"), settings=everywhere_serves)
        assert whom(ask(node, plan, "outsider", plan.spare, NODE_PORT, protocol)) == {plan.there}
        assert whom(ask(node, plan, "outsider", plan.node, NODE_PORT, protocol)) == {plan.here}


@both_families
@pytest.mark.parametrize("kind", ["VIP", "external IP"])
def test_an_exact_match_without_endpoints_does_not_fall_through_to_the_node_port_s24(
    node: Node, plan: Plan, kind: Kind
) -> None:
    taking = taking_the_node_port(plan, kind, Protocol.TCP)
    install(node, everywhere(plan), backed([local(plan.there)]), taking)
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.node, NODE_PORT) == {REJECTED}
    elsewhere = backed([remote(plan.here)], name="taking")
    install(
        node, everywhere(plan), backed([local(plan.there)]), evolve(taking, external_traffic_policy="Local"), elsewhere
    )
    assert ask(node, plan, "outsider", plan.node, NODE_PORT) == {DROPPED}
    assert whom(ask(node, plan, "pod", plan.node, NODE_PORT)) == {plan.here}


@both_families
@each_caller
def test_the_source_ranges_are_asked_first_and_about_the_untranslated_destination_s24_s40(
    node: Node, plan: Plan, caller: Caller
) -> None:
    allowed = everywhere(plan, load_balancer_source_ranges=[f"{plan.source(caller)}/{plan.bits}"])
    refused = everywhere(plan, load_balancer_source_ranges=[f"{plan.unallocated}/{plan.bits}"])
    endpoints = backed([local(plan.here)])
    install(node, allowed, endpoints)
    assert whom(ask(node, plan, caller, plan.vip)) == {plan.here}
    install(node, refused, endpoints)
    assert ask(node, plan, caller, plan.vip) == {DROPPED}
    # Before the refusal of a Service without endpoints; and another frontend of the same endpoints is not concerned.
    install(node, refused)
    assert ask(node, plan, caller, plan.vip) == {DROPPED}
    assert ask(node, plan, caller, plan.external_ip) == {REJECTED}


@both_families
@each_protocol
def test_what_matches_nothing_is_untouched_s24(node: Node, plan: Plan, protocol: Protocol) -> None:
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    destinations = [
        (plan.there, 8080),
        (plan.here, 8080),
        (plan.second_vip, 80),
        (plan.other_outsider, NODE_PORT),
        (plan.gateway, NODE_PORT),
        (plan.node, 80),
        (plan.node, NODE_PORT + 1),
    ]
    for caller in CALLERS:
        for address, port in destinations:
            assert ask(node, plan, caller, address, port, protocol) == {UNTOUCHED}, (caller, address, port)


@both_families
@pytest.mark.parametrize("external", ["Cluster", "Local"])
@pytest.mark.parametrize("internal", ["Cluster", "Local"])
def test_a_cluster_ip_follows_the_internal_policy_whoever_asks_s25(
    node: Node, plan: Plan, internal: str, external: str
) -> None:
    declared = everywhere(plan, internal_traffic_policy=internal, external_traffic_policy=external)
    install(node, declared, backed([local(plan.here), remote(plan.there)]))
    expected = {plan.here} if internal == "Local" else {plan.here, plan.there}
    for case, found in survey(node, plan, kinds=["cluster IP"], times=MANY).items():
        assert whom(found) == expected, case


@both_families
@pytest.mark.parametrize("internal", ["Cluster", "Local"])
def test_external_frontends_of_policy_cluster_lead_everywhere_s26(node: Node, plan: Plan, internal: str) -> None:
    declared = everywhere(plan, *Protocol, internal_traffic_policy=internal)
    install(node, declared, backed([local(plan.here), remote(plan.there)], *Protocol))
    for case, found in survey(node, plan, *Protocol, kinds=EXTERNAL, times=MANY).items():
        assert whom(found) == {plan.here, plan.there}, case


@both_families
@pytest.mark.parametrize("internal", ["Cluster", "Local"])
def test_external_frontends_of_policy_local_keep_outsiders_here_and_send_pods_and_the_node_everywhere_s27(
    node: Node, plan: Plan, internal: str
) -> None:
    declared = everywhere(plan, *Protocol, external_traffic_policy="Local", internal_traffic_policy=internal)
    install(node, declared, backed([local(plan.here), remote(plan.there)], *Protocol))
    for (caller, kind, protocol), found in survey(node, plan, *Protocol, kinds=EXTERNAL, times=MANY).items():
        expected = {plan.here} if caller == "outsider" else {plan.here, plan.there}
        assert whom(found) == expected, (caller, kind, protocol)


@both_families
@each_external_kind
def test_any_local_address_as_the_source_makes_node_traffic_s27(node: Node, plan: Plan, kind: Kind) -> None:
    declared = everywhere(plan, external_traffic_policy="Local")
    frontend = plan.frontend(kind)
    with owning(node, plan.spare):
        install(node, declared, backed([local(plan.here), remote(plan.there)]), settings=ClusterSettings())
        for source in (plan.node, plan.spare, plan.gateway):
            found = whom(ask(node, plan, "node", *frontend, source=source, times=MANY))
            assert found == {plan.here, plan.there}, source
    # The same address is an outsider's once the node does not have it.
    assert whom(ask(node, plan, "outsider", *frontend, source=plan.spare, times=MANY)) == {plan.here}


@both_families
def test_without_a_detector_pods_are_outsiders_s27(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, external_traffic_policy="Local")
    install(node, declared, backed([local(plan.here), remote(plan.there)]), settings=ClusterSettings())
    for (caller, kind, protocol), found in survey(node, plan, kinds=EXTERNAL, times=MANY).items():
        expected = {plan.here, plan.there} if caller == "node" else {plan.here}
        assert whom(found) == expected, (caller, kind, protocol)


@both_families
def test_address_and_port_are_rewritten_and_the_protocol_is_kept_s28(node: Node, plan: Plan) -> None:
    ports = [EndpointPort(64321, "http", protocol) for protocol in Protocol]
    install(node, everywhere(plan, *Protocol), slices("web", [local(plan.here)], *ports))
    # The harness would not know a packet of another protocol for the one that was sent.
    for case, answers in survey(node, plan, *Protocol).items():
        (found,) = answers
        assert isinstance(found, Reached), case
        assert (found.address, found.port) == (plan.here, 64321), case


@both_families
def test_an_endpoint_that_is_a_frontend_of_another_service_is_no_way_to_it_s28(node: Node, plan: Plan) -> None:
    ports = [ServicePort(8080, "http", protocol) for protocol in Protocol]
    behind = service("behind", [plan.second_cluster_ip], *ports)
    install(
        node,
        everywhere(plan, *Protocol),
        backed([remote(plan.second_cluster_ip)], *Protocol),
        behind,
        backed([local(plan.here)], *Protocol, name="behind"),
    )
    for case, answers in survey(node, plan, *Protocol).items():
        caller, _kind, protocol = case
        assert answers == {REJECTED}, case
        assert whom(ask(node, plan, caller, plan.second_cluster_ip, 8080, protocol)) == {plan.here}


@both_families
def test_an_endpoint_among_the_unallocated_cluster_ips_is_dropped_after_translation_s28_s39(
    node: Node, plan: Plan
) -> None:
    install(node, everywhere(plan), backed([remote(plan.unallocated)]))
    expected: set[str | Turned] = {DROPPED}
    for case, found in survey(node, plan).items():
        assert whom(found) == expected, case
