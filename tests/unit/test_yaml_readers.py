"""Both readers of YAML, Rust's and PyYAML's, read every text alike: values, places, problems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from svcc.fields import FieldPath, Problem
from svcc.manifest import yaml_reader, yaml_reference
from svcc.manifest.parsed import Limits, Parsed
from svcc.manifest.yaml_places import YamlParsed
from tests.strategies.yaml_texts import manifests, nearly_yaml, soups, yaml_texts

LIMITS = Limits(depth=12, aliased_nodes=300)
Reader = Callable[[str, str, Limits], tuple[list[Parsed], list[Problem]]]


def paths(value: Any, depth: int = 3) -> list[tuple[Any, ...]]:
    """Of the fields of a value, and of some that it has not."""
    if depth == 0 or not isinstance(value, dict | list):
        return [()]
    fields = list(value.items())[:4] if isinstance(value, dict) else list(enumerate(value))[:3]
    found: list[tuple[Any, ...]] = [(), ("absent",), (7,)]
    found += [(step, *path) for step, inner in fields for path in paths(inner, depth - 1)]
    return found


def place(parsed: Parsed) -> tuple[Any, ...]:
    """All that is known about a value; its `repr` tells 1 from 1.0 and from true, and the order of fields."""
    lines = [parsed.line_of(FieldPath(path)) for path in paths(parsed.value)]
    lookup = parsed.rewritten_lookup()
    known = (list(parsed.flaws), parsed.flaw_count(), lines, None if lookup is None else list(lookup()))
    return repr(parsed.value), parsed.line, parsed.start, parsed.end, *known


def parts(parsed: Parsed) -> list[tuple[Any, ...]]:
    """Of a list, of what has items and of what may be a watch event: the places of what is in them."""
    value, found = parsed.value, []
    if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("items"), list)):
        found += [place(element) for element in parsed.elements()]
    if isinstance(value, dict) and "object" in value:
        found.append(place(parsed.watched()))
    return found


def everything(reader: Reader, text: str) -> tuple[list[Any], list[Problem]]:
    try:
        # PyYAML cannot say a tag of which the escaped bytes are no UTF-8.
        parsed, problems = reader(text, "x.yaml", LIMITS)
    except UnicodeDecodeError:
        assume(False)
        raise
    return [(place(value), parts(value)) for value in parsed], problems


def check(text: str) -> None:
    assert everything(yaml_reader.read_yaml, text) == everything(yaml_reference.read_yaml, text)


@given(manifests())
def test_manifests_are_read_alike(text: str) -> None:
    check(text)


@given(nearly_yaml())
def test_manifests_with_mistakes_are_read_alike(text: str) -> None:
    check(text)


@settings(max_examples=300)
@given(yaml_texts())
@example("~: 1\n---\n~: 1\n")
@example("a: 1\n<<: {a: 2, b: 3}\nb: 4\nb: 5\n")
@example("? [a]\n: 1\n'': 2\n'': 3\n")
def test_lines_in_all_styles_are_read_alike(text: str) -> None:
    check(text)


@settings(max_examples=300)
@given(soups())
def test_any_characters_are_read_alike(text: str) -> None:
    check(text)


@given(st.text(max_size=40))
def test_any_text_is_read_alike(text: str) -> None:
    check(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_alike(data: bytes) -> None:
    check(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: " + "[" * 11 + "]" * 11, id="as many levels as are allowed"),
        pytest.param("a: " + "[" * 12 + "]" * 12, id="one level more"),
        pytest.param("- &a [1,2,3,4,5]\n" + "- *a\n" * 50, id="as many nodes by aliases as are allowed"),
        pytest.param("- &a [1,2,3,4,5]\n" + "- *a\n" * 51, id="more"),
        pytest.param("? " + "k" * 1025 + "\n: 1\n", id="a long key with a question mark"),
        pytest.param("k" * 1024 + ": 1\n", id="the longest key without one"),
        pytest.param("k" * 1025 + ": 1\n", id="one that is longer"),
        pytest.param("\xe9" * 1024 + ": 1\n", id="characters are counted, not bytes"),
        pytest.param("a: 1\n" + "[" * 300, id="a cut list of lists"),
        pytest.param('a: "x\n', id="a string without an end"),
        pytest.param("a: b: c\n", id="two colons"),
        pytest.param("%YAML 1.1\n\ufeff---\na: 1\n\ufeff---\nb\n", id="byte order marks in front of documents"),
        pytest.param("\ufeff\ufeffa: 1\n", id="two byte order marks"),
        pytest.param("a: \ud800\n---\nb: 1\n", id="half a surrogate pair"),
        pytest.param("a: 1\n---\nb: \x07\n---\nc: 1\n", id="a control character"),
        pytest.param("[? a]\n", id="a pair in a list"),
        pytest.param("type: ADDED\n? object", id="a key without value and without a line's end"),
    ],
)
def test_texts_at_the_limits_are_read_alike(text: str) -> None:
    check(text)


@settings(max_examples=300)
@given(yaml_texts() | manifests())
@example("a:\n-\n- name: x\n  b: [1, {c: 2}]\n-\n")
@example("a: [{b: 1}, &x {b:\n 2}, *x,\n ,[3,\n 4]]\n")
def test_the_line_of_a_field_in_a_list_is_that_of_reading_all_of_the_object(text: str) -> None:
    for reader in (yaml_reader.read_yaml, yaml_reference.read_yaml):
        for parsed in reader(text, "x.yaml", LIMITS)[0]:
            assert isinstance(parsed, YamlParsed)
            for path in paths(parsed.value):
                assert parsed.line_of(FieldPath(path)) == parsed.line + parsed._row_of(parsed._own_text(), path)


def test_aliases_are_the_same_value() -> None:
    parsed, _ = yaml_reader.read_yaml("- &a {b: [1]}\n- *a\n", "x.yaml", LIMITS)
    assert parsed[0].value[0] is parsed[0].value[1]


def test_names_that_come_again_and_again_are_one_string() -> None:
    parsed, _ = yaml_reader.read_yaml("- {some name: some value}\n- {some name: some value}\n", "x.yaml", LIMITS)
    (first,), (second,) = (element.items() for element in parsed[0].value)
    assert first[0] is second[0]
    assert first[1] is second[1]


def test_a_name_that_is_no_name_is_refused_in_every_object() -> None:
    _, problems = yaml_reader.read_yaml("- {~: 1}\n- {~: 1}\n", "x.yaml", LIMITS)
    assert [str(problem.source) for problem in problems] == ["x.yaml:1", "x.yaml:2"]
