"""New members in the usual JSON: what is written is what `json.dumps` would have printed of the new value."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from svcc.allocation.contract import Assignment
from svcc.fields import FieldPath, ObjectReference
from svcc.manifest import amend_json
from svcc.manifest.amend import amend
from svcc.manifest.amend_targets import with_assignments
from svcc.manifest.json_members import with_new_members
from svcc.manifest.json_places import place_of_member
from svcc.manifest.load import load_text
from svcc.model.service import ServicePort
from tests.unit.rule_rows.row import changed

WEB: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default", "labels": {"spec": "x"}},
    "spec": {
        "ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81, "targetPort": "x"}],
        "selector": {"app": "web"},
        "type": "NodePort",
    },
    "status": {"loadBalancer": {}},
}
CLUSTER_IP = (("spec", "clusterIP"), "10.96.0.9")
CLUSTER_IPS = (("spec", "clusterIPs"), ["10.96.0.9", "fd00::9"])
HEALTH_CHECK = (("spec", "healthCheckNodePort"), 30009)
NODE_PORTS = [(("spec", "ports", index, "nodePort"), 30001 + index) for index in (0, 1)]
USUAL = [CLUSTER_IP, CLUSTER_IPS, HEALTH_CHECK, *NODE_PORTS]


def with_members(text: str, wanted: list[Assignment]) -> str | None:
    """The text of an object with new members in its `spec`."""
    place = place_of_member(text, 0, "spec")
    if place is None:
        return None
    start, end = place
    changed = with_new_members(text, start, end, wanted)
    return None if changed is None else text[:start] + changed + text[end:]


def assigned(*wanted: tuple[Any, Any]) -> list[Assignment]:
    reference = ObjectReference("Service", "web", "default")
    return [Assignment(reference, FieldPath(path), value, "") for path, value in wanted]


@given(
    st.lists(st.sampled_from(USUAL), min_size=1, unique_by=lambda each: each[0]),
    st.sampled_from([1, 2, 4, "\t"]),
    st.permutations(list(WEB)),
    st.permutations(list(WEB["spec"])),
)
def test_what_is_written_is_what_would_have_been_printed(
    wanted: list[tuple[Any, Any]], indent: int | str, order: list[str], inside: list[str]
) -> None:
    value = {name: WEB[name] for name in order} | {"spec": {name: WEB["spec"][name] for name in inside}}
    each = assigned(*wanted)
    text = json.dumps(value, indent=indent)
    assert with_members(text, each) == json.dumps(with_assignments(value, each), indent=indent)


@pytest.mark.parametrize(
    ("sentence", "text", "wanted"),
    [
        ("all on one line", json.dumps(WEB), CLUSTER_IP),
        ("lines end as on Windows", json.dumps(WEB, indent=1).replace("\n", "\r\n"), CLUSTER_IP),
        ("a colon with a blank in front", json.dumps(WEB, indent=1, separators=(",", " : ")), CLUSTER_IP),
        ("an empty spec", json.dumps(WEB | {"spec": {}}, indent=1), CLUSTER_IP),
        ("a spec behind another member", json.dumps(WEB, indent=1).replace(',\n "spec"', ', "spec"'), CLUSTER_IP),
        ("a spec that is none", json.dumps(WEB | {"spec": ["a"]}, indent=1), CLUSTER_IP),
        ("a field that is there", json.dumps(WEB, indent=1), (("spec", "type"), "LoadBalancer")),
        ("a name with an escape", json.dumps(WEB, indent=1).replace('"type"', '"t\\u0079pe"'), (("spec", "type"), "X")),
        ("a field elsewhere", json.dumps(WEB, indent=1), (("status", "loadBalancer", "ingress"), [])),
        ("a port that has one", json.dumps(changed(WEB, {NODE_PORTS[1][0]: 5}), indent=1), NODE_PORTS[1]),
        ("ports on one line", json.dumps(WEB, indent=1).replace("[\n", "["), NODE_PORTS[0]),
    ],
)
def test_what_is_not_usual_is_left_to_others(sentence: str, text: str, wanted: tuple[Any, Any]) -> None:
    assert with_members(text, assigned(wanted)) is None, sentence


@pytest.mark.parametrize(
    ("sentence", "old", "new"),
    [
        ("another address", "10.96.0.9", "10.96.0.8"),
        ("a field less", '"clusterIP": "10.96.0.9",\n', ""),
        ("a member that nobody reads", '"clusterIP":', '"x": 1, "clusterIP":'),
        ("a member that changes", '"targetPort": 80', '"targetPort": 81'),
        ("no JSON", "}", ""),
    ],
)
def test_what_is_not_read_as_it_was_meant_is_not_written(sentence: str, old: str, new: str) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 80}]
    value = WEB | {"spec": {"ports": ports, "selector": {"app": "web"}, "type": "ClusterIP"}}
    text = json.dumps(value, indent=2)
    each = assigned(CLUSTER_IP, (("spec", "clusterIPs"), ["10.96.0.9"]))
    (service,) = load_text(text, file="a.json").cluster.services
    after = evolve(service, cluster_ips=["10.96.0.9"])

    def wrong(*arguments: Any) -> str:
        changed = with_new_members(*arguments)
        assert changed is not None
        assert old in changed
        return changed.replace(old, new)

    with mock.patch.object(amend_json, "with_new_members", wrong):
        written = amend(text, "a.json", each, [after], "default")
    assert written.text == json.dumps(with_assignments(value, each), indent=2), sentence


def test_what_would_be_another_service_is_not_written() -> None:
    text = json.dumps(WEB, indent=2)
    (service,) = load_text(text, file="a.json").cluster.services
    after = evolve(service, cluster_ips=["10.96.0.8"])
    written = amend(text, "a.json", assigned(CLUSTER_IP), [after], "default")
    assert written.text == text
    assert [problem.rule for problem in written.problems] == ["manifest/not-amended"]


def test_of_several_members_named_spec_that_of_the_object_is_written() -> None:
    value = {"extra": {"spec": {"a": 1}}, **WEB}
    text = json.dumps(value, indent=2)
    each = assigned(CLUSTER_IP, *NODE_PORTS)
    (service,) = load_text(text, file="a.json").cluster.services
    ports = [ServicePort(80, "http", node_port=30001, target_port=80), ServicePort(81, "admin", "TCP", 30002, "x")]
    after = evolve(service, cluster_ips=["10.96.0.9"], ports=ports)
    written = amend(text, "a.json", each, [after], "default")
    assert written.problems == ()
    assert written.text == json.dumps(with_assignments(value, each), indent=2)
