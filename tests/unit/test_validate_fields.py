"""Every field that svcc reads is judged by rules, or by its type alone; and what is broken is what is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.fields import FieldPath, Problem, Severity
from svcc.validate.admission import admit
from svcc.wire.structure import Fields, Items, Scalar, Shape
from tests.unit.rule_rows.row import ENDPOINT_SLICE, EXTERNAL_NAME, LOAD_BALANCER, NODE, SERVICE, SERVICE_CIDR, changed
from tests.unit.test_structure import SHAPES, Path, put, wrong_values
from tests.unit.test_validate_rules import TABLES


def fields_of(shape: Shape, path: str) -> list[str]:
    """The fields of a shape as one writes them: ``spec.ports[].port``."""
    if isinstance(shape, Fields):
        return [each for name, inner in shape.shapes.items() for each in fields_of(inner, f"{path}.{name}")]
    if isinstance(shape, Items):
        return fields_of(shape.shape, f"{path}[]")
    return [path]


def written(kind: str, problem: Problem) -> str:
    """The field of a problem, as `fields_of` writes it."""
    text = kind
    for step in problem.path.steps:
        if isinstance(step, str):
            text += f".{step}"
        elif isinstance(step, int):
            text += "[]"
    return text.replace("LoadBalancerSourceRanges", "loadBalancerSourceRanges")


FIELDS = {each for kind, (_, shape) in SHAPES.items() for each in fields_of(shape, kind)}
FREE = {
    "metadata.generateName": "only a server makes names of it",
    "Service.metadata.annotations": "named with the key, or as a whole where keys and sizes are wrong",
    "Service.spec.clusterIP": "told of clusterIPs, which the server makes of it",
    "Service.spec.loadBalancerIP": "the server has never looked at it",
    "Service.spec.publishNotReadyAddresses": "true and false are both in order",
    "EndpointSlice.endpoints[].conditions.ready": "true and false are both in order",
    "EndpointSlice.endpoints[].conditions.serving": "true and false are both in order",
    "EndpointSlice.endpoints[].conditions.terminating": "true and false are both in order",
    "EndpointSlice.endpoints[].zone": "the server takes any text",
    "EndpointSlice.endpoints[].targetRef.kind": "the server takes any reference",
    "EndpointSlice.endpoints[].targetRef.name": "the server takes any reference",
    "EndpointSlice.endpoints[].targetRef.namespace": "the server takes any reference",
    "Node.spec.podCIDR": "told of podCIDRs, which the server makes of it",
    "Node.status.addresses[].type": "told of the address, of which it is a part",
    "Node.status.addresses[].address": "the server takes any text",
    "Node.status.nodeInfo.architecture": "the server takes any text",
    "Node.metadata.deletionTimestamp": "the server's own: it says that there is one",
    "Node.spec.taints[].key": "read to know one taint; others may be whatever the server takes",
}
"""Fields whose values no rule of the server's concerns, and why."""


def test_every_field_has_a_row_or_is_free() -> None:
    covered = {
        written(value["kind"], problem)
        for value, rows in TABLES
        for row in rows
        for problem in admit(value["kind"], changed(value, row.change)).problems
    }
    common = {each.partition(".")[2] for each in covered if ".metadata." in each}
    without = {each for each in FIELDS - covered if each not in FREE and each.partition(".")[2] not in {*FREE, *common}}
    # A list of texts is judged as a whole, too.
    assert {each for each in without if each.removesuffix("[]") not in covered} == set()


def test_no_free_field_is_judged_after_all() -> None:
    names = {each.partition(".")[2] for each in FIELDS} | FIELDS
    assert set(FREE) <= names


