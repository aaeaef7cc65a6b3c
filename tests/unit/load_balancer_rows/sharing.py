"""Both families, addresses that Services share, and those that are reserved."""

from __future__ import annotations

from attrs import evolve

from svcc.model.service import ServicePort
from tests.unit.load_balancer_rows.row import (
    DUAL,
    EXHAUSTED,
    KEY,
    LOCAL,
    SMALL,
    TAKEN,
    V4,
    V6,
    Row,
    asks,
    pool,
    service,
)

SHARING_ROWS = [
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
