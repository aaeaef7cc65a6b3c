"""Algorithms and weights on a real kernel: every single connection is compared with what Python foretells (S23).

What was measured goes to stderr; ``pytest -s`` shows it.
"""

from __future__ import annotations

import collections
import ipaddress
import itertools
import random
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from attrs import evolve

from svcc.compiler.balancing import maglev_of, slots_of
from svcc.compiler.compilation import Compilation
from svcc.dataplane.contract import Decision, ServicePortPlan
from svcc.hashing import Maglev
from svcc.model.endpoints import Endpoint
from svcc.model.node import Node as NodeObject
from svcc.model.node import NodeAddress
from svcc.model.service import Protocol, Service, ServicePort
from tests.declare import NODE, OTHER_NODE, local, remote, service
from tests.kernel.callers import backed, everywhere, install, reload
from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered
from tests.kernel.packets import Packet
from tests.kernel.plans import IPV4, KINDS, NODE_PORT, PORT, Caller, Plan, both_families, each_protocol

pytestmark = pytest.mark.kernel

MAGLEV = {"svcc.dev/load-balancing": "maglev"}
BY_FLOW = {**MAGLEV, "svcc.dev/hash-key": "flow"}
ROUND_ROBIN = {"svcc.dev/load-balancing": "round-robin"}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def pods(
    plan: Plan, count: int = 10, *, weights: Sequence[int | None] = (), here: Sequence[int] = ()
) -> list[Endpoint]:
    """Endpoints, those whose numbers are in `here` on the node."""
    base = int(ipaddress.ip_address(plan.there))
    addresses = [str(ipaddress.ip_address(base + number)) for number in range(len(weights) or count)]
    return [
        (local if number in here else remote)(address, weight=weight)
        for number, (address, weight) in enumerate(itertools.zip_longest(addresses, weights))
    ]


def clients(plan: Plan, count: int, seed: int = 1) -> list[str]:
    """Addresses of outsiders, all different."""
    chance = random.Random(seed)
    network = ipaddress.ip_network("100.64.0.0/10" if plan is IPV4 else "2001:db8:77::/48")
    offsets = chance.sample(range(1, 2**22), count)
    return [str(network[offset]) for offset in offsets]


def packets(plan: Plan, sources: Sequence[str], destination: str, port: int, protocol: str = "TCP") -> list[Packet]:
    return [plan.packet("outsider", destination, port, protocol, source=source) for source in sources]


def reached(node: Node, sent: Sequence[Packet]) -> list[str]:
    """The endpoint of each packet as ``ADDRESS PORT``."""
    outcomes = node.send_many(sent)
    assert all(isinstance(outcome, Delivered) for outcome in outcomes), collections.Counter(map(type, outcomes))
    return [f"{outcome.address} {outcome.port}" for outcome in outcomes if isinstance(outcome, Delivered)]


def service_port(compilation: Compilation, plan: Plan, name: str = "web") -> ServicePortPlan:
    [family] = [each for each in compilation.dataplane.families if each.family is plan.family]
    [found] = [each for each in family.service_ports if each.name.service == name]
    return found


def table(compilation: Compilation, plan: Plan, decision: Decision = Decision.CLUSTER) -> Maglev:
    found = maglev_of(service_port(compilation, plan), decision)
    assert found is not None
    return found


@both_families
@each_protocol
def test_thousands_of_clients_go_where_maglev_says_s23(node: Node, plan: Plan, protocol: Protocol) -> None:
    declared = everywhere(plan, protocol, annotations=MAGLEV)
    maglev = table(install(node, declared, backed(pods(plan), protocol)), plan)
    sources = clients(plan, 2000)
    found = reached(node, packets(plan, sources, plan.vip, PORT, protocol))
    assert found == [maglev.lookup(source) for source in sources]
    assert set(found) == set(maglev.endpoints)


@both_families
@each_protocol
def test_thousands_of_flows_go_where_maglev_says_s23(node: Node, plan: Plan, protocol: Protocol) -> None:
    declared = everywhere(plan, protocol, annotations=BY_FLOW)
    maglev = table(install(node, declared, backed(pods(plan), protocol)), plan)
    flows = [(source, port) for source in clients(plan, 20) for port in range(20000, 20100)]
    sent = [
        evolve(packet, source_port=port)
        for (source, port) in flows
        for packet in packets(plan, [source], plan.cluster_ip, PORT, protocol)
    ]
    found = reached(node, sent)
    assert found == [maglev.lookup(flow) for flow in flows]
    assert set(found[:100]) == set(maglev.endpoints), "one client's flows spread"


