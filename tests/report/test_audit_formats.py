"""What holds for audit reports in every format."""

from __future__ import annotations

import pytest

from svcc.auditing.finding import AuditReport, Equality, Verdict
from svcc.report.audit import FORMATS, render
from svcc.report.audit_formats import SUFFIXES
from svcc.report.audit_summary import audit_summary, report_file_names
from tests.report.reading import FINGERPRINTS, rendered
from tests.report.samples import SCOPE, fleet, proved, with_findings

FOR_PEOPLE = [output for output in FORMATS if output not in {"json", "sarif"}]


def told_in(output: str, text: str) -> str:
    """The text of a report without what only marks up or escapes."""
    return text.replace("%0A", "\n").replace("%25", "%") if output == "github" else text


@pytest.mark.parametrize("output", FORMATS)
def test_every_format_tells_the_same_findings(output: str) -> None:
    reports = fleet()
    expected = sorted(finding.fingerprint for report in reports for finding in report.findings)
    suppressed = [item.finding.fingerprint for report in reports for item in report.suppressed]
    assert len(set(expected)) == 5
    shown = FINGERPRINTS[output](rendered(reports, output, show_suppressed=True))
    assert sorted(shown) == sorted(expected + suppressed)


@pytest.mark.parametrize("output", FOR_PEOPLE)
def test_what_a_baseline_suppresses_is_left_out_for_people_unless_they_ask(output: str) -> None:
    report = with_findings()
    assert sorted(FINGERPRINTS[output](rendered([report], output))) == sorted(
        finding.fingerprint for finding in report.findings
    )


@pytest.mark.parametrize("output", FOR_PEOPLE)
def test_that_something_is_suppressed_is_told_all_the_same(output: str) -> None:
    text = rendered([with_findings()], output)
    assert "1 suppressed" in text


@pytest.mark.parametrize("output", FORMATS)
def test_the_same_reports_give_the_same_bytes(output: str) -> None:
    assert rendered(fleet(), output) == rendered(fleet(), output)


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("reports", [fleet()[:1], fleet()[1:2], fleet()[2:], fleet()], ids=lambda item: f"{len(item)}")
def test_every_verdict_tells_what_it_rests_on_and_does_not_cover(reports: tuple[AuditReport, ...], output: str) -> None:
    text = told_in(output, rendered(reports, output))
    for sentence in (*SCOPE.assumptions, *SCOPE.not_covered, *SCOPE.notes):
        assert text.count(sentence) == len(reports)
    for report in reports:
        assert report.verdict.value in text or report.verdict.value.replace("-", " ") in text


@pytest.mark.parametrize("output", FOR_PEOPLE)
@pytest.mark.parametrize("equality", Equality)
def test_what_is_proved_is_told_with_how_equal_it_is(output: str, equality: Equality) -> None:
    text = rendered([proved(equality=equality)], output)
    assert f"proved, {equality.value}: " in text
    assert "4182 regions" in text


@pytest.mark.parametrize("output", FOR_PEOPLE)
def test_a_finding_comes_with_all_that_is_known_of_it(output: str) -> None:
    text = rendered([with_findings()], output)
    assert "shop/cart:http is declared at 10.96.0.20:80, and nothing on the node serves it" in text
    for told in ("10.244.2.21:8080", "dropped", "ip daddr 10.244.2.0/24 tcp dport 8080 drop", "shop/cart.yaml"):
        assert told in text
    assert "tcp 10.244.1.9:40000 " in text
    assert "Load the ruleset again: svcc compile -f shop --node worker-1 | nft -f -" in text


@pytest.mark.parametrize("output", FORMATS)
def test_no_reports_at_all_make_a_report_too(output: str) -> None:
    text = rendered([], output)
    assert FINGERPRINTS[output](text) == []


def test_an_unknown_format_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="one of table, json, sarif, junit, github, html, not 'yaml'"):
        render(fleet(), "yaml")


def test_a_summary_has_a_line_for_each_node() -> None:
    header, *rows = "".join(audit_summary(fleet())).splitlines()
    assert header == "NODE       VERDICT      EQUALITY       ERRORS   WARNINGS   INFOS   SUPPRESSED   REGIONS   DUMP"
    assert [row.split() for row in rows] == [
        ["worker-1", "findings", "-", "2", "2", "1", "1", "4182", "dumps/worker-1.json"],
        ["worker-2", "proved", "distribution", "0", "0", "0", "0", "4182", "dumps/worker-2.json"],
        ["worker-3", "not-proved", "-", "0", "1", "0", "0", "4182", "dumps/worker-3.json"],
    ]


def test_a_summary_of_a_hostile_name_is_one_line() -> None:
    report = AuditReport("a\nb\x1b[31m", "", Verdict.PROVED)
    text = "".join(audit_summary([report]))
    assert text.count("\n") == 2
    assert "\x1b" not in text


def test_every_format_has_a_suffix() -> None:
    assert set(SUFFIXES) == set(FORMATS)


def test_files_of_nodes_have_names_of_their_own_that_lead_nowhere_else() -> None:
    nodes = [
        "worker-1",
        "Worker-1",
        "../../etc/passwd",
        ".hidden",
        "",
        "-f",
        "a b\n",
        "x" * 300,
        "x" * 299,
        "worker-1-2",
    ]
    names = report_file_names([AuditReport(node, "", Verdict.PROVED) for node in nodes], "html")
    assert len({name.lower() for name in names}) == len(nodes)
    assert all(name.endswith(".html") and name[0].isalnum() and "/" not in name for name in names)
    assert all(len(name) < 120 for name in names)
    assert names[:2] == ["worker-1.html", "Worker-1-2.html"]
