"""The quick way and the thorough way agree."""

from __future__ import annotations

from typing import Any
from unittest import mock

import attrs
import pytest
from attrs import fields as model_fields
from hypothesis import event, given
from hypothesis import strategies as st

from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service
from svcc.model.unconverted import changer
from svcc.validate import admission, names, plain
from svcc.validate.plain_endpoint_slice import plain_endpoint_slice
from svcc.validate.plain_service import is_plain_spec_of, plain_service
from tests.unit.rule_rows.row import ENDPOINT_SLICE, LOAD_BALANCER, SERVICE, changed


def thoroughly(kind: str, value: dict[str, Any]) -> admission.Admission:
    """What the thorough way says, with the quick one out of the way."""
    slow = attrs.evolve(admission._KINDS[kind], plain=None)
    with mock.patch.dict(admission._KINDS, {kind: slow}):
        return admission.admit(kind, value)


def rarely(usual: list[Any], odd: list[Any]) -> st.SearchStrategy[Any]:
    """Nearly always a usual value: an object has many fields, and most objects are to be in order."""
    return st.integers(0, 29).flatmap(lambda number: st.sampled_from(odd if number == 29 else usual))


def fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object in which each field may be absent, and which rarely has one that the API does not know."""
    known = st.fixed_dictionaries({}, optional=strategies)
    return st.tuples(known, rarely([{}], [{"odd": None}, {"Name": "x"}])).map(lambda parts: {**parts[0], **parts[1]})


def listed(entry: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    """A list, rarely something else."""
    odd: st.SearchStrategy[Any] = st.sampled_from([None, (), {}, "x"])
    return st.integers(0, 29).flatmap(
        lambda number: odd if number == 29 else st.lists(entry, min_size=1, max_size=most)
    )


LABELS = st.one_of(
    st.dictionaries(
        rarely(["app", "kubernetes.io/service-name", "tier"], ["a b", "", "a/b/c", "A/b"]),
        rarely(["web", "", "1.5"], [None, 5, "a b"]),
        max_size=3,
    ),
    st.none(),
)
METADATA = fields(
    namespace=rarely(["shop", "default"], ["", "My", None, 5]),
    labels=LABELS,
    annotations=st.one_of(LABELS, st.just({"service.kubernetes.io/topology-aware-hints": "Auto"})),
    creationTimestamp=rarely(["2024-05-01T10:00:00Z"], ["2024-02-30T10:00:00Z", "", "x", None, 5]),
    generateName=rarely(["web-"], [5]),
)
PORT = fields(
    protocol=rarely(["TCP", "UDP", "SCTP"], ["tcp", "", None]),
    targetPort=rarely([80, "http", 8080], [0, "", None, "80", 70000, "a--b", True]),
    nodePort=rarely([0], [30080, 30081, None, -1, 70000, True]),
    appProtocol=rarely(["http"], [None, "a b"]),
)
SPEC = fields(
    type=rarely(["NodePort", "LoadBalancer"], ["ExternalName", "", None, "Odd"]),
    clusterIP=rarely(["10.0.0.1"], ["fd00::1", "None", "", None, "010.0.0.1", "x", "FD00::1", 5]),
    clusterIPs=rarely([["10.0.0.1"]], [["10.0.0.1", "fd00::1"], [], None, ["None"], ["10.0.0.1", "10.0.0.2"], "x"]),
    ipFamilies=rarely([["IPv4"]], [["IPv4", "IPv6"], [], ["IPv6"], ["IPv6", "IPv4"], ["IPv4", "IPv4"], ["x"], None]),
    ipFamilyPolicy=rarely(["PreferDualStack"], ["SingleStack", None, "x"]),
    selector=LABELS,
    sessionAffinity=rarely(["None", "ClientIP"], ["", None, "x"]),
    externalTrafficPolicy=rarely(["Cluster", "Local"], ["", None, "x"]),
    internalTrafficPolicy=rarely(["Cluster", "Local"], ["", None, "x"]),
    trafficDistribution=rarely(["PreferSameZone", "PreferSameNode"], ["PreferClose", "", None]),
    healthCheckNodePort=rarely([0], [32000, 70000, None, True]),
    publishNotReadyAddresses=rarely([True, False], [0, 1, None, "x"]),
    allocateLoadBalancerNodePorts=rarely([None], [True, False, 0, 1, None, "x"]),
    externalIPs=st.just([]),
)
INGRESS = fields(
    ip=rarely(["203.0.113.7", "fd00::7"], ["", None, "x", "010.0.0.1"]),
    hostname=rarely([None], ["lb.example.com", "", 5]),
    ipMode=rarely(["VIP", "Proxy"], [None, "", "x"]),
)


@st.composite
def service_values(draw: st.DrawFn) -> dict[str, Any]:
    """Services, most of them in order."""
    metadata = {**draw(METADATA), "name": draw(rarely(["web", "db"], ["9web", "Web", None, 5]))}
    numbers = st.lists(rarely([80, 443, 53], [10250, 0, 70000, True, "80", 80.0]), min_size=1, max_size=3)
    ports = []
    for place, number in enumerate(draw(numbers)):
        name = draw(rarely([f"port-{place}"], ["", None, "HTTP", 5, "port-0"]))
        ports.append({**draw(PORT), "name": name, "port": number})
    value: dict[str, Any] = {"metadata": metadata, "spec": {**draw(SPEC), "ports": ports}}
    if draw(st.booleans()):
        reported = draw(fields(ingress=listed(INGRESS, 2)))
        odd: list[Any] = [None, {}, [], {"odd": 1}, {"loadBalancer": None}, {"loadBalancer": []}]
        value["status"] = draw(rarely([{"loadBalancer": reported}, {"loadBalancer": {}}], odd))
    return {**value, **draw(rarely([{}, {"kind": "Service"}], [{"odd": None}]))}


ENDPOINT = fields(
    addresses=listed(
        rarely(
            ["10.0.0.1", "10.0.0.2", "172.16.0.1"],
            ["127.0.0.1", "fd00::1", "010.0.0.1", "x", "", 5, "0.0.0.0", "10.0.0.1\0"],
        ),
        2,
    ),
    conditions=fields(
        ready=rarely([True, False], [None, 1, 0]),
        serving=rarely([True, False], [None, "x"]),
        terminating=rarely([True, False], [None, 0]),
    ),
    nodeName=rarely(["node-1", "node-2.example.com"], [None, "", "a b", 5]),
    zone=rarely(["zone-a"], [None, "", 5]),
    hostname=rarely(["db-0"], [None, "", "a.b", 5]),
    hints=rarely(
        [{"forZones": [{"name": "zone-a"}]}, {"forNodes": [{"name": "node-1"}]}],
        [
            None,
            {},
            {"forZones": [{}]},
            {"forZones": [{"name": "a"}, {"name": "a"}]},
            {"forZones": {"name": "a"}},
            {"forZones": [{"name": "a", "odd": 1}]},
            {"forNode": [{"name": "a"}]},
            [],
        ],
    ),
    targetRef=rarely(
        [
            {"kind": "Pod", "name": "web-1", "namespace": "shop"},
            {"kind": "Pod", "name": "web-1", "namespace": "shop", "uid": "0b7a"},
        ],
        [None, {}, {"kind": "Pod", "name": 5}, {"kind": "Pod", "name": "web-1", "namespace": "shop", "odd": 1}],
    ),
    deprecatedTopology=rarely([None], [{}, {"zone": "a"}]),
)
SLICE_PORT = fields(
    name=rarely(["http", "dns"], ["", None, "HTTP", 5]),
    protocol=rarely(["TCP", "UDP"], ["tcp", "", None]),
    port=rarely([80, 8080], [None, 0, 70000, True, 80.0]),
    appProtocol=rarely([None], ["http", "a b"]),
)


@st.composite
def slice_values(draw: st.DrawFn) -> dict[str, Any]:
    """Slices, most of them in order."""
    value = {
        "metadata": {**draw(METADATA), "name": draw(rarely(["web-1", "web.1"], ["Web", None, 5]))},
        "addressType": draw(rarely(["IPv4"], ["IPv6", "FQDN", "x", None])),
    }
    parts = fields(endpoints=listed(ENDPOINT, 3), ports=listed(SLICE_PORT, 2))
    return {**value, **draw(parts)}


NOT_OF_SPEC = {
    "name",
    "namespace",
    "labels",
    "annotations",
    "creation_timestamp",
    "load_balancer_ingress",
    "source",
}


def kinds_of(item: Any) -> list[Any]:
    values = [getattr(item, attribute.name) for attribute in model_fields(type(item))]
    return [list(map(type, value)) if isinstance(value, tuple) else type(value) for value in values]


@given(service_values())
def test_a_service_that_is_plainly_fine_is_the_same_thoroughly(value: dict[str, Any]) -> None:
    quick = plain_service(value, "default", None)
    if quick is not None:
        thorough = thoroughly("Service", value)
        assert thorough == admission.Admission(quick, [])
        assert kinds_of(quick) == kinds_of(thorough.item), "a member of an enumeration equals its text"


@given(service_values(), service_values())
def test_a_service_with_another_spec_is_what_the_whole_object_says(
    value: dict[str, Any], other: dict[str, Any]
) -> None:
    before = thoroughly("Service", value).item
    changed = {**value, "spec": other["spec"]}
    after = thoroughly("Service", changed).item
    if isinstance(before, Service):
        assert after == before or not is_plain_spec_of(other["spec"], before)
    if isinstance(after, Service):
        is_plain = is_plain_spec_of(other["spec"], after)
        event("plain" if is_plain else "not plain")
        assert is_plain or plain_service(changed, "default", None) is None


@pytest.mark.parametrize("field", sorted(attrs.fields_dict(Service).keys() - NOT_OF_SPEC))
def test_a_spec_is_not_that_of_a_service_with_another_field(field: str) -> None:
    service = thoroughly("Service", dict(SERVICE)).item
    assert isinstance(service, Service)
    assert is_plain_spec_of(SERVICE["spec"], service)
    assert not is_plain_spec_of(SERVICE["spec"], changer(Service)(service, {field: "other"}))


def test_a_spec_beside_annotations_that_count_is_a_doubt() -> None:
    service = thoroughly("Service", dict(SERVICE)).item
    assert isinstance(service, Service)
    for key in ("svcc.dev/load-balancing", "service.beta.kubernetes.io/load-balancer-source-ranges"):
        assert not is_plain_spec_of(SERVICE["spec"], attrs.evolve(service, annotations={key: "maglev"}))


@given(slice_values())
def test_a_slice_that_is_plainly_fine_is_the_same_thoroughly(value: dict[str, Any]) -> None:
    quick = plain_endpoint_slice(value, "default", None)
    if quick is not None:
        assert thoroughly("EndpointSlice", value) == admission.Admission(quick, [])


CLUSTER_SERVICE = {
    ("metadata", "creationTimestamp"): "2024-05-01T10:00:00Z",
    ("metadata", "annotations"): {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    ("spec", "clusterIP"): "10.96.0.9",
    ("spec", "clusterIPs"): ["10.96.0.9"],
    ("spec", "internalTrafficPolicy"): "Cluster",
    ("spec", "ipFamilies"): ["IPv4"],
    ("spec", "ipFamilyPolicy"): "SingleStack",
    ("spec", "sessionAffinity"): "None",
}
DUAL_STACK = {
    ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9"],
    ("spec", "ipFamilies"): ["IPv4", "IPv6"],
    ("spec", "ipFamilyPolicy"): "RequireDualStack",
}
BALANCED = {
    ("spec", "externalTrafficPolicy"): "Local",
    ("spec", "healthCheckNodePort"): 32000,
    ("spec", "allocateLoadBalancerNodePorts"): True,
    ("spec", "ports", 0, "nodePort"): 30080,
    ("status", "loadBalancer", "ingress"): [{"ip": "203.0.113.7", "ipMode": "VIP"}],
}


@pytest.mark.parametrize(
    "value",
    [
        changed(SERVICE, CLUSTER_SERVICE),
        changed(SERVICE, {**CLUSTER_SERVICE, **DUAL_STACK}),
        changed(SERVICE, {("spec", "clusterIP"): "None"}),
        changed(LOAD_BALANCER, {**CLUSTER_SERVICE, **BALANCED}),
    ],
    ids=["cluster IP", "dual stack", "headless", "load balancer"],
)
def test_services_as_clusters_have_them_take_the_quick_way(value: dict[str, Any]) -> None:
    quick = plain_service(value, "default", None)
    assert isinstance(quick, Service)
    thorough = thoroughly("Service", value)
    assert thorough == admission.Admission(quick, [])
    assert kinds_of(quick) == kinds_of(thorough.item)


@pytest.mark.parametrize(
    "value",
    [
        dict(ENDPOINT_SLICE),
        changed(ENDPOINT_SLICE, {("addressType",): "IPv6", ("endpoints", 0, "addresses"): ["2001:db8::7"]}),
        changed(ENDPOINT_SLICE, {("endpoints", 0, "addresses"): ["169.1.2.3", "64.0.0.1"]}),
    ],
    ids=["IPv4", "IPv6", "near special ranges"],
)
def test_slices_as_clusters_have_them_take_the_quick_way(value: dict[str, Any]) -> None:
    quick = plain_endpoint_slice(value, "default", None)
    assert isinstance(quick, EndpointSlice)
    assert thoroughly("EndpointSlice", value) == admission.Admission(quick, [])


def containers(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of everything that has fields."""
    if isinstance(value, dict):
        has_fields = path[-1:] not in (("labels",), ("annotations",), ("selector",))
        return [
            *([path] if has_fields else []),
            *(each for name in value for each in containers(value[name], (*path, name))),
        ]
    if isinstance(value, list):
        return [each for index, inner in enumerate(value) for each in containers(inner, (*path, index))]
    return []


