"""Session affinity on a real kernel (S34 to S36)."""

from __future__ import annotations

import collections

import pytest
from attrs import evolve, frozen

from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from tests.declare import compiled, local, remote, service, slices
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet

pytestmark = pytest.mark.kernel


@frozen
class Plan:
    """The addresses of one family."""

    cluster_ip: str
    other_cluster_ip: str
    vip: str
    node: str
    client: str
    endpoints: tuple[str, ...]

    def clients(self, count: int) -> list[str]:
        head = self.client[: -len("7")]
        return [f"{head}{number:x}" if ":" in head else f"{head}{number}" for number in range(1, count + 1)]


IPV4 = Plan(
    "10.96.0.1", "10.96.0.2", "198.18.0.1", "192.168.0.10", "203.0.113.7", tuple(f"10.244.1.{n}" for n in range(2, 12))
)
IPV6 = Plan(
    "fd00:96::1",
    "fd00:96::2",
    "2001:db8:ffff::1",
    "fd00:1::10",
    "2001:db8::7",
    tuple(f"fd00:10:244:1::{n}" for n in range(2, 12)),
)
both_families = pytest.mark.parametrize("plan", [IPV4, IPV6], ids=["IPv4", "IPv6"])
each_protocol = pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])


def sticky(plan: Plan, protocol: str = "TCP", **fields: object) -> Service:
    port = ServicePort(80, "http", protocol=protocol, node_port=30080)
    more: dict[str, object] = {
        "type": "LoadBalancer",
        "session_affinity": "ClientIP",
        "load_balancer_ingress": [LoadBalancerIngress(plan.vip)],
    }
    return service("web", [plan.cluster_ip], port, **{**more, **fields})


def pods(plan: Plan, *kept: int, protocol: str = "TCP") -> list[ClusterObject]:
    endpoints = [local(plan.endpoints[n]) if n % 2 else remote(plan.endpoints[n]) for n in kept or range(10)]
    return list(slices("web", endpoints, EndpointPort(8080, "http", protocol)))


def reached(
    node: Node, source: str, destination: str, port: int = 80, *, times: int = 1, protocol: str = "TCP"
) -> set[str]:
    packet = Packet(protocol=protocol, source=source, destination=destination, destination_port=port)
    outcomes = node.send_many([packet] * times)
    assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
    return {outcome.address for outcome in outcomes if isinstance(outcome, Delivered)}


@both_families
@each_protocol
def test_a_client_stays_and_clients_spread_s34(node: Node, plan: Plan, protocol: str) -> None:
    node.load(compiled(sticky(plan, protocol), pods(plan, protocol=protocol)).script)
    clients = plan.clients(40)
    firsts = [reached(node, client, plan.cluster_ip, protocol=protocol) for client in clients]
    assert len(set().union(*firsts)) > 5
    for client, first in zip(clients, firsts, strict=True):
        assert reached(node, client, plan.cluster_ip, times=5, protocol=protocol) == first


@both_families
def test_all_frontends_of_a_service_port_share_one_record_s34(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan)).script)
    for client in plan.clients(20):
        found = reached(node, client, plan.cluster_ip)
        assert reached(node, client, plan.vip) == found
        assert reached(node, client, plan.node, 30080) == found


@both_families
def test_ports_of_one_service_have_records_of_their_own_s34(node: Node, plan: Plan) -> None:
    ports = [ServicePort(80, "http"), ServicePort(443, "https")]
    declared = service("web", [plan.cluster_ip], *ports, session_affinity="ClientIP")
    endpoints = [remote(address) for address in plan.endpoints]
    node.load(
        compiled(declared, slices("web", endpoints, EndpointPort(8080, "http"), EndpointPort(8080, "https"))).script
    )
    pairs = {
        (*reached(node, client, plan.cluster_ip, 80), *reached(node, client, plan.cluster_ip, 443))
        for client in plan.clients(30)
    }
    assert any(http != https for http, https in pairs)


@both_families
def test_two_services_have_records_of_their_own_s34(node: Node, plan: Plan) -> None:
    other = service("other", [plan.other_cluster_ip], session_affinity="ClientIP")
    endpoints = [remote(address) for address in plan.endpoints]
    node.load(compiled(sticky(plan), pods(plan), other, slices("other", endpoints)).script)
    pairs = {
        (*reached(node, client, plan.cluster_ip), *reached(node, client, plan.other_cluster_ip))
        for client in plan.clients(30)
    }
    assert any(one != two for one, two in pairs)


@both_families
def test_records_survive_a_reload_s35(node: Node, plan: Plan) -> None:
    script = compiled(sticky(plan), pods(plan)).script
    node.load(script)
    before = {client: reached(node, client, plan.cluster_ip) for client in plan.clients(20)}
    node.load(script)
    assert {client: reached(node, client, plan.cluster_ip) for client in before} == before


@both_families
def test_other_endpoints_coming_and_going_move_no_client_s35(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan, *range(5))).script)
    before = {client: reached(node, client, plan.cluster_ip) for client in plan.clients(30)}
    node.load(compiled(sticky(plan), pods(plan, *range(1, 10))).script)
    for client, endpoints in before.items():
        if endpoints != {plan.endpoints[0]}:
            assert reached(node, client, plan.cluster_ip) == endpoints


