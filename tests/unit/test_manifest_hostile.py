"""Whatever the bytes, reading ends soon and with problems that have a place; nothing but `InputError` is raised."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from svcc.errors import InputError
from svcc.fields import FieldPath
from svcc.manifest.documents import Limits, Reading, read_documents, read_text

VALID = {
    "kind": "List",
    "apiVersion": "v1",
    "items": [
        {"kind": "Service", "metadata": {"name": "a", "labels": {"on": "1.10"}}, "spec": {"ports": [{"port": 80}]}},
        {"kind": "EndpointSlice", "metadata": {"name": "b"}, "endpoints": [{"addresses": ["10.0.0.1"], "ready": True}]},
    ],
}
JSON_TEXT = json.dumps(VALID, indent=2)
YAML_TEXT = yaml.safe_dump_all([VALID, *VALID["items"]])
LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
DEEP = 100_000


def check(reading: Reading, text: str | bytes) -> None:
    """What holds for every reading: problems have rules and places that exist, documents can be used."""
    lines = 1 + text.count(b"\n" if isinstance(text, bytes) else "\n")  # type: ignore[arg-type]  # both or neither
    for problem in reading.problems:
        assert problem.rule.startswith("manifest/")
        assert problem.source is not None
        assert problem.source.file in reading.files
        assert 1 <= problem.source.line <= lines
        str(problem).encode()
    for document in reading.documents:
        assert isinstance(document.value, dict)
        json.dumps(document.value, allow_nan=False)
        assert 1 <= document.source.line <= lines
        found = document.source.at(FieldPath.of("spec.ports", 0, ("x",)))
        assert document.source.line <= found.line <= lines


def read(text: str | bytes, file: str = "<string>") -> Reading:
    reading = read_text(text, file=file)
    check(reading, text)
    return reading


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("[" * DEEP, "too-deep", id="arrays without end"),
        pytest.param("[" * DEEP + "]" * DEEP, "too-deep", id="arrays in arrays"),
        pytest.param('{"a":' * DEEP, "too-deep", id="objects without end"),
        pytest.param('{"a":' * DEEP + "1" + "}" * DEEP, "too-deep", id="objects in objects"),
        pytest.param('{"kind": "List", "items": [' * DEEP, "too-deep", id="lists in lists"),
        pytest.param('{"type": "ADDED", "object": ' * DEEP + "1" + "}" * DEEP, "too-deep", id="watch events in events"),
        pytest.param('{"kind": "List", "items": [' * 90 + "]}" * 90, "too-deep", id="some lists in lists"),
        pytest.param('{"a": ' + "[" * 600 + "]" * 600 + "}", "too-deep", id="deeper than the limit, not the stack"),
        pytest.param('{"a":[\n' * DEEP, "too-deep", id="a new line for each level"),
        pytest.param('{"a": ' + "9" * DEEP + "}", "json-value", id="an integer of many digits"),
        pytest.param('{"a": 1' + "0" * 400 + ".5}", "json-value", id="a float beyond 64 bits"),
        pytest.param('{"a": "' + "x" * DEEP, "json-syntax", id="a string without end"),
        pytest.param('{"a": "\\', "json-syntax", id="an escape without end"),
        pytest.param('{"a": "\\u12"}', "json-syntax", id="an escape of too few digits"),
        pytest.param('{"a": "\0"}', "json-syntax", id="a NUL in a string"),
        pytest.param("{\0}", "json-syntax", id="a NUL between braces"),
        pytest.param('{"a": 1,\0}', "json-syntax", id="a NUL behind a comma"),
        pytest.param('{"a" 1}', "json-syntax", id="a missing colon"),
        pytest.param('{"a": 1 "b": 2}', "json-syntax", id="a missing comma"),
        pytest.param('{"items": [1 2]}', "json-syntax", id="a missing comma in a list"),
        pytest.param("{'a': 1}", "json-syntax", id="single quotes"),
        pytest.param('{"a": 1,}', "json-syntax", id="a comma too many"),
        pytest.param("{" * DEEP, "json-syntax", id="braces"),
        pytest.param("}" * DEEP, "yaml-syntax", id="closing braces"),
        pytest.param("a: " + "[" * DEEP, "too-deep", id="YAML: arrays without end"),
        pytest.param("a: " + "{a: " * DEEP, "too-deep", id="YAML: mappings without end"),
        pytest.param("- " * DEEP + "x", "too-deep", id="YAML: sequences in sequences"),
        pytest.param("\n".join(" " * n + "a:" for n in range(2000)), "too-deep", id="YAML: mappings in mappings"),
        pytest.param("? " * DEEP, "too-deep", id="YAML: keys of keys"),
        pytest.param(LAUGHS, "too-large", id="YAML: a billion laughs"),
        pytest.param("- a\nb: c\n", "yaml-syntax", id="YAML: a broken sequence"),
        pytest.param("a: 'x", "yaml-syntax", id="YAML: a quote without end"),
        pytest.param("a: \0", "yaml-syntax", id="YAML: a NUL"),
        pytest.param("a: \x07", "yaml-syntax", id="YAML: a bell"),
        pytest.param("a: \x7f", "yaml-syntax", id="YAML: a delete"),
        pytest.param('a: "\\ud800"', "yaml-syntax", id="YAML: half a surrogate pair"),
        pytest.param("a: \ud800", "yaml-syntax", id="YAML: half a surrogate pair as a character"),
        pytest.param("a:\n\t- b", "yaml-syntax", id="YAML: a tab"),
        pytest.param("%YAML 9.9\n---\na: 1", "yaml-syntax", id="YAML: an unknown version"),
        pytest.param("%FOO\n%BAR\n", "yaml-syntax", id="YAML: directives only"),
        pytest.param("a: @b", "yaml-syntax", id="YAML: a reserved character"),
        pytest.param("a: !x!y z", "yaml-syntax", id="YAML: an unknown tag handle"),
        pytest.param("<html>\n<body>: 502: Bad Gateway", "yaml-syntax", id="an error page"),
        pytest.param("error: You must be logged in: (Unauthorized)", "yaml-syntax", id="an error message"),
    ],
)
def test_hostile_text_becomes_a_problem_soon(text: str, rule: str) -> None:
    started = time.process_time()
    read(text)
    reading = read(text, "a.json" if rule == "json-syntax" else "<string>")
    assert time.process_time() - started < 20
    assert f"manifest/{rule}" in {problem.rule for problem in reading.problems}
    assert reading.documents == ()
    assert len(reading.problems) <= 12


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a: \xc3",
        b'{"a": "\xed\xa0\x80"}',
        b"\xff\xfea\0",
        b"\xfe\xff\0a",
        b"\0\0\xfe\xff",
        b"\xef\xbb",
        b"\x80" * 99,
    ],
)
def test_bytes_that_are_not_utf8_become_one_problem(data: bytes) -> None:
    assert [problem.rule for problem in read(data).problems] == ["manifest/not-utf8"]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"# only a comment", b"---", b"--- \r\n---\r\n", b"~"])
def test_texts_without_content_are_fine(data: bytes) -> None:
    assert read(data) == Reading((), (), ("<string>",))


def test_a_million_laughs_within_the_limit_stay_shared() -> None:
    text = "\n".join(LAUGHS.splitlines()[:5])
    (document,) = read(text).documents
    assert document.value["a4"][0] is document.value["a4"][9]


@pytest.mark.parametrize("text", [JSON_TEXT, YAML_TEXT, json.dumps(VALID), "# yaml\n" + JSON_TEXT])
def test_a_valid_text_cut_anywhere_is_read_as_far_as_it_can_be(text: str) -> None:
    for end in range(len(text)):
        read(text[:end])
        read(text[:end], file="x.yaml")


@given(st.binary())
@example(b'{"a":1}\xef\xbb\xbf{')
def test_any_bytes(data: bytes) -> None:
    check(read_text(data), data)
    check(read_text(b"{" + data, file="x.yaml"), b"{" + data)


@given(st.text("{}[]\",:\\ \n\t-#&*!|>'%@?~<.0123456789eE+aynuoftrls\ufeff\x85\u2028\x00", max_size=60))
@example('{"a":NaN\n{"a":')
@example('{"":"",\n"":0')
@example('[{"a":1,"a":2}\n{')
@example("&a !!map *a")
@example("? *a\n: <<")
def test_any_text_of_the_characters_that_matter(text: str) -> None:
    read(text)
    read("[" + text)
    read('{"items":[{' + text, file="x.yml")
    read("a: 1\n---\n" + text)


@given(st.sampled_from([JSON_TEXT, YAML_TEXT]), st.data())
def test_valid_manifests_with_mistakes(text: str, data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [*"{}[]\",:\\\n\t-#&*!|>'%0y~", "---\n", "items:", '"items": [', "<<: ", "*a ", "&a ", "NaN", ""]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(pieces) + text[end:]
    read(text)
    read(text, file="x.yaml")


integers = st.integers(-(2**63), 2**64 - 1)
# Whole floats of more than 53 bits are left to the tests of scalars: Go rounds them to their shortest digits.
numbers = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not 2**53 <= abs(number) < 1e21)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co", "Cs", "Zl", "Zp"]))
anything = st.recursive(
    st.none() | st.booleans() | integers | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
)
objects = st.dictionaries(words, anything, max_size=5)


def plain(value: Any) -> dict[str, Any]:
    """Something that is neither a list nor a watch event, whatever it holds."""
    return {"kind": "Thing", "value": value}


@given(anything)
@example({"a": [1e21, 1e-7, -0.0, 1e300, 5e-324]})
@example({"": [[["0\xa0 0"]]]})
@example({"on": "on", "010": "010", "<<": {"a": 1}, "1.0": ["1:20", "~", "", " ", "- x", "# x"]})
def test_the_same_object_reads_the_same_from_json_and_from_yaml(value: Any) -> None:
    expected = plain(json.loads(json.dumps(value)))
    as_json = read(json.dumps(plain(value)))
    texts = [
        "# flow\n" + json.dumps(plain(value), ensure_ascii=False),
        yaml.dump(plain(value), Dumper=Quoting, allow_unicode=True, width=UNFOLDED),
        yaml.dump(plain(value), Dumper=Quoting, default_flow_style=False, indent=4, width=UNFOLDED),
    ]
    assert as_json.problems == ()
    assert as_json.documents[0].value == expected
    for text in texts:
        reading = read(text)
        assert reading.problems == ()
        assert [document.value for document in reading.documents] == [expected]


UNFOLDED = 2**31
"""PyYAML's writer folds some quoted strings (``"0\\xa0 0"``, at the width of 20) to something that means another."""


