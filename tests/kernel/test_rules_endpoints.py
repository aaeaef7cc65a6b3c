"""From EndpointSlices to endpoints (S10 to S16), by packets."""

from __future__ import annotations

import collections
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import Protocol, ServicePort
from tests.declare import compiled, local, remote, service, slices
from tests.kernel.callers import DROPPED, MANY, REJECTED, Reached, ask, backed, everywhere, install, whom
from tests.kernel.network import Node
from tests.kernel.plans import IPV4, IPV6, PLANS, Plan, both_families, each_protocol

pytestmark = pytest.mark.kernel

HTTP = EndpointPort(8080, "http")


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def slice_of(plan: Plan, name: str, *endpoints: Endpoint, **fields: Any) -> EndpointSlice:
    more: dict[str, Any] = {"service_name": "web", "ports": [HTTP], "address_type": plan.family.value}
    return EndpointSlice(name, endpoints=endpoints, **{**more, **fields})


@both_families
@pytest.mark.parametrize(
    "fields",
    [
        {"service_name": "other"},
        {"service_name": None},
        {"service_name": ""},
        {"namespace": "elsewhere"},
        {"address_type": "FQDN"},
    ],
    ids=["another Service", "no label", "empty label", "another namespace", "FQDN"],
)
def test_a_slice_that_is_not_the_services_is_not_used_s10(node: Node, plan: Plan, fields: dict[str, Any]) -> None:
    # Its name says nothing, whatever it is.
    install(node, everywhere(plan), slice_of(plan, "web", local(plan.here), **fields))
    assert ask(node, plan, "pod", plan.cluster_ip) == {REJECTED}
    install(
        node,
        everywhere(plan),
        slice_of(plan, "web", local(plan.here), **fields),
        slice_of(plan, "strange-name", local(plan.also_here)),
    )
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.also_here}


@both_families
def test_only_slices_and_addresses_of_the_family_at_hand_are_used_s10(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    declared = service("web", [plan.cluster_ip, other.cluster_ip])
    install(node, declared, slice_of(other, "web-1", local(other.here)), slice_of(plan, "web-2", local(other.here)))
    assert ask(node, plan, "pod", plan.cluster_ip) == {REJECTED}
    assert whom(ask(node, other, "pod", other.cluster_ip)) == {other.here}


@both_families
def test_only_the_first_address_of_an_endpoint_is_used_s11(node: Node, plan: Plan) -> None:
    endpoints = [Endpoint([plan.here, plan.also_here, plan.there]), Endpoint([])]
    install(node, everywhere(plan), slice_of(plan, "web-1", *endpoints))
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here}


@both_families
def test_an_endpoint_without_addresses_is_none_s11(node: Node, plan: Plan) -> None:
    install(node, everywhere(plan), slice_of(plan, "web-1", Endpoint([]), Endpoint(["nonsense", plan.here])))
    assert ask(node, plan, "pod", plan.cluster_ip) == {REJECTED}


@both_families
@each_protocol
def test_a_slice_port_serves_the_service_port_of_its_name_and_protocol_s12(
    node: Node, plan: Plan, protocol: Protocol
) -> None:
    other = next(each for each in Protocol if each is not protocol)
    ports = [
        EndpointPort(1, "https", protocol),
        EndpointPort(2, "http", other),
        EndpointPort(3, "", protocol),
        EndpointPort(8081, "http", protocol),
    ]
    install(node, everywhere(plan, protocol), slice_of(plan, "web-1", local(plan.here), ports=ports))
    assert ask(node, plan, "outsider", plan.vip, protocol=protocol) == {Reached(plan.here, 8081, masqueraded=True)}