@both_families
@each_protocol
def test_a_record_towards_an_endpoint_that_is_gone_is_never_honoured_s35(node: Node, plan: Plan, protocol: str) -> None:
    node.load(compiled(sticky(plan, protocol), pods(plan, 0, protocol=protocol)).script)
    clients = plan.clients(20)
    for client in clients:
        assert reached(node, client, plan.cluster_ip, protocol=protocol) == {plan.endpoints[0]}
    node.load(compiled(sticky(plan, protocol), pods(plan, 1, 2, 3, protocol=protocol)).script)
    for client in clients:
        found = reached(node, client, plan.cluster_ip, protocol=protocol)
        assert found <= set(plan.endpoints[1:4])
        # The new choice is remembered in place of the old one.
        assert reached(node, client, plan.cluster_ip, times=6, protocol=protocol) == found


@both_families
def test_who_moved_on_does_not_return_to_an_endpoint_that_comes_back_s35(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan, 0)).script)
    clients = plan.clients(10)
    for client in clients:
        reached(node, client, plan.cluster_ip)
    node.load(compiled(sticky(plan), pods(plan, 1)).script)
    for client in clients:
        reached(node, client, plan.cluster_ip)
    node.load(compiled(sticky(plan), pods(plan, 0, 1)).script)
    for client in clients:
        assert reached(node, client, plan.cluster_ip, times=4) == {plan.endpoints[1]}


@both_families
def test_a_record_outside_the_set_of_this_connection_is_not_honoured_s35(node: Node, plan: Plan) -> None:
    declared = sticky(plan, external_traffic_policy="Local")
    node.load(compiled(declared, pods(plan, 0, 1)).script)
    for client in plan.clients(20):
        # The cluster IP may lead to the remote endpoint, the VIP only to the local one; the last choice is remembered.
        reached(node, client, plan.cluster_ip)
        assert reached(node, client, plan.vip) == {plan.endpoints[1]}
        assert reached(node, client, plan.cluster_ip, times=4) == {plan.endpoints[1]}


@both_families
def test_affinity_ends_when_it_is_switched_off_s35(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan)).script)
    reached(node, plan.client, plan.cluster_ip)
    node.load(compiled(evolve(sticky(plan), session_affinity="None"), pods(plan)).script)
    assert len(reached(node, plan.client, plan.cluster_ip, times=60)) > 5


@both_families
def test_the_timeout_is_the_services_own_s35(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan, session_affinity_timeout_seconds=1234), pods(plan)).script)
    reached(node, plan.client, plan.cluster_ip)
    word = "ip" if plan is IPV4 else "ip6"
    assert "20m34s" in node.nft("list", "map", word, "svcc", "affinity")


@both_families
def test_an_endpoint_on_the_nodes_own_address_is_remembered_s35(node: Node, plan: Plan) -> None:
    # Its packets never pass postrouting.
    endpoints = [local(plan.node), remote(plan.endpoints[0])]
    node.load(compiled(sticky(plan), slices("web", endpoints)).script)
    counted = collections.Counter()  # type: collections.Counter[str]
    for client in plan.clients(24):
        found = reached(node, client, plan.cluster_ip)
        counted.update(found)
        assert reached(node, client, plan.cluster_ip, times=6) == found
    assert set(counted) == {plan.node, plan.endpoints[0]}


@both_families
def test_a_hairpin_pod_is_known_by_its_own_address_s34(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan, 1, 2, 3)).script)
    packet = Packet(
        protocol="TCP", source=plan.endpoints[1], destination=plan.cluster_ip, destination_port=80, entry="pod"
    )
    outcomes = node.send_many([packet] * 12)
    assert len({outcome.address for outcome in outcomes if isinstance(outcome, Delivered)}) == 1


def test_more_clients_are_remembered_than_a_set_without_size_holds_s36(node: Node) -> None:
    plan = IPV4
    node.load(compiled(sticky(plan), pods(plan, 0, 1)).script)
    clients = [f"11.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(66_500)]
    packets = [
        Packet(protocol="TCP", source=client, destination=plan.cluster_ip, destination_port=80) for client in clients
    ]
    first = [outcome.address for outcome in node.send_many(packets) if isinstance(outcome, Delivered)]
    assert len(first) == len(clients)
    again = [outcome.address for outcome in node.send_many(packets[-800:]) if isinstance(outcome, Delivered)]
    assert again == first[-800:]


@both_families
def test_the_priority_of_a_packet_that_leaves_is_reset(node: Node, plan: Plan) -> None:
    node.load(compiled(sticky(plan), pods(plan, 0, 1)).script)
    node.nft("add table inet watch")
    node.nft("add chain inet watch out { type filter hook postrouting priority 300; }")
    node.nft("add rule inet watch out meta l4proto tcp meta priority != none counter")
    for client in plan.clients(10):
        reached(node, client, plan.cluster_ip, times=2)
    assert "packets 0 " in node.nft("list", "chain", "inet", "watch", "out")
