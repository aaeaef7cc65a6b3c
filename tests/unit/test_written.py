"""YAML values that change their type or their spelling on the way."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from svcc.fields import Severity
from svcc.manifest.documents import read_text
from svcc.manifest.load import load_text
from svcc.validate import RULES


@frozen
class Row:
    """A sentence; where a scalar is put into a Service (name, label, port and so on); and what is said of it."""

    sentence: str
    place: str
    scalar: str
    expected: tuple[str, str, str] | None
    """Rule, message, hint."""


SERVICE = """\
apiVersion: v1
kind: {kind}
metadata:
  name: {name}
  labels: {{app: {label}, {key}: x}}
  annotations: {{note: {annotation}}}
spec:
  type: NodePort
  selector: {{app: {selector}}}
  publishNotReadyAddresses: {boolean}
  externalName: {external}
  ports:
  - name: {port_name}
    port: {port}
    nodePort: {node_port}
    targetPort: {target}
"""
USUAL = {
    "kind": "Service",
    "name": "web",
    "label": "web",
    "key": "tier",
    "annotation": "text",
    "selector": "web",
    "boolean": "false",
    "external": '""',
    "port_name": "http",
    "port": "80",
    "node_port": "30080",
    "target": "8080",
}
ROWS = [
    Row(
        "a label on is true, which is no text",
        "label",
        "on",
        ("yaml/boolean-word", "metadata.labels[app]: written on, which YAML reads as true", 'put it in quotes: "on"'),
    ),
    Row(
        "the letter n is false",
        "name",
        "n",
        ("yaml/boolean-word", "metadata.name: written n, which YAML reads as false", 'put it in quotes: "n"'),
    ),
    Row(
        "a target port named yes is true",
        "target",
        "yes",
        (
            "yaml/boolean-word",
            "spec.ports[0].targetPort: written yes, which YAML reads as true",
            'put it in quotes: "yes"',
        ),
    ),
    Row(
        "a label's key off is false",
        "key",
        "off",
        (
            "yaml/boolean-word",
            'metadata.labels[false]: the key is written off, which YAML reads as "false"',
            'put it in quotes: "off"',
        ),
    ),
    Row(
        "a label's key 0x10 is 16",
        "key",
        "0x10",
        (
            "yaml/number-base",
            'metadata.labels[16]: the key is written 0x10, which YAML reads as "16"',
            'put it in quotes: "0x10"',
        ),
    ),
    Row(
        "an annotation ~ is empty",
        "annotation",
        "~",
        ("yaml/null-word", "metadata.annotations[note]: written ~, which YAML reads as null", 'put it in quotes: "~"'),
    ),
    Row(
        "a version 1.10 in a selector is 1.1",
        "selector",
        "1.10",
        (
            "yaml/number-spelling",
            "spec.selector[app]: written 1.10, which YAML reads as 1.1",
            'put it in quotes: "1.10"',
        ),
    ),
    Row(
        "a label of digits with a zero in front is octal",
        "label",
        "0123",
        ("yaml/number-base", "metadata.labels[app]: written 0123, which YAML reads as 83", 'put it in quotes: "0123"'),
    ),
    Row(
        "a port with a zero in front is octal, too",
        "port",
        "0120",
        (
            "yaml/number-base",
            "spec.ports[0].port: written 0120, which YAML reads as 80",
            "write 80, or 120 if that is meant",
        ),
    ),
    Row(
        "a hexadecimal target port is a number",
        "target",
        "0x50",
        ("yaml/number-base", "spec.ports[0].targetPort: written 0x50, which YAML reads as 80", "write 80"),
    ),
    Row(
        "a binary node port is a number",
        "node_port",
        "0b111010101001100",
        (
            "yaml/number-base",
            "spec.ports[0].nodePort: written 0b111010101001100, which YAML reads as 30028",
            "write 30028",
        ),
    ),
    Row(
        "a port 1e3 is port 1000",
        "port",
        "1e3",
        ("yaml/number-spelling", "spec.ports[0].port: written 1e3, which YAML reads as 1000", "write 1000"),
    ),
    Row(
        "a port with an underscore is a number",
        "port",
        "1_000",
        ("yaml/number-spelling", "spec.ports[0].port: written 1_000, which YAML reads as 1000", "write 1000"),
    ),
    Row(
        "an external name 1e3 is a number",
        "external",
        "1e3",
        ("yaml/number-spelling", "spec.externalName: written 1e3, which YAML reads as 1000", 'put it in quotes: "1e3"'),
    ),
    Row("a field that is true or false may say yes", "boolean", "yes", None),
    Row("a port +80 is what it says", "port", "+80", None),
    Row("a port 80.0 is what it says", "port", "80.0", None),
    Row("a name with digits in front is a text", "name", "web-1e3", None),
    Row("what is in quotes stays what it is", "label", '"0123"', None),
    Row("what has a tag stays what it is", "label", "!!str on", None),
    Row("a field that is not there may be written ~", "node_port", "~", None),
]


def text_with(place: str, scalar: str) -> str:
    """A Service with a scalar in a place."""
    return SERVICE.format(**{**USUAL, place: scalar})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_yaml_says_what_it_made_of_it(row: Row) -> None:
    text = text_with(row.place, row.scalar)
    problems = [each for each in load_text(text).problems if each.rule.startswith("yaml/")]
    assert [(each.rule, each.message(), each.hint) for each in problems] == ([row.expected] if row.expected else [])
    for problem in problems:
        assert problem.severity is Severity.WARNING
        assert problem.source is not None
        assert row.scalar in text.splitlines()[problem.source.line - 1]


def test_every_rule_of_yaml_has_a_row() -> None:
    assert {row.expected[0] for row in ROWS if row.expected} == {rule for rule in RULES if rule.startswith("yaml/")}


def test_nothing_is_said_of_the_usual_service() -> None:
    assert load_text(SERVICE.format(**USUAL)).problems == ()


@pytest.mark.parametrize(
    ("place", "scalar", "hint"),
    [
        ("label", "on", 'written: on; put it in quotes: "on"'),
        ("label", "12", 'written: 12; put it in quotes: "12"'),
        ("label", "true", 'written: true; put it in quotes: "true"'),
        ("label", "1.10", 'written: 1.10; put it in quotes: "1.10"'),
        ("label", "[a]", 'written: ["a"]'),
        ("port", '"80"', 'written: "80"; take the quotes away: 80'),
        ("port", '"08"', 'written: "08"'),
        ("port", '"http"', 'written: "http"'),
        ("boolean", '"true"', 'written: "true"; take the quotes away: true'),
        ("boolean", '"True"', 'written: "True"'),
        ("boolean", "1", "written: 1"),
    ],
)
def test_a_value_of_a_wrong_type_is_shown_as_it_was_written(place: str, scalar: str, hint: str) -> None:
    hints = [each.hint for each in load_text(text_with(place, scalar)).problems if each.rule == "manifest/wrong-type"]
    assert hints == [hint]


def test_a_long_value_of_a_wrong_type_is_cut() -> None:
    (problem,) = load_text(text_with("label", f"[{'a' * 100}]")).problems
    assert problem.hint == f'written: ["{"a" * 55}...'


def test_json_has_no_such_values() -> None:
    text = '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 8e1}]}}'
    assert load_text(text).problems == ()


def test_an_item_of_a_list_knows_only_its_own_scalars() -> None:
    item = "- apiVersion: v1\n  kind: Service\n  metadata: {name: NAME}\n  spec: {ports: [{port: PORT}]}\n"
    text = "kind: List\nitems:\n" + "".join(
        item.replace("NAME", name).replace("PORT", port) for name, port in (("a", "80"), ("b", "0120"), ("c", "81"))
    )
    (problem,) = load_text(text).problems
    assert (problem.object and problem.object.name, problem.source and problem.source.line) == ("b", 10)


WORDS = st.sampled_from(
    [
        "on",
        "y",
        "true",
        "~",
        "null",
        "0123",
        "0x1F",
        "1e3",
        "1.10",
        "80",
        "1_0",
        "web",
        '"on"',
        "'0'",
        "!!str 1e3",
        "*a",
    ]
)
KEYS: tuple[str, ...] = ("on", "0x10", "plain")
VALUES: st.SearchStrategy[str] = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=3).map(
            lambda parts: "{" + ", ".join(f"{key}: {part}" for key, part in zip(KEYS, parts, strict=False)) + "}"
        ),
    ),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_rewritten_stands_at_its_path(text: str) -> None:
    reading = read_text(f"anchor: &a 0777\nvalue: {text}\n")
    (document,) = reading.documents
    assert document.source.rewritten is not None
    for item in document.source.rewritten():
        found: Any = document.value
        for step in item.path.steps:
            found = found[step]
        if not item.is_key:
            assert found == item.became
        assert item.written in f"0777 {text}"


ODD = ["on", "y", "No", "~", "NULL", "0123", "0x1F", "1e3", "1.10", "1_0", "+5", "-0", ".5"]
EVEN = ["true", "false", "null", "80", "-5", "1.5", "web", "08x", "1.2.3", '"on"', "'0'", "!!str 1e3"]


@given(st.lists(st.sampled_from([*ODD, *EVEN]), min_size=1, max_size=6), st.booleans())
def test_exactly_what_is_rewritten_is_found(words: list[str], as_keys: bool) -> None:
    if as_keys:  # one only, since several might mean the same, and null is no key
        words = [word for word in words if word not in ("~", "NULL", "null")][:1]
    lines = [f"  {word}: v{place}" if as_keys else f"- {word}" for place, word in enumerate(words)]
    documents = read_text("\n".join(["other: x", "value:", *lines])).documents
    found = [item.written for each in documents if each.source.rewritten for item in each.source.rewritten()]
    assert found == [word for word in words if word in ODD]
