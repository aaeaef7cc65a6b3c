"""Typed reading of JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.fields import FieldPath
from svcc.validate.admission import admit, is_fatal
from svcc.wire.endpoint_slice import ENDPOINT_SLICE as ENDPOINT_SLICE_SHAPE
from svcc.wire.node import NODE as NODE_SHAPE
from svcc.wire.node import SERVICE_CIDR as SERVICE_CIDR_SHAPE
from svcc.wire.service import SERVICE as SERVICE_SHAPE
from svcc.wire.structure import Fields, Items, Scalar, Shape, conformed
from tests.unit.rule_rows.row import (
    ENDPOINT_SLICE,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE,
    SERVICE,
    SERVICE_CIDR,
    Change,
    changed,
    said_of,
)

REPORTED_PORT = {
    ("status", "loadBalancer", "ingress"): [{"ip": "203.0.113.7", "ports": [{"port": 80, "protocol": "TCP"}]}]
}
SHAPES = {
    "Service": (changed(LOAD_BALANCER, REPORTED_PORT), SERVICE_SHAPE),
    "EndpointSlice": (ENDPOINT_SLICE, ENDPOINT_SLICE_SHAPE),
    "Node": (NODE, NODE_SHAPE),
    "ServiceCIDR": (SERVICE_CIDR, SERVICE_CIDR_SHAPE),
}
Path = tuple[str | int | tuple[str], ...]


def places(shape: Shape, path: Path = ()) -> list[tuple[Path, Shape]]:
    """Every field of a shape, with the first entry for those of lists."""
    if isinstance(shape, Fields):
        return [
            found
            for name, inner in shape.shapes.items()
            for found in [((*path, name), inner), *places(inner, (*path, name))]
        ]
    if isinstance(shape, Items):
        return [((*path, 0), shape.shape), *places(shape.shape, (*path, 0))]
    return []


PLACES = [(kind, path, shape) for kind, (_, whole) in SHAPES.items() for path, shape in places(whole)]


def put(value: Any, path: Path, item: Any) -> Any:
    """A copy of `value` with the field at `path` set, and what is missing on the way made."""
    if not path:
        return item
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        entries = list(value) if isinstance(value, list) else []
        return [put(entries[0] if entries else None, rest, item), *entries[1:]]
    fields = dict(value) if isinstance(value, dict) else {}
    return {**fields, step: put(fields.get(step), rest, item)}


KEYS = st.text(max_size=3) | st.sampled_from(["name", "port", "ip", "app"])
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["10.0.0.1", "None", "fd00::1", "10.0.0.0/8", "::ffff:1.2.3.4", "127.0.0.1", "TCP", "\ud800", "a\0b"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(PLACES), ANYTHING)
def test_any_value_in_any_field_gives_a_model_or_problems(place: tuple[str, Path, Shape], item: Any) -> None:
    kind, path, _ = place
    admission = admit(kind, put(SHAPES[kind][0], path, item))
    assert (admission.item is None) is any(map(is_fatal, admission.problems))
    assert all(str(problem) for problem in admission.problems)


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "ü" * 64, "", "\n"], ids=ascii)
@pytest.mark.parametrize("kind", SHAPES)
def test_odd_text_in_all_fields_of_strings_at_once_is_told_and_does_no_harm(kind: str, text: str) -> None:
    value: Any = SHAPES[kind][0]
    for _, path, shape in (place for place in PLACES if place[0] == kind):
        if shape is Scalar.STRING:
            value = put(value, path, text)
        elif shape is Scalar.STRING_MAP:
            value = put(value, path, {text: text})
    admission = admit(kind, value)
    assert admission.item is None
    assert all(str(problem) for problem in admission.problems)


def wrong_values(shape: Shape) -> list[Any]:
    """Values no shape of this type accepts."""
    if isinstance(shape, Items):
        return ["text", 1, True, 1.5, {"a": 1}]
    if isinstance(shape, Fields) or shape is Scalar.STRING_MAP:
        return ["text", 1, True, 1.5, ["a"]]
    by_scalar = {
        Scalar.STRING: [1, True, 1.5, ["a"], {"a": 1}],
        Scalar.INTEGER: ["80", "", True, 1.5, 2**64, float("inf"), float("nan"), ["a"], {"a": 1}],
        Scalar.INTEGER_OR_STRING: [True, 1.5, ["a"], {"a": 1}],
        Scalar.BOOLEAN: ["true", 0, 1, 1.5, ["a"], {"a": 1}],
    }
    return by_scalar[shape]


@pytest.mark.parametrize(
    ("kind", "path", "shape"), [pytest.param(*place, id=f"{place[0]} {FieldPath(place[1])}") for place in PLACES]
)
def test_a_value_of_a_wrong_type_is_named_with_its_field(kind: str, path: Path, shape: Shape) -> None:
    for wrong in wrong_values(shape):
        admission = admit(kind, put(SHAPES[kind][0], path, wrong))
        assert admission.item is None
        assert [(problem.rule, problem.path.steps) for problem in admission.problems] == [
            ("manifest/wrong-type", path)
        ], wrong


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("spec", "ports", 0, "port"),
            "string",
            'spec.ports[0].port: Invalid value: "string": spec.ports[0].port in body must be of type integer: "string"',
        ),
        (
            ("spec", "ports", 0, "targetPort"),
            False,
            (
                'spec.ports[0].targetPort: Invalid value: "boolean": '
                'spec.ports[0].targetPort in body must be of type integer,string: "boolean"'
            ),
        ),
        (
            ("spec", "ports"),
            {"port": 80},
            'spec.ports: Invalid value: "object": spec.ports in body must be of type array: "object"',
        ),
        (
            ("metadata", "labels"),
            {"app": True},
            (
                'metadata.labels[app]: Invalid value: "boolean": '
                'metadata.labels[app] in body must be of type string: "boolean"'
            ),
        ),
        (
            ("metadata", "labels"),
            {1: "web"},
            (
                'metadata.labels: Invalid value: "integer": '
                'metadata.labels in body must be of type object with string keys: "integer"'
            ),
        ),
        (("spec",), [], 'spec: Invalid value: "array": spec in body must be of type object: "array"'),
    ],
)
def test_the_words_for_wrong_types(path: tuple[str | int, ...], value: Any, message: str) -> None:
    assert said_of("Service", SERVICE, {path: value}) == [("manifest/wrong-type", message)]


def test_all_wrong_types_are_said_and_nothing_that_follows_from_them() -> None:
    change = {
        ("metadata", "name"): 5,
        ("spec", "ports"): [{"name": "a", "port": "80"}, {"name": "a", "port": True}],
        ("spec", "clusterIP"): [],
    }
    paths = [str(problem.path) for problem in admit("Service", changed(SERVICE, change)).problems]
    assert paths == ["metadata.name", "spec.clusterIP", "spec.ports[0].port", "spec.ports[1].port"]


WRONG_PORT: Change = {("spec", "ports"): [{"name": "a", "port": "80"}, {"name": "b", "port": 0}]}


@pytest.mark.parametrize(
    ("sentence", "kind", "value", "change", "told"),
    [
        (
            "another port",
            "Service",
            SERVICE,
            WRONG_PORT,
            [("manifest/wrong-type", "spec.ports[0].port"), ("service/port-out-of-range", "spec.ports[1].port")],
        ),
        (
            "another field of the same port",
            "Service",
            SERVICE,
            {("spec", "ports", 0): {"name": "HTTP", "port": "80"}},
            [("manifest/wrong-type", "spec.ports[0].port"), ("service/port-name-invalid", "spec.ports[0].name")],
        ),
        (
            "a policy",
            "Service",
            LOAD_BALANCER,
            {("metadata", "annotations"): {"a": True}, ("spec", "externalTrafficPolicy"): "local"},
            [
                ("manifest/wrong-type", "metadata.annotations[a]"),
                ("service/external-traffic-policy-unsupported", "spec.externalTrafficPolicy"),
            ],
        ),
        (
            "what is only worth a warning",
            "Service",
            SERVICE,
            {("spec", "selector"): {"a": 1}, ("spec", "trafficDistribution"): "PreferClose"},
            [
                ("manifest/wrong-type", "spec.selector[a]"),
                ("service/prefer-close-deprecated", "spec.trafficDistribution"),
            ],
        ),
        (
            "an address of a slice",
            "EndpointSlice",
            ENDPOINT_SLICE,
            {("ports", 0, "port"): "80", ("endpoints", 0, "addresses"): ["fd00::1"]},
            [
                ("manifest/wrong-type", "ports[0].port"),
                ("endpoint-slice/address-wrong-family", "endpoints[0].addresses[0]"),
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_told_beside_a_wrong_type_in(
    sentence: str, kind: str, value: Mapping[str, Any], change: Change, told: list[tuple[str, str]]
) -> None:
    problems = admit(kind, changed(value, change)).problems
    assert [(problem.rule, str(problem.path)) for problem in problems] == told


ORDERLY: dict[str, Mapping[str, Any]] = {
    "a headless Service": changed(SERVICE, {("spec", "clusterIP"): "None", ("spec", "clusterIPs"): ["None"]}),
    "an external name": EXTERNAL_NAME,
    "node ports that differ in their protocols": changed(
        SERVICE,
        {
            ("spec", "type"): "NodePort",
            ("spec", "ports"): [
                {"name": "a", "port": 53, "protocol": "UDP", "nodePort": 30053},
                {"name": "b", "port": 53, "protocol": "TCP", "nodePort": 30053},
            ],
        },
    ),
    "two families and session affinity": changed(
        SERVICE,
        {
            ("spec", "clusterIP"): "10.96.0.10",
            ("spec", "clusterIPs"): ["10.96.0.10", "fd00::10"],
            ("spec", "ipFamilies"): ["IPv4", "IPv6"],
            ("spec", "ipFamilyPolicy"): "RequireDualStack",
            ("spec", "sessionAffinity"): "ClientIP",
            ("spec", "sessionAffinityConfig"): {"clientIP": {"timeoutSeconds": 10}},
        },
    ),
    "health checks and source ranges": changed(
        LOAD_BALANCER,
        {
            ("spec", "externalTrafficPolicy"): "Local",
            ("spec", "healthCheckNodePort"): 30100,
            ("spec", "loadBalancerClass"): "example.com/lb",
            ("spec", "allocateLoadBalancerNodePorts"): False,
            ("spec", "loadBalancerSourceRanges"): ["10.0.0.0/8"],
        },
    ),
    "annotations that belong together": changed(
        SERVICE,
        {
            ("metadata", "annotations"): {
                "service.kubernetes.io/topology-mode": "Auto",
                "svcc.dev/load-balancing": "maglev",
                "svcc.dev/hash-key": "flow",
            }
        },
    ),
}


def standing(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of everything that stands in a value."""
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield (*path, step)
        yield from standing(value[step], (*path, step))


