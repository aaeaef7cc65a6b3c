"""Addresses of load balancers: MetalLB's rules one by one, and why a Service gets nothing."""

from __future__ import annotations

import pytest
from attrs import evolve

from svcc.allocation.contract import Allocation
from svcc.allocation.load_balancer import LOAD_BALANCER_RULES, allocate_load_balancers
from svcc.allocation.reservation import Reservation
from svcc.fields import Severity
from svcc.model.address_pool import AddressPool
from svcc.model.cluster import Cluster
from svcc.model.service import LoadBalancerIngress, Service
from tests.unit.load_balancer_rows.choice import CHOICE_ROWS
from tests.unit.load_balancer_rows.row import DUAL, KEY, SMALL, V4, V6, Row, pool, service
from tests.unit.load_balancer_rows.sharing import SHARING_ROWS

ROWS = [*CHOICE_ROWS, *SHARING_ROWS]


def allocated(row: Row) -> Allocation:
    """What comes of a row."""
    return allocate_load_balancers(
        Cluster(row.services),
        row.pools,
        namespaces=row.namespaces,
        reservation=Reservation(load_balancer_ips=row.reservation),
        load_balancer_class=row.load_balancer_class,
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_rule(row: Row) -> None:
    allocation = allocated(row)
    last = allocation.cluster.services[-1]
    errors = [problem for problem in allocation.problems if problem.severity is Severity.ERROR]
    if isinstance(row.result, str):
        assert " ".join(entry.ip for entry in last.load_balancer_ingress) == row.result
        assert errors == []
    else:
        rule, words = row.result
        [problem] = errors
        assert problem.object == last.reference
        assert problem.rule == f"allocate/load-balancer-{rule}"
        assert words in problem.message()
        assert last == row.services[-1]


KEPT = [
    ("that is in no pool", service("a", given=["198.51.100.1"]), "198.51.100.1 is in no pool"),
    (
        "though it asks for another",
        service("a", given=["192.0.2.1"], load_balancer_ip="192.0.2.2"),
        "asks for 192.0.2.2",
    ),
    (
        "though it asks for another pool",
        service("a", given=["192.0.2.1"], annotations={"metallb.io/address-pool": "dual"}),
        "asks for pool dual, and it is of pool small",
    ),
    ("of somebody else", service("z", given=["192.0.2.3"]), "taken by Service shop/y, which shares with nobody"),
]


@pytest.mark.parametrize(("service_with", "words"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_a_service_keeps_an_address(service_with: Service, words: str) -> None:
    services = [service("y", given=["192.0.2.3"]), service_with]
    allocation = allocate_load_balancers(Cluster(services), [SMALL, DUAL])
    assert allocation.cluster.services == tuple(services)
    [problem] = allocation.problems
    assert (problem.rule, problem.severity) == ("allocate/load-balancer-ip-kept", Severity.WARNING)
    assert words in problem.detail
    assert "where MetalLB would give it another" in problem.detail


def test_every_rule_is_tested() -> None:
    found = {problem.rule for row in ROWS for problem in allocated(row).problems}
    found |= {"allocate/load-balancer-ip-kept", "allocate/pool-overlaps"}  # in tests of their own
    assert found == set(LOAD_BALANCER_RULES)


@pytest.mark.parametrize(
    ("addresses", "flaw"),
    [
        (["192.0.2.2/32"], "overlaps with 192.0.2.1-192.0.2.3 of pool small; the pool is not used"),
        (["203.0.113.0/24", "203.0.113.7-203.0.113.9"], "overlaps with 203.0.113.0/24 of the same pool"),
    ],
)
def test_a_pool_that_overlaps_is_told_and_not_used(addresses: list[str], flaw: str) -> None:
    allocation = allocate_load_balancers(Cluster([service("a")]), [AddressPool("z", addresses), SMALL])
    assert [problem.rule for problem in allocation.problems] == ["allocate/pool-overlaps"]
    assert flaw in allocation.problems[0].message()
    assert [entry.name for entry in allocation.usage] == ["pool small (IPv4)"]


def test_what_was_refused_elsewhere_is_left_alone() -> None:
    services = [service("a"), service("b")]
    allocation = allocate_load_balancers(Cluster(services), [SMALL], refused=[services[0].reference])
    assert [each.object.name for each in allocation.assignments] == ["b"]
    assert allocation.problems == ()


def test_a_service_with_a_hostname_has_a_load_balancer() -> None:
    declared = evolve(service("a"), load_balancer_ingress=[LoadBalancerIngress(hostname="lb.example.com")])
    assert allocate_load_balancers(Cluster([declared]), [SMALL]).assignments == ()


def test_the_second_address_is_an_entry_of_its_own_so_that_the_first_stays_as_it_is_written() -> None:
    declared = service("a", V4, V6, ip_family_policy="PreferDualStack", given=["192.0.2.18"])
    [assignment] = allocate_load_balancers(Cluster([declared]), [DUAL]).assignments
    assert (str(assignment.path), assignment.value) == ("status.loadBalancer.ingress[1]", {"ip": "2001:db8::"})


def test_many_services_of_one_key_share_as_few_addresses_as_their_ports_allow() -> None:
    count = 4000
    services = [service(f"s{index:05}", port=80 + index % 3, annotations=KEY) for index in range(count)]
    allocation = allocate_load_balancers(Cluster(services), [pool("p", "10.0.0.0/8")])
    used = {entry.ip for each in allocation.cluster.services for entry in each.load_balancer_ingress}
    assert len(used) == -(-count // 3)
    assert allocation.problems == ()