@both_families
def test_a_client_goes_to_the_same_endpoint_by_every_frontend_and_from_any_port_s23(node: Node, plan: Plan) -> None:
    maglev = table(install(node, everywhere(plan, annotations=MAGLEV), backed(pods(plan))), plan)
    sources = clients(plan, 200)
    for kind in KINDS:
        for _ in range(2):
            found = reached(node, packets(plan, sources, *plan.frontend(kind)))
            assert found == [maglev.lookup(source) for source in sources], kind


@both_families
def test_another_node_sends_a_client_to_the_same_endpoint_s23(node: Node, plan: Plan) -> None:
    other = NodeObject(OTHER_NODE, addresses=[NodeAddress("192.168.0.10"), NodeAddress("fd00:1::10")])
    sources = clients(plan, 500)
    found = []
    for on in (NODE, other):
        install(node, everywhere(plan, annotations=MAGLEV), backed(pods(plan, here=[0, 1, 2])), on=on)
        found.append(reached(node, packets(plan, sources, plan.vip, PORT)))
    assert found[0] == found[1]


@both_families
def test_local_endpoints_have_a_table_of_their_own_s19_s23(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, annotations=MAGLEV, external_traffic_policy="Local")
    compilation = install(node, declared, backed(pods(plan, here=[0, 3, 4])))
    near, everybody = (table(compilation, plan, each) for each in (Decision.LOCAL, Decision.CLUSTER))
    assert (len(near.endpoints), len(everybody.endpoints)) == (3, 10)
    sources = clients(plan, 500)
    for kind in ("VIP", "external IP", "node port"):
        found = reached(node, packets(plan, sources, *plan.frontend(kind)))
        assert found == [near.lookup(source) for source in sources]
    callers: tuple[Caller, ...] = ("pod", "node")
    for caller in callers:
        assert reached(node, [plan.packet(caller, plan.vip)]) == [everybody.lookup(plan.source(caller))]


@both_families
def test_shares_of_clients_are_in_proportion_to_weights_s23(node: Node, plan: Plan) -> None:
    maglev = table(
        install(node, everywhere(plan, annotations=MAGLEV), backed(pods(plan, weights=[5, None, 0, 2]))), plan
    )
    sources = clients(plan, 4000)
    found = reached(node, packets(plan, sources, plan.vip, PORT))
    assert found == [maglev.lookup(source) for source in sources]
    counts = collections.Counter(found)
    assert len(counts) == 3
    for endpoint, part in zip(pods(plan, 4), (5, 1, 0, 2), strict=True):
        # Five standard deviations of a share of 4000 are below 0.04.
        assert abs(counts[f"{endpoint.addresses[0]} 8080"] / 4000 - part / 8) < 0.04