RICH_SERVICE = changed(
    LOAD_BALANCER,
    {
        ("spec", "clusterIP"): "10.96.0.9",
        ("spec", "clusterIPs"): ["10.96.0.9", "fd00::9"],
        ("spec", "ipFamilies"): ["IPv4", "IPv6"],
        ("spec", "ipFamilyPolicy"): "PreferDualStack",
        ("spec", "sessionAffinity"): "ClientIP",
        ("spec", "externalTrafficPolicy"): "Local",
        ("spec", "healthCheckNodePort"): 32000,
        ("spec", "loadBalancerClass"): "example.com/lb",
        ("spec", "loadBalancerSourceRanges"): ["10.0.0.0/8"],
        ("spec", "ports"): [
            {"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080},
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "dns", "nodePort": 30053},
        ],
    },
)
NUMBERS = st.integers(-(2**31), -1) | st.integers(65536, 2**31 - 1)
NO_LABEL = st.text("abcXYZ-._ 1", min_size=1, max_size=8).map(lambda text: f"-{text}")
NO_ADDRESS = st.sampled_from(["10.0.0", "10.0.0.256", "fd00:::1", "web", "1.2.3.4/5", " 10.0.0.1"])
NO_WORD = st.text("abcdef", min_size=1, max_size=8).map(lambda text: f"x{text}")
BREAKS: list[tuple[Mapping[str, Any], Path, st.SearchStrategy[Any]]] = [
    (RICH_SERVICE, ("metadata", "name"), NO_LABEL),
    (RICH_SERVICE, ("metadata", "namespace"), NO_LABEL),
    (RICH_SERVICE, ("metadata", "creationTimestamp"), NO_WORD),
    (RICH_SERVICE, ("metadata", "labels", "app"), NO_LABEL),
    (RICH_SERVICE, ("spec", "selector", "app"), NO_LABEL),
    (RICH_SERVICE, ("spec", "sessionAffinity"), NO_WORD),
    (
        RICH_SERVICE,
        ("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"),
        st.integers(-9, 0) | NUMBERS.filter(lambda number: number > 86400 or number < 0),
    ),
    (RICH_SERVICE, ("spec", "ipFamilies", 1), NO_WORD),
    (RICH_SERVICE, ("spec", "ipFamilyPolicy"), NO_WORD),
    (RICH_SERVICE, ("spec", "clusterIPs", 1), NO_ADDRESS),
    (RICH_SERVICE, ("spec", "externalIPs", 0), NO_ADDRESS | st.sampled_from(["127.0.0.1", "0.0.0.0", "fe80::1"])),
    (LOAD_BALANCER, ("spec", "externalTrafficPolicy"), NO_WORD),
    (RICH_SERVICE, ("spec", "internalTrafficPolicy"), NO_WORD),
    (RICH_SERVICE, ("spec", "trafficDistribution"), NO_WORD),
    (RICH_SERVICE, ("spec", "healthCheckNodePort"), NUMBERS),
    (RICH_SERVICE, ("spec", "loadBalancerClass"), NO_LABEL),
    (RICH_SERVICE, ("spec", "loadBalancerSourceRanges", 0), NO_ADDRESS.filter(lambda text: "/" not in text)),
    (RICH_SERVICE, ("spec", "ports", 1, "name"), NO_LABEL),
    (RICH_SERVICE, ("spec", "ports", 1, "port"), NUMBERS),
    (RICH_SERVICE, ("spec", "ports", 1, "protocol"), NO_WORD),
    (RICH_SERVICE, ("spec", "ports", 1, "targetPort"), NUMBERS | NO_LABEL),
    (RICH_SERVICE, ("spec", "ports", 1, "nodePort"), NUMBERS),
    (RICH_SERVICE, ("spec", "ports", 1, "appProtocol"), NO_LABEL),
    (RICH_SERVICE, ("status", "loadBalancer", "ingress", 0, "ip"), NO_ADDRESS),
    (RICH_SERVICE, ("status", "loadBalancer", "ingress", 0, "ipMode"), NO_WORD),
    (RICH_SERVICE, ("status", "loadBalancer", "ingress", 0, "hostname"), NO_LABEL),
    (EXTERNAL_NAME, ("spec", "externalName"), NO_LABEL),
    (ENDPOINT_SLICE, ("addressType",), NO_WORD),
    (ENDPOINT_SLICE, ("endpoints", 0, "addresses", 0), NO_ADDRESS),
    (ENDPOINT_SLICE, ("endpoints", 0, "hostname"), NO_LABEL),
    (ENDPOINT_SLICE, ("endpoints", 0, "nodeName"), NO_LABEL),
    (ENDPOINT_SLICE, ("endpoints", 0, "hints", "forZones", 0, "name"), NO_LABEL),
    (ENDPOINT_SLICE, ("endpoints", 0, "hints", "forNodes", 0, "name"), NO_LABEL),
    (ENDPOINT_SLICE, ("ports", 0, "name"), NO_LABEL),
    (ENDPOINT_SLICE, ("ports", 0, "port"), NUMBERS),
    (ENDPOINT_SLICE, ("ports", 0, "protocol"), NO_WORD),
    (ENDPOINT_SLICE, ("ports", 0, "appProtocol"), NO_LABEL),
    (NODE, ("spec", "podCIDRs", 1), NO_ADDRESS.filter(lambda text: "/" not in text)),
    (SERVICE_CIDR, ("spec", "cidrs", 1), NO_ADDRESS.filter(lambda text: "/" not in text)),
]