FULL = [
    changed(LOAD_BALANCER, {**CLUSTER_SERVICE, **BALANCED}),
    changed(SERVICE, {**CLUSTER_SERVICE, ("status",): {"loadBalancer": {}}}),
    changed(ENDPOINT_SLICE, {("endpoints", 0, "hints", "forNodes"): [{"name": "node-1"}]}),
    changed(ENDPOINT_SLICE, {("endpoints", 0, "targetRef", "uid"): "0b7a"}),
]


@pytest.mark.parametrize(
    ("value", "place"), [pytest.param(value, place, id=str(place)) for value in FULL for place in containers(value)]
)
def test_an_unknown_field_anywhere_is_a_doubt(value: dict[str, Any], place: tuple[str | int, ...]) -> None:
    plain_way = plain_service if value["kind"] == "Service" else plain_endpoint_slice
    assert plain_way(value, "default", None) is not None
    assert plain_way(changed(value, {(*place, "odd"): None}), "default", None) is None


NAMES = st.text("ab9A-_./ü\n", max_size=6) | st.sampled_from(["a" * 63, "a" * 64, "a." * 126 + "a", "a." * 127, "a\n"])


@given(NAMES)
def test_quick_names_are_names_without_errors(text: str) -> None:
    assert bool(plain.is_label(text)) is not bool(names.dns_label_errors(text))
    assert bool(plain.is_old_label(text)) is not bool(names.old_service_name_errors(text))
    assert bool(plain.is_label_value(text)) is not bool(names.label_value_errors(text))
    # A label in a subdomain may be longer than 63 characters on the server.
    assert not (plain.is_known_subdomain(text) and names.dns_subdomain_errors(text))
    assert not (plain.labels_are_plain({text: ""}) and names.qualified_name_errors(text))
