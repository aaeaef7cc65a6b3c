"""Audit reports as annotations of GitHub's workflows.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from svcc.audit.finding import AuditReport, Finding, Suppressed, Verdict
from svcc.fields import Severity, printable
from svcc.report.audit_words import entries, name_of, scope_sections, title_of, verdict_sentence

__all__ = ["audit_github"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_VERDICTS = {Verdict.PROVED: "notice", Verdict.FINDINGS: "notice", Verdict.NOT_PROVED: "warning"}


def audit_github(reports: Sequence[AuditReport], *, show_suppressed: bool = False) -> Iterator[str]:
    """One command a line: an annotation for each finding, at its manifest, and one for each verdict."""
    for report in reports:
        for finding in report.findings:
            yield _annotation(report, finding)
        for item in report.suppressed if show_suppressed else ():
            yield _annotation(report, item.finding, item)
        yield _command(_VERDICTS[report.verdict], {"title": f"svcc audit of {name_of(report)}"}, _verdict(report))


def _annotation(report: AuditReport, finding: Finding, suppressed: Suppressed | None = None) -> str:
    command = "notice" if suppressed else _COMMANDS[finding.severity]
    properties = {}
    if finding.source is not None:
        properties = {"file": finding.source.file, "line": str(finding.source.line)}
    note = " (suppressed)" if suppressed else ""
    properties["title"] = f"svcc {finding.severity.value}{note}: {title_of(finding.kind)}"
    lines = [finding.message]
    lines += [f"suppressed: {suppressed.reason}"] if suppressed else []
    lines += [f"node: {report.node}"] if report.node else []
    lines += [f"{label}: {value}" for label, values in entries(finding) for value in values]
    return _command(command, properties, lines)


def _verdict(report: AuditReport) -> list[str]:
    lines = [verdict_sentence(report)]
    for heading, sentences in scope_sections(report.scope):
        lines += [f"{heading}:", *(f"- {sentence}" for sentence in sentences)]
    unused = report.baseline_entries_unused
    return lines + ([f"Baseline entries that match no finding: {', '.join(unused)}"] if unused else [])


def _command(command: str, properties: Mapping[str, str], lines: Sequence[str]) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{command} {told}::{'%0A'.join(_data(line) for line in lines)}\n"


def _data(text: str) -> str:
    """A line of the message; ends of line inside of it are escaped as all control characters are."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