@both_families
@pytest.mark.parametrize(
    ("service_port", "slice_port"),
    [
        (ServicePort(80, "http"), EndpointPort(8080, None)),
        (ServicePort(80), EndpointPort(8080, None)),
        (ServicePort(80, "http"), EndpointPort(None, "http")),
        (ServicePort(80, "http"), EndpointPort(0, "http")),
        (ServicePort(80, "http"), EndpointPort(8080, "HTTP")),
        (ServicePort(80, "http"), EndpointPort(8080, "http", Protocol.UDP)),
    ],
    ids=["null name", "null name for an unnamed port", "null number", "number 0", "another case", "another protocol"],
)
def test_a_slice_port_that_does_not_match_is_skipped_s12(
    node: Node, plan: Plan, service_port: ServicePort, slice_port: EndpointPort
) -> None:
    declared = service("web", [plan.cluster_ip], service_port)
    install(node, declared, slice_of(plan, "web-1", local(plan.here), ports=[slice_port]))
    assert ask(node, plan, "pod", plan.cluster_ip) == {REJECTED}


@both_families
def test_each_endpoint_keeps_the_number_of_its_slice_s12(node: Node, plan: Plan) -> None:
    found = [
        slice_of(plan, "web-1", local(plan.here), ports=[EndpointPort(8001, "http")]),
        slice_of(plan, "web-2", remote(plan.there), ports=[EndpointPort(8002, "http")]),
        slice_of(plan, "web-3", local(plan.here), ports=[EndpointPort(8003, "http")]),
    ]
    install(node, everywhere(plan), found)
    assert ask(node, plan, "pod", plan.cluster_ip, times=2 * MANY) == {
        Reached(plan.here, 8001),
        Reached(plan.there, 8002),
        Reached(plan.here, 8003),
    }


