"""Addresses of load balancers: MetalLB's rules one by one, and why a Service gets nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from attrs import evolve, frozen

from svcc.allocation.contract import Allocation
from svcc.allocation.load_balancer import LOAD_BALANCER_RULES, allocate_load_balancers
from svcc.allocation.reservation import Reservation
from svcc.fields import Severity
from svcc.model.address_pool import AddressPool, LabelSelector, Namespace, ServiceAllocation
from svcc.model.cluster import Cluster
from svcc.model.service import LoadBalancerIngress, Service, ServicePort

KEY = {"metallb.io/allow-shared-ip": "k"}
V4, V6 = "10.0.0.1", "fd00::1"


def service(name: str, *cluster_ips: str, **changes: Any) -> Service:
    """A LoadBalancer Service in the namespace shop; `given` is its status, `port` its only port."""
    given = changes.pop("given", ())
    port = changes.pop("port", 80)
    return Service(
        name,
        changes.pop("namespace", "shop"),
        type="LoadBalancer",
        cluster_ips=cluster_ips or (V4,),
        ports=[port if isinstance(port, ServicePort) else ServicePort(port)],
        load_balancer_ingress=[LoadBalancerIngress(address) for address in given],
        **changes,
    )


def asks(addresses: str) -> dict[str, str]:
    """The annotation that asks for addresses."""
    return {"metallb.io/loadBalancerIPs": addresses}


def pool(name: str, *addresses: str, **changes: Any) -> AddressPool:
    """A pool; words of `serviceAllocation` make it one that is kept for some."""
    names = ("priority", "namespaces", "namespace_selectors", "service_selectors")
    kept = {name: changes.pop(name) for name in names if name in changes}
    return AddressPool(name, addresses, service_allocation=ServiceAllocation(**kept) if kept else None, **changes)


SMALL = pool("small", "192.0.2.1-192.0.2.3")
DUAL = pool("dual", "192.0.2.16/30", "2001:db8::/126")


@frozen
class Row:
    """Services and pools, and the addresses that the last Service has in the end, or the words of the refusal."""

    sentence: str
    services: Sequence[Service]
    pools: Sequence[AddressPool]
    result: str | tuple[str, str]
    reservation: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    namespaces: Sequence[Namespace] = ()
    load_balancer_class: str | None = None


LOCAL = {"external_traffic_policy": "Local", "annotations": KEY}
EXHAUSTED, TAKEN, NOT_IN_POOL = "pools-exhausted", "ip-taken", "ip-not-in-pool"
INVALID, FAMILY, FOREIGN, UNKNOWN = "ip-invalid", "ip-wrong-family", "pool-not-allowed", "pool-unknown"

ROWS = [
    Row("the first address of a pool is given first", [service("a")], [SMALL], "192.0.2.1"),
    Row("a CIDR gives its first address, too", [service("a")], [pool("p", "192.0.2.0/30")], "192.0.2.0"),
    Row(
        "avoidBuggyIPs leaves out .0 and .255",
        [service("a")],
        [pool("p", "192.0.1.255-192.0.2.9", avoid_buggy_ips=True)],
        "192.0.2.1",
    ),
    Row(
        "addresses are given in the order in which the pool lists them",
        [service("a")],
        [pool("p", "192.0.2.9/32", "192.0.2.1/32")],
        "192.0.2.9",
    ),
    Row("the next Service gets the next address", [service("a"), service("b")], [SMALL], "192.0.2.2"),
    Row(
        "what is in the status stays, wherever it lies", [service("a", given=["198.51.100.1"])], [SMALL], "198.51.100.1"
    ),
    Row(
        "an address in the status of a Service is taken for all others",
        [service("z", given=["192.0.2.1"]), service("a")],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "also in the status of a Service of another class",
        [service("z", given=["192.0.2.1"], load_balancer_class="x/y", annotations=KEY), service("a", annotations=KEY)],
        [SMALL],
        "192.0.2.2",
    ),
    Row("a Service of another class is left alone", [service("a", load_balancer_class="x/y")], [SMALL], ""),
    Row(
        "unless that class is the one that is served",
        [service("a", load_balancer_class="x/y")],
        [SMALL],
        "192.0.2.1",
        load_balancer_class="x/y",
    ),
    Row("and then a Service without a class is left alone", [service("a")], [SMALL], "", load_balancer_class="x/y"),
    Row("without pools nothing happens", [service("a")], [], ""),
    Row(
        "a pool that is full refuses",
        [service(name) for name in "abcd"],
        [SMALL],
        (EXHAUSTED, "no available IPs: pool small has no IPv4 address left"),
    ),
    Row(
        "each pool says why it has nothing",
        [service("a", V6)],
        [SMALL, pool("manual", "2001:db8::/64", auto_assign=False)],
        (EXHAUSTED, "pool manual has autoAssign off, so it must be asked for; pool small has no IPv6 addresses"),
    ),
    Row(
        "a Service may ask for an address by annotation",
        [service("a", annotations=asks("192.0.2.2"))],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "also by the old annotation",
        [service("a", annotations={"metallb.universe.tf/loadBalancerIPs": "192.0.2.2"})],
        [SMALL],
        "192.0.2.2",
    ),
    Row("also by spec.loadBalancerIP", [service("a", load_balancer_ip="192.0.2.3")], [SMALL], "192.0.2.3"),
    Row(
        "who asks comes before who does not",
        [service("z", load_balancer_ip="192.0.2.1"), service("a")],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "the older one has the address that two ask for",
        [
            service("b", load_balancer_ip="192.0.2.1", creation_timestamp="2024-01-01T00:00:00Z"),
            service("a", load_balancer_ip="192.0.2.1", creation_timestamp="2025-01-01T00:00:00Z"),
        ],
        [SMALL],
        (TAKEN, "192.0.2.1 is taken by Service shop/b, which shares with nobody"),
    ),
    Row(
        "annotation and field at once are refused",
        [service("a", load_balancer_ip="192.0.2.3", annotations=asks("192.0.2.3"))],
        [SMALL],
        (INVALID, "service can not have both the annotation and spec.loadBalancerIP"),
    ),
    Row("what is asked for is an address", [service("a", load_balancer_ip="x")], [SMALL], (INVALID, '"x" is no IP')),
    Row(
        "two addresses of one family are refused",
        [service("a", annotations=asks("192.0.2.1,192.0.2.2"))],
        [SMALL],
        (INVALID, "at most one address of each family"),
    ),
    Row(
        "two addresses of two families are given to a dual-stack Service",
        [service("a", V6, V4, annotations=asks("2001:db8::2, 192.0.2.17"), ip_family_policy="RequireDualStack")],
        [DUAL],
        "192.0.2.17 2001:db8::2",
    ),
    Row(
        "the families asked for are those of the Service",
        [service("a", V6, load_balancer_ip="192.0.2.1")],
        [SMALL],
        (FAMILY, "does not match the families of the service (IPv6)"),
    ),
    Row(
        "an address outside of all pools is refused",
        [service("a", load_balancer_ip="192.0.2.9")],
        [SMALL],
        (NOT_IN_POOL, "192.0.2.9 is in no pool (there are small)"),
    ),
    Row(
        "an address that the pool avoids is refused",
        [service("a", load_balancer_ip="192.0.2.0")],
        [pool("p", "192.0.2.0/24", avoid_buggy_ips=True)],
        (NOT_IN_POOL, "pool p avoids addresses that end in .0 and .255"),
    ),
    Row(
        "addresses of two pools are refused",
        [service("a", V4, V6, annotations=asks("192.0.2.1,2001:db8::"), ip_family_policy="RequireDualStack")],
        [SMALL, DUAL],
        (NOT_IN_POOL, "the addresses are of two pools: small, dual"),
    ),
    Row(
        "an address may be asked for though autoAssign is off",
        [service("a", load_balancer_ip="192.0.2.1")],
        [evolve(SMALL, auto_assign=False)],
        "192.0.2.1",
    ),
    Row(
        "a pool may be asked for",
        [service("a", annotations={"metallb.io/address-pool": "small"})],
        [pool("first", "203.0.113.0/24"), evolve(SMALL, auto_assign=False)],
        "192.0.2.1",
    ),
    Row(
        "also by the old annotation of the pool",
        [service("a", annotations={"metallb.universe.tf/address-pool": "small"})],
        [pool("first", "203.0.113.0/24"), SMALL],
        "192.0.2.1",
    ),
    Row(
        "a pool that does not exist is refused",
        [service("a", annotations={"metallb.io/address-pool": "none"})],
        [SMALL],
        (UNKNOWN, "unknown pool (there are small)"),
    ),
    Row(
        "a pool that is full is not replaced by another one",
        [
            *(service(name, given=[f"192.0.2.{name}"]) for name in "123"),
            service("a", annotations={"metallb.io/address-pool": "small"}),
        ],
        [SMALL, pool("other", "203.0.113.0/24")],
        (EXHAUSTED, "no available IPs in pool small: has no IPv4 address left"),
    ),
    Row(
        "address and pool asked for must fit",
        [service("a", annotations={**asks("192.0.2.1"), "metallb.io/address-pool": "dual"})],
        [SMALL, DUAL],
        (NOT_IN_POOL, "of pool small: not compatible with requested address pool dual"),
    ),
    Row(
        "with autoAssign off a pool gives nothing on its own",
        [service("a")],
        [evolve(SMALL, auto_assign=False)],
        (EXHAUSTED, "pool small has autoAssign off"),
    ),
    Row(
        "a pool for the namespace comes before pools for all",
        [service("a")],
        [SMALL, pool("z", "203.0.113.0/24", namespaces=["shop"])],
        "203.0.113.0",
    ),
    Row(
        "a pool for another namespace gives nothing",
        [service("a")],
        [pool("z", "203.0.113.0/24", namespaces=["infra"])],
        (EXHAUSTED, "pool z is for other namespaces (infra) than shop"),
    ),
    Row(
        "not even if it is asked for",
        [service("a", annotations={"metallb.io/address-pool": "z"})],
        [pool("z", "203.0.113.0/24", namespaces=["infra"])],
        (FOREIGN, "the pool is for other namespaces (infra) than shop"),
    ),
    Row(
        "nor one of its addresses",
        [service("a", load_balancer_ip="203.0.113.1")],
        [pool("z", "203.0.113.0/24", namespaces=["infra"])],
        (FOREIGN, "pool z is for other namespaces (infra) than shop"),
    ),
    Row(
        "a selector of namespaces means their labels",
        [service("a")],
        [pool("z", "203.0.113.0/24", namespace_selectors=[LabelSelector({"team": "a"})])],
        "203.0.113.0",
        namespaces=[Namespace("shop", labels={"team": "a"})],
    ),
    Row(
        "every namespace has a label with its name",
        [service("a")],
        [pool("z", "203.0.113.0/24", namespace_selectors=[LabelSelector({"kubernetes.io/metadata.name": "shop"})])],
        "203.0.113.0",
    ),
    Row(
        "a selector that selects no namespace keeps the pool from all",
        [service("a")],
        [pool("z", "203.0.113.0/24", namespace_selectors=[LabelSelector({"team": "a"})])],
        (EXHAUSTED, "than shop (there is no Namespace object to tell its labels)"),
    ),
    Row(
        "a selector of Services means their labels",
        [service("a", labels={"tier": "front"})],
        [pool("z", "203.0.113.0/24", service_selectors=[LabelSelector({"tier": "front"})])],
        "203.0.113.0",
    ),
    Row(
        "Services with other labels get nothing of it",
        [service("a")],
        [pool("z", "203.0.113.0/24", service_selectors=[LabelSelector({"tier": "front"})])],
        (EXHAUSTED, "pool z is for Services with other labels"),
    ),
    Row(
        "namespace and labels must both fit where both are named",
        [service("a", labels={"tier": "front"})],
        [pool("z", "203.0.113.0/24", namespaces=["x"], service_selectors=[LabelSelector({"tier": "front"})])],
        (EXHAUSTED, "is for other namespaces"),
    ),
    Row(
        "the lowest number of priority comes first",
        [service("a")],
        [
            pool("a", "203.0.113.0/24", namespaces=["shop"], priority=20),
            pool("b", "192.0.2.0/24", namespaces=["shop"], priority=10),
        ],
        "192.0.2.0",
    ),
    Row(
        "no priority comes last",
        [service("a")],
        [
            pool("a", "203.0.113.0/24", namespaces=["shop"]),
            pool("b", "192.0.2.0/24", namespaces=["shop"], priority=90),
        ],
        "192.0.2.0",
    ),
    Row(
        "equal priorities go by name",
        [service("a")],
        [pool("b", "203.0.113.0/24", namespaces=["shop"]), pool("a", "192.0.2.0/24", namespaces=["shop"])],
        "192.0.2.0",
    ),
    Row(
        "a pool of its own that is full is replaced by one for all",
        [service("a", given=["203.0.113.0"]), service("b")],
        [pool("own", "203.0.113.0/32", namespaces=["shop"]), SMALL],
        "192.0.2.1",
    ),
    Row(
        "a serviceAllocation that names nobody must be asked for",
        [service("a")],
        [pool("z", "203.0.113.0/24", priority=1)],
        (EXHAUSTED, "pool z has a serviceAllocation that names nobody"),
    ),
    Row(
        "a Service with an IPv6 cluster IP gets an IPv6 address",
        [service("a", V6)],
        [DUAL],
        "2001:db8::",
    ),
    Row(
        "RequireDualStack gets both, IPv4 first",
        [service("a", V6, V4, ip_family_policy="RequireDualStack")],
        [DUAL],
        "192.0.2.16 2001:db8::",
    ),
    Row(
        "RequireDualStack gets both of one pool or nothing",
        [service("a", V4, V6, ip_family_policy="RequireDualStack")],
        [SMALL, pool("six", "2001:db8::/64")],
        (EXHAUSTED, "pool six has no IPv4 addresses; pool small has no IPv6 addresses"),
    ),
    Row(
        "PreferDualStack gets both of one pool if there is one",
        [service("a", V4, V6, ip_family_policy="PreferDualStack")],
        [pool("a", "203.0.113.0/24"), DUAL],
        "192.0.2.16 2001:db8::",
    ),
    Row(
        "else the first family of the Service",
        [service("a", V6, V4, ip_family_policy="PreferDualStack")],
        [SMALL, pool("six", "2001:db8::/64")],
        "2001:db8::",
    ),
    Row(
        "else the other family",
        [service("a", V6, V4, ip_family_policy="PreferDualStack")],
        [SMALL],
        "192.0.2.1",
    ),
    Row(
        "PreferDualStack with one address gets the other one of the same pool",
        [service("a", V4, V6, ip_family_policy="PreferDualStack", given=["192.0.2.18"])],
        [DUAL],
        "192.0.2.18 2001:db8::",
    ),
    Row(
        "but not of another pool",
        [service("a", V4, V6, ip_family_policy="PreferDualStack", given=["192.0.2.2"])],
        [SMALL, pool("six", "2001:db8::/64")],
        "192.0.2.2",
    ),
    Row(
        "a Service of one family gets one address, whatever it prefers",
        [service("a", V4, ip_family_policy="PreferDualStack")],
        [DUAL],
        "192.0.2.16",
    ),
    Row(
        "a Service without a cluster IP has no family",
        [evolve(service("a"), cluster_ips=())],
        [SMALL],
        ("no-cluster-ip", "a Service without a cluster IP has no known families"),
    ),
    Row(
        "one sharing key and other ports: one address",
        [service("a", annotations=KEY), service("b", port=443, annotations=KEY)],
        [SMALL],
        "192.0.2.1",
    ),
    Row(
        "the old annotation of the key counts, too",
        [
            service("a", annotations=KEY),
            service("b", port=443, annotations={"metallb.universe.tf/allow-shared-ip": "k"}),
        ],
        [SMALL],
        "192.0.2.1",
    ),
    Row(
        "the same port of another protocol is another port",
        [service("a", port=53, annotations=KEY), service("b", port=ServicePort(53, protocol="UDP"), annotations=KEY)],
        [SMALL],
        "192.0.2.1",
    ),
    Row(
        "the same port: another address",
        [service("a", annotations=KEY), service("b", annotations=KEY)],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "another key: another address",
        [service("a", annotations=KEY), service("b", port=443, annotations={"metallb.io/allow-shared-ip": "l"})],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "no key: another address",
        [service("a", annotations=KEY), service("b", port=443)],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "Local and Cluster do not share",
        [service("a", annotations=KEY), service("b", port=443, selector={"app": "x"}, **LOCAL)],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "Local and Local share the same pods",
        [service("a", selector={"app": "x"}, **LOCAL), service("b", port=443, selector={"app": "x"}, **LOCAL)],
        [SMALL],
        "192.0.2.1",
    ),
    Row(
        "Local and Local with other pods do not",
        [service("a", selector={"app": "x"}, **LOCAL), service("b", port=443, selector={"app": "y"}, **LOCAL)],
        [SMALL],
        "192.0.2.2",
    ),
    Row(
        "an address asked for may be shared",
        [
            service("a", given=["192.0.2.3"], annotations=KEY),
            service("b", port=443, annotations={**KEY, **asks("192.0.2.3")}),
        ],
        [SMALL],
        "192.0.2.3",
    ),
    Row(
        "or not, because of the key",
        [service("a", given=["192.0.2.3"], annotations=KEY), service("b", port=443, load_balancer_ip="192.0.2.3")],
        [SMALL],
        (TAKEN, "192.0.2.3 is taken by Service shop/a, and this Service has no sharing key"),
    ),
    Row(
        "or because of another key",
        [
            service("a", given=["192.0.2.3"], annotations=KEY),
            service("b", port=443, annotations={"metallb.io/allow-shared-ip": "l", **asks("192.0.2.3")}),
        ],
        [SMALL],
        (TAKEN, 'taken by Service shop/a, whose sharing key is "k"'),
    ),
    Row(
        "or because of a port",
        [service("a", given=["192.0.2.3"], annotations=KEY), service("b", annotations={**KEY, **asks("192.0.2.3")})],
        [SMALL],
        (TAKEN, "taken by Service shop/a, which has port 80/TCP on it"),
    ),
    Row(
        "or because of the traffic policy",
        [
            service("a", given=["192.0.2.3"], annotations=KEY),
            service(
                "b",
                port=443,
                selector={"app": "x"},
                external_traffic_policy="Local",
                annotations={**KEY, **asks("192.0.2.3")},
            ),
        ],
        [SMALL],
        (TAKEN, "with externalTrafficPolicy Local both must select the same pods"),
    ),
    Row(
        "an address that is reserved for a Service is given to it",
        [service("a")],
        [SMALL],
        "192.0.2.3",
        reservation={"192.0.2.3": ("shop/a",)},
    ),
    Row(
        "and to no other one",
        [service("a"), service("b"), service("c")],
        [SMALL],
        (EXHAUSTED, "has no IPv4 address left"),
        reservation={"192.0.2.3": ("shop/gone",)},
    ),
    Row(
        "even if that asks for it",
        [service("a", load_balancer_ip="192.0.2.3")],
        [SMALL],
        (TAKEN, "192.0.2.3 is reserved for shop/gone"),
        reservation={"192.0.2.3": ("shop/gone",)},
    ),
    Row(
        "an address that is reserved for nobody is given to nobody",
        [service("a")],
        [pool("p", "192.0.2.3/32")],
        (EXHAUSTED, "has no IPv4 address left"),
        reservation={"192.0.2.3": ()},
    ),
    Row(
        "an address asked for wins over the reserved one",
        [service("a", load_balancer_ip="192.0.2.2")],
        [SMALL],
        "192.0.2.2",
        reservation={"192.0.2.3": ("shop/a",)},
    ),
    Row(
        "PreferDualStack completes what is reserved",
        [service("a", V4, V6, ip_family_policy="PreferDualStack")],
        [DUAL],
        "192.0.2.18 2001:db8::",
        reservation={"192.0.2.18": ("shop/a",)},
    ),
]


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


def test_many_services_of_one_key_take_about_as_long_as_they_should() -> None:
    count = 4000
    services = [service(f"s{index:05}", port=80 + index % 3, annotations=KEY) for index in range(count)]
    allocation = allocate_load_balancers(Cluster(services), [pool("p", "10.0.0.0/8")])
    used = {entry.ip for each in allocation.cluster.services for entry in each.load_balancer_ingress}
    assert len(used) == -(-count // 3)
    assert allocation.problems == ()
