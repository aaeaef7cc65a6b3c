"""YAML scalars mean what they mean to Kubernetes; the values were produced by sigs.k8s.io/yaml 1.6.0."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from svcc.manifest import yaml_places, yaml_reader
from svcc.manifest.documents import read_text

VALUES = [
    ("y, Y, yes and on are true", "[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", [True] * 11),
    ("n, N, no and off are false", "[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", [False] * 11),
    ("words in mixed case are strings", "[yEs, oN, tRUE, nULL]", ["yEs", "oN", "tRUE", "nULL"]),
    ("nothing, a tilde and null are null", "[~, null, Null, NULL]", [None] * 4),
    ("quotes make a string of anything", "['y', \"on\", '8', \"~\", '']", ["y", "on", "8", "~", ""]),
    ("a leading zero means octal", "[010, -010, +017, 00, 0o17, 0O17]", [8, -8, 15, 0, 15, 15]),
    ("digits that are not octal are decimal after all", "[08, 09, 0789, 0128]", [8, 9, 789, 128]),
    ("0x is hexadecimal and 0b binary", "[0x1f, 0XFF, -0x10, 0b11, 0B11, -0b1]", [31, 255, -16, 3, 3, -1]),
    ("underscores in numbers are ignored", "[1_000, 0x_1f, 1_, 1__0, 1_0.5]", [1000, 31, 1, 10, 10.5]),
    ("underscores in front or after a point make a string", "[_1, .1_0]", ["_1", ".1_0"]),
    ("an exponent makes a number", "[1e3, 1E3, 1e+3, 1.5e1, 15e-1, 1.e3]", [1000, 1000, 1000, 15, 1.5, 1000]),
    ("a fraction of nothing is lost", "[8080.0, 1., -3.0, 0.5, .5, +.5]", [8080, 1, -3, 0.5, 0.5, 0.5]),
    ("a version with two digits loses its zero", "[1.10, 1.10.0]", [1.1, "1.10.0"]),
    ("there is no base 60", "[12:30:45, 1:20, 190:20:30.15]", ["12:30:45", "1:20", "190:20:30.15"]),
    ("there are no timestamps", "[2026-01-01, 2026-01-01T00:00:00Z]", ["2026-01-01", "2026-01-01T00:00:00Z"]),
    ("numbers of 64 bits are exact", "[9223372036854775807, 18446744073709551615]", [2**63 - 1, 2**64 - 1]),
    ("longer ones are rounded as Go writes them", "[18446744073709551616, 1e21]", [18446744073709552000, 1e21]),
    ("what does not fit a float is a string", "[1e999, 0xffffffffffffffffff]", ["1e999", "0xffffffffffffffffff"]),
    ("incomplete numbers are strings", "[0x, 0b2, 1e, '+', 1e3e4]", ["0x", "0b2", "1e", "+", "1e3e4"]),
    ("digits of other scripts are strings", "[\u0661\u0662, \uff11]", ["\u0661\u0662", "\uff11"]),
    ("addresses are strings", "[10.0.0.1, 10.0.0.0/8, '::1', fd00::1]", ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::1"]),
    ("the merge key is a string as a value", "[<<, =]", ["<<", "="]),
    (
        "a tag says the type",
        '[!!str 80, !!str , !!int "80", !!float 80, !!bool "y", ! 80]',
        ["80", "", 80, 80, True, "80"],
    ),
    ("collections may be tagged with what they are", "!!map {a: !!seq [1]}", {"a": [1]}),
]
NAMES = [
    ("a boolean becomes true", "on: x", "true"),
    ("a boolean becomes false", "n: x", "false"),
    ("a number is written in decimal", "0x10: x", "16"),
    ("octal as well", "010: x", "8"),
    ("a port", "8080: x", "8080"),
    ("a float is shortened", "1.10: x", "1.1"),
    ("a whole float", "1e3: x", "1000"),
    ("a large float has an exponent", "1e6: x", "1e+06"),
    ("a small float has an exponent", "1.5e-7: x", "1.5e-07"),
    ("a float has the digits of 32 bits", "3.14159265358979: x", "3.1415927"),
    ("infinity", "-.Inf: x", "-.inf"),
    ("beyond 32 bits is infinity", "1e40: x", ".inf"),
    ("a date is a string", "2026-01-01: x", "2026-01-01"),
    ("quotes keep a key", "'010': x", "010"),
    ("a tag keeps a key", "!!str 010: x", "010"),
    ("a quoted merge key is a key", "'<<': x", "<<"),
]
REFUSED = [
    ("infinity is no JSON", "a: .inf"),
    ("not a number is no JSON", "a: .NaN"),
    ("binary data", "a: !!binary aGFsbG8="),
    ("objects of Python", "a: !!python/object/apply:os.system [ls]"),
    ("names of Python", "a: !!python/name:os.system ''"),
    ("tags of applications", "a: !Ref b"),
    ("tagged mappings", "a: !!set {b, c}"),
    ("a mapping that says it is a list", "a: !!seq {b: 1}"),
    ("an integer that is none", "a: !!int 1.5"),
    ("an integer with exponent", "a: !!int 1e3"),
    ("null that is none", "a: !!null x"),
    ("null as a key", "a: {~: x}"),
    ("a mapping as a key", "a: {? {b: 1} : x}"),
    ("a list as a key", "a: {? [b] : x}"),
    ("an integer beyond 64 bits as a key", "18446744073709551615: x"),
    ("merging something else", "a: {<<: b}"),
    ("merging a list of something else", "a: {<<: [{b: 1}, c]}"),
]


def only_value(text: str) -> Any:
    reading = read_text(f"a:\n  {text}\n")
    assert reading.problems == ()
    return reading.documents[0].value["a"]


def same(left: Any, right: Any) -> bool:
    """Equal and of the same types: 1 is neither True nor 1.0."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.setattr(yaml_reader, "Loader", yaml.SafeLoader)
        monkeypatch.setattr(yaml_places, "Loader", yaml.SafeLoader)


