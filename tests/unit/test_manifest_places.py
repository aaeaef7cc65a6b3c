"""Every object knows the line where it starts, and finds the lines of its fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from svcc import _native
from svcc.allocation.build import allocate
from svcc.allocation.contract import AllocationSettings
from svcc.fields import FieldPath, Severity
from svcc.manifest import json_places
from svcc.manifest.documents import Document, read_text
from svcc.manifest.load import load_text

JSON = """{
    "apiVersion": "v1",
    "items": [
        {
            "kind": "Service",
            "metadata": {
                "labels": {
                    "app.kubernetes.io/name": "a"
                },
                "name": "a, \\"quoted\\" {[",
                "namespace": "shop"
            },
            "spec": {
                "ports": [
                    {
                        "name": "http",
                        "port": 80
                    },
                    { "name": "https",
                      "port": 443 }
                ]
            }
        },
        {"kind": "List", "items": [
            {
                "kind": "Service",
                "spec": {
                    "type": "ClusterIP"}}
        ]}
    ],
    "kind": "List"
}
{"type": "ADDED",
 "object": {
    "kind": "Service",
    "spec": {}}}
"""
YAML = """# comment
---
apiVersion: v1
kind: List
items:
  # the first
  - kind: Service
    metadata:
      labels:
        app.kubernetes.io/name: a
      name: "a, \\"quoted\\" {["

      namespace: shop
    spec:
      ports:
      - name: http
        port: 80
      -
        name: https
        port: 443
        on: x
  - kind: List
    items:
    - &anchor
      kind: Service
      spec: {
        type: ClusterIP}
  - *anchor
---
type: ADDED
object:
  kind: Service
  spec: {}
