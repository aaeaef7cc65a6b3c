"""Every form in which people have manifests is read without being told which it is."""

from __future__ import annotations

import gc
import io
import json
from pathlib import Path
from typing import Any

import pytest

from svcc.errors import InputError
from svcc.manifest.documents import Reading, read_documents, read_text


def service(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, **more}


def names(reading: Reading) -> list[str]:
    return [document.value["metadata"]["name"] for document in reading.documents]


def rules(reading: Reading) -> list[tuple[str, str]]:
    return [(problem.rule.removeprefix("manifest/"), str(problem.source)) for problem in reading.problems]


def event(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "object": service(name, **more)}


A, B, C = service("a"), service("b"), service("c")
LIST = {"apiVersion": "v1", "kind": "List", "items": [A, B], "metadata": {"resourceVersion": ""}}
YAML_A = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: shop\n"
YAML_B = YAML_A.replace("name: a", "name: b")
YAML_LIST = """apiVersion: v1
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a, namespace: shop}
- apiVersion: v1
  kind: Service
  metadata: {name: b, namespace: shop}
kind: List
"""
TYPED = {"kind": "ServiceList", "apiVersion": "v1", "items": [{"metadata": A["metadata"]}, {"metadata": B["metadata"]}]}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(LIST, indent=4), id="a list of kubectl -o json"),
        pytest.param(json.dumps(LIST), id="a list in one line"),
        pytest.param(json.dumps({**LIST, "items": [{**LIST, "items": [A]}, B]}), id="a list in a list"),
        pytest.param(json.dumps([A, B]), id="an array"),
        pytest.param(json.dumps([LIST]), id="an array of a list"),
        pytest.param(json.dumps(TYPED), id="a typed list whose items say neither version nor kind"),
        pytest.param(json.dumps({**TYPED, "items": [A, B]}), id="a typed list whose items say both"),
        pytest.param(json.dumps(A) + json.dumps(B), id="JSON objects without anything between them"),
        pytest.param(json.dumps(A) + "\n" + json.dumps(B) + "\n", id="JSON lines"),
        pytest.param(json.dumps(A, indent=1) + "\r\n" + json.dumps(B, indent=1), id="JSON objects in several lines"),
        pytest.param("\ufeff" + json.dumps(A) + "\ufeff" + json.dumps(B), id="JSON with byte order marks"),
        pytest.param(" \n\t" + json.dumps(LIST) + "\n\n", id="JSON with blanks around"),
        pytest.param(YAML_LIST, id="a list of kubectl -o yaml"),
        pytest.param("- {kind: List, items: [" + json.dumps(A) + "]}\n- " + json.dumps(B), id="a sequence of YAML"),
        pytest.param(YAML_A + "---\n" + YAML_B, id="two documents"),
        pytest.param("---\n" + YAML_A + "---\n" + YAML_B + "---\n", id="markers before and after"),
        pytest.param(
            "---\n---\n\n---\n# only a comment\n---\n" + YAML_A + "---\n~\n---\n" + YAML_B, id="empty documents"
        ),
        pytest.param(YAML_A + "...\n---\n" + YAML_B + "...\n", id="end markers"),
        pytest.param((YAML_A + "---\n" + YAML_B).replace("\n", "\r\n"), id="lines of Windows"),
        pytest.param("\ufeff" + YAML_A + "\ufeff---\n" + YAML_B, id="YAML with byte order marks"),
        pytest.param(f"---\n# Source: chart/a.yaml\n{YAML_A}---\n# Source: chart/b.yaml\n{YAML_B}", id="helm template"),
        pytest.param(f"%YAML 1.1\n# comment\n---\n{YAML_A}---\n{YAML_B}", id="a directive"),
        pytest.param(f"--- # first\n{YAML_A}--- {json.dumps(B)}", id="content behind the marker"),
        pytest.param(f"# kubectl\n{json.dumps(A)}\n---\n{json.dumps(B)}", id="JSON in YAML after a comment"),
        pytest.param(f"{json.dumps(A)}\n---\n{YAML_B}", id="JSON and YAML"),
        pytest.param(json.dumps(event("ADDED", "a")) + json.dumps(event("ADDED", "b")), id="watch events"),
        pytest.param(json.dumps({"type": "ADDED", "object": LIST}), id="a watch event of a list"),
        pytest.param(f"type: ADDED\nobject: {json.dumps(A)}\n---\n{YAML_B}", id="a watch event of kubectl -o yaml"),
    ],
)
def test_two_services_are_read_from(text: str) -> None:
    reading = read_text(text)
    assert reading.problems == ()
    assert [document.value for document in reading.documents] == [A, B]
    assert read_text(text.encode()).documents == reading.documents


