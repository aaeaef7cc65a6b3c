"""Which address of which pool a Service gets, and who has it if several want it."""

from __future__ import annotations

from attrs import evolve

from svcc.model.address_pool import LabelSelector, Namespace
from tests.unit.load_balancer_rows.row import (
    DUAL,
    EXHAUSTED,
    FAMILY,
    FOREIGN,
    INVALID,
    KEY,
    NOT_IN_POOL,
    SMALL,
    TAKEN,
    UNKNOWN,
    V4,
    V6,
    Row,
    asks,
    pool,
    service,
)

CHOICE_ROWS = [
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
]
