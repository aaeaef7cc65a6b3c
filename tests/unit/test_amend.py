"""Assignments in the user's own text, layout by layout; the text after it is compared character by character."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from svcc.allocation.contract import Assignment
from svcc.fields import FieldPath, ObjectReference, Severity
from svcc.manifest.amend import Amended, amend
from svcc.manifest.amend_targets import with_assignments
from svcc.manifest.documents import read_text
from svcc.manifest.load import load_text
from svcc.manifest.patches import merge_patch, operations, patches
from svcc.model.service import Service
from svcc.validate.admission import admit

HEAD = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
IP = {"spec.clusterIP": "10.96.0.9"}
IPS = {"spec.externalIPs": ["198.51.100.9", "2001:db8::9"], "spec.ipFamilyPolicy": "RequireDualStack"}
PORT = {("spec", "ports", 0, "nodePort"): 30001}
INGRESS = {"status.loadBalancer.ingress": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::"}]}

Wanted = Mapping[Any, Any]


def assignments(name: str, wanted: Wanted) -> list[Assignment]:
    """Assignments to the fields of a Service in the namespace default."""
    reference = ObjectReference("Service", name, "default")
    return [
        Assignment(reference, FieldPath.of(path) if isinstance(path, str) else FieldPath(path), value, "")
        for path, value in wanted.items()
    ]


def amended(text: str, wanted: Wanted, *names: str, file: str = "a.yaml") -> Amended:
    """The text after these assignments to all Services of the names, `a` if there are none."""
    each = [assignment for name in names or ("a",) for assignment in assignments(name, wanted)]
    values = {
        document.value["metadata"]["name"]: document.value
        for document in read_text(text).documents
        if "metadata" in document.value
    }
    services: list[Service] = []
    for service in load_text(text, file=file).cluster.services:
        own = [assignment for assignment in each if assignment.object == service.reference]
        item = admit("Service", with_assignments(values[service.name], own)).item
        assert isinstance(item, Service)
        services.append(evolve(item, source=service.source))
    return amend(text, file, each, services, "default")


ROWS: dict[str, tuple[str, Wanted, str]] = {
    "a scalar goes behind the last entry that is on one line": (
        f"{HEAD}spec:\n  type: NodePort\n  ports:\n  - port: 80\n",
        IP,
        f"{HEAD}spec:\n  type: NodePort\n  clusterIP: 10.96.0.9\n  ports:\n  - port: 80\n",
    ),
    "or behind the last one if there is no such": (
        f"{HEAD}spec:\n  ports:\n  - port: 80\n",
        IP,
        f"{HEAD}spec:\n  ports:\n  - port: 80\n  clusterIP: 10.96.0.9\n",
    ),
    "a section goes to the end": (
        f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n",
        INGRESS,
        (
            f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n"
            'status:\n  loadBalancer:\n    ingress:\n    - ip: 192.0.2.1\n    - ip: "2001:db8::"\n'
        ),
    ),
    "lists are indented as the lists of the object are": (
        f"{HEAD}spec:\n    ports:\n      - port: 80\n",
        IPS,
        (
            f"{HEAD}spec:\n    ports:\n      - port: 80\n    externalIPs:\n      - 198.51.100.9\n      - 2001:db8::9\n"
            "    ipFamilyPolicy: RequireDualStack\n"
        ),
    ),
    "so are lists that have an anchor or a tag": (
        f"{HEAD}spec:\n  ports: &ports\n    - port: 80\n",
        {"spec.externalIPs": ["198.51.100.9"]},
        f"{HEAD}spec:\n  ports: &ports\n    - port: 80\n  externalIPs:\n    - 198.51.100.9\n",
    ),
    "an entry of a list gets its field behind the last one, and comments stay": (
        (
            f"{HEAD}spec:\n  type: NodePort\n  ports:\n  # first\n  - name: x # name\n    port: 80 # port\n    # more\n"
            "  # last\n"
        ),
        PORT,
        (
            f"{HEAD}spec:\n  type: NodePort\n  ports:\n  # first\n  - name: x # name\n    port: 80 # port\n"
            "    nodePort: 30001\n    # more\n  # last\n"
        ),
    ),
    "comments that are indented further belong to what is above them": (
        f"{HEAD}spec:\n  ports:\n  - port: 80\n  # - port: 81\n# end\n",
        {"spec.type": "LoadBalancer", **INGRESS},
        (
            f"{HEAD}spec:\n  ports:\n  - port: 80\n  type: LoadBalancer\n  # - port: 81\n"
            'status:\n  loadBalancer:\n    ingress:\n    - ip: 192.0.2.1\n    - ip: "2001:db8::"\n# end\n'
        ),
    ),
    "braces stay braces": (
        f"{HEAD}spec: {{type: NodePort, ports: [{{port: 80}}]}}  # c\n",
        {**PORT, **IPS},
        (
            f"{HEAD}spec: {{type: NodePort, ports: [{{port: 80, nodePort: 30001}}],"
            ' externalIPs: [198.51.100.9, "2001:db8::9"], ipFamilyPolicy: RequireDualStack}  # c\n'
        ),
    ),
    "braces over several lines get lines": (
        f"{HEAD}spec: {{\n    type: NodePort, # t\n    ports: [{{port: 80}}] # p\n  }}\n",
        IP,
        f"{HEAD}spec: {{\n    type: NodePort, # t\n    ports: [{{port: 80}}], # p\n    clusterIP: 10.96.0.9\n  }}\n",
    ),
    "also behind a comma at the end": (
        f"{HEAD}spec: {{\n    ports: [{{port: 80}}], # p\n  }}\n",
        IP,
        f"{HEAD}spec: {{\n    ports: [{{port: 80}}], # p\n    clusterIP: 10.96.0.9\n  }}\n",
    ),
    "an empty string is replaced, and its quotation marks stay": (
        f"{HEAD}spec:\n  clusterIP: '' # none\n  ports: [{{port: 80}}]\n",
        IP,
        f"{HEAD}spec:\n  clusterIP: '10.96.0.9' # none\n  ports: [{{port: 80}}]\n",
    ),
    "null is replaced": (
        f"{HEAD}spec:\n  clusterIP: ~\n  ports: [{{port: 80}}]\n",
        IP,
        f"{HEAD}spec:\n  clusterIP: 10.96.0.9\n  ports: [{{port: 80}}]\n",
    ),
    "nothing at all gets its value behind the colon": (
        f"{HEAD}spec:\n  clusterIP:   # none\n  ports: [{{port: 80}}]\n",
        IP,
        f"{HEAD}spec:\n  clusterIP: 10.96.0.9   # none\n  ports: [{{port: 80}}]\n",
    ),
    "zero is replaced": (
        f"{HEAD}spec:\n  type: NodePort\n  ports:\n  - nodePort: 0\n    port: 80\n",
        PORT,
        f"{HEAD}spec:\n  type: NodePort\n  ports:\n  - nodePort: 30001\n    port: 80\n",
    ),
    "an empty mapping becomes a section": (
        f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\nstatus:\n  loadBalancer: {{}}\n",
        INGRESS,
        (
            f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\nstatus:\n  loadBalancer:\n    ingress:\n"
            '    - ip: 192.0.2.1\n    - ip: "2001:db8::"\n'
        ),
    ),
    "unless there is a comment behind it": (
        f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\nstatus: {{}} # none\n",
        INGRESS,
        (
            f"{HEAD}spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n"
            'status: {loadBalancer: {ingress: [{ip: 192.0.2.1}, {ip: "2001:db8::"}]}} # none\n'
        ),
    ),
    "a list gets one more entry": (
        f"{HEAD}spec:\n  ports:\n  - port: 80\n  ipFamilies:\n    - IPv4 # first\n  type: ClusterIP\n",
        {"spec.ipFamilies": ["IPv4", "IPv6"], "spec.ipFamilyPolicy": "PreferDualStack"},
        (
            f"{HEAD}spec:\n  ports:\n  - port: 80\n  ipFamilies:\n    - IPv4 # first\n    - IPv6\n  type: ClusterIP\n"
            "  ipFamilyPolicy: PreferDualStack\n"
        ),
    ),
    "also in brackets": (
        f"{HEAD}spec:\n  ports: [{{port: 80}}]\n  ipFamilies: [IPv4]\n",
        {"spec.ipFamilies": ["IPv4", "IPv6"], "spec.ipFamilyPolicy": "PreferDualStack"},
        f"{HEAD}spec:\n  ports: [{{port: 80}}]\n  ipFamilies: [IPv4, IPv6]\n  ipFamilyPolicy: PreferDualStack\n",
    ),
    "a text without an end of line gets none": (
        f"{HEAD}spec:\n  ports: [{{port: 80}}]",
        IP,
        f"{HEAD}spec:\n  ports: [{{port: 80}}]\n  clusterIP: 10.96.0.9",
    ),
    "lines end as they do": (
        f"{HEAD}spec:\n  ports: [{{port: 80}}] # c\n".replace("\n", "\r\n"),
        IP,
        f"{HEAD}spec:\n  ports: [{{port: 80}}] # c\n  clusterIP: 10.96.0.9\n".replace("\n", "\r\n"),
    ),
    "a byte order mark stays": (
        f"\ufeff{HEAD}spec:\n  ports: [{{port: 80}}]\n",
        IP,
        f"\ufeff{HEAD}spec:\n  ports: [{{port: 80}}]\n  clusterIP: 10.96.0.9\n",
    ),
    "a section stays behind a block of text": (
        (
            "apiVersion: v1\nkind: Service\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\nmetadata:\n  name: a\n"
            "  annotations:\n    t: |+\n      text\n\n---\n# next\n"
        ),
        {"status.loadBalancer.ingress": [{"ip": "192.0.2.1"}]},
        (
            "apiVersion: v1\nkind: Service\nspec:\n  type: LoadBalancer\n  ports: [{port: 80}]\nmetadata:\n  name: a\n"
            "  annotations:\n    t: |+\n      text\n\nstatus:\n  loadBalancer:\n    ingress:\n"
            "    - ip: 192.0.2.1\n---\n# next\n"
        ),
    ),
    "other documents stay as they are, even if they are broken": (
        f"# a\n---\nx: [\n---\n{HEAD}spec:\n  ports: [{{port: 80}}]\n...\n---\n- ' \n",
        IP,
        f"# a\n---\nx: [\n---\n{HEAD}spec:\n  ports: [{{port: 80}}]\n  clusterIP: 10.96.0.9\n...\n---\n- ' \n",
    ),
    "in a list the Service is found by its line": (
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n"
            "- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n  spec:\n    ports: [{port: 80}]\n"
        ),
        IP,
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n"
            "- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n  spec:\n    ports: [{port: 80}]\n"
            "    clusterIP: 10.96.0.9\n"
        ),
    ),
    "of two declarations the one that counts is completed": (
        f"{HEAD}spec: {{ports: [{{port: 80}}]}}\n---\n{HEAD}spec: {{ports: [{{port: 81}}]}}\n",
        IP,
        f"{HEAD}spec: {{ports: [{{port: 80}}]}}\n---\n{HEAD}spec: {{ports: [{{port: 81}}], clusterIP: 10.96.0.9}}\n",
    ),
    "a value that is merged is overridden": (
        "apiVersion: v1\nkind: Service\nmetadata: &m {name: a}\nspec:\n  <<: {type: NodePort}\n  ports: [{port: 80}]\n",
        {"spec.type": "ClusterIP"},
        (
            "apiVersion: v1\nkind: Service\nmetadata: &m {name: a}\nspec:\n  <<: {type: NodePort}\n"
            "  ports: [{port: 80}]\n  type: ClusterIP\n"
        ),
    ),
    "YAML in braces is no JSON, whatever stands first": (
        (
            "{'apiVersion': v1, kind: Secret, metadata: {name: x,},}\r\n--- # note\r\n"
            '{"apiVersion": v1, "kind": Service, "metadata": {"name": a}, "spec": {"ports": [{"port": 80}]},}\r\n'
        ),
        IP,
        (
            "{'apiVersion': v1, kind: Secret, metadata: {name: x,},}\r\n--- # note\r\n"
            '{"apiVersion": v1, "kind": Service, "metadata": {"name": a}, "spec": {"ports": [{"port": 80}], '
            '"clusterIP": "10.96.0.9"},}\r\n'
        ),
    ),
    "JSON on one line stays on one line": (
        '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}]}}',
        IPS,
        (
            '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}],'
            '"externalIPs":["198.51.100.9","2001:db8::9"],"ipFamilyPolicy":"RequireDualStack"}}'
        ),
    ),
}


@pytest.mark.parametrize(("before", "wanted", "after"), ROWS.values(), ids=ROWS)
def test_layout(before: str, wanted: Wanted, after: str) -> None:
    result = amended(before, wanted)
    assert result.text == after
    assert result.problems == ()


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
def test_json_keeps_its_indentation(indent: int | str) -> None:
    value: dict[str, Any] = {
        "kind": "List",
        "apiVersion": "v1",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "a"},
                "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
                "status": {"loadBalancer": {}},
            }
        ],
    }
    text = json.dumps(value, indent=indent)
    each: Wanted = {**PORT, **IPS, **INGRESS}
    value["items"][0] = with_assignments(value["items"][0], assignments("a", each))
    assert amended(text, each, file="a.json").text == json.dumps(value, indent=indent)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"spec": "x"}},
        {"annotations": {"spec": '{"spec": {"ports": []}}', "status": "spec"}},
        {"managedFields": [{"fieldsV1": {"spec": {"ports": {}}, "status": {"loadBalancer": {}}}}]},
        {"ownerReferences": [{"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}]},
    ],
)
def test_json_in_which_a_name_stands_further_inside_first_is_changed_where_it_counts(
    metadata: dict[str, Any], indent: int | None
) -> None:
    value = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", **metadata},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
        "status": {"loadBalancer": {}},
    }
    each: Wanted = {**PORT, **IPS, **INGRESS}
    meant = with_assignments(value, assignments("a", each))
    result = amended(json.dumps(value, indent=indent), each, file="a.json")
    assert result.text == json.dumps(meant, indent=indent)
    assert result.problems == ()


SHARED = (
    "apiVersion: v1\nkind: List\nitems:\n"
    "- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: &s {ports: [{port: 80}]}}\n"
    "- apiVersion: v1\n  kind: Service\n  metadata: {name: b}\n  spec: *s\n"
)


def test_an_alias_whose_value_changes_is_replaced_by_it() -> None:
    result = amended(f"# c\n{SHARED}", IP, "a", "b")
    assert result.problems == ()
    assert result.text.startswith("# c\n")
    assert "*s" not in result.text
    assert "&s {ports: [{port: 80}], clusterIP: 10.96.0.9}" in result.text


def test_where_an_anchor_changes_under_an_alias_the_document_is_rendered_anew_and_told() -> None:
    result = amended(f"# c\n{SHARED}---\n# other\nkind: X\n", IP, "a")
    [problem] = result.problems
    assert (problem.rule, problem.severity) == ("manifest/rendered-anew", Severity.WARNING)
    assert str(problem.source) == "a.yaml:5"
    assert str(problem.object) == "Service default/a"
    cluster_ips = [document.value.get("spec", {}).get("clusterIP") for document in read_text(result.text).documents[:2]]
    assert cluster_ips == ["10.96.0.9", None]
    assert result.text.startswith("# c\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n")
    assert result.text.endswith("---\n# other\nkind: X\n")


def test_a_text_that_would_be_another_service_than_the_allocated_one_is_not_touched() -> None:
    text = f"{HEAD}spec:\n  ports: [{{port: 80}}]\n"
    [service] = load_text(text, file="a.yaml").cluster.services
    for content in (text, json.dumps(read_text(text).documents[0].value)):
        [own] = load_text(content, file="a.yaml").cluster.services
        result = amend(content, "a.yaml", assignments("a", IP), [evolve(service, source=own.source)], "default")
        assert result.text == content
        [problem] = result.problems
        assert (problem.rule, problem.severity) == ("manifest/not-amended", Severity.ERROR)
        assert "Service default/a: nothing was written" in str(problem)


def test_a_text_without_the_services_is_not_even_read() -> None:
    assert amend("{", "b.yaml", assignments("a", IP), [], "default") == Amended("{")


STRINGS = [
    "n",
    "y",
    "on",
    "1e3",
    "0x10",
    "1:20",
    "2001:10::",
    "fd00::1",
    "::1",
    "a: b",
    "",
    "- x",
    "#",
    "0o7",
    "null",
    "~",
]


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("spec", ["spec:\n  ports: [{port: 80}]\n", "spec: {ports: [{port: 80}]}\n"])
def test_strings_that_look_like_something_else_are_quoted(text: str, spec: str) -> None:
    wanted: Wanted = {("metadata", "annotations"): {"x": text}, "spec.selector": {"k": "v"}}
    result = amended(HEAD + spec, wanted)
    assert result.problems == ()
    assert read_text(result.text).documents[0].value["metadata"]["annotations"] == {"x": text}


def test_patches_are_those_of_the_object_and_of_its_status() -> None:
    text = f"{HEAD}spec:\n  type: LoadBalancer\n  ports: [{{port: 80}}]\n  ipFamilies: [IPv4]\n"
    each = assignments(
        "a", {**PORT, "spec.ipFamilies": ["IPv4", "IPv6"], "status.loadBalancer.ingress": [{"ip": "::1"}]}
    )
    services = load_text(text, file="a.yaml").cluster.services
    found = list(patches(text, "a.yaml", each, services, "default"))
    assert [patch.subresource for patch in found] == [None, "status"]
    assert list(operations(found[0].before, found[0].after)) == [
        {"op": "add", "path": "/spec/ports/0/nodePort", "value": 30001},
        {"op": "add", "path": "/spec/ipFamilies/-", "value": "IPv6"},
    ]
    assert merge_patch(found[0].before, found[0].after) == {
        "spec": {"ports": [{"port": 80, "nodePort": 30001}], "ipFamilies": ["IPv4", "IPv6"]}
    }
    assert merge_patch(found[1].before, found[1].after) == {"status": {"loadBalancer": {"ingress": [{"ip": "::1"}]}}}


def test_patches_replace_what_is_there_and_escape_names() -> None:
    before: Wanted = {"a/b": {"~": ""}, "c": 1}
    after: Wanted = {"a/b": {"~": "x"}, "c": True}
    assert list(operations(before, after)) == [
        {"op": "replace", "path": "/a~1b/~0", "value": "x"},
        {"op": "replace", "path": "/c", "value": True},
    ]


def test_objects_that_share_one_line_are_written_like_those_with_lines_of_their_own() -> None:
    names = [f"s{number}" for number in range(300)]
    items = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        for name in names
    ]
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    each = [assignment for name in names for assignment in assignments(name, IP)]
    read = []
    for text in (json.dumps(document), json.dumps(document, indent=1)):
        services = [evolve(item, cluster_ips=["10.96.0.9"]) for item in load_text(text, file="a").cluster.services]
        written = amend(text, "a", each, services, "default")
        assert written.problems == ()
        read.append(json.loads(written.text))
    assert read[0] == read[1]
    assert [item["spec"]["clusterIP"] for item in read[0]["items"]] == ["10.96.0.9"] * len(names)