@pytest.mark.parametrize(("text", "value"), [pytest.param(*row, id=sentence) for sentence, *row in VALUES])
def test_a_value_is_what_kubernetes_makes_of_it(text: str, value: Any) -> None:
    read = only_value(text)
    assert read == value
    assert not isinstance(value, list) or same(read, value)


@pytest.mark.parametrize(("text", "name"), [pytest.param(*row, id=sentence) for sentence, *row in NAMES])
def test_a_key_becomes_the_string_that_kubernetes_makes_of_it(text: str, name: str) -> None:
    reading = read_text(text)
    assert reading.problems == ()
    assert reading.documents[0].value == {name: "x"}


@pytest.mark.parametrize("text", [pytest.param(text, id=sentence) for sentence, text in REFUSED])
def test_what_json_cannot_hold_is_refused_with_its_line(text: str) -> None:
    reading = read_text(f"kind: First\n---\nkind: Second\n{text}\n---\nkind: Third\n")
    assert [document.value["kind"] for document in reading.documents] == ["First", "Third"]
    assert [(problem.rule, str(problem.source)) for problem in reading.problems] == [
        ("manifest/yaml-value", "<string>:4")
    ]


def test_merged_keys_give_way_to_what_is_written_after_them() -> None:
    reading = read_text("base: &b {x: 1, z: 2}\nmerged: {<<: *b, x: 3}\nlist: {<<: [{x: 1}, {x: 2, z: 3}]}\n")
    assert reading.problems == ()
    assert reading.documents[0].value["merged"] == {"x": 3, "z": 2}
    assert reading.documents[0].value["list"] == {"x": 1, "z": 3}


def test_merged_keys_win_over_what_is_written_before_them_as_in_go_yaml() -> None:
    assert only_value("{x: 1, <<: {x: 2}}") == {"x": 2}


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: 1\n'a': 1", "1: a\n'1': b", "true: a\non: b", "{a: 1, a: 1}"])
def test_a_key_that_comes_twice_is_an_error(text: str) -> None:
    reading = read_text("metadata: {}\n---\n" + text + "\n")
    (problem,) = reading.problems
    assert [document.value for document in reading.documents] == [{"metadata": {}}]
    assert problem.rule == "manifest/duplicate-key"
    assert problem.source is not None
    assert problem.source.line == 2 + max(1, text.count("\n") + 1)
    assert "Duplicate value" in problem.message()


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    assert only_value("{p: &port 010, q: *port, r: &list [*port], s: *list}") == {"p": 8, "q": 8, "r": [8], "s": [8]}


def test_of_anchors_with_the_same_name_the_one_that_began_last_counts() -> None:
    assert only_value("[&x {p: &x 1, q: *x}, *x, &x 2, *x]") == [{"p": 1, "q": 1}, 1, 2, 2]


@pytest.mark.parametrize("text", ["a: *nothing", "a: &x [1, *x]", "&x {a: *x}"])
def test_an_alias_of_nothing_or_of_itself_is_an_error(text: str) -> None:
    reading = read_text(f"kind: First\n---\n{text}\n")
    assert [document.value for document in reading.documents] == [{"kind": "First"}]
    assert [(problem.rule, str(problem.source)) for problem in reading.problems] == [
        ("manifest/yaml-syntax", "<string>:3")
    ]


def test_a_quoted_string_may_be_folded_over_lines() -> None:
    (document,) = read_text('kind: Thing\nvalue: "one\n  two\\\n  \\ three"\n').documents
    assert document.value["value"] == "one two three"
