"""What findings come to: the verdict of a report, and the exit code for reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from attrs import evolve

from svcc.auditing.baseline import EXPIRED, Baseline, apply_baseline
from svcc.auditing.classify import ordered
from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind, Scope, Verdict
from svcc.fields import Severity

__all__ = ["FINDINGS", "NOT_PROVED", "PROVED", "concluded", "exit_code", "is_at_least"]

PROVED: Final = 0
FINDINGS: Final = 1
NOT_PROVED: Final = 5
"""3 and 4 are those of targets that refuse, and of bugs."""

_SEVERITIES: Final = tuple(Severity)
_LEAVES_OUT: Final = "The verdict leaves out"


def concluded(
    node: str,
    dump: str,
    findings: Iterable[Finding],
    scope: Scope,
    equality: Equality | None,
    *,
    baseline: Baseline | None = None,
    today: dt.date | None = None,
) -> AuditReport:
    """The report of an audit; `findings` come in the order in which they are told.

    What a baseline accepts does not count, so a verdict `PROVED` holds but for that, which the assumptions say.
    """
    accepted = apply_baseline(baseline or Baseline(), findings, today)
    verdict = _verdict(accepted.findings)
    if accepted.suppressed:
        count = len(accepted.suppressed)
        but = f"{count} finding{'s that are' if count > 1 else ' that is'} accepted by the baseline"
        scope = evolve(scope, assumptions=(*scope.assumptions, f"{_LEAVES_OUT} {but}."))
    return AuditReport(
        node=node,
        dump=dump,
        verdict=verdict,
        equality=equality if verdict is Verdict.PROVED else None,
        findings=accepted.findings,
        suppressed=accepted.suppressed,
        scope=evolve(scope, notes=(*scope.notes, *accepted.expired)),
        baseline_entries_unused=accepted.unused,
    )


def rejudged(report: AuditReport, baseline: Baseline, today: dt.date | None = None) -> AuditReport:
    """A report as it would be with another baseline; its own, if it has one, counts no more.

    How equal the rulesets are is known only of reports that were proved before.
    """
    findings = ordered((*report.findings, *(item.finding for item in report.suppressed)))
    assumptions = tuple(each for each in report.scope.assumptions if not each.startswith(_LEAVES_OUT))
    notes = tuple(each for each in report.scope.notes if not each.startswith(EXPIRED))
    scope = evolve(report.scope, assumptions=assumptions, notes=notes)
    return concluded(report.node, report.dump, findings, scope, report.equality, baseline=baseline, today=today)


def _verdict(findings: Iterable[Finding]) -> Verdict:
    verdict = Verdict.PROVED
    for finding in findings:
        if finding.kind is FindingKind.NOT_DECIDABLE:
            verdict = Verdict.NOT_PROVED
        elif is_at_least(finding, Severity.WARNING):
            return Verdict.FINDINGS
    return verdict


def is_at_least(finding: Finding, severity: Severity) -> bool:
    """Whether a finding is as bad as that, or worse."""
    return _SEVERITIES.index(finding.severity) <= _SEVERITIES.index(severity)


def exit_code(reports: Iterable[AuditReport], fail_on: Severity) -> int:
    """`FINDINGS` if any report has one that bad, else `NOT_PROVED` if anything was not decided, else `PROVED`.

    What could not be decided is no finding that is wrong, whatever its severity.
    """
    findings = [finding for report in reports for finding in report.findings]
    if any(each.kind is not FindingKind.NOT_DECIDABLE and is_at_least(each, fail_on) for each in findings):
        return FINDINGS
    return NOT_PROVED if any(each.kind is FindingKind.NOT_DECIDABLE for each in findings) else PROVED