# As on the server, a policy that is not Local leaves no use for the health check's port.
ALSO_NAMED: dict[Path, set[Path]] = {("spec", "externalTrafficPolicy"): {("spec", "healthCheckNodePort")}}


def broken(value: Any, path: Path, item: Any) -> Any:
    """A copy of `value` with the field at `path` set, and what is missing on the way made."""
    if not path:
        return item
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        entries = [*(value or []), *[None] * (step + 1 - len(value or []))]
        return [*entries[:step], broken(entries[step], rest, item), *entries[step + 1 :]]
    fields = dict(value or {})
    return {**fields, step: broken(fields.get(step), rest, item)}


def named(problems: list[Problem]) -> set[Path]:
    """The fields of all errors, with the keys of maps as plain names and the server's own spelling undone."""
    found: set[Path] = set()
    for problem in problems:
        steps = (step[0] if isinstance(step, tuple) else step for step in problem.path.steps)
        found.add(tuple("loadBalancerSourceRanges" if step == "LoadBalancerSourceRanges" else step for step in steps))
    return found


@given(st.data())
def test_the_field_that_was_broken_on_purpose_is_the_one_that_is_named(data: st.DataObject) -> None:
    value, path, wrong = data.draw(st.sampled_from(BREAKS))
    item = data.draw(wrong)
    problems = admit(value["kind"], broken(value, path, item)).problems
    told = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert named(told) - ALSO_NAMED.get(path, set()) == {path}, (item, list(map(str, told)))


@pytest.mark.parametrize("value", [RICH_SERVICE, SERVICE], ids=["rich", "plain"])
def test_what_is_broken_was_in_order(value: dict[str, Any]) -> None:
    assert admit(value["kind"], value).problems == []


def scalar_places(shape: Shape, path: Path = ()) -> list[tuple[Path, Scalar]]:
    """All scalars of a shape, in the first entries of lists."""
    if isinstance(shape, Fields):
        return [each for name, inner in shape.shapes.items() for each in scalar_places(inner, (*path, name))]
    if isinstance(shape, Items):
        return scalar_places(shape.shape, (*path, 0))
    return [(path, shape)]


@given(st.data())
def test_a_value_of_another_type_is_named_and_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(SHAPES)))
    value, whole = SHAPES[kind]
    path, shape = data.draw(st.sampled_from(scalar_places(whole)))
    problems = admit(kind, put(value, path, data.draw(st.sampled_from(wrong_values(shape))))).problems
    assert [problem.path for problem in problems] == [FieldPath(path)]