def test_items_of_a_typed_list_get_version_and_kind_of_their_own_group() -> None:
    text = json.dumps({"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": [{"endpoints": []}]})
    assert [document.value for document in read_text(text).documents] == [
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "endpoints": []}
    ]


@pytest.mark.parametrize("items", ["", ', "items": null', ', "items": []'])
def test_a_list_without_items_is_empty(items: str) -> None:
    assert read_text(f'{{"kind": "List"{items}}}') == Reading((), (), ("<string>",))


def test_a_kind_that_merely_ends_in_list_is_an_object() -> None:
    assert len(read_text('{"kind": "AllowList", "metadata": {"name": "x"}}').documents) == 1


def test_items_that_are_no_list_are_an_error() -> None:
    assert rules(read_text('\n{"kind": "List", "items": {}}')) == [("list-items", "<string>:2")]


@pytest.mark.parametrize("text", ['[7, "x",\n[],\n%s,\nnull]', "- 7\n- x\n- []\n- %s\n-\n"])
def test_what_is_not_an_object_is_reported_and_the_rest_is_read(text: str) -> None:
    reading = read_text(text % json.dumps(A))
    assert names(reading) == ["a"]
    lines = [1, 1, 2, 4] if text.startswith("[") else [1, 2, 3, 5]
    assert rules(reading) == [("not-an-object", f"<string>:{line}") for line in lines]


@pytest.mark.parametrize("text", ["7", "x", "'x'", "[] 7", "%s\n--- 3", '"kind: Service"'])
def test_a_text_that_is_not_an_object_is_reported(text: str) -> None:
    reading = read_text(text.replace("%s", json.dumps(A)))
    assert [rule for rule, _ in rules(reading)] == ["not-an-object"]


def test_the_last_state_of_a_watched_object_wins() -> None:
    events = [
        event("ADDED", "a", spec={"x": 1}),
        event("ADDED", "b"),
        event("ADDED", "c"),
        event("MODIFIED", "a", spec={"x": 2}),
        event("DELETED", "b"),
        {"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Service", "metadata": {"resourceVersion": "9"}}},
        event("DELETED", "never seen"),
        event("DELETED", "c"),
        event("ADDED", "c"),
    ]
    reading = read_text("\n".join(map(json.dumps, events)))
    assert reading.problems == ()
    assert [(d.value["metadata"]["name"], d.watch_event) for d in reading.documents] == [
        ("a", "MODIFIED"),
        ("c", "ADDED"),
    ]
    assert reading.documents[0].value["spec"] == {"x": 2}
    assert [document.source.line for document in reading.documents] == [4, 9]


def test_a_watch_event_replaces_what_a_dump_said_but_only_of_the_same_object(tmp_path: Path) -> None:
    other_kind = {**A, "kind": "Endpoints"}
    other_namespace = {**A, "metadata": {"name": "a", "namespace": "other"}}
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps({**LIST, "items": [A, other_kind, other_namespace, B, B]}))
    events = json.dumps(event("MODIFIED", "a", spec={})) + json.dumps(event("DELETED", "b"))
    reading = read_documents([str(dump), "-"], stdin=io.BytesIO(events.encode()))
    assert [document.value for document in reading.documents] == [service("a", spec={}), other_kind, other_namespace]


