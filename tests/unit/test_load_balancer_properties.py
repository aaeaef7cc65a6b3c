"""What holds for any Services, pools and reservation: sharing by the rules only, and one input has one result."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.addresses import IPFamily, family_of
from svcc.allocation.contract import Allocation
from svcc.allocation.load_balancer import allocate_load_balancers
from svcc.allocation.reservation import Reservation
from svcc.model.address_pool import AddressPool, LabelSelector, ServiceAllocation
from svcc.model.cluster import Cluster
from svcc.model.service import LoadBalancerIngress, Service, ServicePort, ServiceType

RANGES = {
    "a": ("192.0.2.0/30", "2001:db8::/127"),
    "b": ("192.0.2.254-192.0.3.1",),
    "c": ("2001:db8:1::8-2001:db8:1::9", "198.51.100.7/32"),
}
ADDRESSES = ("192.0.2.0", "192.0.2.2", "192.0.2.255", "2001:db8::", "198.51.100.7", "203.0.113.1")
CLUSTER_IPS = (["10.0.0.1"], ["10.0.0.1"], ["fd00::1"], ["10.0.0.1", "fd00::1"], ["fd00::1", "10.0.0.1"])


@st.composite
def pools(draw: Any) -> list[AddressPool]:
    """Some of three pools that do not overlap."""
    found = []
    for name in draw(st.lists(st.sampled_from(sorted(RANGES)), unique=True, min_size=1)):
        kept = st.builds(
            ServiceAllocation,
            st.integers(0, 2),
            st.sampled_from([(), ("shop",)]),
            st.just(()),
            st.sampled_from([(), (LabelSelector({"tier": "front"}),)]),
        )
        found.append(
            AddressPool(
                name,
                RANGES[name],
                auto_assign=draw(st.sampled_from([True, True, False])),
                avoid_buggy_ips=draw(st.booleans()),
                service_allocation=draw(st.one_of(st.none(), st.none(), kept)),
            )
        )
    return found


@st.composite
def services(draw: Any) -> list[Service]:
    """Services of any class that have, ask for, or share addresses."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1))
    return [
        Service(
            name,
            draw(st.sampled_from(["shop", "default"])),
            type=draw(st.sampled_from([ServiceType.LOAD_BALANCER] * 5 + [ServiceType.CLUSTER_IP])),
            cluster_ips=draw(st.sampled_from(CLUSTER_IPS)),
            ip_family_policy=draw(st.sampled_from([None, "PreferDualStack", "RequireDualStack"])),
            ports=[ServicePort(draw(st.sampled_from([80, 443, 53])))],
            selector={"app": draw(st.sampled_from(["x", "y"]))},
            external_traffic_policy=draw(st.sampled_from(["Cluster", "Cluster", "Local"])),
            load_balancer_class=draw(st.sampled_from([None, None, None, "other/class"])),
            load_balancer_ip=draw(st.sampled_from(["", "", "", *ADDRESSES])),
            load_balancer_ingress=[
                LoadBalancerIngress(address)
                for address in draw(
                    st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(ADDRESSES), max_size=2))
                )
            ],
            labels=draw(st.sampled_from([{}, {"tier": "front"}])),
            annotations=draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "metallb.io/allow-shared-ip": st.sampled_from(["k", "l", ""]),
                        "metallb.io/address-pool": st.sampled_from(["a", "b", "nowhere"]),
                    },
                )
            ),
        )
        for name in names
    ]


reservations = st.builds(
    Reservation,
    load_balancer_ips=st.dictionaries(
        st.sampled_from(ADDRESSES), st.lists(st.sampled_from(["shop/a", "default/b", "gone/z"]), max_size=2), max_size=2
    ),
)


def given_to(allocation: Allocation) -> dict[str, list[str]]:
    """The addresses that Services were given, by namespace and name."""
    return {
        f"{each.object.namespace}/{each.object.name}": [
            entry["ip"] for entry in (each.value if isinstance(each.value, list) else [each.value])
        ]
        for each in allocation.assignments
    }


def may_share(one: Service, other: Service) -> bool:
    """MetalLB's documented conditions: one key, no port in common, policy Cluster for both or the same pods."""
    keys = {service.annotations.get("metallb.io/allow-shared-ip", "") for service in (one, other)}
    ports = [{(port.protocol, port.port) for port in service.ports} for service in (one, other)]
    policies = {service.external_traffic_policy for service in (one, other)}
    same_pods = one.selector == other.selector
    return (
        len(keys) == 1
        and "" not in keys
        and not ports[0] & ports[1]
        and (policies == {"Cluster"} or (policies == {"Local"} and same_pods))
        and one.load_balancer_class is None
        and other.load_balancer_class is None
    )


