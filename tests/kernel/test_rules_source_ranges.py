"""Whom the source ranges of a load balancer's Service admit (S40 and S41), by packets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterSettings
from svcc.model.node import NodeAddress
from svcc.model.service import IPMode, LoadBalancerIngress, Protocol, ServicePort
from tests.declare import NODE, local, remote, service
from tests.kernel.callers import DROPPED, REJECTED, ask, backed, everywhere, install, owning, reload, survey, whom
from tests.kernel.network import Node
from tests.kernel.plans import CALLERS, IPV4, IPV6, PORT, Caller, Plan, both_families, each_protocol

pytestmark = pytest.mark.kernel

each_caller = pytest.mark.parametrize("caller", CALLERS)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def only(plan: Plan, caller: Caller) -> str:
    """The range that holds one caller's address and no other."""
    return f"{plan.source(caller)}/{plan.bits}"


@both_families
@each_protocol
@each_caller
def test_a_vip_admits_its_ranges_alone_and_other_frontends_admit_everybody_s40(
    node: Node, plan: Plan, protocol: Protocol, caller: Caller
) -> None:
    # The node's own address in a range admits the VIP as well, which changes nothing for the callers here (S41).
    declared = everywhere(plan, protocol, load_balancer_source_ranges=[only(plan, caller)])
    install(node, declared, backed([local(plan.here)], protocol))
    for (asking, kind, _protocol), found in survey(node, plan, protocol).items():
        refused = kind == "VIP" and asking != caller
        assert whom(found) == ({DROPPED} if refused else {plan.here}), (asking, kind)


@both_families
def test_each_vip_and_each_port_is_guarded_and_each_range_admits_s40(node: Node, plan: Plan) -> None:
    ports = [ServicePort(PORT, "http"), ServicePort(443, "https"), ServicePort(PORT, "udp", Protocol.UDP)]
    declared = service(
        "web",
        [plan.cluster_ip],
        *ports,
        type="LoadBalancer",
        load_balancer_ingress=[LoadBalancerIngress(plan.vip), LoadBalancerIngress(plan.second_vip)],
        load_balancer_source_ranges=[only(plan, "outsider"), only(plan, "pod")],
    )
    install(node, declared)
    for address in (plan.vip, plan.second_vip):
        for port, protocol in ((PORT, "TCP"), (443, "TCP"), (PORT, "UDP")):
            found = {caller: ask(node, plan, caller, address, port, protocol) for caller in CALLERS}
            assert found == {
                "outsider": {REJECTED},
                "pod": {REJECTED},
                "remote pod": {DROPPED},
                "node": {DROPPED},
            }


@both_families
def test_a_range_ends_where_its_prefix_does_s40(node: Node, plan: Plan) -> None:
    network = ipaddress.ip_network(f"{plan.outsider}/{plan.bits - 4}", strict=False)
    first, last = int(network[0]), int(network[-1])
    # Host bits in what is declared are of no account.
    declared = everywhere(plan, load_balancer_source_ranges=[f"{plan.outsider}/{plan.bits - 4}"])
    install(node, declared, backed([local(plan.here)]))
    for number, admitted in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        source = str(ipaddress.IPv6Address(number) if plan is IPV6 else ipaddress.IPv4Address(number))
        found = whom(ask(node, plan, "outsider", plan.vip, source=source))
        assert found == ({plan.here} if admitted else {DROPPED}), source


@both_families
def test_overlapping_repeated_and_adjacent_ranges_are_one_s40(node: Node, plan: Plan) -> None:
    bits = plan.bits
    outsiders = ipaddress.ip_network(f"{plan.outsider}/{bits - 8}", strict=False)
    halves = [str(half) for half in outsiders.subnets(1)]
    ranges = [
        str(outsiders),
        *halves,
        *reversed(halves),
        f"{plan.outsider}/{bits}",
        f" {plan.outsider}/{bits - 2}",
        f"{plan.pod}/{bits}",
        f"{plan.pod}/{bits}",
        f"{plan.pod}/{bits - 1}",
    ]
    install(node, everywhere(plan, load_balancer_source_ranges=ranges), backed([local(plan.here)]))
    found = {caller: whom(ask(node, plan, caller, plan.vip)) for caller in CALLERS}
    served = {plan.here}
    assert found == {"outsider": served, "pod": served, "remote pod": {DROPPED}, "node": {DROPPED}}


@both_families
def test_a_range_of_everybody_refuses_nobody_s40(node: Node, plan: Plan) -> None:
    everybody = ["0.0.0.0/0"] if plan is IPV4 else ["::/0"]
    declared = everywhere(plan, load_balancer_source_ranges=[only(plan, "pod"), *everybody])
    install(node, declared, backed([local(plan.here)]))
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case


