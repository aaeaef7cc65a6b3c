"""Audit reports as annotations of GitHub's workflows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from svcc.auditing.finding import AuditReport, Finding, Suppressed, Verdict
from svcc.report.audit_words import entries, name_of, scope_sections, title_of, verdict_sentence
from svcc.report.github import COMMANDS, command

__all__ = ["audit_github"]

_VERDICTS = {Verdict.PROVED: "notice", Verdict.FINDINGS: "notice", Verdict.NOT_PROVED: "warning"}


def audit_github(reports: Sequence[AuditReport], *, show_suppressed: bool = False) -> Iterator[str]:
    """One command a line: an annotation for each finding, at its manifest, and one for each verdict."""
    for report in reports:
        for finding in report.findings:
            yield _annotation(report, finding)
        for item in report.suppressed if show_suppressed else ():
            yield _annotation(report, item.finding, item)
        yield command(_VERDICTS[report.verdict], {"title": f"svcc audit of {name_of(report)}"}, _verdict(report))


def _annotation(report: AuditReport, finding: Finding, suppressed: Suppressed | None = None) -> str:
    name = "notice" if suppressed else COMMANDS[finding.severity]
    properties = {}
    if finding.source is not None:
        properties = {"file": finding.source.file, "line": str(finding.source.line)}
    note = " (suppressed)" if suppressed else ""
    properties["title"] = f"svcc {finding.severity.value}{note}: {title_of(finding.kind)}"
    lines = [finding.message]
    lines += [f"suppressed: {suppressed.reason}"] if suppressed else []
    lines += [f"node: {report.node}"] if report.node else []
    lines += [f"{label}: {value}" for label, values in entries(finding) for value in values]
    return command(name, properties, lines)


def _verdict(report: AuditReport) -> list[str]:
    lines = [verdict_sentence(report)]
    for heading, sentences in scope_sections(report.scope):
        lines += [f"{heading}:", *(f"- {sentence}" for sentence in sentences)]
    unused = report.baseline_entries_unused
    return lines + ([f"Baseline entries that match no finding: {', '.join(unused)}"] if unused else [])
