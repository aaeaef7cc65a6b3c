"""The rules across objects: what each says, and that nothing is said twice or of clusters in order."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import svcc
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.judgement import judge_cluster
from svcc.errors import SettingsError
from svcc.fields import Severity
from svcc.manifest.load import load_text
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.port_range import PortRange
from svcc.validate.admission import is_fatal
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems
from svcc.validate.cluster_rules import ALL_RULES, BUILDER_RULES, CLUSTER_RULES, TEXT_RULES
from tests.strategies.objects import clusters
from tests.unit.rule_rows.claim_rows import ADDRESS_ROWS, CLUSTER_IP_ROWS, NODE_PORT_ROWS
from tests.unit.rule_rows.cluster_row import ClusterRow, service
from tests.unit.rule_rows.range_rows import RANGE_ROWS, SLICE_ROWS

ROWS = [*CLUSTER_IP_ROWS, *NODE_PORT_ROWS, *ADDRESS_ROWS, *RANGE_ROWS, *SLICE_ROWS]
CASES = [pytest.param(row, id=row.sentence) for row in ROWS]
PACKAGE = Path(svcc.__file__).parent


def said(row: ClusterRow) -> list[tuple[int, str, str]]:
    """Lines, rules and messages, by line."""
    loaded = load_text(row.text, file="m.json")
    left_out = {problem.object for problem in loaded.problems if problem.object and is_fatal(problem)}
    found = cluster_problems(loaded.cluster, row.settings, left_out=left_out, refused=loaded.refused)
    told = [(problem.source.line if problem.source else 0, problem.rule, problem.message()) for problem in found]
    return sorted(told, key=lambda each: each[0])


@pytest.mark.parametrize("row", CASES)
def test_the_rule_says(row: ClusterRow) -> None:
    assert said(row) == row.expected


@pytest.mark.parametrize("row", CASES)
def test_a_problem_is_as_severe_as_its_rule(row: ClusterRow) -> None:
    for problem in cluster_problems(load_text(row.text).cluster, row.settings):
        assert problem.severity is CLUSTER_RULES[problem.rule].severity


def test_every_rule_across_objects_has_a_row() -> None:
    assert {rule for row in ROWS for _, rule, _ in row.expected} == set(CLUSTER_RULES)


def strings_in(path: Path) -> set[str]:
    """All constant strings of a module."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_rule_that_the_builder_tells_is_listed() -> None:
    told = {text for path in (PACKAGE / "dataplane").glob("*.py") for text in strings_in(path)}
    assert {text for text in told if text.startswith("cluster/")} == set(BUILDER_RULES)


def test_every_rule_of_texts_is_listed() -> None:
    calls = [
        node
        for path in (PACKAGE / "manifest").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    names = {"problem_at", "_flaw", "_unusable", "FlawError", "cls"}
    told = {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.args[0], ast.Constant)
        and (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) in names
    }
    assert {f"manifest/{name}" for name in told} == set(TEXT_RULES)


def test_no_rule_has_two_meanings() -> None:
    lists = [TEXT_RULES, CLUSTER_RULES, BUILDER_RULES]
    assert all(not (one.keys() & other.keys()) for one, other in itertools.combinations(lists, 2))
    assert all(rule.id == name for name, rule in ALL_RULES.items())


def test_the_line_is_that_of_the_field_and_the_other_object_is_named_with_its_own() -> None:
    text = "".join(
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  type: NodePort\n"
        f"  clusterIP: 10.96.0.1\n  ports:\n    - port: 80\n      nodePort: 30080\n"
        for name in ("a", "b")
    )
    found = cluster_problems(load_text(text, file="m.yaml").cluster)
    assert [(str(problem.source), problem.detail.partition(" (")[2]) for problem in found] == [
        ("m.yaml:17", "to Service default/a, m.yaml:7)"),
        ("m.yaml:20", "to Service default/a, m.yaml:10)"),
    ]


def judged(row: ClusterRow) -> list[tuple[str, str]]:
    """Rules and fields of all that is said about a cluster but what is worth knowing only."""
    loaded = load_text(row.text)
    found = judge_cluster(loaded.cluster, row.settings, problems=loaded.problems, refused=loaded.refused)
    return [(problem.rule, str(problem.path)) for problem in found if problem.severity is Severity.ERROR]


