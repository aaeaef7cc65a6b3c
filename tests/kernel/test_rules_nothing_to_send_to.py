"""What becomes of connections that nobody serves (S37 to S39), by packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve, frozen

from svcc.model.cluster import ClusterObject
from svcc.model.node import ServiceCIDR
from svcc.model.service import Protocol
from tests.declare import PODS, local, remote, service
from tests.kernel.callers import (
    DROPPED,
    REJECTED,
    UNTOUCHED,
    Turned,
    ask,
    backed,
    everywhere,
    install,
    install_without_service_cidrs,
    owning,
    survey,
    whom,
)
from tests.kernel.network import Node
from tests.kernel.outcomes import Dropped, Rejected
from tests.kernel.plans import (
    CALLERS,
    EXTERNAL,
    IPV4,
    IPV6,
    KINDS,
    NODE_PORT,
    Caller,
    Kind,
    Plan,
    both_families,
    each_protocol,
)

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


@frozen
class Situation:
    """A row of the table for the frontends of a Service: who meets which outcome; None means an endpoint."""

    policies: dict[str, str]
    elsewhere: bool
    kinds: tuple[Kind, ...]
    callers: tuple[Caller, ...]
    outcome: Turned | None


INTERNAL, EXTERNAL_LOCAL = {"internal_traffic_policy": "Local"}, {"external_traffic_policy": "Local"}
SITUATIONS = {
    "no endpoints anywhere": Situation({}, False, KINDS, CALLERS, REJECTED),
    "no endpoints anywhere, policies Local": Situation({**INTERNAL, **EXTERNAL_LOCAL}, False, KINDS, CALLERS, REJECTED),
    "internal Local, none here": Situation(INTERNAL, True, ("cluster IP",), CALLERS, DROPPED),
    "internal Local does not concern the outside": Situation(INTERNAL, True, EXTERNAL, CALLERS, None),
    "external Local, none here, pods and the node": Situation(
        EXTERNAL_LOCAL, True, EXTERNAL, ("pod", "remote pod", "node"), None
    ),
    "external Local, none here, anybody else": Situation(EXTERNAL_LOCAL, True, EXTERNAL, ("outsider",), DROPPED),
    "external Local does not concern the inside": Situation(EXTERNAL_LOCAL, True, ("cluster IP",), CALLERS, None),
}


@both_families
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_table_says_what_becomes_of_connections_nobody_serves_s37(node: Node, plan: Plan, name: str) -> None:
    row = SITUATIONS[name]
    endpoints = backed([remote(plan.there)], *Protocol) if row.elsewhere else []
    install(node, everywhere(plan, *Protocol, **row.policies), endpoints)
    found = survey(node, plan, *Protocol, callers=row.callers, kinds=row.kinds)
    expected = {plan.there} if row.outcome is None else {row.outcome}
    assert {case: whom(answers) for case, answers in found.items()} == dict.fromkeys(found, expected)


@both_families
@each_protocol
def test_ports_and_protocols_that_no_service_port_has_s37_s38(node: Node, plan: Plan, protocol: Protocol) -> None:
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    outcomes: dict[Kind, Turned] = {"cluster IP": REJECTED, "VIP": UNTOUCHED, "external IP": UNTOUCHED}
    for caller in CALLERS:
        for kind, outcome in outcomes.items():
            address, port = plan.frontend(kind)
            assert ask(node, plan, caller, address, port + 1, protocol) == {outcome}
            for other in set(Protocol) - {protocol}:
                assert ask(node, plan, caller, address, port, other) == {outcome}
        # Untouched on a node address: whatever listens there answers.
        assert ask(node, plan, caller, plan.node, NODE_PORT + 1, protocol) == {UNTOUCHED}
        assert ask(node, plan, caller, plan.node, 80, protocol) == {UNTOUCHED}


@both_families
def test_node_addresses_that_serve_no_node_ports_are_untouched_with_or_without_endpoints_s37(
    node: Node, plan: Plan
) -> None:
    for endpoints in ([], backed([local(plan.here)], *Protocol)):
        install(node, everywhere(plan, *Protocol), endpoints)
        for protocol in Protocol:
            for caller in CALLERS:
                assert ask(node, plan, caller, plan.gateway, NODE_PORT, protocol) == {UNTOUCHED}


@both_families
@each_protocol
def test_a_rejection_is_the_nodes_own_icmp_port_unreachable_s37(node: Node, plan: Plan, protocol: Protocol) -> None:
    install(node, everywhere(plan, protocol))
    for caller in CALLERS:
        for kind in KINDS:
            outcome = node.send(plan.packet(caller, *plan.frontend(kind), protocol))
            assert isinstance(outcome, Rejected)
            assert outcome.reason == "port-unreachable"
            assert outcome.from_address in {plan.node, plan.gateway}


@both_families
def test_a_tcp_client_is_refused_at_once_where_nothing_is_s37(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan))
    # A process of the node itself, and one of another host.
    with pytest.raises(ConnectionRefusedError):
        node.connect(plan.cluster_ip, 80, entry="output")
    if plan is IPV4:
        with pytest.raises(ConnectionRefusedError):
            node.connect(plan.vip, 80, source=plan.outsider)


@both_families
def test_silence_is_a_timeout_for_clients_and_eperm_for_the_nodes_own_packets_s37(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan, **INTERNAL), backed([remote(plan.there)]))
    with pytest.raises(TimeoutError):
        node.connect(plan.cluster_ip, 80, source=plan.outsider, timeout=0.1)
    with pytest.raises(TimeoutError):
        node.connect(plan.cluster_ip, 80, entry="output", timeout=0.1)
    outcome = node.send(plan.packet("node", plan.cluster_ip))
    assert isinstance(outcome, Dropped)
    assert outcome.error == "EPERM"


@both_families
@pytest.mark.parametrize("served", [True, False])
def test_the_address_of_a_cluster_ip_is_refused_to_ping_and_whatever_else_s38(
    node: Node, plan: Plan, served: bool
) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]) if served else [])
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.cluster_ip, None, "ICMP") == {REJECTED}
        assert ask(node, plan, caller, plan.cluster_ip, 80, "SCTP") == {REJECTED}
        # Addresses of other kinds are not.
        for address in (plan.vip, plan.external_ip, plan.node, plan.here):
            assert ask(node, plan, caller, address, None, "ICMP") == {UNTOUCHED}


@both_families
@pytest.mark.parametrize(
    "fields",
    [
        {"type": "ExternalName"},
        {"labels": {"service.kubernetes.io/service-proxy-name": "other"}},
        {"ip_families": ["IPv4", "IPv4", "IPv4"]},
    ],
    ids=["ExternalName", "another proxy's", "of another family"],
)
def test_only_cluster_ips_of_services_that_are_handled_are_refused_s38(
    node: Node, plan: Plan, fields: dict[str, Any]
) -> None:
    if "ip_families" in fields:
        fields = {"ip_families": [(IPV6 if plan is IPV4 else IPV4).family]}
    install_without_service_cidrs(node, evolve(everywhere(plan), **fields))
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.cluster_ip) == {UNTOUCHED}
        assert ask(node, plan, caller, plan.cluster_ip, None, "ICMP") == {UNTOUCHED}


@both_families
def test_a_cluster_ip_is_refused_wherever_it_is_not_only_inside_a_service_cidr_s38(node: Node, plan: Plan) -> None:
    strange = plan.second_vip
    install(node, service("web", [strange]))
    for caller in CALLERS:
        assert ask(node, plan, caller, strange, 81) == {REJECTED}


@both_families
@each_protocol
def test_an_address_of_a_service_cidr_that_no_service_has_is_dropped_s39(
    node: Node, plan: Plan, protocol: Protocol
) -> None:
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.unallocated, 80, protocol) == {DROPPED}
        assert ask(node, plan, caller, plan.unallocated, None, "ICMP") == {DROPPED}
        assert ask(node, plan, caller, plan.second_vip, 80, protocol) == {UNTOUCHED}


def _cidrs(*cidrs: str) -> tuple[ClusterObject, ...]:
    return tuple(ServiceCIDR(f"range-{number}", cidrs=[cidr]) for number, cidr in enumerate(cidrs))


@both_families
def test_without_known_service_cidrs_there_is_no_drop_s39(node: Node, plan: Plan) -> None:
    other = (IPV6 if plan is IPV4 else IPV4).unallocated
    # One of the other family says nothing about this one.
    for objects in ((), _cidrs(f"{other}/{128 if ':' in other else 32}")):
        install_without_service_cidrs(node, everywhere(plan), *objects)
        for caller in CALLERS:
            assert ask(node, plan, caller, plan.unallocated) == {UNTOUCHED}
            assert ask(node, plan, caller, plan.cluster_ip) == {REJECTED}


@both_families
def test_all_service_cidrs_of_the_family_count_wherever_they_are_given_and_overlapping_ones_too_s39(
    node: Node, plan: Plan
) -> None:
    narrow, wide = (f"{plan.unallocated}/{plan.bits}", f"{plan.unallocated}/{plan.bits - 8}")
    declared = [f"{plan.second_vip}/{plan.bits}", narrow, wide, narrow, "nonsense"]
    settings = evolve(PODS, service_cidrs=[f"{plan.other_outsider}/{plan.bits}", wide])
    install_without_service_cidrs(node, *_cidrs(*declared), settings=settings)
    for caller in CALLERS:
        for address in (plan.unallocated, plan.second_vip, plan.other_outsider):
            assert ask(node, plan, caller, address) == {DROPPED}
        assert ask(node, plan, caller, plan.vip) == {UNTOUCHED}


@both_families
def test_cluster_ips_that_are_local_addresses_are_not_covered_s38_s39(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan), backed([local(plan.here)]))
    with owning(node, plan.cluster_ip, plan.unallocated, interface="lo"):
        for caller in ("outsider", "pod"):
            assert ask(node, plan, caller, plan.cluster_ip, 81) == {UNTOUCHED}
            assert ask(node, plan, caller, plan.unallocated) == {UNTOUCHED}
            # The frontend itself is served, as ever.
            assert whom(ask(node, plan, caller, plan.cluster_ip)) == {plan.here}


@both_families
def test_frontends_without_endpoints_are_refused_where_their_address_is_local_s37_s38(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan))
    with owning(node, plan.cluster_ip, plan.vip, plan.external_ip, interface="lo"):
        for case, found in survey(node, plan).items():
            assert found == {REJECTED}, case
