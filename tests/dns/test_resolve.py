"""What pods ask for, in which order, and what they get: rows are sentences about a cluster with a shop in it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from svcc.dns.contract import DnsFlavour, DnsSettings
from svcc.dns.lookup import NameIndex
from svcc.dns.records import dns_records
from svcc.dns.resolve import QueryOutcome, Resolution, resolve
from svcc.dns.resolve_hints import resolution_hints
from svcc.dns.resolver import DnsPolicy, Libc, PodResolver
from svcc.errors import InputError, SettingsError
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import HEADLESS, Service, ServicePort

HTTP = [ServicePort(80, "http")]
SERVICES = [
    Service("web", "shop", cluster_ips=["10.96.0.10", "fd00:96::10"], ports=HTTP),
    Service("web", "blog", cluster_ips=["10.96.0.11"], ports=HTTP),
    Service("cart", "shop", cluster_ips=["10.96.0.20"], ports=HTTP),
    Service("database", "shop", cluster_ips=[HEADLESS], ports=[ServicePort(5432, "sql")]),
    Service("idle", "shop", cluster_ips=[HEADLESS], ports=HTTP),
    Service("pay", "shop", type="ExternalName", external_name="pay.example.com"),
    Service("basket", "shop", type="ExternalName", external_name="cart.shop.svc.cluster.local"),
    Service("bag", "shop", type="ExternalName", external_name="basket.shop.svc.cluster.local."),
    Service("purse", "shop", type="ExternalName", external_name="pay.shop.svc.cluster.local"),
    Service("gone", "shop", type="ExternalName", external_name="nothing.shop.svc.cluster.local"),
    Service("left", "shop", type="ExternalName", external_name="right.shop.svc.cluster.local"),
    Service("right", "shop", type="ExternalName", external_name="left.shop.svc.cluster.local"),
]
OBJECTS: list[ClusterObject] = [
    *SERVICES,
    EndpointSlice(
        "database-1",
        "shop",
        service_name="database",
        endpoints=[Endpoint(["10.244.0.7"], hostname="first"), Endpoint(["10.244.0.8"], hostname="second")],
        ports=[EndpointPort(5432, "sql")],
    ),
]
INDEX = NameIndex(dns_records(OBJECTS))
COREDNS = NameIndex(dns_records(OBJECTS, DnsSettings(flavour=DnsFlavour.COREDNS)))
FULL = "svc.cluster.local."


def looked_up(
    name: str, namespace: str = "shop", types: tuple[str, ...] = ("A", "AAAA"), **settings: Any
) -> Resolution:
    return resolve(INDEX, name, PodResolver(namespace=namespace, **settings), types=types)


def data(resolution: Resolution) -> list[str]:
    return [record.data for record in resolution.records if record.type != "CNAME"]


@frozen
class Row:
    """A look-up and what comes of it: the addresses, or where it leads, and the number of queries."""

    sentence: str
    name: str
    addresses: list[str]
    queries: int
    namespace: str = "shop"
    settings: dict[str, Any] = field(factory=dict)
    outside: str | None = None


WEB = ["10.96.0.10", "fd00:96::10"]
ROWS = [
    Row("the name alone finds the Service of the pod's own namespace", "web", WEB, 2),
    Row("the name alone finds the own one in another namespace", "web", ["10.96.0.11"], 2, "blog"),
    Row("the name alone finds nothing from a namespace without such a Service", "web", [], 8, "default"),
    Row("name and namespace find it from the same namespace, one candidate later", "web.shop", WEB, 4),
    Row("name and namespace find it from another namespace", "web.shop", WEB, 4, "default"),
    Row("name, namespace and svc find it through the zone", "web.shop.svc", WEB, 6, "default"),
    Row("the full name has four dots, so the search path comes first", "web.shop.svc.cluster.local", WEB, 8),
    Row("the full name with its final dot is asked at once", "web.shop.svc.cluster.local.", WEB, 2),
    Row(
        "with one dot wanted the full name is asked at once",
        "web.shop.svc.cluster.local",
        WEB,
        2,
        settings={"ndots": 1},
    ),
    Row("with one dot wanted glibc searches after that", "web.shop", WEB, 6, settings={"ndots": 1}),
    Row("with one dot wanted musl does not search", "web.shop", [], 2, settings={"ndots": 1, "libc": "musl"}),
    Row("musl finds short names like glibc", "web", WEB, 2, settings={"libc": "musl"}),
    Row("capital letters are the same name", "WEB.Shop", WEB, 4),
    Row("a headless Service has the addresses of its endpoints", "database", ["10.244.0.7", "10.244.0.8"], 2),
    Row("an endpoint with a hostname has a name of its own", "first.database.shop", ["10.244.0.7"], 4, "blog"),
    Row("a headless Service without endpoints does not exist", "idle", [], 8),
    Row("an external name leads out of the cluster", "pay", [], 2, outside="pay.example.com."),
    Row("an external name may lead to another Service", "basket.shop", ["10.96.0.20"], 4, "default"),
    Row("external names may be chained", "bag", ["10.96.0.20"], 2),
    Row("a chain of external names may end outside", "purse", [], 2, outside="pay.example.com."),
    Row("an external name of nothing is not answered, and the search goes on", "gone", [], 8),
    Row("external names in a circle end the search", "left", [], 2),
    Row("a public name costs the whole search path", "www.example.com", [], 8),
    Row("a public name with its dot costs nothing", "www.example.com.", [], 2),
    Row(
        "search domains of the node cost two queries each",
        "www.example.com",
        [],
        10,
        settings={"search": ["corp.example"]},
    ),
    Row(
        "a search domain that is there already is asked once",
        "web.blog",
        ["10.96.0.11"],
        4,
        settings={"search": [FULL]},
    ),
    Row("the policy Default asks the node's servers only", "web.shop", [], 2, settings={"policy": "Default"}),
    Row("a pod with the node's network does so, too", "web.shop", [], 2, settings={"host_network": True}),
    Row(
        "unless its policy is ClusterFirstWithHostNet",
        "web.shop",
        WEB,
        4,
        settings={"host_network": True, "policy": "ClusterFirstWithHostNet"},
    ),
    Row(
        "the policy None searches what dnsConfig says",
        "web",
        WEB,
        2,
        settings={"policy": "None", "search": ["shop." + FULL]},
    ),
    Row("the policy None searches nothing else", "web", [], 2, settings={"policy": "None"}),
    Row("an address needs no query", "10.96.0.99", [], 0),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_a_pod_that_looks_up(row: Row) -> None:
    found = looked_up(row.name, row.namespace, **row.settings)
    assert data(found) == row.addresses
    assert len(found.queries) == row.queries
    assert found.outside == row.outside
    assert found.is_answered == bool(row.addresses or row.outside or found.address)


def test_queries_are_in_the_order_of_the_search_path_and_of_both_types() -> None:
    found = looked_up("web.shop.svc", "default", search=["corp.example"])
    assert [(query.name, query.type, query.outcome) for query in found.queries] == [
        (f"web.shop.svc.default.{FULL}", "A", QueryOutcome.NXDOMAIN),
        (f"web.shop.svc.default.{FULL}", "AAAA", QueryOutcome.NXDOMAIN),
        (f"web.shop.svc.{FULL}", "A", QueryOutcome.NXDOMAIN),
        (f"web.shop.svc.{FULL}", "AAAA", QueryOutcome.NXDOMAIN),
        (f"web.shop.{FULL}", "A", QueryOutcome.NOERROR),
        (f"web.shop.{FULL}", "AAAA", QueryOutcome.NOERROR),
    ]


def test_names_outside_the_zones_leave_the_cluster() -> None:
    found = looked_up("www.example.com", search=["corp.example"])
    assert found.forwarded == ("www.example.com.corp.example.", "www.example.com.")
    assert not found.is_answered


def test_after_nodata_glibc_goes_on_and_musl_does_not() -> None:
    # shop.svc.cluster.local exists, as there are names below it, but has no address.
    glibc, musl = (looked_up("shop", "shop", libc=libc) for libc in Libc)
    assert [query.outcome for query in glibc.queries][2:4] == [QueryOutcome.NODATA] * 2
    assert (len(glibc.queries), len(musl.queries)) == (8, 4)


def test_a_service_of_one_family_is_answered_where_the_other_has_no_data() -> None:
    found = looked_up("cart")
    assert [query.outcome for query in found.queries] == [QueryOutcome.NOERROR, QueryOutcome.NODATA]
    assert found.is_answered


def test_ports_and_names_of_addresses_are_asked_for_by_type() -> None:
    ports = looked_up("_http._tcp.web", types=("SRV",))
    assert data(ports) == [f"0 100 80 web.shop.{FULL}"]
    pointer = looked_up("10.96.0.10", types=("PTR",))
    assert (pointer.answered_name, data(pointer)) == ("10.0.96.10.in-addr.arpa.", [f"web.shop.{FULL}"])
    assert data(looked_up("fd00:96::10", types=("PTR",))) == [f"web.shop.{FULL}"]
    assert data(looked_up("dns-version.cluster.local.", types=("TXT",))) == ['"1.1.0"']


def test_musl_searches_for_addresses_only() -> None:
    found = looked_up("_http._tcp.web", types=("SRV",), libc="musl")
    assert [query.name for query in found.queries] == ["_http._tcp.web."]


def test_the_alias_itself_can_be_asked_for() -> None:
    found = looked_up("pay", types=("CNAME",))
    assert [record.data for record in found.records] == ["pay.example.com."]
    assert found.outside is None


def test_kubelet_writes_32_search_domains_and_musl_ignores_a_line_beyond_its_buffer() -> None:
    domains = [f"zone-{number}.example" for number in range(40)]
    glibc, musl = (PodResolver(namespace="shop", search=domains, libc=libc) for libc in Libc)
    assert len(glibc.search_path) == 32
    assert musl.search_path == ()
    long = [f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{number:03}" for number in range(20)]
    assert len(" ".join(PodResolver(namespace="shop", search=long).search_path)) <= 2048


def test_more_than_15_dots_count_as_15() -> None:
    name = ".".join("abcdefghijklmnop")
    assert PodResolver(namespace="shop", ndots=40).candidates(name)[0] == f"{name}."


def test_candidates_that_are_too_long_for_a_name_are_left_out() -> None:
    name = ".".join(["a" * 60] * 4)
    assert PodResolver(namespace="shop").candidates(name) == (f"{name}.",)


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "x" * 64, "-a", "web.shop..", "ä", "a\nb", "*"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a name"):
        looked_up(name)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"namespace": "Shop"}, "namespace: 'Shop'"),
        ({"namespace": ""}, "namespace: ''"),
        ({"namespace": "shop", "ndots": -1}, "ndots: -1 is negative"),
        ({"namespace": "shop", "search": ["a..b"]}, "search: 'a..b'"),
    ],
)
def test_a_resolver_that_cannot_be_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        PodResolver(**settings)


HINTS = [
    ("a Service of this name in other namespaces", "web", "default", {}, ["did you mean web.blog or web.shop?"]),
    ("a namespace that is misspelled", "cart.shopp", "default", {}, ["did you mean cart.shop?"]),
    ("a Service that is misspelled, of the own namespace", "crat", "shop", {}, ["did you mean cart?"]),
    ("nothing, where only the namespace is like it", "blah", "shop", {}, []),
    ("the zone of another cluster", "cart.shop.svc.k8s.local", "blog", {}, [
        "did you mean cart.shop.svc.cluster.local or cart.shop?"
    ]),
    ("a dot at the end of a short name", "cart.", "shop", {}, ["did you mean cart?"]),
    ("a headless Service without endpoints", "idle", "shop", {}, [
        "shop/idle is headless, and none of its endpoints is ready"
    ]),
    ("the node's own servers", "cart", "shop", {"policy": DnsPolicy.DEFAULT}, [
        "the pod asks the node's name servers, not the cluster's; it is answered with dnsPolicy ClusterFirst"
    ]),
    ("the node's network", "cart", "shop", {"host_network": True}, [
        "the pod asks the node's name servers, not the cluster's; it is answered with dnsPolicy ClusterFirstWithHostNet"
    ]),
    ("musl and ndots", "cart.shop", "blog", {"libc": "musl", "ndots": 1}, [
        "musl stops here; glibc goes on, and is answered",
        "it is answered with the ndots that kubelet writes",
    ]),
    ("an external name of nothing", "gone", "shop", {}, [
        "shop/gone leads to nothing.shop.svc.cluster.local., which has no such records"
    ]),
    ("external names in a circle", "left", "shop", {}, ["shop/left leads in a circle"]),
    ("a port, whose addresses are asked for", "_sql._tcp.database.shop", "blog", {}, [
        "_sql._tcp.database.shop.svc.cluster.local. is a port, and is asked for with --type SRV"
    ]),
    ("nothing that is like it", "www.example.com", "shop", {}, []),
    ("an answer", "cart", "shop", {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "name", "namespace", "settings", "hints"), HINTS, ids=[row[0] for row in HINTS])
def test_a_look_up_without_an_answer_is_explained_by(
    sentence: str, name: str, namespace: str, settings: dict[str, Any], hints: list[str]
) -> None:
    found = list(resolution_hints(looked_up(name, namespace, **settings), INDEX, SERVICES))
    assert found == hints


def test_a_name_that_has_other_records_is_told() -> None:
    found = resolution_hints(looked_up("cart", types=("TXT",)), INDEX, SERVICES)
    assert found[0] == "shop/cart has A records, which are asked for with --type"


NAMESPACES = st.sampled_from(["shop", "blog", "default", "kube-system"])
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "libc": st.sampled_from(Libc),
        "ndots": st.integers(0, 20),
        "search": st.lists(st.sampled_from(["corp.example", "example.com", "svc.cluster.local"]), max_size=3),
        "policy": st.sampled_from(DnsPolicy),
        "host_network": st.booleans(),
    },
)
NAMES = st.lists(st.sampled_from(["web", "shop", "svc", "cluster", "local", "pay", "x"]), min_size=1, max_size=6).map(
    ".".join
)


@given(NAMES, NAMESPACES, SETTINGS)
def test_a_name_that_ends_in_a_dot_is_the_only_one_asked_for(
    name: str, namespace: str, settings: dict[str, Any]
) -> None:
    found = looked_up(f"{name}.", namespace, **settings)
    assert [query.name for query in found.queries] == [f"{name}."] * 2


@given(
    st.sampled_from([service for service in SERVICES if service.name not in {"idle", "gone", "left", "right"}]),
    NAMESPACES,
    st.sampled_from(["", "."]),
    SETTINGS,
)
def test_every_service_has_an_answer_by_its_full_name_from_everywhere_the_cluster_is_asked(
    service: Service, namespace: str, dot: str, settings: dict[str, Any]
) -> None:
    found = looked_up(f"{service.name}.{service.namespace}.svc.cluster.local{dot}", namespace, **settings)
    assert found.is_answered == found.resolver.asks_cluster
    if found.is_answered:
        assert found.answered_name == f"{service.name}.{service.namespace}.{FULL}"


@given(NAMES, NAMESPACES, SETTINGS, st.sampled_from([INDEX, COREDNS]))
def test_every_candidate_is_asked_once_and_only_the_last_is_answered(
    name: str, namespace: str, settings: dict[str, Any], index: NameIndex
) -> None:
    resolver = PodResolver(namespace=namespace, **settings)
    found = resolve(index, name, resolver)
    asked = [query.name for query in found.queries][::2]
    assert asked == list(resolver.candidates(name))[: len(asked)]
    assert len(set(asked)) == len(asked)
    assert all(query.outcome is not QueryOutcome.NOERROR for query in found.queries[:-2])
    if found.is_answered:
        assert found.answered_name == asked[-1]
    elif resolver.libc is Libc.GLIBC and found.queries[-1].outcome is not QueryOutcome.NOERROR:
        assert len(asked) == len(resolver.candidates(name))


@given(NAMES, NAMESPACES, SETTINGS)
def test_every_name_that_is_suggested_is_answered(name: str, namespace: str, settings: dict[str, Any]) -> None:
    resolver = PodResolver(namespace=namespace, **settings)
    for hint in resolution_hints(resolve(INDEX, name, resolver), INDEX, SERVICES):
        if hint.startswith("did you mean "):
            for suggested in hint.removeprefix("did you mean ").removesuffix("?").replace(" or ", ", ").split(", "):
                assert resolve(INDEX, suggested, resolver).is_answered
