"""``svcc check``: formats, rules that are left out, what it fails on; `test_problems.py` has what it shares."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.report.problems import PROBLEM_FORMATS
from svcc.validate.cluster_rules import ALL_RULES
from tests.cli.command import svcc
from tests.cli.hostile import POISON, mutated
from tests.cli.manifests import Manifest, endpoint_slice, node, service, text

CHECKS = Path(__file__).with_name("checks")
FILES = ("-f", "shop.yaml", "-f", "rest.yaml")
SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "schemas" / "sarif-2.1.0.json").read_text())
TAKEN = text(service("a"), service("b"))
ORPHAN = text(endpoint_slice("nobody"))
UNALLOCATED = text(service(cluster_ip=""))
FOREIGN = text(service(), endpoint_slice(), node())


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKS)


def results(log: str) -> list[Any]:
    """The results in a log, without what changes with the version and with every rule that is added."""
    found = json.loads(log)["runs"][0]["results"]
    return [{key: value for key, value in result.items() if key != "ruleIndex"} for result in found]


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize("output", PROBLEM_FORMATS)
def test_the_report_is_what_it_was(output: str, update_golden: bool) -> None:
    golden = CHECKS / f"report.{output}"
    outcome = svcc("check", *FILES, "-v", "-o", output)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == "2 errors, 1 warning"
    told = outcome.out if output != "sarif" else json.dumps(results(outcome.out), indent=2)
    if update_golden:
        golden.write_text(told)
    assert told == golden.read_text()


def sarif(*arguments: str, stdin: str = "") -> Any:
    return json.loads(svcc("check", "-o", "sarif", *arguments, stdin=stdin).out)


@pytest.mark.usefixtures("checks")
def test_sarif_is_what_its_schema_describes() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    for log in (sarif(*FILES, "-v"), sarif("-f", "-", stdin=FOREIGN)):
        jsonschema.validate(log, SCHEMA)


@pytest.mark.usefixtures("checks")
def test_results_in_sarif_name_rules_that_stay_the_same() -> None:
    run = sarif(*FILES)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(ALL_RULES)
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_fingerprint_stays_where_lines_and_files_change_and_no_two_are_alike(tmp_path: Path) -> None:
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    one.write_text(TAKEN)
    other.write_text("\n\n" + TAKEN)
    first, second = (
        [result["partialFingerprints"] for result in sarif("-f", str(path))["runs"][0]["results"]]
        for path in (one, other)
    )
    assert first == second
    both = text(service("a", ports=[{"port": 0, "name": "x"}, {"port": 0, "name": "y"}]))
    found = [str(result["partialFingerprints"]) for result in sarif("-f", "-", stdin=both)["runs"][0]["results"]]
    assert len(found) == len(set(found)) > 1


@pytest.mark.usefixtures("checks")
def test_junit_has_a_suite_for_each_file_and_counts_what_failed() -> None:
    root = ET.fromstring(svcc("check", *FILES, "-o", "junit").out)  # noqa: S314
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("rest.yaml", "1", "1"),
        ("shop.yaml", "2", "2"),
    ]
    root = ET.fromstring(svcc("check", "-f", "-", "-o", "junit", stdin=text(service())).out)  # noqa: S314
    assert [(case.get("classname"), case.get("name")) for case in root.iter("testcase")] == [
        ("<stdin>", "every object")
    ]
    assert (root.get("tests"), root.get("failures")) == ("1", "0")


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize("output", PROBLEM_FORMATS)
def test_all_formats_tell_the_same_problems_in_the_same_order(output: str) -> None:
    told = svcc("check", *FILES, "-o", output).out
    wanted = ["must be between 1 and 65535", "already allocated", "is no port of Service web"]
    assert sorted(wanted, key=told.index) == wanted


@pytest.mark.parametrize("output", PROBLEM_FORMATS)
@pytest.mark.parametrize("name", POISON)
def test_no_name_breaks_a_format(output: str, name: str) -> None:
    outcome = svcc("check", "-f", "-", "-o", output, stdin=text(service(name)))
    assert outcome.code == 1
    printed = outcome.out.replace("\n", "")
    assert printed.isprintable() or output in {"json", "sarif"}
    if output in {"json", "sarif"}:
        json.loads(outcome.out)
    if output == "junit":
        ET.fromstring(outcome.out)  # noqa: S314


def test_an_ignored_rule_is_not_told_and_does_not_count() -> None:
    outcome = svcc("check", "-f", "-", "--ignore", "cluster/cluster-ip-taken", stdin=TAKEN)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "0 errors, 0 warnings, 1 ignored\n")
    both = svcc(
        "check", "-f", "-", "--ignore", "cluster/cluster-ip-taken", "--ignore", "cluster/slice-without-service",
        stdin=text(service("a"), service("b"), endpoint_slice("nobody")),
    )  # fmt: skip
    assert (both.out, both.err) == ("", "0 errors, 0 warnings, 2 ignored\n")


@pytest.mark.parametrize(
    ("rule", "similar"),
    [
        ("cluster/cluster-ip-take", "; similar are cluster/cluster-ip-taken"),
        ("node-port-taken", "; similar are cluster/"),
        ("qqq", "; --list-rules lists all"),
    ],
)
def test_an_unknown_rule_is_a_usage_error_that_names_similar_ones(rule: str, similar: str) -> None:
    outcome = svcc("check", "-f", "-", "--ignore", rule, stdin=TAKEN)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"there is no rule '{rule}'{similar}" in outcome.err


def test_all_rules_are_listed_without_any_input() -> None:
    outcome = svcc("check", "--list-rules")
    assert (outcome.code, outcome.err) == (0, "")
    header, *rows = outcome.out.splitlines()
    assert header.split()[:2] == ["RULE", "SEVERITY"]
    assert [row.split()[0] for row in rows] == sorted(ALL_RULES)


@pytest.mark.parametrize(
    ("manifest", "flags", "code"),
    [
        (ORPHAN, [], 0),
        (ORPHAN, ["--strict"], 1),
        (ORPHAN, ["--fail-on", "warning"], 1),
        (TAKEN, ["--fail-on", "error"], 1),
        (UNALLOCATED, ["--strict"], 0),
        (UNALLOCATED, ["--fail-on", "info"], 1),
        (FOREIGN, ["--strict"], 0),
        (FOREIGN, ["--fail-on", "info"], 1),
        (FOREIGN, ["--fail-on", "info", "--strict"], 1),
        (FOREIGN, ["--fail-on", "info", "--ignore", "cluster/endpoint-node-unknown"], 0),
    ],
)
def test_it_fails_for_what_was_named_and_worse(manifest: str, flags: list[str], code: int) -> None:
    assert svcc("check", "-f", "-", *flags, stdin=manifest).code == code


def test_what_makes_it_fail_is_shown() -> None:
    assert svcc("check", "-f", "-", stdin=FOREIGN).out == ""
    assert 'runs on the node "worker-2"' in svcc("check", "-f", "-", "--fail-on", "info", stdin=FOREIGN).out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--service-cidr", "10.97.0.0/16,10.98.0.0/16"], "cluster/cluster-ip-out-of-range"),
        (["--service-cidr", "fd00::/112"], "cluster/family-not-served"),
        (["--service-node-port-range", "30000-40000"], "cluster/node-ports-overlap-local-ports"),
        (["--ip-local-port-range", "1024 30000"], "cluster/node-ports-overlap-local-ports"),
        (["--ip-local-port-range", "1024-29999"], None),
    ],
)
def test_ranges_are_flags(flags: list[str], told: str | None) -> None:
    outcome = svcc("check", "-f", "-", "-o", "json", *flags, stdin=text(service()))
    assert [item["rule"] for item in json.loads(outcome.out)["items"]] == ([told] if told else [])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--service-node-port-range", "x"], "'x' is no range of ports, such as 30000-32767"),
        (["--ip-local-port-range", "9-8"], "9-8: a range of ports is from 1 to 65535, the lower number first"),
        (["--service-cidr", "10.0.0.0"], "--service-cidr: '10.0.0.0': must be a valid CIDR value"),
        (["--update-from", "-"], "--update-from: name a file, a folder or REV:PATH"),
        (["--update-from", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_flags_that_make_no_sense_are_usage_errors(flags: list[str], said: str) -> None:
    outcome = svcc("check", "-f", "-", *flags, stdin=text(service()))
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_one_conflict_is_told_once_by_check_and_by_compile() -> None:
    told = json.loads(svcc("check", "-f", "-", "-o", "json", stdin=TAKEN).out)["items"]
    assert [item["rule"] for item in told] == ["cluster/cluster-ip-taken"]
    compiled = svcc("compile", "-f", "-", stdin=TAKEN)
    assert compiled.code == 0
    assert compiled.err.count(": error: ") == 1


def test_problems_come_by_file_and_line_after_those_without_a_place(tmp_path: Path) -> None:
    late, early = tmp_path / "late.json", tmp_path / "early.json"
    late.write_text(text(service("a"), service("b", "10.96.0.10")))
    early.write_text(text(endpoint_slice("nobody"), service("c", "10.96.0.11", ports=[{"port": 0}])))
    outcome = svcc("check", "-f", str(late), "-f", str(early), "-o", "json", "--service-node-port-range", "30000-40000")
    places = [(item["file"] and Path(item["file"]).name, item["line"]) for item in json.loads(outcome.out)["items"]]
    assert [file for file, _ in places] == [None, "early.json", "early.json", "late.json"]
    assert places[1][1] < places[2][1]


def test_a_service_that_is_refused_is_told_of_its_claims_and_changes_too(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(text(service("web", "10.96.0.11")))
    broken = [{"port": 0}]
    new = text(service("kept", "10.96.0.10"), service("web", "10.96.0.10", ports=broken), endpoint_slice("web"))
    (tmp_path / "new.json").write_text(new)
    outcome = svcc("check", "-f", str(tmp_path / "new.json"), "--update-from", str(tmp_path / "old.json"), "-o", "json")
    assert sorted((item["rule"], item["object"]["name"]) for item in json.loads(outcome.out)["items"]) == [
        ("cluster/cluster-ip-taken", "web"),
        ("service/port-out-of-range", "web"),
        ("update/cluster-ip-changed", "web"),
    ]


OLD = text(service("web", "10.96.0.10"), service("old", "10.96.0.13"))
NEW = text(service("web", "10.96.0.11"), service("new", "10.96.0.12"))


def test_a_change_that_the_server_refuses_is_told_where_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(OLD)
    (tmp_path / "new.json").write_text(NEW)
    outcome = svcc("check", "-f", str(tmp_path / "new.json"), "--update-from", str(tmp_path / "old.json"), "-o", "json")
    assert outcome.code == 1
    (item,) = json.loads(outcome.out)["items"]
    assert (item["rule"], item["object"]["name"]) == ("update/cluster-ip-changed", "web")
    assert item["file"] == str(tmp_path / "new.json")
    assert svcc("check", "-f", str(tmp_path / "new.json")).code == 0
    assert svcc("check", "-f", "-", "--update-from", str(tmp_path / "old.json"), stdin=OLD).code == 0


def test_the_old_manifests_may_be_those_of_a_git_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop").mkdir()
    Path("shop/web.json").write_text(OLD)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], check=True)
    Path("shop/web.json").write_text(NEW)
    outcome = svcc("check", "-f", "shop", "--update-from", "HEAD:shop")
    assert outcome.code == 1
    assert "may not change once set" in outcome.out
    assert svcc("check", "-f", "shop", "--update-from", "HEAD:shop", "--ignore", "update/cluster-ip-changed").code == 0


def test_mistakes_in_the_old_manifests_are_not_told_again(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(text(service("bad", ports=[{"port": 0}])))
    outcome = svcc("check", "-f", "-", "--update-from", str(old), stdin=text(service()))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "0 errors, 0 warnings\n")


@given(mutated(), st.sampled_from(PROBLEM_FORMATS))
def test_what_check_accepts_compile_and_dns_accept_when_they_are_strict(items: list[Manifest], output: str) -> None:
    manifest = json.dumps(items)
    checked = svcc("check", "-f", "-", "-o", output, stdin=manifest)
    assert checked.code in {0, 1, 2}, checked.err
    if checked.code == 0:
        # It may still ask for a node, where there are several.
        assert svcc("compile", "-f", "-", "--strict", stdin=manifest).code in {0, 2}
        assert svcc("dns", "-f", "-", "--strict", "--verify", stdin=manifest).code == 0


@pytest.mark.parametrize("written", ["", "---\n# nothing\n", text()])
def test_a_text_without_any_object_was_not_checked(written: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(written)
    (tmp_path / "b.yaml").write_text(written)
    for name, place in ((f"{tmp_path}/a.yaml", f"{tmp_path}/a.yaml"), (str(tmp_path), "2 files")):
        found = svcc("check", "-f", name, "-q")
        assert (found.code, found.out) == (2, "")
        assert found.told == [f"error: {place}: there is no object, so nothing was checked"]


def test_files_about_other_kinds_are_in_order_and_it_is_said_that_nothing_was_checked() -> None:
    pods = text({"apiVersion": "v1", "kind": "Pod"}, {"apiVersion": "apps/v1", "kind": "Deployment"})
    found = svcc("check", "-f", "-", stdin=pods)
    assert (found.code, found.out) == (0, "")
    assert found.told == ["nothing to check: 2 objects, of kinds that svcc does not read: Deployment, Pod"]


def test_a_namespace_without_services_is_in_order_and_it_is_said_that_nothing_was_checked() -> None:
    found = svcc("check", "-f", "-", "-n", "empty", stdin=text(service()))
    assert (found.code, found.out, found.told) == (0, "", ["nothing to check: no object is selected"])


def test_what_is_no_object_of_the_cluster_but_is_read_counts_as_checked() -> None:
    namespace = text({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    assert svcc("check", "-f", "-", stdin=namespace).told == ["0 errors, 0 warnings"]
