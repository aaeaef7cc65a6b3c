"""What holds for every allocation: no number twice, no band left early, the same whatever the order and the time."""

from __future__ import annotations

import random
from collections import Counter

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.addresses import canonical_address, family_of
from svcc.allocation.build import allocate
from svcc.allocation.contract import Allocation, AllocationSettings, Band
from svcc.allocation.ranges import address_number, address_range, node_port_range
from svcc.compiler.compilation import compile_cluster
from svcc.fields import Severity
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.node import Node
from svcc.model.service import IPFamilyPolicy, Service, ServicePort, ServiceType, TrafficPolicy
from svcc.validate import validate

_PORTS = (ServicePort(80, "http"), ServicePort(53, "udp", "UDP"), ServicePort(53, "tcp"), ServicePort(443, "https"))
_TIMES = (None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00")
_FOUR = ("10.0.0.1", "10.0.0.2", "10.0.0.20", "10.0.1.5", "10.9.9.9")
_SIX = ("fd00::1", "fd00::5", "fd00:1::2")
_CIDRS = (
    ("10.0.0.0/29",),
    ("10.0.0.0/27", "fd00::/125"),
    ("fd00::/122", "10.0.0.0/30", "10.0.0.0/27"),
    ("10.0.0.0/28", "10.0.1.0/28", "fd00::/64"),
)
_PORT_RANGES = ("30000-30003", "30000-30019", "30000-32767")


@st.composite
def _services(draw: st.DrawFn, name: str) -> Service:
    service_type = draw(st.sampled_from([*ServiceType, ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER]))
    if service_type is ServiceType.EXTERNAL_NAME:
        return Service(name, type=service_type, external_name="db.example.com")
    with_node_ports = service_type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER)
    chosen = draw(st.lists(st.sampled_from(_PORTS), min_size=1, max_size=3, unique=True))
    if with_node_ports:
        numbers = st.sampled_from([0, 0, 0, 30001, 30002, 30017])
        chosen = [evolve(port, node_port=draw(numbers)) for port in chosen]
    addresses = draw(
        st.sampled_from([(), (), (), *((ip,) for ip in _FOUR + _SIX), (_FOUR[2], _SIX[1]), (_SIX[0], _FOUR[0])])
        if with_node_ports
        else st.sampled_from([(), (), ("None",), (_FOUR[1],), (_SIX[1], _FOUR[3])])
    )
    is_balanced = service_type is ServiceType.LOAD_BALANCER
    is_local = is_balanced and draw(st.booleans())
    return Service(
        name,
        draw(st.sampled_from(["default", "shop"])),
        type=service_type,
        cluster_ips=addresses,
        ip_family_policy=draw(st.sampled_from([None, *IPFamilyPolicy])),
        ip_families=draw(st.sampled_from([(), (), ("IPv4",), ("IPv6",), ("IPv6", "IPv4")])),
        ports=chosen,
        selector=draw(st.sampled_from([{"app": name}, {}])),
        external_traffic_policy=TrafficPolicy.LOCAL if is_local else TrafficPolicy.CLUSTER,
        health_check_node_port=draw(st.sampled_from([0, 0, 30002, 30003])) if is_local else 0,
        allocate_load_balancer_node_ports=draw(st.booleans()) if is_balanced else True,
        creation_timestamp=draw(st.sampled_from(_TIMES)),
    )


@st.composite
def _inputs(draw: st.DrawFn) -> tuple[Cluster, AllocationSettings]:
    names = draw(st.lists(st.sampled_from([f"s{number}" for number in range(40)]), max_size=16, unique=True))
    cluster = Cluster([draw(_services(name)) for name in names])
    return cluster, AllocationSettings(
        service_cidrs=draw(st.sampled_from(_CIDRS)), service_node_port_range=draw(st.sampled_from(_PORT_RANGES))
    )


def _refused(allocation: Allocation) -> set[tuple[str, str]]:
    return {(each.object.namespace, each.object.name) for each in allocation.problems if each.object}


def _node_ports(service: Service) -> set[int]:
    """The numbers that a Service holds, as far as its type has any."""
    if service.type not in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER):
        return set()
    return {port.node_port for port in service.ports} - {0}


def _is_used(service: Service) -> bool:
    return service.type is ServiceType.LOAD_BALANCER and service.external_traffic_policy is TrafficPolicy.LOCAL


def _numbers(service: Service) -> list[str | int]:
    """Every number of a Service, each once, except that a number for two ports is there twice."""
    addresses = [] if service.is_headless else list(service.cluster_ips)
    health = [service.health_check_node_port] if _is_used(service) and service.health_check_node_port else []
    by_port = {(port.port, port.node_port) for port in service.ports if port.node_port in _node_ports(service)}
    return [*addresses, *health, *(number for _, number in by_port)]


@given(_inputs())
def test_no_number_is_given_twice(inputs: tuple[Cluster, AllocationSettings]) -> None:
    allocation = allocate(*inputs)
    refused = _refused(allocation)
    held = Counter(
        number
        for service in allocation.cluster.services
        if (service.namespace, service.name) not in refused
        for number in _numbers(service)
    )
    assert {number: count for number, count in held.items() if count > 1} == {}
    named = {number for service in inputs[0].services for number in _numbers(service)}
    given_values = {value for each in allocation.assignments for value in _values(each.value)}
    given_new = {
        number
        for before, after in zip(inputs[0].services, allocation.cluster.services, strict=True)
        for number in set(_numbers(after)) - set(_numbers(before))
    }
    assert not given_new & named, "nor is what a refused Service names given to another"
    assert given_new <= given_values