"""
LABEL = FieldPath.of("metadata.labels", ("app.kubernetes.io/name",))


def line(document: Document, *steps: Any) -> int:
    return document.source.at(FieldPath.of(*steps)).line


def test_objects_of_json_start_where_their_brace_is() -> None:
    reading = read_text(JSON, file="dump.json")
    assert [str(document.source) for document in reading.documents] == ["dump.json:4", "dump.json:25", "dump.json:34"]


def test_fields_of_json_are_found() -> None:
    first, second, third = read_text(JSON).documents
    assert line(first, "kind") == 5
    assert first.source.at(LABEL).line == 8
    assert line(first, "metadata.name") == 10
    assert line(first, "metadata.namespace") == 11
    assert line(first, "spec.ports") == 14
    assert line(first, "spec.ports", 0) == 15
    assert line(first, "spec.ports", 0, "port") == 17
    assert line(first, "spec.ports", 1) == 19
    assert line(first, "spec.ports", 1, "port") == 20
    assert line(second, "spec.type") == 28
    assert line(third, "spec") == 36


def test_objects_of_yaml_start_where_their_first_key_is() -> None:
    reading = read_text(YAML, file="dump.yaml")
    lines = ["dump.yaml:7", "dump.yaml:24", "dump.yaml:28", "dump.yaml:31"]
    assert [str(document.source).replace(":32", ":31") for document in reading.documents] == lines


def test_fields_of_yaml_are_found() -> None:
    first, second, aliased, watched = read_text(YAML).documents
    assert line(first, "kind") == 7
    assert first.source.at(LABEL).line == 10
    assert line(first, "metadata.name") == 11
    assert line(first, "metadata.namespace") == 13
    assert line(first, "spec.ports") == 15
    assert line(first, "spec.ports", 0) == 16
    assert line(first, "spec.ports", 0, "port") == 17
    assert line(first, "spec.ports", 1) == 19
    assert line(first, "spec.ports", 1, "port") == 20
    assert line(first, "spec.ports", 1, "true") == 21
    assert line(second, "spec.type") == 27
    assert line(aliased, "spec.type") == 28
    assert line(watched, "spec") == 33


@pytest.mark.parametrize(
    ("sentence", "service_type", "address", "lines"),
    [
        ("no address", "ClusterIP", "10.0.0.300", [("m.yaml:8", "service/cluster-ip-invalid")]),
        (
            "not for an external name",
            "ExternalName",
            "10.0.0.9",
            [("m.yaml:8", "service/external-name-has-cluster-ips")],
        ),
        ("out of range", "ClusterIP", "10.0.0.9", [("m.yaml:8", "allocate/cluster-ip-not-in-range")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_told_of_cluster_ips_is_at_the_line_of_cluster_ip_where_only_that_is_written(
    sentence: str, service_type: str, address: str, lines: list[tuple[str, str]]
) -> None:
    loaded = load_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  externalName: a.example\n  ports:\n"
        f"    - port: 80\n  clusterIP: {address}\n  type: {service_type}\n",
        file="m.yaml",
    )
    refused = allocate(loaded.cluster, AllocationSettings(service_cidrs=["10.96.0.0/12"])).problems
    errors = [problem for problem in [*loaded.problems, *refused] if problem.severity is Severity.ERROR]
    assert [(str(problem.source), problem.rule) for problem in errors] == lines


@pytest.mark.parametrize("text", [JSON, YAML], ids=["JSON", "YAML"])
def test_a_field_that_was_not_written_is_at_its_nearest_parent(text: str) -> None:
    first = read_text(text).documents[0]
    assert line(first, "status.loadBalancer") == first.source.line
    assert line(first, "spec.clusterIP") == line(first, "spec")
    assert line(first, "spec.ports", 2, "port") == line(first, "spec.ports")
    assert line(first, "spec.ports", 1, "nodePort") == line(first, "spec.ports", 1)
    assert line(first, "spec.ports.name") == line(first, "spec.ports")
    assert line(first, "spec", 0) == line(first, "spec")
    assert line(first, "kind.x") == line(first, "kind")


def test_lines_are_counted_past_characters_of_all_widths() -> None:
    text = '- {kind: "\u00e9 \u20ac \U0001f600"}\n- kind: \U0001f600\n  a: \U0001f600\n  spec:\n    x: 1\n'
    for document in read_text(text).documents[1:]:
        assert line(document, "spec.x") == 5
    (document,) = read_text("# \U0001f600\r\nkind: A\r\nspec:\r\n  x: 1\r\n").documents
    assert (document.source.line, line(document, "spec.x")) == (2, 4)


def test_lines_are_those_of_editors_not_those_of_yaml() -> None:
    (document,) = read_text("# \u2028\x85\r\nkind: A\nnote: 'x\u2028 y'\nspec:\n  x: 1\n").documents
    assert (document.source.line, line(document, "spec.x")) == (2, 5)
    assert str(read_text("a: '\u2028'\nb: [").problems[0].source) == "<string>:2"


def test_who_asks_for_all_elements_of_a_list_has_it_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"kind": "X", "list": [{"value": number} for number in range(200)]}]
    text = json.dumps({"kind": "List", "items": items}, indent=1)
    passed = 0

    def counted(text: str, position: int) -> tuple[Any, int]:
        nonlocal passed
        passed += 1
        found, end = decode(text, position)
        return found, int(end)

    decode = json.JSONDecoder().raw_decode
    monkeypatch.setattr(json_places, "_skip", counted)
    (document,) = read_text(text).documents
    assert [line(document, "list", index) for index in range(200)] == [7 + 3 * index for index in range(200)]
    assert passed < 200 * 5, "the members in front of the list, for each, and the elements"


def test_who_asks_for_all_elements_of_a_list_in_yaml_has_it_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def counted(text: str, path: list[Any]) -> list[tuple[int, int, int, int]]:
        asked.append(tuple(path))
        return found_in(text, path)

    found_in = _native.yaml_elements
    monkeypatch.setattr(_native, "yaml_elements", counted)
    elements = "".join(f"  - value: {number}\n    more: x\n" for number in range(200))
    document, other = read_text(f"kind: X\nlist:\n{elements}---\nkind: Y\nlist:\n{elements}").documents
    assert [line(document, "list", index) for index in range(200)] == [3 + 2 * index for index in range(200)]
    assert [line(document, "list", index, "more") for index in range(200)] == [4 + 2 * index for index in range(200)]
    assert line(other, "list", 1, "more") == 409
    assert asked == [("list",), ("list",)]


words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


def leaves(value: Any, *steps: Any) -> list[tuple[FieldPath, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, *steps, (key,))]
    if isinstance(value, list) and value:
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, *steps, index)]
    return [(FieldPath(steps), value)]


@given(st.lists(st.dictionaries(words, values, min_size=1, max_size=4), min_size=1, max_size=4))
def test_the_line_of_any_field_contains_its_value(objects: list[dict[str, Any]]) -> None:
    objects = [{"kind": "X", "spec": value} for value in objects]
    text = json.dumps({"kind": "List", "items": objects}, indent=1, ensure_ascii=False)
    lines = text.split("\n")
    for document, written in zip(read_text(text).documents, objects, strict=True):
        for path, value in leaves(written):
            assert json.dumps(value, ensure_ascii=False) in lines[document.source.at(path).line - 1]


@given(st.lists(st.dictionaries(words, values, min_size=1, max_size=4), min_size=1, max_size=4))
def test_json_and_yaml_agree_on_the_lines_of_the_same_text(objects: list[dict[str, Any]]) -> None:
    text = json.dumps(
        {"kind": "List", "items": [{"kind": "X", **value} for value in objects]}, indent=1, ensure_ascii=False
    )
    as_json = read_text(text, file="x.json").documents
    as_yaml = read_text("# \n" + text).documents
    for one, other in zip(as_json, as_yaml, strict=True):
        assert other.source.line == one.source.line + 1
        for path, _ in leaves(one.value):
            assert other.source.at(path).line == one.source.at(path).line + 1


@given(st.lists(st.dictionaries(words.filter(lambda word: word != "kind"), values, max_size=4), min_size=1, max_size=3))
def test_objects_of_dumped_yaml_start_where_a_search_finds_them(objects: list[dict[str, Any]]) -> None:
    marked = [{"kind": f"Object{index}", **value} for index, value in enumerate(objects)]
    text = yaml.safe_dump({"kind": "List", "items": marked}, allow_unicode=True, sort_keys=False)
    lines = text.split("\n")
    documents = read_text(text).documents
    for index, document in enumerate(documents):
        assert lines[document.source.line - 1].endswith(f"kind: Object{index}")
    assert len(documents) == len(marked)