class Quoting(yaml.SafeDumper):
    """Writes strings in quotes, and keeps aliases out: its own table of plain scalars is not that of Kubernetes."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _quoted(dumper: Quoting, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


def _number(dumper: Quoting, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


Quoting.add_representer(str, _quoted)
Quoting.add_representer(float, _number)


@given(st.lists(objects.map(plain), max_size=4), st.sampled_from(["\n", " ", ""]))
def test_objects_are_the_same_however_they_are_put_together(items: list[dict[str, Any]], between: str) -> None:
    forms = [
        json.dumps({"kind": "List", "items": items}),
        json.dumps(items, indent=4),
        between.join(map(json.dumps, items)),
        between.join(json.dumps({"type": "ADDED", "object": item}) for item in items),
        "---\n" + "\n---\n".join(json.dumps(item, ensure_ascii=False) for item in items),
    ]
    expected = json.loads(json.dumps(items))
    for form in forms:
        reading = read(form)
        assert reading.problems == ()
        assert [document.value for document in reading.documents] == expected


@given(st.binary(max_size=40))
def test_standard_input_raises_nothing_but_input_errors(data: bytes) -> None:
    limits = Limits(file_bytes=30)
    if data.strip():
        check(read_documents(["-"], stdin=io.BytesIO(data), limits=limits), data)
    else:
        with pytest.raises(InputError, match="empty"):
            read_documents(["-"], stdin=io.BytesIO(data), limits=limits)
