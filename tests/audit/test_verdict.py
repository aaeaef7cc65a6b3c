"""Verdicts and exit codes."""

from __future__ import annotations

import datetime as dt

import pytest

from svcc.auditing.baseline import Baseline, BaselineEntry
from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind, Scope, Verdict
from svcc.auditing.verdict import concluded, exit_code
from svcc.fields import Severity

K = FindingKind
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def finding(severity: Severity, kind: FindingKind = K.ENDPOINT_STALE) -> Finding:
    return Finding(kind, severity, "message", "shop/web:http")


def report(*findings: Finding, baseline: Baseline | None = None, today: dt.date | None = None) -> AuditReport:
    return concluded("node-a", "d.json", findings, Scope(), Equality.EXACT, baseline=baseline, today=today)


UNDECIDED = finding(WARNING, K.NOT_DECIDABLE)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((), Verdict.PROVED),
        ((finding(INFO),), Verdict.PROVED),
        ((finding(INFO), finding(WARNING)), Verdict.FINDINGS),
        ((finding(ERROR),), Verdict.FINDINGS),
        ((UNDECIDED,), Verdict.NOT_PROVED),
        ((UNDECIDED, finding(WARNING)), Verdict.FINDINGS),
    ],
)
def test_the_verdict_is_that_of_the_worst(findings: tuple[Finding, ...], verdict: Verdict) -> None:
    found = report(*findings)
    assert found.verdict is verdict
    assert (found.equality is Equality.EXACT) == (verdict is Verdict.PROVED)


@pytest.mark.parametrize(
    ("findings", "fail_on", "code"),
    [
        ((), INFO, 0),
        ((finding(INFO),), WARNING, 0),
        ((finding(INFO),), INFO, 1),
        ((finding(WARNING),), WARNING, 1),
        ((finding(WARNING),), ERROR, 0),
        ((finding(ERROR),), ERROR, 1),
        ((UNDECIDED,), INFO, 5),
        ((UNDECIDED, finding(WARNING)), ERROR, 5),
        ((UNDECIDED, finding(ERROR)), ERROR, 1),
    ],
)
def test_the_exit_code_depends_on_what_shall_fail(findings: tuple[Finding, ...], fail_on: Severity, code: int) -> None:
    assert exit_code([report(*findings)], fail_on) == code


def test_the_exit_code_is_that_of_the_worst_report() -> None:
    assert exit_code([report(), report(UNDECIDED)], WARNING) == 5
    assert exit_code([report(finding(ERROR)), report(UNDECIDED)], WARNING) == 1


def accepting(each: Finding, expires: dt.date | None = None) -> Baseline:
    return Baseline((BaselineEntry(each.fingerprint, each.kind, each.subject, "known", expires),))


def test_what_a_baseline_accepts_does_not_count_and_is_said() -> None:
    found = report(finding(ERROR), baseline=accepting(finding(ERROR)))
    assert (found.verdict, found.findings, len(found.suppressed)) == (Verdict.PROVED, (), 1)
    assert exit_code([found], INFO) == 0
    assert found.scope.assumptions == ("The verdict leaves out 1 finding that is accepted by the baseline.",)


def test_what_has_expired_counts_and_is_said() -> None:
    day = dt.date(2026, 6, 15)
    found = report(finding(ERROR), baseline=accepting(finding(ERROR), day - dt.timedelta(1)), today=day)
    assert found.verdict is Verdict.FINDINGS
    assert "until 2026-06-14" in found.scope.notes[0]


def test_entries_that_match_nothing_are_in_the_report() -> None:
    assert len(report(baseline=accepting(finding(ERROR))).baseline_entries_unused) == 1
