"""Services that are refused: what they say beside the error takes part in the rules between objects all the same."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from svcc.dataplane.judgement import judge_cluster
from svcc.fields import Problem
from svcc.manifest.load import Loaded, load_text
from svcc.validate.admission import is_fatal
from svcc.validate.cluster import ClusterRuleSettings
from svcc.validate.refused import RefusedService
from tests.unit.rule_rows.cluster_row import (
    ClusterRow,
    balanced,
    endpoint_slice,
    node,
    node_port,
    service,
    service_cidr,
)
from tests.unit.rule_rows.row import changed
from tests.unit.rule_rows.update_rows import UPDATE_ROWS, UpdateRow
from tests.unit.test_cluster_rules import ROWS, said
from tests.unit.test_update import said_of

ELSEWHERE: dict[str, tuple[str, Any]] = {
    "a value that is refused": ("sessionAffinity", "Sticky"),
    "a value of a wrong type": ("publishNotReadyAddresses", "yes"),
}


def services_of(row: ClusterRow) -> list[int]:
    """The places of the Services of a row."""
    return [place for place, item in enumerate(row.objects) if item["kind"] == "Service"]


def refused_at(row: ClusterRow, places: list[int], mistake: tuple[str, Any]) -> ClusterRow:
    """The row with a mistake in some Services that has nothing to do with their claims."""
    name, value = mistake
    objects = [
        changed(item, {("spec", name): value}) if place in places else item for place, item in enumerate(row.objects)
    ]
    return evolve(row, objects=objects)


@pytest.mark.parametrize("mistake", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("row", [row for row in ROWS if services_of(row)], ids=lambda row: row.sentence)
def test_a_rule_says_the_same_whichever_of_the_services_are_refused_for_something_else(
    row: ClusterRow, mistake: tuple[str, Any]
) -> None:
    places = services_of(row)
    for refused in (*([place] for place in places), places):
        wrong = refused_at(row, refused, mistake)
        found = [item for item in load_text(wrong.text).refused if isinstance(item, RefusedService)]
        assert len(found) == len(refused)
        assert said(wrong) == row.expected


ANNOTATIONS: dict[str, Any] = {"a value that is refused": {"-": "x"}, "a value of a wrong type": 5}
OF_RANGES = {"cluster/cluster-ip-out-of-range", "cluster/family-not-served"}


@pytest.mark.parametrize("annotations", ANNOTATIONS.values(), ids=ANNOTATIONS)
@pytest.mark.parametrize(
    "row", [row for row in ROWS if len(services_of(row)) < len(row.objects)], ids=lambda row: row.sentence
)
def test_a_rule_says_the_same_whichever_of_the_other_objects_are_refused_for_something_else(
    row: ClusterRow, annotations: Any
) -> None:
    places = [place for place in range(len(row.objects)) if place not in services_of(row)]
    for refused in (*([place] for place in places), places):
        objects = [
            changed(item, {("metadata", "annotations"): annotations}) if place in refused else item
            for place, item in enumerate(row.objects)
        ]
        wrong = evolve(row, objects=objects)
        names = {(item.reference.kind, item.name) for item in load_text(wrong.text).refused}
        assert names >= {(objects[place]["kind"], objects[place]["metadata"]["name"]) for place in refused}
        # Which addresses a broken ServiceCIDR was to hold is not guessed.
        silent = OF_RANGES if any(objects[place]["kind"] == "ServiceCIDR" for place in refused) else ()
        assert said(wrong) == [each for each in row.expected if each[1] not in silent]


OTHERS_FOLLOWING: list[tuple[str, list[dict[str, Any]], list[tuple[str, str]]]] = [
    (
        "a slice whose labels cannot be read is nobody's and no orphan",
        [changed(endpoint_slice("b"), {("metadata", "labels"): {"kubernetes.io/service-name": 1}})],
        [],
    ),
    (
        "a slice of an address type that is none is of no wrong family",
        [service("b", clusterIP="10.96.0.1", ipFamilies=["IPv4"]), endpoint_slice("b", addressType="ipv6")],
        [],
    ),
    (
        "a slice with a port that is refused has no wrong port and does not lack one",
        [service("b"), endpoint_slice("b", {"name": "x", "port": 0}, nodes=["n1"])],
        [],
    ),
    (
        "a slice of the wrong family is one whatever its ports are",
        [
            service("b", clusterIP="10.96.0.1", ipFamilies=["IPv4"]),
            endpoint_slice("b", {"name": "x", "port": 0}, addressType="IPv6"),
        ],
        [("cluster/slice-family-not-of-service", "web-1")],
    ),
    (
        "a slice with an address that is none is an orphan all the same",
        [endpoint_slice("b", endpoints=[{"addresses": ["10.244.0.300"]}])],
        [("cluster/slice-without-service", "web-1")],
    ),
    (
        "a range of pods that is none overlaps nothing, the one beside it does",
        [node("a", "10.244.0.0/24"), node("b", "10.244.0.0/33", "10.244.0.0/24")],
        [("cluster/pod-cidr-overlaps", "b")],
    ),
    (
        "of ranges of pods that exclude each other none is taken",
        [node("a", "10.244.0.0/24"), node("b", "10.244.0.0/24", "10.244.1.0/24")],
        [],
    ),
    (
        "a range of Services that is none overlaps nothing, the one beside it does",
        [node("a", "10.96.0.0/24", "fd00::/64"), service_cidr("b", "10.96.0.0/16", "fd00::1/108")],
        [("cluster/pod-cidr-overlaps-service-cidr", "a")],
    ),
]


@pytest.mark.parametrize(
    ("sentence", "objects", "expected"), OTHERS_FOLLOWING, ids=[row[0] for row in OTHERS_FOLLOWING]
)
def test_nothing_is_told_of_other_objects_that_only_follows_from_an_error(
    sentence: str, objects: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    loaded = load_text(ClusterRow(sentence, objects, []).text)
    assert any(map(is_fatal, loaded.problems))
    skipped = ("cluster/yields-no-rules", "cluster/endpoint-node-unknown")
    found = [each for each in between(loaded) if each.rule not in skipped]
    assert [(each.rule, each.object.name if each.object else "") for each in found] == expected


def test_slices_that_are_refused_are_selected_with_their_services() -> None:
    objects = [
        changed(service(name), {("metadata", "labels"): {"app": name}, ("spec", "sessionAffinity"): "x"})
        for name in ("a", "b")
    ]
    objects += [
        changed(endpoint_slice(name, addressType="x"), {("metadata", "name"): f"{name}-1"}) for name in ("a", "b")
    ]
    text = ClusterRow("", objects, []).text
    assert [item.name for item in load_text(text).refused] == ["a", "b", "a-1", "b-1"]
    assert [item.name for item in load_text(text, selector="app=b").refused] == ["b", "b-1"]
    assert load_text(text, namespace="other").refused == ()


@pytest.mark.parametrize("mistake", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize(
    "row", [row for row in UPDATE_ROWS if row.value["kind"] == "Service"], ids=lambda row: row.sentence
)
def test_an_update_rule_says_the_same_of_a_service_that_is_refused_for_something_else(
    row: UpdateRow, mistake: tuple[str, Any]
) -> None:
    name, value = mistake
    told = said_of(evolve(row, new={**row.new, ("spec", name): value}))
    expected = [each for each in row.expected if each[0].startswith("update/")]
    assert [each for each in told if each[0].startswith("update/")] == expected


TAKEN_IP = ("cluster/cluster-ip-taken", "b")
TAKEN_PORT = ("cluster/node-port-taken", "b")
FIRST = {"port": 80, "name": "http", "nodePort": 30080}
SHARING = {"metallb.io/allow-shared-ip": "web"}

FOLLOWING = [
    ("a malformed address claims nothing", [service(x, clusterIP="10.96.0.300") for x in "ab"], []),
    (
        "addresses of which nobody knows the right one claim nothing",
        [service("a", clusterIP="10.96.0.1", clusterIPs=["10.96.0.2"]), service("b", clusterIP="10.96.0.1")],
        [],
    ),
    (
        "an address of the wrong family claims nothing",
        [service("a", clusterIP="10.96.0.1", ipFamilies=["IPv6"]), service("b", clusterIP="10.96.0.1")],
        [],
    ),
    (
        "an address beside a malformed one is claimed",
        [
            service("a", clusterIP="10.96.0.1", clusterIPs=["10.96.0.1", "fd00:::1"]),
            service("b", clusterIP="10.96.0.1"),
        ],
        [TAKEN_IP],
    ),
    (
        "an address where a list was expected leaves clusterIP as it is",
        [service("a", clusterIP="10.96.0.1", clusterIPs="10.96.0.1"), service("b", clusterIP="10.96.0.1")],
        [TAKEN_IP],
    ),
    (
        "addresses without clusterIP are claimed",
        [service("a", clusterIPs=["10.96.0.1"]), service("b", clusterIP="10.96.0.1")],
        [TAKEN_IP],
    ),
    (
        "a node port in quotation marks claims nothing",
        [service(x, {"port": 80, "nodePort": "30080"}, type="NodePort") for x in "ab"],
        [],
    ),
    ("a node port beyond all ports is told once", [node_port("a", 70000), node_port("b", 70000)], []),
    (
        "a node port behind an entry that is none is told at its own place",
        [node_port("a", 30080), service("b", "http", FIRST, type="NodePort")],  # type: ignore[arg-type]
        [TAKEN_PORT],
    ),
    (
        "a port that stands there twice has a node port of its own all the same",
        [node_port("a", 30080), service("b", {"port": 80, "name": "x"}, FIRST, type="NodePort")],
        [TAKEN_PORT],
    ),
    (
        "a port whose number is refused may be the one that has the node port in the other protocol",
        [service("b", FIRST, {"port": 0, "name": "udp", "protocol": "UDP", "nodePort": 30080}, type="NodePort")],
        [],
    ),
    (
        "a Service of an unknown type has what it names",
        [node_port("a", 30080), service("b", FIRST, type="Nodeport")],
        [TAKEN_PORT],
    ),
    (
        "a Service of an unknown type without addresses is headless, and of any families",
        [
            service("b", type="Cluster", clusterIP="None", selector=None, ipFamilies=["IPv6"]),
            service_cidr("v4", "10.96.0.0/16"),
        ],
        [],
    ),
    (
        "ports whose protocol nobody knows are not taken",
        [balanced(x, "203.0.113.1", annotations=SHARING, ports=[{"port": 80, "protocol": "tcp"}]) for x in "ab"],
        [],
    ),
    (
        "a sharing key in a wrong type may be the same one",
        [
            balanced("a", "203.0.113.1", port=81, annotations=SHARING),
            balanced("b", "203.0.113.1", annotations={"metallb.io/allow-shared-ip": 1}),
        ],
        [],
    ),
    (
        "an address that is asked for does not count where one was given that nobody can read",
        [balanced("a", "203.0.113.1"), balanced("b", 5, loadBalancerIP="203.0.113.1")],  # type: ignore[arg-type]
        [],
    ),
    (
        "an external IP that is refused claims nothing",
        [service(x, externalIPs=["127.0.0.1"]) for x in "ab"],
        [],
    ),
    (
        "a slice of a Service with a refused port is not judged by its ports",
        [service("b", {"port": 80, "name": "HTTP"}), endpoint_slice("b", {"name": "x", "port": 1})],
        [],
    ),
    (
        "a slice of a Service with a refused family is not judged by it",
        [service("b", ipFamilies=["v6"], clusterIP="fd00::1"), endpoint_slice("b")],
        [],
    ),
    (
        "of two refused declarations of one Service the last one counts",
        [service("b", clusterIP="10.96.0.1", type="x"), service("b", clusterIP="10.96.0.1", type="y")],
        [],
    ),
    (
        "a refused declaration of a Service that is in order elsewhere claims nothing from it",
        [service("b", clusterIP="10.96.0.1"), service("b", clusterIP="10.96.0.1", sessionAffinity="x")],
        [],
    ),
]


def between(loaded: Loaded, settings: ClusterRuleSettings | None = None) -> list[Problem]:
    """What is said between the objects."""
    return judge_cluster(loaded.cluster, settings, problems=loaded.problems, refused=loaded.refused)


@pytest.mark.parametrize(
    ("sentence", "objects", "expected"), FOLLOWING, ids=lambda item: item if isinstance(item, str) else ""
)
def test_nothing_is_told_that_only_follows_from_an_error(
    sentence: str, objects: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    loaded = load_text(ClusterRow(sentence, objects, []).text)
    assert any(map(is_fatal, loaded.problems))
    found = [
        each for each in between(loaded) if each.rule not in ("cluster/yields-no-rules", "cluster/external-ip-shared")
    ]
    assert [(each.rule, each.object.name if each.object else "") for each in found] == expected


MIXED = [
    (
        "a cluster IP that is an external IP of an older Service",
        [service("a", clusterIP="10.96.0.2", externalIPs=["10.96.0.1"]), service("b", clusterIP="10.96.0.1")],
        [("b", "spec.clusterIPs[0]")],
    ),
    (
        "an external IP that is the cluster IP of an older Service",
        [service("a", clusterIP="10.96.0.1"), service("b", clusterIP="10.96.0.2", externalIPs=["10.96.0.1"])],
        [("b", "spec.externalIPs[0]")],
    ),
    (
        "the address of a load balancer that is the cluster IP of an older Service",
        [service("a", clusterIP="10.96.0.1"), balanced("b", "10.96.0.1", clusterIP="10.96.0.2")],
        [("b", "status.loadBalancer.ingress[0].ip")],
    ),
    (
        "an external IP that is the cluster IP of one Service and the external IP of another",
        [
            service("a", clusterIP="10.96.0.1"),
            *(service(name, clusterIP=ip, externalIPs=["10.96.0.1"]) for name, ip in (("b", "10.96.0.2"), ("c", None))),
        ],
        [("b", "spec.externalIPs[0]")],
    ),
    (
        "the same address with another port",
        [
            service("a", clusterIP="10.96.0.1"),
            service("b", {"port": 81}, clusterIP="10.96.0.2", externalIPs=["10.96.0.1"]),
        ],
        [],
    ),
]


@pytest.mark.parametrize("mistake", [None, *ELSEWHERE.values()], ids=["none", *ELSEWHERE])
@pytest.mark.parametrize(("sentence", "objects", "expected"), MIXED, ids=[row[0] for row in MIXED])
def test_an_address_of_two_kinds_belongs_to_one_service_whichever_are_refused(
    sentence: str, objects: list[dict[str, Any]], expected: list[tuple[str, str]], mistake: tuple[str, Any] | None
) -> None:
    row = ClusterRow(sentence, objects, [])
    places = services_of(row)
    for refused in (*([place] for place in places), places) if mistake else ([],):
        loaded = load_text((refused_at(row, refused, mistake) if mistake else row).text)
        assert len(loaded.refused) == len(refused)
        told = [each for each in between(loaded) if each.rule == "cluster/frontend-conflict"]
        assert [(each.object.name if each.object else "", str(each.path)) for each in told] == expected
        assert all("belongs to Service shop/a" in each.detail for each in told)


def test_who_is_refused_for_its_cluster_ip_claims_its_external_ones_all_the_same() -> None:
    objects = [service("a", clusterIP="10.96.0", externalIPs=["10.96.0.1"]), service("b", clusterIP="10.96.0.1")]
    told = between(load_text(ClusterRow("", objects, []).text))
    assert [(each.rule, str(each.path)) for each in told] == [("cluster/frontend-conflict", "spec.clusterIPs[0]")]


def test_a_refused_address_beside_a_claimed_one_is_printed_as_it_was_written() -> None:
    row = ClusterRow(
        "",
        [
            service("a", clusterIP="10.96.0.1"),
            service("b", clusterIP="10.96.0.1", clusterIPs=["10.96.0.1", "fd00:::1"]),
        ],
        [],
    )
    ((line, _, message),) = said(row)
    assert line == 2
    assert message.startswith(
        'spec.clusterIPs: Invalid value: ["10.96.0.1","fd00:::1"]: failed to allocate IP 10.96.0.1'
    )