@settings(max_examples=150, deadline=None)
@given(services(), pools(), reservations)
def test_a_new_address_is_shared_only_by_the_rules_lies_in_a_pool_and_is_nobody_elses(
    declared: list[Service], available: list[AddressPool], reservation: Reservation
) -> None:
    allocation = allocate_load_balancers(Cluster(declared), available, reservation=reservation)
    given = given_to(allocation)
    for service in allocation.cluster.services:
        own = f"{service.namespace}/{service.name}"
        had = {entry.ip for before in declared if before.name == service.name for entry in before.load_balancer_ingress}
        for address in set(given.get(own, ())) - had:
            number, family = int(ipaddress.ip_address(address)), family_of(address)
            [pool] = [pool for pool in available if any(part.contains(family, number) for part in pool.ranges)]
            assert not (pool.avoid_buggy_ips and family is IPFamily.IPV4 and number & 0xFF in (0, 0xFF))
            owners = reservation.load_balancer_ips.get(address)
            present = {
                f"{other.namespace}/{other.name}"
                for other in allocation.cluster.services
                if other.type == "LoadBalancer" and address in {entry.ip for entry in other.load_balancer_ingress}
            }
            assert owners is None or own in owners or (owners and set(owners) <= present)
            for other in allocation.cluster.services:
                if other is not service and f"{other.namespace}/{other.name}" in present:
                    assert may_share(service, other)
    families = {service.name: {family_of(text) for text in service.cluster_ips} for service in declared}
    for owner, addresses in given.items():
        assert {family_of(address) for address in addresses} <= families[owner.partition("/")[2]] | {
            family_of(entry.ip)
            for service in declared
            if service.name == owner.partition("/")[2]
            for entry in service.load_balancer_ingress
        }


@settings(max_examples=80, deadline=None)
@given(services(), pools(), reservations, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    declared: list[Service], available: list[AddressPool], reservation: Reservation, random: Any
) -> None:
    first = allocate_load_balancers(Cluster(declared), available, reservation=reservation)
    random.shuffle(declared)
    random.shuffle(available)
    second = allocate_load_balancers(Cluster(declared), available, reservation=reservation)
    assert given_to(first) == given_to(second)
    assert sorted(map(str, first.problems)) == sorted(map(str, second.problems))
    assert first.reservation == second.reservation


@settings(max_examples=80, deadline=None)
@given(services(), pools(), reservations)
def test_a_second_run_gives_nothing_new_and_takes_nothing_away(
    declared: list[Service], available: list[AddressPool], reservation: Reservation
) -> None:
    first = allocate_load_balancers(Cluster(declared), available, reservation=reservation)
    for before, after in zip(declared, first.cluster.services, strict=True):
        assert after.load_balancer_ingress[: len(before.load_balancer_ingress)] == before.load_balancer_ingress
        assert evolve(after, load_balancer_ingress=()) == evolve(before, load_balancer_ingress=())
    second = allocate_load_balancers(first.cluster, available, reservation=reservation)
    assert second.assignments == ()
    assert second.cluster == first.cluster
    assert second.reservation == first.reservation


@settings(max_examples=80, deadline=None)
@given(services(), pools())
def test_a_reservation_gives_each_service_its_addresses_again_though_its_status_is_lost(
    declared: list[Service], available: list[AddressPool]
) -> None:
    without = [evolve(service, load_balancer_ingress=()) for service in declared]
    first = allocate_load_balancers(Cluster(without), available)
    rest = without[1:]
    again = allocate_load_balancers(Cluster(rest), available, reservation=first.reservation)
    kept = given_to(first)
    for owner, addresses in given_to(again).items():
        if owner in kept:
            assert addresses == kept[owner]


@settings(max_examples=80, deadline=None)
@given(services(), pools(), reservations)
def test_how_full_pools_are_is_what_a_count_of_all_addresses_says(
    declared: list[Service], available: list[AddressPool], reservation: Reservation
) -> None:
    allocation = allocate_load_balancers(Cluster(declared), available, reservation=reservation)
    taken = {
        entry.ip
        for service in allocation.cluster.services
        if service.type == "LoadBalancer"
        for entry in service.load_balancer_ingress
    } | set(reservation.load_balancer_ips)
    usage = {entry.name: (entry.size, entry.used) for entry in allocation.usage}
    for pool, family in itertools.product(available, IPFamily):
        every = [
            str(ipaddress.ip_address(number) if family is IPFamily.IPV4 else ipaddress.IPv6Address(number))
            for part in pool.ranges
            if part.family is family
            for number in range(part.first, part.last + 1)
            if not (pool.avoid_buggy_ips and family is IPFamily.IPV4 and number & 0xFF in (0, 0xFF))
        ]
        if every or any(part.family is family for part in pool.ranges):
            assert usage.pop(f"pool {pool.name} ({family})") == (len(every), len(taken.intersection(every)))
    assert not usage