@both_families
def test_conditions_left_out_mean_ready_serving_and_not_terminating_s13(node: Node, plan: Plan) -> None:
    states = list(itertools.product([None, True, False], repeat=3))
    addresses = [plan.unallocated[:-1] + digit for digit in "123456789"]
    ports = range(80, 83)
    expected = {}
    objects: list[Any] = []
    for number, (ready, serving, terminating) in enumerate(states):
        address, port = addresses[number // 3], ports[number % 3]
        if number % 3 == 0:
            names = [ServicePort(each, f"p{each}") for each in ports]
            objects.append(service(f"web-{number // 3}", [address], *names))
        endpoint = local(plan.here, ready=ready, serving=serving, terminating=terminating)
        objects.append(
            slice_of(
                plan,
                f"slice-{number}",
                endpoint,
                service_name=f"web-{number // 3}",
                ports=[EndpointPort(8080, f"p{port}")],
            )
        )
        usable = ready is not False or (serving is not False and terminating is True)
        expected[address, port] = {plan.here} if usable else {REJECTED}
    install(node, objects)
    found = {(address, port): whom(ask(node, plan, "pod", address, port)) for address, port in expected}
    assert found == expected
    # Ready, whatever the others say: 18; of the rest those that terminate and serve: 2.
    assert sum(answers != {REJECTED} for answers in found.values()) == 20


@both_families
@pytest.mark.parametrize(
    ("node_name", "is_local"),
    [("node-a", True), (None, False), ("", False), ("node-b", False), ("NODE-A", False), ("node-a.example", False)],
)
def test_an_endpoint_is_local_only_if_it_names_this_node_s14(
    node: Node, plan: Plan, node_name: str | None, is_local: bool
) -> None:
    endpoint = Endpoint([plan.here], node_name=node_name)
    install(node, everywhere(plan, internal_traffic_policy="Local"), backed([endpoint]))
    assert whom(ask(node, plan, "pod", plan.cluster_ip)) == ({plan.here} if is_local else {DROPPED})
    assert whom(ask(node, plan, "pod", plan.vip)) == {plan.here}


@both_families
def test_an_endpoint_given_several_times_is_one_s15(node: Node, plan: Plan) -> None:
    twice = slice_of(plan, "web-1", local(plan.here), local(plan.here), remote(plan.there))
    install(node, everywhere(plan), twice, slice_of(plan, "web-2", local(plan.here)))
    packets = [plan.packet("pod", plan.cluster_ip)] * 1000
    drawn = collections.Counter(getattr(outcome, "address", None) for outcome in node.send_many(packets))
    assert set(drawn) == {plan.here, plan.there}
    # Half each, with a deviation of 16; with a share for each copy it would be 250.
    assert 380 < drawn[plan.there] < 620


@both_families
@pytest.mark.parametrize("first", ["local", "remote"])
@pytest.mark.parametrize("in_one_slice", [True, False])
@pytest.mark.parametrize("local_is_ready", [True, False])
def test_a_local_copy_replaces_another_with_its_conditions_s15(
    node: Node, plan: Plan, first: str, in_one_slice: bool, local_is_ready: bool
) -> None:
    copies = [local(plan.here, ready=local_is_ready), remote(plan.here, ready=not local_is_ready)]
    if first == "remote":
        copies.reverse()
    if in_one_slice:
        found = [slice_of(plan, "web-1", *copies)]
    else:
        found = [slice_of(plan, f"web-{number}", copy) for number, copy in enumerate(copies)]
    install(node, everywhere(plan, internal_traffic_policy="Local"), found)
    expected = {plan.here} if local_is_ready else {REJECTED}
    assert whom(ask(node, plan, "pod", plan.cluster_ip)) == expected
    assert whom(ask(node, plan, "pod", plan.vip)) == expected


@both_families
@pytest.mark.parametrize("first_is_ready", [True, False])
@pytest.mark.parametrize("declared_backwards", [True, False])
def test_of_two_remote_copies_the_slice_whose_name_sorts_first_decides_s15(
    node: Node, plan: Plan, first_is_ready: bool, declared_backwards: bool
) -> None:
    copies = [
        slice_of(plan, "web-a", remote(plan.there, ready=first_is_ready)),
        slice_of(plan, "web-b", remote(plan.there, ready=not first_is_ready)),
    ]
    install(node, everywhere(plan), reversed(copies) if declared_backwards else copies)
    assert whom(ask(node, plan, "pod", plan.cluster_ip)) == ({plan.there} if first_is_ready else {REJECTED})


@both_families
def test_one_address_with_two_ports_is_no_duplicate_s15(node: Node, plan: Plan) -> None:
    ports = [EndpointPort(8001, "http"), EndpointPort(8002, "http")]
    install(node, everywhere(plan), slice_of(plan, "web-1", local(plan.here), ports=ports))
    found = ask(node, plan, "pod", plan.cluster_ip, times=MANY)
    assert found == {Reached(plan.here, 8001), Reached(plan.here, 8002)}


def test_the_order_of_endpoints_slices_and_services_changes_nothing_s16() -> None:
    services = [service(f"web-{n}", [f"10.96.1.{n}", f"fd00:96::1:{n}"]) for n in range(1, 9)]
    plans = list(PLANS.values())
    groups = [
        slices(f"web-{n}", [each for plan in plans for each in (local(plan.here), remote(plan.there))])
        for n in range(1, 9)
    ]
    objects: list[ClusterObject] = [*services, *itertools.chain.from_iterable(groups)]
    expected = compiled(objects).script
    for seed in range(5):
        shuffled = random.Random(seed)
        turned = [
            evolve(each, endpoints=tuple(shuffled.sample(each.endpoints, len(each.endpoints))))
            if isinstance(each, EndpointSlice)
            else each
            for each in shuffled.sample(objects, len(objects))
        ]
        assert compiled(turned).script == expected


def test_there_is_no_limit_to_the_endpoints_of_a_service_s16(node: Node) -> None:
    # More than the 65536 that the type of a slot is declared with.
    addresses = [f"10.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}" for number in range(70_000)]
    install(node, service("web", [IPV4.cluster_ip]), backed(remote(address) for address in addresses))
    packets = [IPV4.packet("pod", IPV4.cluster_ip)] * 2000
    drawn = {getattr(outcome, "address", "") for outcome in node.send_many(packets)}
    assert drawn <= set(addresses)
    # Of 2000 draws about 28 meet an endpoint for a second time, and about 128 go beyond 65536.
    assert len(drawn) > 1850
    assert drawn & set(addresses[65_536:])