def test_the_same_object_twice_without_watch_events_is_kept_twice() -> None:
    assert names(read_text(json.dumps(A) + json.dumps(A))) == ["a", "a"]


def test_a_watch_that_ended_with_an_error_is_reported() -> None:
    status = {"kind": "Status", "message": "too old resource version: 1 (2)", "code": 410}
    reading = read_text(json.dumps(event("ADDED", "a")) + "\n" + json.dumps({"type": "ERROR", "object": status}))
    assert names(reading) == ["a"]
    assert rules(reading) == [("watch-error", "<string>:2")]
    assert "too old resource version: 1 (2)" in str(reading.problems[0])


def test_a_directory_is_read_recursively_and_by_name(tmp_path: Path) -> None:
    for name in [
        "b/z.yml",
        "b/a.yaml",
        "c.json",
        "a.yaml",
        "README.md",
        ".hidden.yaml",
        ".git/x.yaml",
        "b/values.YAML",
    ]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(service(name.replace("/", "-"))))
    reading = read_documents([str(tmp_path)])
    assert names(reading) == ["a.yaml", "b-a.yaml", "b-z.yml", "c.json"]
    assert reading.files == tuple(f"{tmp_path}/{name}" for name in ["a.yaml", "b/a.yaml", "b/z.yml", "c.json"])
    assert reading.documents[1].source.file == f"{tmp_path}/b/a.yaml"


def test_links_that_lead_in_circles_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.yaml").write_text(YAML_A)
    (tmp_path / "inner" / "loop").symlink_to(tmp_path)
    (tmp_path / "loop.yaml").symlink_to(tmp_path)
    assert names(read_documents([str(tmp_path)])) == ["a"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML_A)
    assert names(read_documents([str(tmp_path), str(tmp_path / "a.yaml")])) == ["a"]


def test_a_named_file_needs_no_known_suffix(tmp_path: Path) -> None:
    (tmp_path / "manifest").write_text(YAML_A)
    assert names(read_documents([str(tmp_path / "manifest")])) == ["a"]


def test_standard_input_is_a_dash() -> None:
    reading = read_documents(["-"], stdin=io.BytesIO(YAML_A.encode()))
    assert reading.files == ("<stdin>",)
    assert str(reading.documents[0].source) == "<stdin>:1"


@pytest.mark.parametrize("data", [b"", b" \n\n"])
def test_empty_standard_input_is_an_error_that_says_so(data: bytes) -> None:
    with pytest.raises(InputError, match="standard input is empty"):
        read_documents(["-"], stdin=io.BytesIO(data))


def test_what_cannot_be_opened_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*/missing\.yaml: No such file"):
        read_documents([str(tmp_path / "missing.yaml")])
    with pytest.raises(InputError, match=r"no \.yaml, \.yml or \.json file in this directory"):
        read_documents([str(tmp_path)])
    (tmp_path / "broken.yaml").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"cannot read .*/broken\.yaml"):
        read_documents([str(tmp_path)])
    with pytest.raises(InputError, match="null"):
        read_documents(["a\0b"])


def test_whole_numbers_of_json_lose_their_fraction_as_they_do_in_kubectl() -> None:
    (document,) = read_text('{"a": [80.0, 1e3, 0.5, 1e21, -0.0]}').documents
    assert list(map(repr, document.value["a"])) == ["80", "1000", "0.5", "1e+21", "0"]


def test_half_a_surrogate_pair_becomes_the_replacement_character_as_in_go() -> None:
    (document,) = read_text(r'{"a": "\ud800", "b": "\ud83d\ude00", "c": "\\ud800", "d": "\udc00\ud800x"}').documents
    assert document.value == {"a": "\ufffd", "b": "\U0001f600", "c": "\\ud800", "d": "\ufffd\ufffdx"}


def test_the_cycle_collector_is_left_as_it_was() -> None:
    read_text(json.dumps(A))
    assert gc.isenabled()
    gc.disable()
    try:
        read_text(json.dumps(A))
        assert not gc.isenabled()
    finally:
        gc.enable()
