"""Services with several fields that are refused: nothing is made known by that, and nothing hidden that can be read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.manifest.load import load_text
from svcc.validate.update import update_problems
from svcc.wire.service import SERVICE as SERVICE_SHAPE
from tests.unit.rule_rows.cluster_row import endpoint_slice, service_cidr
from tests.unit.rule_rows.row import changed
from tests.unit.test_refused import between
from tests.unit.test_structure import Path, put, wrong_values
from tests.unit.test_validate_fields import BREAKS, RICH_SERVICE, broken, scalar_places

STORED: Mapping[str, Any] = changed(RICH_SERVICE, {})


@pytest.mark.parametrize(
    ("sentence", "change", "expected"),
    [
        ("a malformed address is no change", {("spec", "clusterIPs"): ["10.96.0.9", "fd00:::9"]}, []),
        (
            "an address beside a malformed one is a change",
            {("spec", "clusterIP"): "10.96.0.8", ("spec", "clusterIPs"): ["10.96.0.8", "fd00:::9"]},
            ["spec.clusterIPs[0]"],
        ),
        ("a policy that is none releases nothing", {("spec", "ipFamilyPolicy"): "Single"}, []),
        ("a class that is none is told once", {("spec", "loadBalancerClass"): "-x"}, []),
        ("an unknown type loses no class", {("spec", "type"): "Loadbalancer", ("spec", "loadBalancerClass"): None}, []),
        ("a health check port that is none is told once", {("spec", "healthCheckNodePort"): 70000}, []),
        ("families of which one is unknown are no change", {("spec", "ipFamilies"): ["IPv6", "v4"]}, []),
        (
            "a class beside another mistake is a change",
            {("spec", "loadBalancerClass"): "example.com/b", ("spec", "ports", 0, "port"): 0},
            ["spec.loadBalancerClass"],
        ),
    ],
)
def test_an_update_that_is_refused_changes_what_can_be_read(
    sentence: str, change: Mapping[Any, Any], expected: list[str]
) -> None:
    before = load_text(json.dumps(STORED))
    assert before.problems == ()
    after = load_text(json.dumps(changed(STORED, change)), update_from=before.cluster)
    assert len(after.refused) == 1, sentence
    assert [str(each.path) for each in update_problems(before.cluster, after.cluster, after.refused)] == expected


CLAIMING: Mapping[str, Any] = changed(
    RICH_SERVICE,
    {("spec", "externalIPs"): ["198.51.100.1", "198.51.100.2"], ("spec", "ipFamilyPolicy"): "RequireDualStack"},
)
AROUND = [
    *(changed(CLAIMING, {("metadata", "name"): name}) for name in ("app", "zoo")),
    {**endpoint_slice("web", {"name": "unknown", "port": 1})},
    service_cidr("v4", "10.97.0.0/16"),
]
PORTS = ("spec", "ports")
DEPENDS: Mapping[str, tuple[Path, ...]] = {
    "cluster/cluster-ip-taken": (("spec", "clusterIP"), ("spec", "clusterIPs")),
    "cluster/cluster-ip-out-of-range": (("spec", "clusterIP"), ("spec", "clusterIPs")),
    "cluster/family-not-served": (("spec", "ipFamilies"), ("spec", "ipFamilyPolicy")),
    "cluster/health-check-node-port-taken": (("spec", "healthCheckNodePort"), ("spec", "externalTrafficPolicy")),
    "cluster/load-balancer-ip-taken": (("status",), *((*PORTS, n, f) for n in (0, 1) for f in ("port", "protocol"))),
    "cluster/external-ip-taken": (
        ("spec", "externalIPs"),
        *((*PORTS, n, f) for n in (0, 1) for f in ("port", "protocol")),
    ),
    "cluster/slice-port-unmatched": (PORTS, ("spec", "type")),
}
"""The fields that a rule looks at; those of node ports are the very fields that are named."""


def in_json(values: list[Any]) -> list[Any]:
    """Those values that a manifest can hold."""
    return [value for value in values if not isinstance(value, float) or math.isfinite(value)]


NAMING = {("metadata", "name"), ("metadata", "namespace"), ("metadata", "creationTimestamp")}
MISTAKES: list[tuple[Path, st.SearchStrategy[Any]]] = [
    *((path, wrong) for value, path, wrong in BREAKS if value is RICH_SERVICE),
    *((path, st.sampled_from(in_json(wrong_values(shape)))) for path, shape in scalar_places(SERVICE_SHAPE)),
    (("spec", "type"), st.sampled_from(["loadbalancer", "x"])),
]


def told_by_field(value: Mapping[str, Any]) -> set[tuple[str, str, Path]]:
    """What is said between objects of which one is `value`: rules, names of objects and fields."""
    loaded = load_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [value, *AROUND]}))
    return {
        (each.rule, each.object.name if each.object else "", each.path.steps)
        for each in between(loaded)
        if each.rule not in ("cluster/yields-no-rules", "cluster/frontend-conflict")
    }


SEVERAL = st.lists(st.sampled_from(MISTAKES), min_size=1, max_size=4)


@given(st.data())
def test_several_broken_fields_make_nothing_known_between_objects_that_was_not_there(data: st.DataObject) -> None:
    value: Any = CLAIMING
    for path, wrong in data.draw(SEVERAL):
        if path not in NAMING and all(inside(value, path)):
            value = broken(value, path, data.draw(wrong))
    # Of an address whose ports cannot be read it is still known that another Service has it, too.
    after = {(rule.replace("-shared", "-taken"), name, steps) for rule, name, steps in told_by_field(value)}
    assert after <= told_by_field(CLAIMING)
    stored = load_text(json.dumps(CLAIMING))
    loaded = load_text(json.dumps(value), update_from=stored.cluster)
    assert update_problems(stored.cluster, loaded.cluster, loaded.refused) == []


def inside(value: Any, path: Path) -> Iterator[bool]:
    """For each step of a path whether what is there, if anything, still is an object or a list."""
    for step in path:
        yield value is None or isinstance(value, dict if isinstance(step, str) else list)
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            value = None


def test_all_that_a_rule_of_claims_looks_at_is_claimed() -> None:
    told = {rule for rule, _, _ in told_by_field(CLAIMING)}
    assert told >= {*DEPENDS, "cluster/node-port-taken"}


@given(st.data())
def test_one_broken_field_hides_nothing_between_objects_that_does_not_depend_on_it(data: st.DataObject) -> None:
    path, wrong = data.draw(st.sampled_from([each for each in MISTAKES if each[0] not in NAMING]))
    value = put(CLAIMING, path, data.draw(wrong)) if path[0] != "spec" else broken(CLAIMING, path, data.draw(wrong))
    before, after = told_by_field(CLAIMING), told_by_field(value)
    steps = tuple(step[0] if isinstance(step, tuple) else step for step in path)
    hidden = {
        each
        for each in before - after
        if steps != each[2] and not any(steps[: len(part)] == part for part in DEPENDS.get(each[0], ()))
    }
    assert hidden == set()
    assert after <= before