def _values(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


@given(_inputs())
def test_what_is_complete_is_complete_and_nothing_that_was_there_is_gone(
    inputs: tuple[Cluster, AllocationSettings],
) -> None:
    allocation = allocate(*inputs)
    refused = _refused(allocation)
    for before, after in zip(inputs[0].services, allocation.cluster.services, strict=True):
        assert after.cluster_ips[: len(before.cluster_ips)] == before.cluster_ips
        assert all(old.node_port in (0, new.node_port) for old, new in zip(before.ports, after.ports, strict=True))
        assert before.health_check_node_port in (0, after.health_check_node_port)
        if (before.namespace, before.name) in refused:
            assert after == before
        elif before.type is not ServiceType.EXTERNAL_NAME:
            assert after.is_headless or [family_of(ip) for ip in after.cluster_ips] == [*after.ip_families]
            assert after.ip_families
            assert after.ip_family_policy
            assert bool(after.health_check_node_port) == _is_used(after)
            if after.type is ServiceType.NODE_PORT:
                assert all(port.node_port for port in after.ports)


@given(_inputs())
def test_no_static_band_is_touched_while_a_dynamic_one_has_room(inputs: tuple[Cluster, AllocationSettings]) -> None:
    cluster, options = inputs
    allocation = allocate(cluster, options)
    port_range = node_port_range(options.service_node_port_range)
    ranges = [address_range(cidr) for cidr in options.service_cidrs]
    full = {each.name for each in allocation.usage if each.band is Band.DYNAMIC and not each.free}
    for before, after in zip(cluster.services, allocation.cluster.services, strict=True):
        for number in set(_numbers(after)) - set(_numbers(before)):
            if isinstance(number, int):
                assert port_range.first <= number <= port_range.last
                assert number >= port_range.dynamic_first or port_range.name in full
                continue
            of_family = [each for each in ranges if each.family is family_of(number)]
            around = [each for each in of_family if each.first <= address_number(number) <= each.last]
            assert around
            is_dynamic = any(address_number(number) >= each.dynamic_first for each in around)
            assert is_dynamic or {each.name for each in of_family} <= full


@given(_inputs(), st.randoms())
def test_the_order_of_the_input_changes_nothing(
    inputs: tuple[Cluster, AllocationSettings], shuffle: random.Random
) -> None:
    cluster, options = inputs
    first = allocate(cluster, options)
    shuffled = list(cluster.services)
    shuffle.shuffle(shuffled)
    other = allocate(Cluster(shuffled), options)

    def by_name(allocation: Allocation) -> dict[tuple[str, str], Service]:
        return {(each.namespace, each.name): each for each in allocation.cluster.services}

    assert by_name(first) == by_name(other)
    assert sorted(map(str, first.problems)) == sorted(map(str, other.problems))
    assert (first.usage, first.reservation) == (other.usage, other.reservation)


@given(inputs=_inputs(), with_reservation=st.booleans())
def test_a_second_run_changes_nothing(inputs: tuple[Cluster, AllocationSettings], *, with_reservation: bool) -> None:
    cluster, options = inputs
    first = allocate(cluster, options)
    again = allocate(first.cluster, evolve(options, reservation=first.reservation) if with_reservation else options)
    assert again.assignments == ()
    assert again == evolve(first, assignments=())


@given(_inputs())
def test_a_reservation_alone_gives_every_number_again(inputs: tuple[Cluster, AllocationSettings]) -> None:
    cluster, options = inputs
    first = allocate(cluster, options)
    again = allocate(cluster, evolve(options, reservation=first.reservation))
    assert again.cluster == first.cluster
    assert again.problems == first.problems


@given(_inputs())
def test_usage_counts_what_is_held(inputs: tuple[Cluster, AllocationSettings]) -> None:
    cluster, options = inputs
    allocation = allocate(cluster, options)
    holds = {address_number(ip) for each in allocation.cluster.services for ip in _named_addresses(each)}
    for found in allocation.usage:
        if found.band is Band.ALL and found.name in options.service_cidrs:
            prefix = address_range(found.name)
            assert found.used == len([number for number in holds if prefix.first <= number <= prefix.last])
        assert 0 <= found.used <= found.size


def _named_addresses(service: Service) -> list[str]:
    return [ip for ip in service.cluster_ips if canonical_address(ip)]


@settings(max_examples=30)
@given(_inputs())
def test_an_allocated_cluster_is_valid_and_compiles(inputs: tuple[Cluster, AllocationSettings]) -> None:
    cluster, options = inputs
    allocation = allocate(cluster, options)
    refused = _refused(allocation)
    accepted = [each for each in allocation.cluster.services if (each.namespace, each.name) not in refused]
    for service in accepted:
        assert [str(problem) for problem in validate(service) if problem.severity is Severity.ERROR] == []
    compiled = compile_cluster(
        Cluster(accepted, nodes=[Node("node-1")]),
        node="node-1",
        settings=ClusterSettings(service_cidrs=options.service_cidrs),
    )
    assert [problem.rule for problem in compiled.problems if problem.rule == "cluster/frontend-conflict"] == []