@pytest.mark.parametrize("row", CASES)
def test_the_builder_adds_nothing_to_what_was_said_about_a_field(row: ClusterRow) -> None:
    assert "cluster/frontend-conflict" not in {rule for rule, _ in judged(row)}


def test_a_conflict_that_only_the_builder_sees_is_told() -> None:
    row = ClusterRow(
        "", [service("a", clusterIP="10.96.0.1"), service("b", externalIPs=["10.96.0.1"], clusterIP="10.96.0.2")], []
    )
    assert judged(row) == [("cluster/frontend-conflict", "spec.externalIPs[0]")]


@given(clusters(), st.booleans())
def test_what_check_accepts_compiles_without_errors(cluster: Cluster, ranged: bool) -> None:
    settings = ClusterRuleSettings(service_cidrs=["0.0.0.0/0", "::/0"] if ranged else [])
    if any(problem.severity is Severity.ERROR for problem in judge_cluster(cluster, settings)):
        return
    for node in [item.name for item in cluster.nodes] or ["node-a"]:
        compiled = compile_cluster(cluster, node=node, settings=ClusterSettings())
        assert [problem for problem in compiled.problems if problem.severity is Severity.ERROR] == []


@given(clusters())
def test_what_compile_refuses_check_refuses_for_the_same_object(cluster: Cluster) -> None:
    compiled = compile_cluster(cluster, node="node-a", settings=ClusterSettings())
    refused = {problem.object for problem in compiled.problems if problem.severity is Severity.ERROR}
    assert refused <= {problem.object for problem in judge_cluster(cluster) if problem.severity is Severity.ERROR}


@given(clusters())
def test_what_is_found_on_the_way_to_a_dataplane_is_told(cluster: Cluster) -> None:
    told = judge_cluster(cluster)
    lines = [(problem.rule, problem.object, problem.path) for problem in told]
    errors = {(problem.object, problem.path.steps) for problem in told if problem.severity is Severity.ERROR}
    for problem in build_dataplane(cluster, "", ClusterSettings()).problems:
        if problem.rule != "cluster/frontend-conflict":
            assert lines.count((problem.rule, problem.object, problem.path)) >= 1
        elif problem.path.steps[-1] != "nodePort":  # a number is told for one port of a Service, if several share it
            assert {(problem.object, problem.path.steps), (problem.object, problem.path.steps[:-1])} & errors
        else:
            assert any(where == problem.object and steps[-1:] == ("nodePort",) for where, steps in errors)
    conflicts = [problem for problem in told if problem.rule == "cluster/frontend-conflict"]
    assert set(conflicts) <= set(build_dataplane(cluster, "", ClusterSettings()).problems)


@given(clusters(), st.randoms(use_true_random=False))
def test_the_order_of_declaration_changes_nothing(cluster: Cluster, random: Random) -> None:
    def shuffled(items: tuple[object, ...]) -> list[object]:
        mixed = list(items)
        random.shuffle(mixed)
        return mixed

    rules = {rule for rule in CLUSTER_RULES if rule.endswith(("-taken", "-out-of-range", "-served", "-shared"))}
    mixed = Cluster(*map(shuffled, (cluster.services, cluster.endpoint_slices, cluster.nodes, cluster.service_cidrs)))
    one, other = (
        sorted(str(problem) for problem in cluster_problems(each) if problem.rule in rules) for each in (cluster, mixed)
    )
    assert one == other


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("30000-32767", (30000, 32767)),
        ("30000+2767", (30000, 32767)),
        ("32768\t60999", (32768, 60999)),
        ("80", (80, 80)),
    ],
)
def test_a_range_of_ports_is_read_as_the_api_server_and_sysctl_write_it(text: str, ports: tuple[int, int]) -> None:
    assert PortRange.of(text) == PortRange(*ports)


@pytest.mark.parametrize("text", ["", "a-b", "5-4", "0-10", "1-65536", "1-2-3", "-1", "65535+1", "٣", "1" * 5000])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        PortRange.of(text)


def test_a_range_of_cluster_ips_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"service_cidrs: '10\.0\.0\.0': must be a valid CIDR"):
        ClusterRuleSettings(service_cidrs=["10.0.0.0"])
