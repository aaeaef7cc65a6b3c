"""What Services get: cluster IPs and ports from the bands, nothing that somebody has, the same every time."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from svcc.allocation.build import allocate
from svcc.allocation.contract import Allocation, AllocationSettings, Band, RangeUsage
from svcc.allocation.reservation import Reservation
from svcc.model.cluster import Cluster
from svcc.model.node import ServiceCIDR
from svcc.model.service import Service, ServicePort, ServiceType

DUAL = ("10.96.0.0/16", "fd00:96::/112")


def service(name: str = "web", **declared: Any) -> Service:
    return Service(name, **{"ports": [ServicePort(80)], "selector": {"app": name}, **declared})


def allocated(*services: Service, **settings: Any) -> Allocation:
    allocation = allocate(Cluster(services), AllocationSettings(**{"service_cidrs": DUAL, **settings}))
    assert [str(problem) for problem in allocation.problems] == []
    return allocation


def named(allocation: Allocation) -> dict[str, Any]:
    """The assignments by path, of a cluster with one Service."""
    return {str(each.path): each.value for each in allocation.assignments}


def usage(allocation: Allocation, name: str) -> dict[Band, RangeUsage]:
    return {each.band: each for each in allocation.usage if each.name == name}


# What each type gets.


@pytest.mark.parametrize(
    ("declared", "paths"),
    [
        ({}, {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy"}),
        (
            {"type": "NodePort"},
            {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.ports[0].nodePort"},
        ),
        (
            {"type": "LoadBalancer"},
            {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.ports[0].nodePort"},
        ),
        (
            {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False},
            {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy"},
        ),
        (
            {"type": "LoadBalancer", "allocate_load_balancer_node_ports": False, "external_traffic_policy": "Local"},
            {
                "spec.clusterIP",
                "spec.clusterIPs",
                "spec.ipFamilies",
                "spec.ipFamilyPolicy",
                "spec.healthCheckNodePort",
            },
        ),
        (
            {"type": "NodePort", "external_traffic_policy": "Local"},
            {"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.ports[0].nodePort"},
        ),
        ({"cluster_ips": ["None"]}, {"spec.ipFamilies", "spec.ipFamilyPolicy"}),
        ({"type": "ExternalName", "external_name": "db.example.com"}, set()),
    ],
    ids=[
        "a ClusterIP Service gets an address",
        "a NodePort Service gets a node port, too",
        "a LoadBalancer Service gets both, too",
        "without node ports if it wants none",
        "but with a health-check port if it needs one",
        "which a NodePort Service never does",
        "a headless Service gets no address",
        "an ExternalName gets nothing",
    ],
)
def test_each_type_builds_on_the_one_before(declared: dict[str, Any], paths: set[str]) -> None:
    assert set(named(allocated(service(**declared)))) == paths


def test_the_completed_cluster_says_what_the_assignments_say() -> None:
    allocation = allocated(
        service(type="LoadBalancer", external_traffic_policy="Local", ip_family_policy="PreferDualStack")
    )
    [found], said = allocation.cluster.services, named(allocation)
    assert said == {
        "spec.clusterIP": found.cluster_ips[0],
        "spec.clusterIPs": [*found.cluster_ips],
        "spec.ipFamilies": ["IPv4", "IPv6"],
        "spec.ports[0].nodePort": found.ports[0].node_port,
        "spec.healthCheckNodePort": found.health_check_node_port,
    }
    assert [each.reason for each in allocation.assignments] == [
        "the dynamic band of 10.96.0.0/16",
        "the dynamic band of 10.96.0.0/16, the dynamic band of fd00:96::/112",
        "the families of the cluster",
        "the dynamic band of 30000-32767",
        "the dynamic band of 30000-32767",
    ]


def test_a_second_address_leaves_the_first_where_it_is() -> None:
    found = named(allocated(service(cluster_ips=["10.96.0.10"], ip_family_policy="RequireDualStack")))
    assert "spec.clusterIP" not in found
    assert found["spec.clusterIPs"][0] == "10.96.0.10"
    assert found["spec.clusterIPs"][1].startswith("fd00:96::")


def test_everything_else_of_a_service_stays_as_it_was() -> None:
    before = service(annotations={"a": "b"}, external_ips=["192.0.2.1"], creation_timestamp="2026-01-01T00:00:00Z")
    [after] = allocated(before).cluster.services
    kept = {"cluster_ips", "ip_families", "ip_family_policy"}
    fields = [each.name for each in attrs.fields(Service) if each.name not in kept]
    assert "annotations" in fields
    assert {name: getattr(after, name) for name in fields} == {name: getattr(before, name) for name in fields}
    assert type(after.ports[0]) is ServicePort
    assert after.type is ServiceType.CLUSTER_IP


# Node ports.


def test_the_same_port_under_two_protocols_shares_one_node_port() -> None:
    dns = service(
        type="NodePort", ports=[ServicePort(53, "udp", "UDP"), ServicePort(53, "tcp"), ServicePort(9153, "metrics")]
    )
    allocation = allocated(dns)
    first, second, third = (port.node_port for port in allocation.cluster.services[0].ports)
    assert first == second != third
    assert allocation.assignments[-2].reason == "shared with spec.ports[0], which has the same port"
    assert usage(allocation, "30000-32767")[Band.ALL].used == 2


def test_a_named_node_port_is_shared_wherever_it_stands() -> None:
    dns = service(type="NodePort", ports=[ServicePort(53, "udp", "UDP"), ServicePort(53, "tcp", node_port=30053)])
    assert [port.node_port for port in allocated(dns).cluster.services[0].ports] == [30053, 30053]


def test_the_same_port_may_name_two_node_ports() -> None:
    dns = service(
        type="NodePort",
        ports=[
            ServicePort(53, "udp", "UDP", node_port=30054),
            ServicePort(53, "tcp", node_port=30053),
            ServicePort(53, "sctp", "SCTP"),
        ],
    )
    assert [port.node_port for port in allocated(dns).cluster.services[0].ports] == [30054, 30053, 30054]


def test_named_node_ports_are_kept_by_who_wants_no_others() -> None:
    ports = [ServicePort(80, "a", node_port=30080), ServicePort(80, "b", "UDP"), ServicePort(81, "c")]
    kept = service(type="LoadBalancer", ports=ports, allocate_load_balancer_node_ports=False)
    assert [port.node_port for port in allocated(kept).cluster.services[0].ports] == [30080, 0, 0]


def test_a_node_port_of_another_range_is_given_from_it() -> None:
    allocation = allocated(service(type="NodePort"), service_node_port_range="20000+99")
    assert 20016 <= allocation.cluster.services[0].ports[0].node_port <= 20099


# Bands and ranges.


@pytest.mark.parametrize(("count", "static", "dynamic"), [(13, 0, 13), (14, 0, 14), (15, 1, 14), (30, 16, 14)])
def test_the_static_band_is_used_when_the_dynamic_one_is_full(count: int, static: int, dynamic: int) -> None:
    allocation = allocated(*(service(f"web-{number}") for number in range(count)), service_cidrs=["10.96.0.0/27"])
    found = usage(allocation, "10.96.0.0/27")
    assert (found[Band.STATIC].used, found[Band.DYNAMIC].used, found[Band.ALL].used) == (static, dynamic, count)


def test_the_dynamic_bands_of_all_ranges_are_used_before_any_static_one() -> None:
    services = [service(f"web-{number}") for number in range(44)]
    allocation = allocated(*services, service_cidrs=["10.0.0.0/27", "10.1.0.0/27", "10.2.0.0/28"])
    assert [each.used for each in allocation.usage if each.band is Band.STATIC] == [2, 0, 0, 0]
    assert [each.used for each in allocation.usage if each.band is Band.DYNAMIC] == [14, 14, 14, 0]


def test_a_named_address_may_lie_in_the_static_band_of_any_range() -> None:
    services = [service("a", cluster_ips=["10.1.0.1"]), service("b", cluster_ips=["10.0.0.2"])]
    allocation = allocated(*services, service_cidrs=["10.0.0.0/24", "10.1.0.0/24"])
    assert usage(allocation, "10.1.0.0/24")[Band.STATIC].used == 1
    assert usage(allocation, "10.0.0.0/24")[Band.STATIC].used == 1


def test_ranges_in_each_other_share_their_addresses() -> None:
    names = [f"web-{number}" for number in range(20)]
    allocation = allocated(*map(service, names), service_cidrs=["10.0.0.0/28", "10.0.0.0/27"])
    addresses = [each.cluster_ips[0] for each in allocation.cluster.services]
    assert len(set(addresses)) == 20
    assert usage(allocation, "10.0.0.0/28")[Band.ALL].used == 14
    assert usage(allocation, "10.0.0.0/27")[Band.ALL].used == 20


def test_ranges_come_from_objects_too_the_settings_first_the_servers_own_next() -> None:
    cidrs = [
        ServiceCIDR("a-more", cidrs=["10.3.0.0/24"]),
        ServiceCIDR("kubernetes", cidrs=["10.2.0.0/24", "fd00::/112"]),
        ServiceCIDR("again", cidrs=["10.1.0.0/24"]),
    ]
    for objects in (cidrs, cidrs[::-1]):
        cluster = Cluster([service()], service_cidrs=objects)
        allocation = allocate(cluster, AllocationSettings(service_cidrs=["10.1.0.0/24"]))
        found = [each.name for each in allocation.usage if each.band is Band.ALL]
        assert found == ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "fd00::/112", "30000-32767"]


def test_a_range_of_two_to_the_64_addresses_costs_nothing() -> None:
    allocation = allocated(service(), service_cidrs=["fd00::/64"])
    found = usage(allocation, "fd00::/64")[Band.ALL]
    assert (found.size, found.used, found.free) == (2**64 - 1, 1, 2**64 - 2)
    assert 0 < found.percent < 1e-10


def test_usage_says_how_full_each_band_is_and_where_it_lies() -> None:
    found = usage(
        allocated(service("a", cluster_ips=["10.96.0.1"]), service("b"), service_cidrs=["10.96.0.0/27"]),
        "10.96.0.0/27",
    )
    assert found == {
        Band.ALL: RangeUsage("10.96.0.0/27", Band.ALL, "10.96.0.1", "10.96.0.30", 30, 2),
        Band.STATIC: RangeUsage("10.96.0.0/27", Band.STATIC, "10.96.0.1", "10.96.0.16", 16, 1),
        Band.DYNAMIC: RangeUsage("10.96.0.0/27", Band.DYNAMIC, "10.96.0.17", "10.96.0.30", 14, 1),
    }
    assert (found[Band.STATIC].free, found[Band.STATIC].percent) == (15, 6.25)
    empty = usage(allocated(service_cidrs=["10.96.0.0/32"]), "10.96.0.0/32")[Band.ALL]
    assert (empty.first, empty.last, empty.size, empty.free, empty.percent) == ("", "", 0, 0, 0.0)


# Stability.


def test_the_same_names_get_the_same_numbers_in_another_cluster() -> None:
    found = allocated(service("web", type="NodePort")).cluster.services[0]
    assert (found.cluster_ips, found.ports[0].node_port) == (("10.96.52.254",), 32524)


def test_a_service_that_is_added_later_moves_no_other() -> None:
    old = [
        service(f"web-{number}", type="NodePort", creation_timestamp=f"2026-01-{number + 1:02}T00:00:00Z")
        for number in range(28)
    ]
    new = [service(f"api-{number}", type="NodePort", creation_timestamp="2026-02-01T00:00:00Z") for number in range(9)]
    settings: dict[str, Any] = {"service_cidrs": ["10.96.0.0/26"], "service_node_port_range": "30000-30049"}
    before = allocated(*old, **settings).cluster.services
    assert allocated(*new, *old, **settings).cluster.services[len(new) :] == before


def test_what_is_named_is_taken_before_anything_is_given() -> None:
    wanted = allocated(service("web")).cluster.services[0].cluster_ips
    later = service("late", cluster_ips=wanted, creation_timestamp="2026-02-01T00:00:00Z")
    first = service("web", creation_timestamp="2026-01-01T00:00:00Z")
    found = allocated(first, later).cluster.services
    assert found[1].cluster_ips == wanted
    assert found[0].cluster_ips != wanted


# Reservations.


def test_what_is_reserved_for_a_service_is_what_it_gets() -> None:
    reservation = Reservation(
        cluster_ips={"10.96.7.7": "default/web", "fd00:96::7": "default/web"},
        node_ports={30007: "default/web:80", 30008: "default/web:health-check"},
    )
    wanted = service(type="LoadBalancer", external_traffic_policy="Local", ip_family_policy="PreferDualStack")
    allocation = allocated(wanted, reservation=reservation)
    [found] = allocation.cluster.services
    assert found.cluster_ips == ("10.96.7.7", "fd00:96::7")
    assert (found.ports[0].node_port, found.health_check_node_port) == (30007, 30008)
    reasons = {str(each.path): each.reason for each in allocation.assignments}
    assert [path for path, reason in reasons.items() if reason == "the reservation"] == [
        "spec.clusterIP",
        "spec.clusterIPs",
        "spec.ports[0].nodePort",
        "spec.healthCheckNodePort",
    ]
    assert allocation.reservation == reservation


def test_a_service_may_name_what_is_reserved_for_it() -> None:
    reservation = Reservation(cluster_ips={"10.96.7.7": "default/web"}, node_ports={30007: "default/web"})
    wanted = service(type="NodePort", cluster_ips=["10.96.7.7"], ports=[ServicePort(80, node_port=30007)])
    assert allocated(wanted, reservation=reservation).cluster.services[0].ports == wanted.ports


def test_what_is_reserved_is_given_to_nobody_else() -> None:
    reservation = Reservation(
        cluster_ips={"10.96.0.1": "default/other"}, node_ports={30000: "default/other:80", 30001: "the firewall"}
    )
    found = allocated(
        service(type="NodePort"),
        service_cidrs=["10.96.0.0/30"],
        service_node_port_range="30000-30002",
        reservation=reservation,
    ).cluster.services[0]
    assert (found.cluster_ips, found.ports[0].node_port) == (("10.96.0.2",), 30002)


def test_the_reservation_of_one_run_makes_the_next_one_give_the_same() -> None:
    services = [service(f"web-{number}", type="LoadBalancer", external_traffic_policy="Local") for number in range(20)]
    first = allocated(*services)
    again = allocated(service("aaa"), *services[5:][::-1], reservation=first.reservation)
    before = {each.name: each for each in first.cluster.services}
    assert all(before[each.name] == each for each in again.cluster.services[1:])
    assert set(first.reservation.cluster_ips) < set(again.reservation.cluster_ips)


def test_a_reservation_goes_when_its_service_has_another_number() -> None:
    reservation = Reservation(
        cluster_ips={"10.96.7.7": "default/web", "10.96.7.8": "default/gone", "fd00:96::7": "default/web"},
        node_ports={30007: "default/web:80", 30008: "default/web:81", 30009: "anything"},
        load_balancer_ips={"192.0.2.1": ["default/web", "default/api"]},
    )
    moved = service(type="NodePort", cluster_ips=["10.96.1.1"], ports=[ServicePort(80, node_port=30100)])
    found = allocated(moved, reservation=reservation).reservation
    assert found == Reservation(
        cluster_ips={"10.96.7.8": "default/gone", "fd00:96::7": "default/web", "10.96.1.1": "default/web"},
        node_ports={30008: "default/web:81", 30009: "anything", 30100: "default/web:80"},
        load_balancer_ips={"192.0.2.1": ["default/web", "default/api"]},
    )


def test_a_reservation_outside_of_the_ranges_is_not_given() -> None:
    reservation = Reservation(cluster_ips={"192.0.2.1": "default/web"}, node_ports={80: "default/web:80"})
    found = allocated(service(type="NodePort"), reservation=reservation).cluster.services[0]
    assert found.cluster_ips[0].startswith("10.96.")
    assert found.ports[0].node_port >= 30000


def test_a_number_outside_of_the_ranges_is_not_remembered() -> None:
    wrong = service(type="NodePort", cluster_ips=["192.0.2.1"], ports=[ServicePort(80, node_port=80)])
    assert allocate(Cluster([wrong]), AllocationSettings(service_cidrs=DUAL)).reservation == Reservation()


def test_without_any_range_what_is_there_stays_and_what_is_reserved_is_given() -> None:
    reservation = Reservation(cluster_ips={"10.96.7.7": "default/b"})
    allocation = allocated(
        service("a", cluster_ips=["10.96.0.10"]), service("b"), service_cidrs=[], reservation=reservation
    )
    assert [each.cluster_ips for each in allocation.cluster.services] == [("10.96.0.10",), ("10.96.7.7",)]
    assert {each.name for each in allocation.usage} == {"30000-32767"}


def test_what_a_service_lacks_is_told_as_it_is_in_the_end() -> None:
    """The second Service lacks one of two node ports at first, then the third takes the one that was left."""
    ports = [ServicePort(80, name="a"), ServicePort(81, name="b")]
    cluster = Cluster([
        Service("a", type="NodePort", cluster_ips=["10.96.0.1"], ports=[ServicePort(80)]),
        Service("b", type="NodePort", cluster_ips=["10.96.0.2"], ports=ports),
        Service("c", type="NodePort", cluster_ips=["10.96.0.3"], ports=[ServicePort(80)]),
    ])  # fmt: skip
    settings = AllocationSettings(service_cidrs=["10.96.0.0/24"], service_node_port_range="30000-30001")
    first = allocate(cluster, settings)
    assert [str(problem.path) for problem in first.problems] == ["spec.ports[0].nodePort"]
    assert allocate(first.cluster, settings).problems == first.problems