@both_families
def test_ranges_count_only_with_a_vip_and_only_those_of_the_family_s40(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    proxied = [LoadBalancerIngress(plan.vip, ip_mode=IPMode.PROXY)]
    without_vip = everywhere(plan, load_balancer_ingress=proxied, load_balancer_source_ranges=[only(plan, "pod")])
    install(node, without_vip, backed([local(plan.here)]))
    for case, found in survey(node, plan, kinds=["cluster IP", "external IP", "node port"]).items():
        assert whom(found) == {plan.here}, case
    for ranges in ([], [only(other, "pod")]):
        install(node, everywhere(plan, load_balancer_source_ranges=ranges), backed([local(plan.here)]))
        for case, found in survey(node, plan).items():
            assert whom(found) == {plan.here}, case


@both_families
def test_an_external_ip_that_is_a_vip_is_guarded_as_the_vip_is_s40(node: Node, plan: Plan) -> None:
    declared = everywhere(
        plan, external_ips=[plan.vip, plan.external_ip], load_balancer_source_ranges=[only(plan, "outsider")]
    )
    install(node, declared, backed([local(plan.here)]))
    assert whom(ask(node, plan, "outsider", plan.vip)) == {plan.here}
    assert ask(node, plan, "pod", plan.vip) == {DROPPED}
    assert whom(ask(node, plan, "pod", plan.external_ip)) == {plan.here}


@both_families
def test_a_vip_that_two_services_share_is_guarded_port_by_port_s40(node: Node, plan: Plan) -> None:
    other = service(
        "other",
        [plan.second_cluster_ip],
        ServicePort(81, "http"),
        type="LoadBalancer",
        load_balancer_ingress=[LoadBalancerIngress(plan.vip)],
    )
    declared = everywhere(plan, load_balancer_source_ranges=[only(plan, "outsider")])
    install(node, declared, backed([local(plan.here)]), other, backed([local(plan.also_here)], name="other"))
    assert ask(node, plan, "pod", plan.vip, 80) == {DROPPED}
    assert whom(ask(node, plan, "pod", plan.vip, 81)) == {plan.also_here}


@both_families
@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_ranges_are_asked_before_any_refusal_s40(node: Node, plan: Plan, policy: str) -> None:
    declared = everywhere(plan, external_traffic_policy=policy, load_balancer_source_ranges=[only(plan, "pod")])
    install(node, declared)
    assert ask(node, plan, "pod", plan.vip) == {REJECTED}
    assert ask(node, plan, "outsider", plan.vip) == {DROPPED}


@both_families
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_established_connections_are_not_asked_s40(node: Node, plan: Plan, protocol: Protocol) -> None:
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    with node.conversation(plan.vip, PORT, source=plan.outsider, protocol=protocol) as opened:
        before = opened.ask()
        guarded = everywhere(plan, protocol, load_balancer_source_ranges=[only(plan, "pod")])
        reload(node, guarded, backed([local(plan.here)], protocol))
        assert opened.ask() == before
    assert ask(node, plan, "outsider", plan.vip, protocol=protocol) == {DROPPED}


@both_families
@pytest.mark.parametrize("by_range", ["the node alone", "a wider range"])
def test_a_range_with_the_nodes_own_address_admits_all_vips_of_the_service_s41(
    node: Node, plan: Plan, by_range: str
) -> None:
    prefix = plan.bits if by_range == "the node alone" else plan.bits - 8
    declared = everywhere(
        plan,
        load_balancer_ingress=[LoadBalancerIngress(plan.vip), LoadBalancerIngress(plan.second_vip)],
        load_balancer_source_ranges=[f"{plan.node}/{prefix}"],
    )
    install(node, declared, backed([local(plan.here)]))
    # A host that owns the VIP and talks to it does so with the VIP as its source.
    with owning(node, plan.vip, plan.second_vip, interface="lo"):
        for source in (plan.node, plan.vip, plan.second_vip):
            for destination in (plan.vip, plan.second_vip):
                assert whom(ask(node, plan, "node", destination, source=source)) == {plan.here}
        assert ask(node, plan, "node", plan.vip, source=plan.gateway) == {DROPPED}
    for caller in ("outsider", "pod", "remote pod"):
        assert ask(node, plan, caller, plan.vip) == {DROPPED}


@both_families
def test_without_the_nodes_own_primary_address_the_vips_are_no_sources_s41(node: Node, plan: Plan) -> None:
    external = NodeAddress(plan.spare, "ExternalIP")
    on = evolve(NODE, addresses=(external, *NODE.addresses))
    ranges = [f"{plan.spare}/{plan.bits}", f"{plan.gateway}/{plan.bits}", only(plan, "outsider")]
    settings = ClusterSettings(local_addresses=[plan.spare, plan.gateway])
    declared = everywhere(plan, load_balancer_source_ranges=ranges)
    with owning(node, plan.vip, plan.spare):
        install(node, declared, backed([remote(plan.there)]), settings=settings, on=on)
        assert whom(ask(node, plan, "node", plan.vip, source=plan.spare)) == {plan.there}
        assert whom(ask(node, plan, "node", plan.vip, source=plan.gateway)) == {plan.there}
        assert ask(node, plan, "node", plan.vip, source=plan.vip) == {DROPPED}
        assert ask(node, plan, "node", plan.vip, source=plan.node) == {DROPPED}


@both_families
def test_the_vips_of_another_service_are_no_sources_s41(node: Node, plan: Plan) -> None:
    other = service(
        "other",
        [plan.second_cluster_ip],
        type="LoadBalancer",
        load_balancer_ingress=[LoadBalancerIngress(plan.second_vip)],
    )
    declared = everywhere(plan, load_balancer_source_ranges=[only(plan, "node")])
    install(node, declared, backed([local(plan.here)]), other)
    with owning(node, plan.second_vip, interface="lo"):
        assert ask(node, plan, "node", plan.vip, source=plan.second_vip) == {DROPPED}
        assert whom(ask(node, plan, "node", plan.vip)) == {plan.here}
