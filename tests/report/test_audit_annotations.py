"""Audit reports for build servers: JUnit and GitHub."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve

from svcc.auditing.finding import AuditReport, Verdict
from svcc.fields import Severity, Source
from tests.report.reading import rendered
from tests.report.samples import findings, fleet, not_proved, proved, with_findings


def junit(*reports: AuditReport, show_suppressed: bool = False) -> ET.Element:
    return ET.fromstring(rendered(reports, "junit", show_suppressed=show_suppressed))  # noqa: S314


def test_junit_has_a_case_for_each_service_port_and_each_subject() -> None:
    (suite,) = junit(with_findings()).findall("testsuite")
    cases = [(case.get("classname"), case.get("name")) for case in suite.findall("testcase")]
    assert cases == [
        ("svcc audit of worker-1: ruleset", "table ip nat chain DOCKER"),
        ("svcc audit of worker-1: service port", "shop/cart:http TCP"),
        ("svcc audit of worker-1: service port", "shop/web:http TCP"),
        ("svcc audit of worker-1: verdict", "every packet"),
    ]


def test_junit_gathers_the_findings_of_a_port_in_one_failure_with_the_worst_in_front() -> None:
    case = junit(with_findings()).findall("testsuite/testcase")[2]
    (failure,) = case.findall("failure")
    assert failure.get("type") == "foreign-drop"
    assert str(failure.get("message")).endswith("10.244.2.11:8080 (and 2 more)")
    assert str(failure.text).count("  id: ") == 3


def test_what_is_merely_worth_knowing_fails_no_case() -> None:
    case = junit(with_findings()).findall("testsuite/testcase")[0]
    assert case.find("failure") is None
    assert "chain DOCKER of table ip nat is reached by nothing" in str(case.findtext("system-out"))


@pytest.mark.parametrize(
    ("report", "failures", "errors"), [(proved(), 0, 0), (not_proved(), 1, 1), (with_findings(), 3, 0)]
)
def test_junit_counts_what_failed_and_what_nobody_knows(report: AuditReport, failures: int, errors: int) -> None:
    root = junit(report)
    for element in (root, *root.findall("testsuite")):
        assert element.get("failures") == str(failures) == str(len(list(root.iter("failure"))))
        assert element.get("errors") == str(errors) == str(len(list(root.iter("error"))))
        assert element.get("tests") == str(len(list(root.iter("testcase"))))


def test_junit_skips_a_port_of_which_everything_is_accepted() -> None:
    root = junit(with_findings(), show_suppressed=True)
    (case,) = [case for case in root.iter("testcase") if case.get("name") == "shop/old:http TCP"]
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "suppressed: goes away with the old cluster"
    assert root.get("skipped") == "1"


def test_github_annotates_the_line_of_the_manifest() -> None:
    first = rendered([with_findings()], "github").splitlines()[0]
    assert first.startswith(
        "::error file=shop/cart.yaml,line=9,title=svcc error%3A Service missing::shop/cart:http is "
    )
    assert "%0Aexpected: 50%25 goes to 10.244.2.21:8080" in first


def test_github_has_one_command_for_each_finding_and_each_verdict() -> None:
    lines = rendered(fleet(), "github").splitlines()
    commands = [re.match("::(error|warning|notice) ", line) for line in lines]
    assert [match and match[1] for match in commands] == [
        *("error", "error", "warning", "warning", "notice", "notice"),
        "notice",
        *("warning", "warning"),
    ]


def test_github_escapes_what_would_end_a_property_or_a_command() -> None:
    finding = evolve(
        findings()[0],
        message="a::b,c\r\n::error::owned 100%",
        severity=Severity.WARNING,
        source=Source("a,line=1::b:c%.yaml", 3),
    )
    (line, _verdict) = rendered([AuditReport("n", "", Verdict.FINDINGS, findings=(finding,))], "github").splitlines()
    assert line.startswith(
        "::warning file=a%2Cline=1%3A%3Ab%3Ac%25.yaml,line=3,title=svcc warning%3A Service missing::"
    )
    assert "::a::b,c\\u000d\\u000a::error::owned 100%25%0A" in line
