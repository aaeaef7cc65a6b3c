"""What is wrong with a part of a text costs that part only, and is told in the words of its language."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from svcc.manifest.documents import Limits, language_of, read_documents, read_text
from svcc.manifest.parsed import Language
from tests.unit.test_manifest_documents import LIST, YAML_A, YAML_B, A, B, C, names, rules


def test_a_fault_in_one_file_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text('{"kind": ')
    (tmp_path / "2.yaml").write_text("a: [\n")
    (tmp_path / "3.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "4.yaml").write_text(YAML_A)
    reading = read_documents([str(tmp_path)])
    assert names(reading) == ["a"]
    assert [(rule, Path(place).name) for rule, place in rules(reading)] == [
        ("json-syntax", "1.json:1"),
        ("yaml-syntax", "2.yaml:1"),
        ("not-utf8", "3.yaml:2"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_of_unicode_are_named(encoding: str) -> None:
    reading = read_text(("\ufeff" if encoding[-2:] in {"le", "be"} else "").encode(encoding) + YAML_A.encode(encoding))
    assert rules(reading) == [("not-utf8", "<string>:1")]
    assert encoding[:6].upper() in reading.problems[0].detail


def test_faults_in_items_of_a_json_list_cost_only_those_items() -> None:
    items = [
        json.dumps(A),
        '{"kind": "x", "spec": {"a": 1,\n "a": 2}}',
        '{"kind": "x", "a": [NaN]}',
        '{"kind": "x", "a": -Infinity}',
        '{"kind": "x", "a": 1e999}',
        '{"kind": "x", "a": ' + "9" * 5000 + "}",
        '{"kind": "x", "a": ' + "[" * 300 + "]" * 300 + "}",
        '{"kind": "x", "a": tru}',
        json.dumps(B),
    ]
    reading = read_text('{"items": [\n' + ",\n".join(items) + '], "kind": "List"}')
    assert names(reading) == ["a", "b"]
    assert rules(reading) == [
        ("duplicate-key", "<string>:4"),
        ("json-value", "<string>:5"),
        ("json-value", "<string>:6"),
        ("json-value", "<string>:7"),
        ("json-value", "<string>:8"),
        ("too-deep", "<string>:9"),
        ("json-syntax", "<string>:10"),
    ]
    assert reading.problems[0].message() == 'items[1].spec.a: Duplicate value: "a"'
    assert reading.documents[1].source.line == 11


def test_faults_in_items_of_a_yaml_list_cost_only_those_items() -> None:
    text = (
        "kind: List\nitems:\n- metadata: {name: a}\n- metadata: {name: x, name: y}\n- a: .inf\n- metadata: {name: b}\n"
    )
    reading = read_text(text)
    assert names(reading) == ["a", "b"]
    assert rules(reading) == [("duplicate-key", "<string>:4"), ("yaml-value", "<string>:5")]
    assert reading.problems[0].message() == 'items[1].metadata.name: Duplicate value: "name"'


@pytest.mark.parametrize(
    "text", ['{"kind": "List", "items": [%s], "items": [%s]}', "kind: List\nitems: [%s]\nitems: [%s]"]
)
def test_a_list_that_has_items_twice_is_not_used(text: str) -> None:
    reading = read_text(text % (json.dumps(A), json.dumps(B)))
    assert reading.documents == ()
    assert [rule for rule, _ in rules(reading)] == ["duplicate-key"]


def test_json_lines_go_on_after_a_broken_line() -> None:
    reading = read_text(json.dumps(A) + '\n{"kind": [\n' + json.dumps(B) + "\n" + json.dumps(C) + "\n")
    assert names(reading) == ["a", "b", "c"]
    assert rules(reading) == [("json-syntax", "<string>:4")]


def test_a_list_that_was_cut_off_is_not_used_and_the_problem_says_so() -> None:
    text = json.dumps(LIST, indent=4)
    reading = read_text(text[: text.index('"name": "b"')])
    assert reading.documents == ()
    assert rules(reading) == [("json-syntax", "<string>:16")]
    assert "cut off" in reading.problems[0].detail


def test_a_yaml_document_goes_on_after_a_broken_one() -> None:
    reading = read_text(f"{YAML_A}---\na: b: c\n---\n\tx\n---\n{YAML_B}")
    assert names(reading) == ["a", "b"]
    assert rules(reading) == [("yaml-syntax", "<string>:7"), ("yaml-syntax", "<string>:9")]


def test_what_follows_an_end_marker_without_a_new_document_is_reported() -> None:
    reading = read_text(f"{YAML_A}...\n{YAML_B}")
    assert names(reading) == ["a"]
    assert rules(reading) == [("yaml-syntax", "<string>:7")]


@pytest.mark.parametrize(("name", "documents"), [("a.yaml", 1), ("a.yml", 1), ("a.json", 0), ("<stdin>", 1)])
def test_braces_that_are_not_json_are_yaml_unless_the_name_says_json(name: str, documents: int) -> None:
    reading = read_text("{kind: Service, # flow\n metadata: {name: a}}", file=name)
    assert len(reading.documents) == documents
    assert [rule for rule, _ in rules(reading)] == ["json-syntax"] * (1 - documents)


@pytest.mark.parametrize("text", ['{"a": [', '{"kind": "X"} {kind: Y}', '{"kind": "X", "a": [tru, .nan]}', "{a: ["])
def test_what_is_neither_json_nor_yaml_gets_the_words_of_json_where_the_name_promises_nothing(text: str) -> None:
    assert [rule for rule, _ in rules(read_text(text, file="<stdin>"))] == ["json-syntax"]


def test_what_is_wrong_with_yaml_in_braces_is_told_even_if_some_of_it_is_json() -> None:
    text = '{"kind": "X"}\n---\n{kind: Y, a: 1, a: 2}'
    assert rules(read_text(text, file="<stdin>")) == [("duplicate-key", "<stdin>:3")]


def test_a_large_text_that_is_cut_off_is_not_read_a_second_time_as_yaml() -> None:
    text = '{"items": [{kind: X}]}'
    assert read_text(text).problems == ()
    assert [rule for rule, _ in rules(read_text(text, limits=Limits(strict_characters=10)))] == ["json-syntax"]


@pytest.mark.parametrize(
    ("text", "name", "language"),
    [
        ("kind: X", "a.json", Language.YAML),
        ('{"kind": "X"}', "a.yaml", Language.JSON),
        ('\ufeff {"kind": "X"}{"kind": "Y"}', "<stdin>", Language.JSON),
        ('{"kind": "X",}', "a.yaml", Language.YAML),
        ('{"kind": "X",}', "<stdin>", Language.YAML),
        ('{"kind": "X",}', "a.json", Language.JSON),
        ("{a: [", "<stdin>", Language.JSON),
    ],
)
def test_the_language_of_a_text_is_what_it_is_read_as(text: str, name: str, language: Language) -> None:
    assert language_of(text, name) is language
    for document in read_text(text, file=name).documents:
        assert document.parsed is not None
        assert document.parsed.language is language


def test_a_broken_yaml_file_in_braces_gets_the_words_of_yaml() -> None:
    assert [rule for rule, _ in rules(read_text("{a: [", file="a.yaml"))] == ["yaml-syntax"]


def test_limits_become_problems() -> None:
    def first_rule(text: str, limits: Limits) -> str:
        (problem,) = read_text(text.encode(), limits=limits).problems
        return problem.rule.removeprefix("manifest/")

    assert first_rule(YAML_A, Limits(file_bytes=10)) == "too-large"
    assert first_rule(YAML_A, Limits(yaml_characters=10)) == "too-large"
    assert first_rule(YAML_A, Limits(object_characters=10)) == "too-large"
    assert first_rule(json.dumps(LIST), Limits(lists=0)) == "too-deep"
    assert first_rule(json.dumps({**LIST, "items": [LIST]}), Limits(lists=1)) == "too-deep"
    assert first_rule(json.dumps({"type": "ADDED", "object": LIST}), Limits(lists=1)) == "too-deep"
    assert first_rule(json.dumps(A), Limits(depth=0)) == "too-deep"
    assert first_rule(YAML_A, Limits(depth=1)) == "too-deep"
    assert first_rule("a: &a [1, 2]\nb: *a", Limits(aliased_nodes=2)) == "too-large"
    assert read_text("a: &a [1, 2]\nb: *a", limits=Limits(aliased_nodes=3)).problems == ()


def test_standard_input_without_end_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = b"#" * len(buffer)
            return len(buffer)

    reading = read_documents(["-"], stdin=io.BufferedReader(Endless()), limits=Limits(file_bytes=5_000_000))
    assert rules(reading) == [("too-large", "<stdin>:1")]


def test_names_that_come_twice_are_not_searched_in_huge_json() -> None:
    text = '{"kind": "List", "items": [{"a": 1, "a": 2}]}'
    assert [document.value for document in read_text(text, limits=Limits(strict_characters=10)).documents] == [{"a": 2}]
    assert read_text(text).documents == ()