@pytest.mark.parametrize("sentence", ORDERLY)
def test_nothing_that_follows_from_a_wrong_type_is_told_of(sentence: str) -> None:
    value = dict(ORDERLY[sentence])
    assert admit("Service", value).problems == []
    for path in standing(value):
        if path[0] in ("apiVersion", "kind"):
            continue
        for wrong in (True, 1.5, ["a"], {"a": 1}, "yes"):
            problems = admit("Service", with_item(value, path, wrong)).problems
            rules = {problem.rule for problem in problems}
            assert "manifest/wrong-type" not in rules or rules == {"manifest/wrong-type"}, (path, wrong, problems)


def with_item(value: Any, path: Path, item: Any) -> Any:
    """A copy of `value` with another item at a place where something stands."""
    if not path:
        return item
    copy = value.copy()
    copy[path[0]] = with_item(value[path[0]], path[1:], item)
    return copy


def not_expected(path: Path, wanted: str, found: str) -> None:
    """A report where there is nothing to report."""
    pytest.fail(f"{path}: wanted {wanted}, found {found}")


@pytest.mark.parametrize(
    ("written", "read"), [(80, 80), (80.0, 80), (8e9, 8_000_000_000), (-0.0, 0), (2**63 - 1, 2**63 - 1)], ids=str
)
def test_whole_numbers_are_integers_however_they_are_written(written: float, read: int) -> None:
    result = conformed(written, Scalar.INTEGER, not_expected)
    assert (result, type(result)) == (read, int)


def test_null_is_absent_in_objects_and_the_zero_value_in_lists() -> None:
    shape = Fields({"a": Scalar.STRING, "b": Items(Scalar.STRING), "c": Items(Fields({"d": Scalar.INTEGER}))})
    value = {"a": None, "b": [None, "x"], "c": [None, {"d": None}]}
    assert conformed(value, shape, not_expected) == {"b": ["", "x"], "c": [{}, {}]}


def test_fields_that_svcc_does_not_read_are_ignored_whatever_they_hold() -> None:
    change = {
        ("metadata", "managedFields"): [{"manager": 5}],
        ("metadata", "uid"): 7,
        ("status", "conditions"): "odd",
    }
    before = admit("Service", SERVICE)
    after = admit("Service", changed(SERVICE, change))
    assert after == before
    assert after.item is not None