@both_families
@pytest.mark.parametrize(
    ("count", "annotations"), [(5, MAGLEV), (10, MAGLEV), (17, MAGLEV), (18, {**MAGLEV, "svcc.dev/table-size": "4093"})]
)
def test_an_endpoint_that_goes_takes_few_clients_of_others_with_it_s23(
    node: Node, plan: Plan, count: int, annotations: dict[str, str]
) -> None:
    declared, everybody = everywhere(plan, annotations=annotations), pods(plan, count)
    sources = clients(plan, 4000)
    sent = packets(plan, sources, plan.vip, PORT)
    install(node, declared, backed(everybody))
    before = reached(node, sent)
    gone = everybody.pop(count // 2)
    maglev = table(reload(node, declared, backed(everybody)), plan)
    after = reached(node, sent)
    assert after == [maglev.lookup(source) for source in sources]
    had_to = sum(endpoint == f"{gone.addresses[0]} 8080" for endpoint in before) / len(sources)
    moved = sum(one != other for one, other in zip(before, after, strict=True)) / len(sources)
    sys.stderr.write(f"1 of {count} went: {moved:.4f} of the clients moved, {had_to:.4f} were its own\n")
    assert abs(had_to - 1 / count) < 0.04
    assert had_to <= moved <= had_to + 0.06


@both_families
def test_with_affinity_maglev_chooses_for_new_clients_only_s34(node: Node, plan: Plan) -> None:
    declared, everybody = everywhere(plan, annotations=MAGLEV, session_affinity="ClientIP"), pods(plan)
    before = table(install(node, declared, backed(everybody)), plan)
    sources = clients(plan, 600)
    known, fresh = sources[:300], sources[300:]
    assert reached(node, packets(plan, known, plan.vip, PORT)) == [before.lookup(each) for each in known]
    drained = [evolve(endpoint, weight=0 if number < 3 else 1) for number, endpoint in enumerate(everybody)]
    after = table(reload(node, declared, backed(drained)), plan)
    assert reached(node, packets(plan, known, plan.vip, PORT)) == [before.lookup(each) for each in known]
    assert reached(node, packets(plan, fresh, plan.vip, PORT)) == [after.lookup(each) for each in fresh]
    assert any(before.lookup(each) != after.lookup(each) for each in known)


def names(plan: Plan, compilation: Compilation, name: str = "web", decision: Decision = Decision.CLUSTER) -> list[str]:
    return [f"{each.address} {each.port}" for each in slots_of([service_port(compilation, plan, name)])[0][decision]]


@both_families
@each_protocol
def test_endpoints_take_turns_in_order_whoever_connects_s23(node: Node, plan: Plan, protocol: Protocol) -> None:
    declared = everywhere(plan, protocol, annotations=ROUND_ROBIN)
    compilation = install(node, declared, backed(pods(plan, 7), protocol))
    order = names(plan, compilation)
    assert sorted(order) == sorted(f"{each.addresses[0]} 8080" for each in pods(plan, 7))
    sources = [plan.outsider] * 21 + clients(plan, 21)
    assert reached(node, packets(plan, sources, plan.cluster_ip, PORT, protocol)) == order * 6


@both_families
def test_turns_are_spread_by_weight_s23(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, annotations=ROUND_ROBIN)
    compilation = install(node, declared, backed(pods(plan, weights=[5, 1, 1, 0])))
    order = names(plan, compilation)
    assert reached(node, packets(plan, [plan.outsider] * 21, plan.cluster_ip, PORT)) == order * 3
    assert sorted(collections.Counter(order).values()) == [1, 1, 5]
    assert max(len(list(run)) for _, run in itertools.groupby(order)) == 2


@both_families
def test_a_service_port_counts_its_own_turns_s23(node: Node, plan: Plan) -> None:
    web = everywhere(plan, annotations=ROUND_ROBIN)
    other = service("other", [plan.second_cluster_ip], ServicePort(PORT, "http"), annotations=ROUND_ROBIN)
    everybody = pods(plan, 4)
    compilation = install(node, web, backed(everybody), other, backed(everybody, name="other"))
    chance = random.Random(3)
    destinations = {
        plan.cluster_ip: ("web", "by address"),
        plan.vip: ("web", "by address"),
        plan.node: ("web", "by node port"),
        plan.second_cluster_ip: ("other", "by address"),
    }
    sent = [
        plan.packet("outsider", destination, NODE_PORT if destination == plan.node else PORT)
        for destination in chance.choices(list(destinations), k=200)
    ]
    found: dict[tuple[str, str], list[str]] = {}
    for packet, endpoint in zip(sent, reached(node, sent), strict=True):
        found.setdefault(destinations[packet.destination], []).append(endpoint)
    assert len(found) == 3
    for (name, _), endpoints in found.items():
        turns = itertools.cycle(names(plan, compilation, name))
        assert endpoints == list(itertools.islice(turns, len(endpoints)))


@both_families
def test_turns_begin_anew_with_a_reload_s23(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, annotations=ROUND_ROBIN)
    first, *_ = names(plan, install(node, declared, backed(pods(plan, 4))))
    for _ in range(3):
        assert reached(node, packets(plan, [plan.outsider], plan.cluster_ip, PORT)) == [first]
        reload(node, declared, backed(pods(plan, 4)))


@both_families
@pytest.mark.parametrize("weights", [[None] * 10, [1, 2, 3, 4, 0, 1, 2, 3, 4, 5], [1000, 999, 501, 250, 3]])
def test_random_draws_are_in_proportion_to_weights_s23(node: Node, plan: Plan, weights: list[int | None]) -> None:
    endpoints = pods(plan, weights=weights)
    install(node, everywhere(plan), backed(endpoints))
    draws = 4000
    found = collections.Counter(reached(node, packets(plan, [plan.outsider] * draws, plan.cluster_ip, PORT)))
    parts = [1 if weight is None else weight for weight in weights]
    expected = {
        f"{endpoint.addresses[0]} 8080": draws * part / sum(parts)
        for endpoint, part in zip(endpoints, parts, strict=True)
        if part
    }
    assert found.keys() <= expected.keys()
    deviation = sum((found[name] - wanted) ** 2 / wanted for name, wanted in expected.items())
    sys.stderr.write(f"chi-square {deviation:.1f} with {len(expected) - 1} degrees of freedom\n")
    # Beyond 60 is one run in ten thousand million, for nine degrees of freedom or fewer.
    assert deviation < 60


def test_an_annotation_that_svcc_does_not_know_costs_nothing_s23(node: Node) -> None:
    odd: dict[str, Any] = {"svcc.dev/load-balancing": "fastest", "svcc.dev/hash-key": "cookie"}
    declared: Service = everywhere(IPV4, annotations=odd)
    install(node, declared, backed(pods(IPV4, 3)))
    assert len(set(reached(node, packets(IPV4, [IPV4.outsider] * 60, IPV4.vip, PORT)))) == 3
